#ifndef KENDRYTE_UART_H
#define KENDRYTE_UART_H

#include <stdint.h>
#include "dmac.h"
#include "platform.h"
#include "plic.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    UART_DEV1, UART_DEV2, UART_DEV3,
} uart_dev_t;

typedef enum {
    UART_DEVICE_1, UART_DEVICE_2, UART_DEVICE_3, UART_DEVICE_MAX,
} uart_device_number_t;

typedef enum {
    UART_BITWIDTH_5BIT = 5, UART_BITWIDTH_6BIT, UART_BITWIDTH_7BIT, UART_BITWIDTH_8BIT,
} uart_bitwidth_t;

typedef enum {
    UART_STOP_1, UART_STOP_1_5, UART_STOP_2,
} uart_stopbit_t;

typedef enum {
    DISABLE, ENABLE,
} uart_rede_sel_t;

typedef enum {
    UART_PARITY_NONE, UART_PARITY_ODD, UART_PARITY_EVEN,
} uart_parity_t;

typedef enum {
    UART_SEND = 1, UART_RECEIVE,
} uart_interrupt_mode_t;

typedef enum {
    UART_SEND_FIFO_0, UART_SEND_FIFO_2, UART_SEND_FIFO_4, UART_SEND_FIFO_8,
} uart_send_trigger_t;

typedef enum {
    UART_RECEIVE_FIFO_1, UART_RECEIVE_FIFO_4, UART_RECEIVE_FIFO_8, UART_RECEIVE_FIFO_14,
} uart_receive_trigger_t;

typedef enum {
    UART_NORMAL, UART_IRDA, UART_RS485_FULL_DUPLEX, UART_RS485_HALF_DUPLEX,
} uart_work_mode_t;

typedef enum {
    UART_RS485_DE, UART_RS485_RE, UART_RS485_REDE,
} uart_rs485_rede_t;

typedef enum {
    UART_LOW, UART_HIGH,
} uart_polarity_t;

typedef enum {
    UART_DE_ASSERTION, UART_DE_DE_ASSERTION, UART_DE_ALL,
} uart_det_mode_t;

typedef enum {
    UART_DE_TO_RE, UART_RE_TO_DE, UART_TAT_ALL,
} uart_tat_mode_t;

typedef struct {
    union {
        uint32_t RBR;
        uint32_t DLL;
        uint32_t THR;
    };
    union {
        uint32_t DLH;
        uint32_t IER;
    };
    union {
        uint32_t FCR;
        uint32_t IIR;
    };
    uint32_t LCR;
    uint32_t MCR;
    uint32_t LSR;
    uint32_t MSR;
    uint32_t SCR;
    uint32_t LPDLL;
    uint32_t LPDLH;
    uint32_t reserved1[2];
    union {
        uint32_t SRBR[16];
        uint32_t STHR[16];
    };
    uint32_t FAR;
    uint32_t TFR;
    uint32_t RFW;
    uint32_t USR;
    uint32_t TFL;
    uint32_t RFL;
    uint32_t SRR;
    uint32_t SRTS;
    uint32_t SBCR;
    uint32_t SDMAM;
    uint32_t SFE;
    uint32_t SRT;
    uint32_t STET;
    uint32_t HTX;
    uint32_t DMASA;
    uint32_t TCR;
    uint32_t DE_EN;
    uint32_t RE_EN;
    uint32_t DET;
    uint32_t TAT;
    uint32_t DLF;
    uint32_t RAR;
    uint32_t TAR;
    uint32_t LCR_EXT;
    uint32_t reserved2[9];
    uint32_t CPR;
    uint32_t UCV;
    uint32_t CTR;
} uart_t;

typedef struct {
    dmac_channel_number_t tx_channel;
    dmac_channel_number_t rx_channel;
    uint32_t *tx_buf;
    size_t tx_len;
    uint32_t *rx_buf;
    size_t rx_len;
    uart_interrupt_mode_t transfer_mode;
} uart_data_t;

typedef struct {
    uint32_t rs485_en : 1;
    uint32_t re_pol : 1;
    uint32_t de_pol : 1;
    uint32_t xfer_mode : 2;
    uint32_t reserve : 27;
} uart_tcr_t;

typedef struct {
    uint32_t de_assertion_time : 8;
    uint32_t reserve0 : 8;
    uint32_t de_de_assertion_time : 8;
    uint32_t reserve1 : 8;
} uart_det_t;

typedef struct {
    uint32_t de_to_re : 16;
    uint32_t re_to_de : 16;
} uart_tat_t;

/* Blocking; waits for FIFO room for each byte; returns buf_len. */
int uart_send_data(uart_device_number_t channel, const char *buffer, size_t buf_len);

/* Non-blocking; takes what the FIFO holds up to buf_len; returns the count. */
int uart_receive_data(uart_device_number_t channel, char *buffer, size_t buf_len);

/* Enable clock and reset the UART (no line setup). */
void uart_init(uart_device_number_t channel);

/* Weak alias of uart_configure. */
void uart_config(uart_device_number_t channel, uint32_t baud_rate, uart_bitwidth_t data_width, uart_stopbit_t stopbit,
                 uart_parity_t parity);

/* Set divisor (16ths in DLF) from the APB0 clock, line format, FIFOs on, RX trigger 1, TX trigger 8, programmable THRE
 * mode; refuses with a message other widths than 5..8, 1.5 stop bits with more than 5 bits,
 * 2 with 5. */
void uart_configure(uart_device_number_t channel, uint32_t baud_rate, uart_bitwidth_t data_width, uart_stopbit_t
                    stopbit, uart_parity_t parity);

/* Enable RX or TX interrupt, register callback(ctx); receive callback also fires on character time-out. */
void uart_irq_register(uart_device_number_t channel, uart_interrupt_mode_t interrupt_mode, plic_irq_callback_t
                       uart_callback, void *ctx, uint32_t priority);

/* Disable that direction; PLIC handler dropped when no enable bit is left. */
void uart_irq_unregister(uart_device_number_t channel, uart_interrupt_mode_t interrupt_mode);

/* TX-empty threshold. */
void uart_set_send_trigger(uart_device_number_t channel, uart_send_trigger_t trigger);

/* RX threshold. */
void uart_set_receive_trigger(uart_device_number_t channel, uart_receive_trigger_t trigger);

/* Blocking DMA send (bytes widened to words in an uncached temporary); returns at DMA end, not at line idle. */
void uart_send_data_dma(uart_device_number_t uart_channel, dmac_channel_number_t dmac_channel, const uint8_t *buffer,
                        size_t buf_len);

/* Blocking DMA receive of exactly buf_len bytes. */
void uart_receive_data_dma(uart_device_number_t uart_channel, dmac_channel_number_t dmac_channel, uint8_t *buffer,
                           size_t buf_len);

/* Starts the send and returns; callback from the DMA interrupt; the temporary is freed there. */
void uart_send_data_dma_irq(uart_device_number_t uart_channel, dmac_channel_number_t dmac_channel, const uint8_t
                            *buffer, size_t buf_len, plic_irq_callback_t uart_callback, void *ctx, uint32_t priority);

/* Starts the receive and returns; bytes are in buffer when the callback runs. */
void uart_receive_data_dma_irq(uart_device_number_t uart_channel, dmac_channel_number_t dmac_channel, uint8_t *buffer,
                               size_t buf_len, plic_irq_callback_t uart_callback, void *ctx, uint32_t priority);

/* Send or receive 32-bit words by DMA as data says; cb NULL: blocking; else returns at once and cb->callback(cb->ctx)
 * runs at end (send waits for the shifter to empty first). One lock per UART and direction. */
void uart_handle_data_dma(uart_device_number_t uart_channel, uart_data_t data, plic_interrupt_t *cb);

/* Normal, IrDA, RS-485 full or half duplex. */
void uart_set_work_mode(uart_device_number_t uart_channel, uart_work_mode_t work_mode);

/* Polarity of DE / RE / both. */
void uart_set_rede_polarity(uart_device_number_t uart_channel, uart_rs485_rede_t rede, uart_polarity_t polarity);

/* Enable DE / RE / both. */
void uart_set_rede_enable(uart_device_number_t uart_channel, uart_rs485_rede_t rede, bool enable);

/* Turn-around time in ns. */
void uart_set_tat(uart_device_number_t uart_channel, uart_tat_mode_t tat_mode, size_t time);

/* Driver enable assertion / de-assertion time in ns (max 255 clocks). */
void uart_set_det(uart_device_number_t uart_channel, uart_det_mode_t det_mode, size_t time);

/* Make a UART the console: init, 115200 8N1, RX trigger 1, install as putchar/getchar. An out-of-range value (-1) re-
 * initialises the current console and only fills in a missing putchar/getchar. */
void uart_debug_init(uart_device_number_t uart_channel);

/* Ours: waits until everything sent by the console UART is on the wire, at most 5 ms. */
void uart_debug_drain(void);

#ifdef __cplusplus
}
#endif

#endif
