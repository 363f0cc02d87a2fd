/* State shared by the registers (i2s.c) and the sample engine (i2s_engine.c) of an I2S unit. */
#ifndef K210EMU_I2S_H
#define K210EMU_I2S_H

#include "device.h"

#define I2S_LINES 4
#define I2S_DEPTH 16

enum { I2S_RXDA = 1, I2S_RXFO = 2, I2S_TXFE = 16, I2S_TXFO = 32 };
enum { CCR_WORD_SELECT = 3, CCR_DMA_TX = 8, CCR_DMA_RX = 9, CCR_DIVIDE_16 = 10, CCR_SIGN = 11 };

typedef struct {
    uint32_t data[I2S_DEPTH];
    unsigned head, level;
} i2s_fifo_t;

typedef struct {
    bool rer, ter;
    uint32_t rcr, tcr, imr, rfcr, tfcr;
    uint32_t overruns; /* I2S_RXFO, I2S_TXFO */
    i2s_fifo_t rx[2], tx[2]; /* left, right */
    uint64_t gap;      /* frames without data since the last one sent */
    bool sent;
} i2s_line_t;

typedef struct {
    emu_t *emu;
    unsigned index;
    char name[8];
    bool ier, irer, iter, cer;
    uint32_t ccr;
    i2s_line_t line[I2S_LINES];
    unsigned rx_at, tx_at; /* of the DMA ports: 2 * line + side */
    uint64_t hz;           /* frames a second, times 1000; 0 while it stands still */
    emu_time_t start;
    uint64_t passed;       /* frames since start */
    bool irq, rx_request, tx_request, advancing;
    emu_event_t event;
} i2s_t;

/* i2s.c */
void i2s_update(i2s_t *s);

/* i2s_engine.c */
void i2s_advance(void *opaque);   /* passes the frames that have gone by */
void i2s_retime(i2s_t *s);        /* after a change of clocks or enables */
void i2s_schedule(i2s_t *s);
void i2s_flush(i2s_fifo_t fifo[2]);
bool i2s_push(i2s_fifo_t *fifo, uint32_t value);
uint32_t i2s_pop(i2s_fifo_t *fifo);
uint32_t i2s_dma_read(i2s_t *s);
void i2s_dma_write(i2s_t *s, uint32_t value);
uint32_t i2s_status(const i2s_line_t *line);

#endif
