#ifndef KENDRYTE_SPI_H
#define KENDRYTE_SPI_H

#include <stddef.h>
#include <stdint.h>
#include "dmac.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef int (*spi_slave_receive_callback_t)(void *ctx);

typedef enum {
    SPI_DEVICE_0, SPI_DEVICE_1, SPI_DEVICE_2, SPI_DEVICE_3, SPI_DEVICE_MAX,
} spi_device_num_t;

typedef enum {
    SPI_WORK_MODE_0, SPI_WORK_MODE_1, SPI_WORK_MODE_2, SPI_WORK_MODE_3,
} spi_work_mode_t;

typedef enum {
    SPI_FF_STANDARD, SPI_FF_DUAL, SPI_FF_QUAD, SPI_FF_OCTAL,
} spi_frame_format_t;

typedef enum {
    SPI_AITM_STANDARD, SPI_AITM_ADDR_STANDARD, SPI_AITM_AS_FRAME_FORMAT,
} spi_instruction_address_trans_mode_t;

typedef enum {
    SPI_TMOD_TRANS_RECV, SPI_TMOD_TRANS, SPI_TMOD_RECV, SPI_TMOD_EEROM,
} spi_transfer_mode_t;

typedef enum {
    SPI_TRANS_CHAR = 1, SPI_TRANS_SHORT, SPI_TRANS_INT = 4,
} spi_transfer_width_t;

typedef enum {
    SPI_CHIP_SELECT_0, SPI_CHIP_SELECT_1, SPI_CHIP_SELECT_2, SPI_CHIP_SELECT_3, SPI_CHIP_SELECT_MAX,
} spi_chip_select_t;

typedef enum {
    WRITE_CONFIG, READ_CONFIG, WRITE_DATA_BYTE, READ_DATA_BYTE, WRITE_DATA_BLOCK, READ_DATA_BLOCK,
} spi_slave_command_e;

typedef enum {
    IDLE, COMMAND, TRANSFER,
} spi_slave_status_e;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t ctrlr0;
    uint32_t ctrlr1;
    uint32_t ssienr;
    uint32_t mwcr;
    uint32_t ser;
    uint32_t baudr;
    uint32_t txftlr;
    uint32_t rxftlr;
    uint32_t txflr;
    uint32_t rxflr;
    uint32_t sr;
    uint32_t imr;
    uint32_t isr;
    uint32_t risr;
    uint32_t txoicr;
    uint32_t rxoicr;
    uint32_t rxuicr;
    uint32_t msticr;
    uint32_t icr;
    uint32_t dmacr;
    uint32_t dmatdlr;
    uint32_t dmardlr;
    uint32_t idr;
    uint32_t ssic_version_id;
    uint32_t dr[36];
    uint32_t rx_sample_delay;
    uint32_t spi_ctrlr0;
    uint32_t resv;
    uint32_t xip_mode_bits;
    uint32_t xip_incr_inst;
    uint32_t xip_wrap_inst;
    uint32_t xip_ctrl;
    uint32_t xip_ser;
    uint32_t xrxoicr;
    uint32_t xip_cnt_time_out;
    uint32_t endian;
} spi_t;

typedef struct {
    uint8_t cmd;
    uint8_t err;
    uint32_t addr;
    uint32_t len;
} spi_slave_command_t;

typedef struct {
    uint8_t int_pin;
    uint8_t ready_pin;
    dmac_channel_number_t dmac_channel;
    uint8_t dfs;
    uint8_t slv_oe;
    uint8_t work_mode;
    size_t data_bit_length;
    volatile spi_slave_status_e status;
    volatile spi_slave_command_t command;
    volatile uint8_t *config_ptr;
    uint32_t config_len;
    spi_slave_receive_callback_t callback;
    uint8_t is_dual;
    uint8_t mosi_pin;
    uint8_t miso_pin;
} spi_slave_instance_t;

typedef struct {
    dmac_channel_number_t tx_channel;
    dmac_channel_number_t rx_channel;
    uint32_t *tx_buf;
    size_t tx_len;
    uint32_t *rx_buf;
    size_t rx_len;
    spi_transfer_mode_t transfer_mode;
    bool fill_mode;
} spi_data_t;

extern volatile spi_t *const spi[4];

/* Clock on (threshold 0; SPI3 source = PLL0), baud 0x14 if unset, mode/frame format/data bits 4..32, endian register (0
 * little, 1 big); device 2 is refused with a message. */
void spi_init(spi_device_num_t spi_num, spi_work_mode_t work_mode, spi_frame_format_t frame_format, size_t
              data_bit_length, uint32_t endian);

/* Dual/quad/octal: instruction bits 0/4/8/16, address bits multiple of 4 up to 60, wait cycles < 32, transfer mode of
 * instruction+address. */
void spi_init_non_standard(spi_device_num_t spi_num, uint32_t instruction_length, uint32_t address_length, uint32_t
                           wait_cycles, spi_instruction_address_trans_mode_t instruction_address_trans_mode);

/* Blocking; cmd then tx bytes as one frame stream (copied to a malloc'ed buffer); lengths are BYTES. */
void spi_send_data_standard(spi_device_num_t spi_num, spi_chip_select_t chip_select, const uint8_t *cmd_buff, size_t
                            cmd_len, const uint8_t *tx_buff, size_t tx_len);

/* Blocking; EEPROM-read mode when cmd_len>0, receive-only when 0; lengths in bytes. */
void spi_receive_data_standard(spi_device_num_t spi_num, spi_chip_select_t chip_select, const uint8_t *cmd_buff, size_t
                               cmd_len, uint8_t *rx_buff, size_t rx_len);

/* Blocking; cmd_len counts 32-bit words (instruction, address...), rx_len bytes. */
void spi_receive_data_multiple(spi_device_num_t spi_num, spi_chip_select_t chip_select, const uint32_t *cmd_buff, size_t
                               cmd_len, uint8_t *rx_buff, size_t rx_len);

/* Blocking; cmd_len in 32-bit words, tx_len in bytes. */
void spi_send_data_multiple(spi_device_num_t spi_num, spi_chip_select_t chip_select, const uint32_t *cmd_buff, size_t
                            cmd_len, const uint8_t *tx_buff, size_t tx_len);

/* Blocking; as the plain form but by DMA through a widened temporary. */
void spi_send_data_standard_dma(dmac_channel_number_t channel_num, spi_device_num_t spi_num, spi_chip_select_t
                                chip_select, const uint8_t *cmd_buff, size_t cmd_len, const uint8_t *tx_buff, size_t
                                tx_len);

/* Blocking; one channel for the command, one for the data (the first is unused when cmd_len is 0). */
void spi_receive_data_standard_dma(dmac_channel_number_t dma_send_channel_num, dmac_channel_number_t
                                   dma_receive_channel_num, spi_device_num_t spi_num, spi_chip_select_t chip_select,
                                   const uint8_t *cmd_buff, size_t cmd_len, uint8_t *rx_buff, size_t rx_len);

/* Blocking DMA; cmd_len words, tx_len bytes. */
void spi_send_data_multiple_dma(dmac_channel_number_t channel_num, spi_device_num_t spi_num, spi_chip_select_t
                                chip_select, const uint32_t *cmd_buff, size_t cmd_len, const uint8_t *tx_buff, size_t
                                tx_len);

/* Blocking DMA; cmd_len words, rx_len bytes. */
void spi_receive_data_multiple_dma(dmac_channel_number_t dma_send_channel_num, dmac_channel_number_t
                                   dma_receive_channel_num, spi_device_num_t spi_num, spi_chip_select_t chip_select,
                                   const uint32_t *cmd_buff, size_t cmd_len, uint8_t *rx_buff, size_t rx_len);

/* Blocking; sends the word at tx_buff tx_len times (source not incremented). */
void spi_fill_data_dma(dmac_channel_number_t channel_num, spi_device_num_t spi_num, spi_chip_select_t chip_select, const
                       uint32_t *tx_buff, size_t tx_len);

/* Blocking; tx_len counts ITEMS of spi_transfer_width; INT sends the caller's words directly, CHAR/SHORT widen into an
 * uncached temporary. */
void spi_send_data_normal_dma(dmac_channel_number_t channel_num, spi_device_num_t spi_num, spi_chip_select_t
                              chip_select, const void *tx_buff, size_t tx_len, spi_transfer_width_t spi_transfer_width);

/* Divider = SPI clock / spi_clk clamped to 2..65534; returns the rate obtained. */
uint32_t spi_set_clk_rate(spi_device_num_t spi_num, uint32_t spi_clk);

/* Blocking full duplex; lengths in bytes. */
void spi_dup_send_receive_data_dma(dmac_channel_number_t dma_send_channel_num, dmac_channel_number_t
                                   dma_receive_channel_num, spi_device_num_t spi_num, spi_chip_select_t chip_select,
                                   const uint8_t *tx_buf, size_t tx_len, uint8_t *rx_buf, size_t rx_len);

/* 32-bit word transfers per data; cb NULL blocks, else callback from the DMA interrupt. One lock per device. */
void spi_handle_data_dma(spi_device_num_t spi_num, spi_chip_select_t chip_select, spi_data_t data, plic_interrupt_t
                         *cb);

/* SPI2 as a slave behind the vendor's command protocol: its chip select is also GPIOHS int_pin, ready_pin is an output
 * that is low while a data phase is armed, data and len are the area of the config commands. callback, with the
 * spi_slave_command_t, in interrupt context after each transfer. */
void spi_slave_config(uint8_t int_pin, uint8_t ready_pin, dmac_channel_number_t dmac_channel, size_t data_bit_length,
                      uint8_t *data, uint32_t len, spi_slave_receive_callback_t callback);

/* The same with a data pin for each direction; they are pads. */
void spi_slave_dual_config(uint8_t int_pin, uint8_t ready_pin, uint8_t mosi_pin, uint8_t miso_pin,
                           dmac_channel_number_t dmac_channel, size_t data_bit_length, uint8_t *data, uint32_t len,
                           spi_slave_receive_callback_t callback);

#ifdef __cplusplus
}
#endif

#endif
