/* State shared by the two halves of the UART model: registers (uart.c) and line (uart_line.c). */
#ifndef K210EMU_UART_H
#define K210EMU_UART_H

#include "device.h"

enum { IER_RX = 0x01, IER_THRE = 0x02, IER_LINE = 0x04, IER_MODEM = 0x08, IER_PTIME = 0x80 };
enum { FCR_FIFO = 0x01, FCR_RX_RESET = 0x02, FCR_TX_RESET = 0x04, FCR_DMA = 0x08 };
enum { LCR_BREAK = 0x40, LCR_DLAB = 0x80 };
enum { MCR_DTR = 0x01, MCR_RTS = 0x02, MCR_LOOP = 0x10, MCR_FLOW = 0x20 };
enum { LSR_DR = 0x01, LSR_OE = 0x02, LSR_THRE = 0x20, LSR_TEMT = 0x40 };
enum { ID_MODEM = 0, ID_NONE = 1, ID_THRE = 2, ID_DATA = 4, ID_LINE = 6, ID_BUSY = 7, ID_TIMEOUT = 0xc };

#define DEPTH 16u
#define TIMEOUT_CHARACTERS 4

typedef struct {
    uint8_t data[DEPTH];
    unsigned head, level;
} fifo_t;

typedef struct uart uart_t;
typedef struct {
    uart_t *uart;
    unsigned n; /* 0 CTS, 1 DSR, 2 DCD, 3 RI */
} modem_input_t;

struct uart {
    emu_t *emu;
    unsigned index;
    char name[6];
    uint8_t ier, fcr, lcr, mcr, dll, dlh, dlf;
    uint32_t plain[64]; /* registers without effect here */
    fifo_t tx, rx;
    uint8_t tx_shift, rx_shift;
    bool sending, receiving, asked;
    bool overrun, timed_out, thre_pending, busy_detect;
    uint8_t modem_lines, modem_deltas;
    uint32_t tx_baud;
    bool irq, halted;
    emu_event_t sent, received, timeout, settled;
    modem_input_t modem_input[4];
};

/* uart_line.c */
uint32_t uart_divisor(const uart_t *s);
uint8_t uart_modem_status(const uart_t *s);
uint8_t uart_line_status(const uart_t *s);
unsigned uart_interrupt_id(const uart_t *s);
void uart_drive_modem_outputs(uart_t *s);
void uart_update(uart_t *s);
void uart_ask_for_more(uart_t *s);
void uart_restart_timeout(uart_t *s);
void uart_format_changed(uart_t *s);
uint8_t uart_read_rbr(uart_t *s);
void uart_start_sending(uart_t *s);
void uart_write_thr(uart_t *s, uint8_t byte);
bool uart_receive(void *opaque, uint8_t byte);
uint32_t uart_rx_rate(void *opaque);
bool uart_busy(const uart_t *s);
void uart_settled(void *opaque); /* event */
void uart_timeout(void *opaque); /* event */
void uart_byte_received(void *opaque); /* event */
void uart_byte_sent(void *opaque); /* event */

#endif
