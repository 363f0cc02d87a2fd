#ifndef KENDRYTE_I2S_H
#define KENDRYTE_I2S_H

#include <stddef.h>
#include <stdint.h>
#include "bsp.h"
#include "dmac.h"
#include "io.h"
#include "platform.h"

#ifdef __cplusplus
extern "C" {
#endif

#define I2S0_IN_D0 90
#define I2S0_SCLK 88
#define I2S0_WS 89

typedef enum {
    I2S_DEVICE_0, I2S_DEVICE_1, I2S_DEVICE_2, I2S_DEVICE_MAX,
} i2s_device_number_t;

typedef enum {
    I2S_CHANNEL_0, I2S_CHANNEL_1, I2S_CHANNEL_2, I2S_CHANNEL_3,
} i2s_channel_num_t;

typedef enum {
    I2S_TRANSMITTER, I2S_RECEIVER,
} i2s_transmit_t;

typedef enum {
    STANDARD_MODE = 1, RIGHT_JUSTIFYING_MODE, LEFT_JUSTIFYING_MODE = 4,
} i2s_work_mode_t;

typedef enum {
    NO_CLOCK_GATING, CLOCK_CYCLES_12, CLOCK_CYCLES_16, CLOCK_CYCLES_20, CLOCK_CYCLES_24,
} i2s_sclk_gating_cycles_t;

typedef enum {
    SCLK_CYCLES_16, SCLK_CYCLES_24, SCLK_CYCLES_32,
} i2s_word_select_cycles_t;

typedef enum {
    IGNORE_WORD_LENGTH, RESOLUTION_12_BIT, RESOLUTION_16_BIT, RESOLUTION_20_BIT, RESOLUTION_24_BIT, RESOLUTION_32_BIT,
} i2s_word_length_t;

typedef enum {
    TRIGGER_LEVEL_1, TRIGGER_LEVEL_2, TRIGGER_LEVEL_3, TRIGGER_LEVEL_4, TRIGGER_LEVEL_5, TRIGGER_LEVEL_6,
    TRIGGER_LEVEL_7, TRIGGER_LEVEL_8, TRIGGER_LEVEL_9, TRIGGER_LEVEL_10, TRIGGER_LEVEL_11, TRIGGER_LEVEL_12,
    TRIGGER_LEVEL_13, TRIGGER_LEVEL_14, TRIGGER_LEVEL_15, TRIGGER_LEVEL_16,
} i2s_fifo_threshold_t;

typedef enum {
    I2S_SEND, I2S_RECEIVE,
} i2s_transfer_mode_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t clk_gate : 3;
    uint32_t clk_word_size : 2;
    uint32_t align_mode : 3;
    uint32_t dma_tx_en : 1;
    uint32_t dma_rx_en : 1;
    uint32_t dma_divide_16 : 1;
    uint32_t sign_expand_en : 1;
    uint32_t resv : 20;
} i2s_ccr_t;

typedef union {
    i2s_ccr_t ccr;
    uint32_t reg_data;
} ccr_t;

typedef struct __attribute__((packed, aligned(4))) {
    volatile uint32_t left_rxtx;
    volatile uint32_t right_rxtx;
    volatile uint32_t rer;
    volatile uint32_t ter;
    volatile uint32_t rcr;
    volatile uint32_t tcr;
    volatile uint32_t isr;
    volatile uint32_t imr;
    volatile uint32_t ror;
    volatile uint32_t tor;
    volatile uint32_t rfcr;
    volatile uint32_t tfcr;
    volatile uint32_t rff;
    volatile uint32_t tff;
    volatile uint32_t reserved1[2];
} i2s_channel_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t ier;
    uint32_t irer;
    uint32_t iter;
    uint32_t cer;
    uint32_t ccr;
    uint32_t rxffr;
    uint32_t txffr;
    uint32_t reserved1;
    i2s_channel_t channel[4];
    uint32_t reserved2[40];
    uint32_t rxdma;
    uint32_t rrxdma;
    uint32_t txdma;
    uint32_t rtxdma;
    uint32_t reserved3[8];
    uint32_t i2s_comp_param_2;
    uint32_t i2s_comp_param_1;
    uint32_t i2s_comp_version_1;
    uint32_t i2s_comp_type;
} i2s_t;

typedef struct {
    dmac_channel_number_t tx_channel;
    dmac_channel_number_t rx_channel;
    uint32_t *tx_buf;
    size_t tx_len;
    uint32_t *rx_buf;
    size_t rx_len;
    i2s_transfer_mode_t transfer_mode;
    bool nowait_dma_idle;
    bool wait_dma_done;
} i2s_data_t;

extern volatile i2s_t *const i2s[3];

/* Clock and reset, receiver or transmitter; channel_mask has two bits per channel pair (0x3 = channel 0, 0xC = channel
 * 1...). Enables DMA in that direction. */
void i2s_init(i2s_device_number_t device_num, i2s_transmit_t rxtx_mode, uint32_t channel_mask);

/* Waits for the channel's previous job, then starts and returns; buf_len in 32-bit words. */
void i2s_receive_data_dma(i2s_device_number_t device_num, uint32_t *buf, size_t buf_len,
                          dmac_channel_number_t channel_num);

/* Same for sending. */
void i2s_send_data_dma(i2s_device_number_t device_num, const void *buf, size_t buf_len,
                       dmac_channel_number_t channel_num);

/* Word length, word-select size, FIFO level, alignment; enables the channel. */
void i2s_rx_channel_config(i2s_device_number_t device_num, i2s_channel_num_t channel_num, i2s_word_length_t word_length,
                           i2s_word_select_cycles_t word_select_size, i2s_fifo_threshold_t trigger_level,
                           i2s_work_mode_t word_mode);

/* Same for transmit. */
void i2s_tx_channel_config(i2s_device_number_t device_num, i2s_channel_num_t channel_num, i2s_word_length_t word_length,
                           i2s_word_select_cycles_t word_select_size, i2s_fifo_threshold_t trigger_level,
                           i2s_work_mode_t word_mode);

/* Blocking except for the last DMA; splits PCM into frame-sample pieces; 16/24/32 bits, 1 or 2 tracks. */
void i2s_play(i2s_device_number_t device_num, dmac_channel_number_t channel_num, const uint8_t *buf, size_t buf_len,
              size_t frame, size_t bits_per_sample, uint8_t track_num);

/* Divider from PLL2; returns the resulting bit-clock rate (not the sample rate). */
uint32_t i2s_set_sample_rate(i2s_device_number_t device_num, uint32_t sample_rate);

/* Split each 32-bit DMA word into two 16-bit samples; 0 / -1. */
int i2s_set_dma_divide_16(i2s_device_number_t device_num, uint32_t enable);

/* That bit, -1 for a bad device. */
int i2s_get_dma_divide_16(i2s_device_number_t device_num);

/* Word DMA; waits for the channel first unless nowait_dma_idle; without cb waits for the end only if wait_dma_done. */
void i2s_handle_data_dma(i2s_device_number_t device_num, i2s_data_t data, plic_interrupt_t *cb);

#ifdef __cplusplus
}
#endif

#endif
