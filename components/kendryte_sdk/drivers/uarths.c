/* The high-speed UART of the console (spec soc.md 6.3). */

#include "uarths.h"
#include <stdio.h>
#include "mmio.h"
#include "sysctl.h"

#define REG_TXDATA (UARTHS_BASE_ADDR + 0x00)
#define REG_RXDATA (UARTHS_BASE_ADDR + 0x04)
#define REG_TXCTRL (UARTHS_BASE_ADDR + 0x08)
#define REG_RXCTRL (UARTHS_BASE_ADDR + 0x0C)
#define REG_IE (UARTHS_BASE_ADDR + 0x10)
#define REG_IP (UARTHS_BASE_ADDR + 0x14)
#define REG_DIV (UARTHS_BASE_ADDR + 0x18)

#define FULL_OR_EMPTY (1u << 31)
#define SEND_LIMIT_US 200000 /* more than a frame at the lowest rate of the 16-bit divisor */

volatile uarths_t *const uarths = (volatile uarths_t *)UARTHS_BASE_ADDR;

static struct {
    plic_irq_callback_t callback;
    void *ctx;
} handler;

void uarths_config(uint32_t baud_rate, uarths_stopbit_t stopbit) {
    uint32_t clock = sysctl_clock_get_freq(SYSCTL_CLOCK_CPU);
    uint32_t div = baud_rate ? (clock + baud_rate / 2) / baud_rate : 65536;
    mmio_write(REG_DIV, div == 0 ? 0 : div > 65536 ? 65535 : div - 1);
    mmio_update(REG_TXCTRL, 3, 1 | (stopbit == UARTHS_STOP_2 ? 2 : 0));
    mmio_update(REG_RXCTRL, 1, 1);
}

void uarths_init(void) {
    mmio_write(REG_TXCTRL, 0);
    mmio_write(REG_RXCTRL, 0);
    mmio_write(REG_IE, UARTHS_IP_RXWM);
    uarths_config(115200, UARTHS_STOP_1);
}

/* A transmitter that does not drain (off, or no clock) must not hang the program: the byte is dropped. */
static bool send(uint8_t c) {
    if (mmio_read(REG_TXDATA) & FULL_OR_EMPTY) {
        uint64_t deadline = sdk_deadline(SEND_LIMIT_US);
        while (mmio_read(REG_TXDATA) & FULL_OR_EMPTY) {
            if (sdk_expired(deadline)) {
                return false;
            }
        }
    }
    mmio_write(REG_TXDATA, c);
    return true;
}

int uarths_putchar(char c) {
    return send((uint8_t)c) ? (uint8_t)c : EOF;
}

int uarths_getchar(void) {
    uint32_t data = mmio_read(REG_RXDATA); /* pops */
    return data & FULL_OR_EMPTY ? EOF : (int)(data & 0xFF);
}

int uarths_getc(void) __attribute__((weak, alias("uarths_getchar")));

int uarths_puts(const char *s) {
    while (*s) {
        if (!send((uint8_t)*s++)) {
            return EOF;
        }
    }
    return 0;
}

size_t uarths_receive_data(uint8_t *buf, size_t buf_len) {
    size_t n = 0;
    for (; n < buf_len; n++) {
        int c = uarths_getchar();
        if (c == EOF) {
            break;
        }
        buf[n] = (uint8_t)c;
    }
    return n;
}

size_t uarths_send_data(const uint8_t *buf, size_t buf_len) {
    size_t n = 0;
    while (n < buf_len && send(buf[n])) {
        n++;
    }
    return n;
}

/* The only sign of progress is the watermark: "fewer than one byte in the FIFO", then one frame more. */
void uarths_drain(void) {
    uint32_t control = mmio_read(REG_TXCTRL);
    if (!(control & 1)) {
        return;
    }
    uint64_t frame = 12ull * (mmio_read(REG_DIV) + 1) / 50 + 1; /* in ticks of mtime, CPU clock / 50 */
    uint64_t end = read_time() + 9 * frame;
    mmio_write(REG_TXCTRL, (control & ~(7u << 16)) | 1u << 16);
    while (!(mmio_read(REG_IP) & UARTHS_IP_TXWM) && read_time() < end) {
    }
    mmio_write(REG_TXCTRL, control);
    end = read_time() + frame;
    while (read_time() < end) {
    }
}

uarths_interrupt_mode_t uarths_get_interrupt_mode(void) {
    return (uarths_interrupt_mode_t)(mmio_read(REG_IP) & 3);
}

void uarths_set_interrupt_cnt(uarths_interrupt_mode_t interrupt_mode, uint8_t cnt) {
    if (interrupt_mode & UARTHS_SEND) {
        mmio_update(REG_TXCTRL, 7u << 16, (uint32_t)cnt << 16);
    }
    if (interrupt_mode & UARTHS_RECEIVE) {
        mmio_update(REG_RXCTRL, 7u << 16, (uint32_t)cnt << 16);
    }
}

static int on_irq(void *ctx) {
    (void)ctx;
    return handler.callback ? handler.callback(handler.ctx) : 0;
}

void uarths_set_irq(uarths_interrupt_mode_t interrupt_mode, plic_irq_callback_t uarths_callback, void *ctx,
                    uint32_t priority) {
    handler.callback = uarths_callback;
    handler.ctx = ctx;
    plic_set_priority(IRQN_UARTHS_INTERRUPT, priority);
    plic_irq_register(IRQN_UARTHS_INTERRUPT, on_irq, NULL);
    plic_irq_enable(IRQN_UARTHS_INTERRUPT);
    mmio_update(REG_IE, 3, interrupt_mode);
}
