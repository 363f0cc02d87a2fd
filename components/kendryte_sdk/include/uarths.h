#ifndef KENDRYTE_UARTHS_H
#define KENDRYTE_UARTHS_H

#include <stddef.h>
#include <stdint.h>
#include "platform.h"
#include "plic.h"

#ifdef __cplusplus
extern "C" {
#endif

#define UARTHS_REG_TXFIFO (0x00)
#define UARTHS_REG_RXFIFO (0x04)
#define UARTHS_REG_TXCTRL (0x08)
#define UARTHS_REG_RXCTRL (0x0c)
#define UARTHS_REG_IE (0x10)
#define UARTHS_REG_IP (0x14)
#define UARTHS_REG_DIV (0x18)
#define UARTHS_TXEN (0x01)
#define UARTHS_TXWM(x) (((x) & 0xffff) << 16)
#define UARTHS_RXEN (0x01)
#define UARTHS_RXWM(x) (((x) & 0xffff) << 16)
#define UARTHS_IP_TXWM (0x01)
#define UARTHS_IP_RXWM (0x02)

typedef enum {
    UARTHS_SEND = 1, UARTHS_RECEIVE, UARTHS_SEND_RECEIVE,
} uarths_interrupt_mode_t;

typedef enum {
    UARTHS_STOP_1, UARTHS_STOP_2,
} uarths_stopbit_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t data : 8;
    uint32_t zero : 23;
    uint32_t full : 1;
} uarths_txdata_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t data : 8;
    uint32_t zero : 23;
    uint32_t empty : 1;
} uarths_rxdata_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t txen : 1;
    uint32_t nstop : 1;
    uint32_t resv0 : 14;
    uint32_t txcnt : 3;
    uint32_t resv1 : 13;
} uarths_txctrl_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t rxen : 1;
    uint32_t resv0 : 15;
    uint32_t rxcnt : 3;
    uint32_t resv1 : 13;
} uarths_rxctrl_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t txwm : 1;
    uint32_t rxwm : 1;
    uint32_t zero : 30;
} uarths_ip_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t txwm : 1;
    uint32_t rxwm : 1;
    uint32_t zero : 30;
} uarths_ie_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t div : 16;
    uint32_t zero : 16;
} uarths_div_t;

typedef struct __attribute__((packed, aligned(4))) {
    uarths_txdata_t txdata;
    uarths_rxdata_t rxdata;
    uarths_txctrl_t txctrl;
    uarths_rxctrl_t rxctrl;
    uarths_ie_t ie;
    uarths_ip_t ip;
    uarths_div_t div;
} uarths_t;

extern volatile uarths_t *const uarths;

/* 115200 baud from the CPU clock, TX and RX on, RX watermark interrupt bit on. Does NOT become stdio. */
void uarths_init(void);

/* Blocking one character; returns it. */
int uarths_putchar(char c);

/* One character or EOF. */
int uarths_getchar(void);

/* Send a string; 0, or EOF when the transmitter does not drain. */
int uarths_puts(const char *s);

/* Weak alias of uarths_getchar. */
int uarths_getc(void);

/* Enable TX and/or RX watermark interrupt and register callback(ctx). */
void uarths_set_irq(uarths_interrupt_mode_t interrupt_mode, plic_irq_callback_t uarths_callback, void *ctx, uint32_t
                    priority);

/* Non-blocking; returns count. */
size_t uarths_receive_data(uint8_t *buf, size_t buf_len);

/* Blocking; returns buf_len. */
size_t uarths_send_data(const uint8_t *buf, size_t buf_len);

/* Pending bits: 1 TX, 2 RX, 3 both. */
uarths_interrupt_mode_t uarths_get_interrupt_mode(void);

/* Baud (16-bit divisor from CPU clock) and stop bits. */
void uarths_config(uint32_t baud_rate, uarths_stopbit_t stopbit);

/* Watermark levels. */
void uarths_set_interrupt_cnt(uarths_interrupt_mode_t interrupt_mode, uint8_t cnt);

/* Ours: waits until everything sent is on the wire, at most ten frames. */
void uarths_drain(void);

#ifdef __cplusplus
}
#endif

#endif
