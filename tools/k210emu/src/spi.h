/* State shared by the parts of the SPI model: registers (spi.c), transfer engine and wire. */
#ifndef K210EMU_SPI_H
#define K210EMU_SPI_H

#include "device.h"

#define SPI_DEPTH 32
#define SPI_RX_USABLE 31 /* the frame that would fill the FIFO is lost, spec soc.md 7.1 */
#define SPI_QUEUE 2048   /* transmit FIFO and what DMA has handed over in advance */

enum { SPI_INT_TXE = 1, SPI_INT_TXO = 2, SPI_INT_RXU = 4, SPI_INT_RXO = 8, SPI_INT_RXF = 16, SPI_INT_MST = 32 };

typedef enum { SPI_NOTHING, SPI_SEND, SPI_COMMAND, SPI_RECEIVE } spi_frame_t;

typedef struct {
    uint32_t mode_bits, incr_inst, wrap_inst, ctrl, ser, time_out;
} spi_xip_t;

typedef struct {
    emu_t *emu;
    unsigned index;
    uint32_t ctrlr0, ctrlr1, mwcr, ser, baudr, txftlr, rxftlr, imr, dmacr, dmatdlr, dmardlr, rx_sample_delay, spi_ctrlr0;
    uint32_t endian, sticky;
    spi_xip_t xip;
    bool enabled, irq, rx_request, tx_request;
    bool refused; /* the arbiter does not grant the bus */

    uint32_t tx[SPI_QUEUE], rx[SPI_DEPTH];
    unsigned tx_head, tx_level, rx_head, rx_level;

    /* The frame on the wire. */
    bool running;
    spi_frame_t frame;
    uint32_t word, address;   /* what it sends; the second word of a command */
    emu_time_t frame_end;
    uint32_t selected;        /* chip selects now asserted */
    bool commanded;           /* enhanced: instruction and address are out; EEPROM read: a command byte is out */
    bool burst_over;          /* a receive burst is complete: the next one begins with a new chip select */
    uint32_t receive_left;    /* frames of the receive burst behind the one on the wire */
    emu_event_t event;
    emu_dma_stream_t rx_stream, tx_stream;
} spi_t;

/* spi.c */
unsigned spi_tx_level(const spi_t *s);
uint32_t spi_raw_interrupts(const spi_t *s);
void spi_update(spi_t *s);

/* spi_wire.c */
void spi_drive_selects(spi_t *s, uint32_t mask);
uint32_t spi_exchange(spi_t *s, uint64_t out, unsigned bits, unsigned lanes, bool reading);
uint32_t spi_low_bits(uint32_t word, unsigned bits);
uint32_t spi_xip_read(spi_t *s, uint32_t offset);

/* spi_engine.c */
void spi_queue(spi_t *s, uint32_t word);
void spi_enable(spi_t *s, bool enable);
void spi_select(spi_t *s, uint32_t mask);
void spi_start(spi_t *s);    /* begins a frame if one is due and the wire is free */
void spi_advance(spi_t *s);  /* completes the frames that have ended by now */
unsigned spi_pull(void *opaque, uint32_t *items, unsigned max, emu_time_t item_time, emu_time_t *arrived);
unsigned spi_room(void *opaque, emu_time_t item_time);
void spi_push(void *opaque, const uint32_t *items, unsigned count);
void spi_schedule(spi_t *s); /* an event at the next moment that something outside can notice */
unsigned spi_arbiter_function(const spi_t *s);

#endif
