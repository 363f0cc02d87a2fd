/* State shared by the registers (i2c.c) and the two sides of an I2C controller (i2c_bus.c). */
#ifndef K210EMU_I2C_H
#define K210EMU_I2C_H

#include "device.h"

#define I2C_DEPTH 8

enum {
    INT_RX_UNDER = 1, INT_RX_OVER = 2, INT_RX_FULL = 4, INT_TX_OVER = 8, INT_TX_EMPTY = 16, INT_RD_REQ = 32,
    INT_TX_ABRT = 64, INT_RX_DONE = 128, INT_ACTIVITY = 256, INT_STOP_DET = 512, INT_START_DET = 1024,
    INT_GEN_CALL = 2048
};
enum { /* bits of tx_abrt_source */
    ABRT_NO_ADDRESS = 0, ABRT_NO_TEN_BIT = 1, ABRT_NO_DATA = 3, ABRT_NO_GENERAL_CALL = 4, ABRT_GENERAL_CALL_READ = 5,
    ABRT_MASTER_OFF = 11, ABRT_SLAVE_FLUSH = 13, ABRT_USER = 16
};
enum { CON_MASTER = 1, CON_TEN_BIT_SLAVE = 8, CON_TEN_BIT_MASTER = 16, CON_RESTART = 32, CON_SLAVE_OFF = 64 };
#define I2C_READ 0x100u /* in a command: read instead of write */

typedef enum { I2C_IDLE, I2C_ADDRESS, I2C_DATA, I2C_STOP } i2c_phase_t;

typedef struct {
    emu_t *emu;
    unsigned index;
    char name[8];
    uint32_t con, tar, sar, scl_count[6], intr_mask, rx_tl, tx_tl, sda_hold, abort_source, dma_cr, dma_tdlr, dma_rdlr;
    uint32_t sda_setup, general_call, fs_spklen;
    uint32_t sticky; /* interrupts that stay until they are cleared */
    bool enabled, blocked;
    bool irq, rx_request, tx_request;

    uint16_t tx[I2C_DEPTH];
    uint8_t rx[I2C_DEPTH];
    unsigned tx_head, tx_level, rx_head, rx_level;

    /* As master. */
    i2c_phase_t phase;
    const emu_i2c_part_t *part; /* addressed now */
    bool reading;
    uint16_t command;   /* the byte on the wire */
    unsigned bits;      /* that the event waits for */
    emu_event_t event;

    /* As slave. */
    bool addressed, sending, asked; /* asked: RD_REQ stands for the byte that the other side waits for */
} i2c_t;

/* i2c.c */
void i2c_update(i2c_t *s);

/* i2c_bus.c */
void i2c_attach(i2c_t *s);
void i2c_start(i2c_t *s);       /* begins a transaction if one is due */
void i2c_abort(i2c_t *s, unsigned source);
void i2c_stop_at_once(i2c_t *s);
void i2c_clocks_changed(i2c_t *s);
uint16_t i2c_take(i2c_t *s);
bool i2c_put(i2c_t *s, uint8_t byte);

#endif
