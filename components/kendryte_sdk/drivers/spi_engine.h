/* One transaction of a SPI master: what the public functions and the flash driver are made of. */
#ifndef SDK_SPI_ENGINE_H
#define SDK_SPI_ENGINE_H

#include "spi.h"

#define SPI_NO_DMA ((dmac_channel_number_t)-1)
#define SPI_FIFO_DEPTH 32
#define SPI_FIFO_USABLE 31 /* receive overruns when it reaches 32 (spec soc.md 7.1) */

/* Words are FIFO words: one frame each, right-aligned. `head` goes in by the CPU before the chip select is asserted
 * (at most SPI_FIFO_USABLE words), then `tx` by DMA from uncached or cached memory, and `rx_count` frames come out by
 * DMA or, with SPI_NO_DMA and at most SPI_FIFO_USABLE frames, by the CPU. */
typedef struct {
    spi_device_num_t device;
    spi_chip_select_t chip_select;
    spi_transfer_mode_t mode;
    const uint32_t *head;
    size_t head_count;
    dmac_channel_number_t tx_channel;
    const uint32_t *tx;
    size_t tx_count;
    bool tx_fixed; /* the same word tx_count times */
    dmac_channel_number_t rx_channel;
    uint32_t *rx;
    size_t rx_count;
} spi_transaction_t;

/* 0, -EINVAL, -ENOMEM, -ETIMEDOUT or -EIO (receive overrun). The device is idle and disabled afterwards. */
int spi_transact(const spi_transaction_t *t);

/* The halves of it. After spi_launch() returned 0, spi_complete() must follow, from a callback if need be. */
int spi_launch(const spi_transaction_t *t);
int spi_complete(const spi_transaction_t *t);

/* Without DMA: mode and count set, enabled, nothing selected; then push and pop with a time limit. */
void spi_begin(spi_device_num_t device, spi_transfer_mode_t mode, size_t rx_count);
void spi_select(spi_device_num_t device, spi_chip_select_t chip_select);
int spi_push(spi_device_num_t device, uint32_t word, uint64_t deadline);
int spi_pop(spi_device_num_t device, uint32_t *word, uint64_t deadline);
int spi_wait_sent(spi_device_num_t device, uint64_t deadline);
void spi_end(spi_device_num_t device);
/* mtime by which `frames` frames must be through, generously. */
uint64_t spi_deadline(spi_device_num_t device, size_t frames);

/* How long the device takes to fill its receive FIFO. */
uint64_t spi_fifo_lasts_us(spi_device_num_t device);

/* Bytes of memory per frame at the present frame size: 1, 2 or 4. */
unsigned spi_frame_bytes(spi_device_num_t device);
bool spi_is_master(spi_device_num_t device); /* complains when not */

#endif
