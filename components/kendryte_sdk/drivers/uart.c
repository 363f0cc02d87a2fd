/* UART1..3: line, interrupts, RS-485 (spec soc.md 6.4). DMA transfers are in uart_dma.c. */

#include "uart.h"
#include "bsp.h"
#include "mmio.h"
#include "sysctl.h"
#include "uart_regs.h"

#define IER_RX 1u
#define IER_TX 2u
#define IER_PTIME 0x80u
#define IIR_THRE 2u
#define IIR_RX 4u
#define IIR_RX_TIMEOUT 0xCu
#define LCR_DLAB 0x80u
#define LSR_DATA 1u
#define LSR_TX_FULL 0x20u /* with FIFO and PTIME on: the opposite of a 16550 */

#define BYTE_LIMIT_US 1000000
#define DRAIN_LIMIT_US 5000 /* 17 characters at 115200 baud take 1.5 ms */

volatile uart_t *const uart[3] = {
    (volatile uart_t *)UART1_BASE_ADDR,
    (volatile uart_t *)UART2_BASE_ADDR,
    (volatile uart_t *)UART3_BASE_ADDR,
};

static struct {
    plic_irq_callback_t on_receive, on_send;
    void *receive_ctx, *send_ctx;
} state[UART_DEVICE_MAX];

static bool bad(uart_device_number_t channel) {
    return (unsigned)channel >= UART_DEVICE_MAX;
}

void uart_init(uart_device_number_t channel) {
    if (!bad(channel)) {
        sysctl_clock_enable((sysctl_clock_t)(SYSCTL_CLOCK_UART1 + channel));
        sysctl_reset((sysctl_reset_t)(SYSCTL_RESET_UART1 + channel));
    }
}

void uart_configure(uart_device_number_t channel, uint32_t baud_rate, uart_bitwidth_t data_width,
                    uart_stopbit_t stopbit, uart_parity_t parity) {
    uint32_t clock = sysctl_clock_get_freq(SYSCTL_CLOCK_APB0);
    uint32_t divisor = baud_rate ? (clock + baud_rate / 2) / baud_rate : 0; /* in 1/16 of the 16x clock */
    bool short_stop = stopbit == UART_STOP_1 || (stopbit == UART_STOP_1_5) == (data_width == UART_BITWIDTH_5BIT);
    if (bad(channel) || data_width < UART_BITWIDTH_5BIT || data_width > UART_BITWIDTH_8BIT || !short_stop ||
        (unsigned)parity > UART_PARITY_EVEN || divisor < 16 || divisor >> 4 > 0xFFFF) {
        printk("uart: cannot set UART%d to %u baud, %d bits, stop %d, parity %d\r\n", channel + 1, baud_rate,
               data_width, stopbit, parity);
        return;
    }
    static const uint8_t parity_bits[] = {[UART_PARITY_NONE] = 0, [UART_PARITY_ODD] = 1, [UART_PARITY_EVEN] = 3};
    mmio_write(REG(channel, LCR), LCR_DLAB);
    mmio_write(REG(channel, DLH), divisor >> 12);
    mmio_write(REG(channel, DLL), divisor >> 4 & 0xFF);
    mmio_write(REG(channel, DLF), divisor & 15);
    mmio_write(REG(channel, LCR), 0);
    mmio_write(REG(channel, LCR), (uint32_t)(data_width - UART_BITWIDTH_5BIT) | (stopbit != UART_STOP_1) << 2 |
                                      (uint32_t)parity_bits[parity] << 3);
    mmio_update(REG(channel, IER), IER_PTIME, IER_PTIME);
    mmio_write(REG(channel, FCR), UART_RECEIVE_FIFO_1 << 6 | UART_SEND_FIFO_8 << 4 | 1 << 3 | 1);
}

void uart_config(uart_device_number_t channel, uint32_t baud_rate, uart_bitwidth_t data_width, uart_stopbit_t stopbit,
                 uart_parity_t parity) __attribute__((weak, alias("uart_configure")));

static bool send(uart_device_number_t channel, uint8_t c) {
    if (mmio_read(REG(channel, LSR)) & LSR_TX_FULL) {
        uint64_t deadline = sdk_deadline(BYTE_LIMIT_US);
        while (mmio_read(REG(channel, LSR)) & LSR_TX_FULL) {
            if (sdk_expired(deadline)) {
                return false;
            }
        }
    }
    mmio_write(REG(channel, THR), c);
    return true;
}

/* Bytes sent: fewer than buf_len when the transmitter stops draining (flow control, no clock) for a second. */
int uart_send_data(uart_device_number_t channel, const char *buffer, size_t buf_len) {
    size_t n = 0;
    if (!bad(channel)) {
        while (n < buf_len && send(channel, (uint8_t)buffer[n])) {
            n++;
        }
        if (n && state[channel].on_send) {
            mmio_update(REG(channel, IER), IER_TX, IER_TX);
        }
    }
    return (int)n;
}

int uart_receive_data(uart_device_number_t channel, char *buffer, size_t buf_len) {
    size_t n = 0;
    while (!bad(channel) && n < buf_len && (mmio_read(REG(channel, LSR)) & LSR_DATA)) {
        buffer[n++] = (char)mmio_read(REG(channel, RBR));
    }
    return (int)n;
}

void uart_set_send_trigger(uart_device_number_t channel, uart_send_trigger_t trigger) {
    if (!bad(channel)) {
        mmio_write(REG(channel, STET), trigger);
    }
}

void uart_set_receive_trigger(uart_device_number_t channel, uart_receive_trigger_t trigger) {
    if (!bad(channel)) {
        mmio_write(REG(channel, SRT), trigger);
    }
}

/* ---- interrupts ---- */

static int on_irq(void *ctx) {
    uart_device_number_t channel = (uart_device_number_t)(uintptr_t)ctx;
    uint32_t cause = mmio_read(REG(channel, IIR)) & 15;
    if ((cause == IIR_RX || cause == IIR_RX_TIMEOUT) && state[channel].on_receive) {
        return state[channel].on_receive(state[channel].receive_ctx);
    }
    if (cause == IIR_THRE) {
        /* Enabled again by the next send: a transmitter with nothing to do would interrupt for ever. */
        mmio_update(REG(channel, IER), IER_TX, 0);
        return state[channel].on_send ? state[channel].on_send(state[channel].send_ctx) : 0;
    }
    if (cause == 6) {
        mmio_read(REG(channel, LSR)); /* line status: cleared by reading it */
    } else if (cause == 7) {
        mmio_read(REG(channel, USR)); /* busy detect */
    } else if (cause == IIR_RX_TIMEOUT || cause == IIR_RX) {
        mmio_read(REG(channel, RBR)); /* nobody takes it */
    }
    return 0;
}

void uart_irq_register(uart_device_number_t channel, uart_interrupt_mode_t interrupt_mode,
                       plic_irq_callback_t uart_callback, void *ctx, uint32_t priority) {
    if (bad(channel)) {
        return;
    }
    plic_irq_t irq = (plic_irq_t)(IRQN_UART1_INTERRUPT + channel);
    if (interrupt_mode == UART_SEND) {
        state[channel].on_send = uart_callback;
        state[channel].send_ctx = ctx;
    } else {
        state[channel].on_receive = uart_callback;
        state[channel].receive_ctx = ctx;
        mmio_update(REG(channel, IER), IER_RX, IER_RX);
    }
    plic_set_priority(irq, priority);
    plic_irq_register(irq, on_irq, (void *)(uintptr_t)channel);
    plic_irq_enable(irq);
}

void uart_irq_unregister(uart_device_number_t channel, uart_interrupt_mode_t interrupt_mode) {
    if (bad(channel)) {
        return;
    }
    mmio_update(REG(channel, IER), interrupt_mode == UART_SEND ? IER_TX : IER_RX, 0);
    if (interrupt_mode == UART_SEND) {
        state[channel].on_send = NULL;
    } else {
        state[channel].on_receive = NULL;
    }
    if (state[channel].on_send == NULL && state[channel].on_receive == NULL) {
        plic_irq_unregister((plic_irq_t)(IRQN_UART1_INTERRUPT + channel));
    }
}

/* ---- RS-485 and IrDA ---- */

#define MCR_SIR (1u << 6)
#define TCR_RS485 1u

void uart_set_work_mode(uart_device_number_t uart_channel, uart_work_mode_t work_mode) {
    if (bad(uart_channel)) {
        return;
    }
    bool rs485 = work_mode == UART_RS485_FULL_DUPLEX || work_mode == UART_RS485_HALF_DUPLEX;
    mmio_update(REG(uart_channel, MCR), MCR_SIR, work_mode == UART_IRDA ? MCR_SIR : 0);
    mmio_update(REG(uart_channel, TCR), TCR_RS485 | 3u << 3,
                (rs485 ? TCR_RS485 : 0) | (work_mode == UART_RS485_HALF_DUPLEX ? 2u << 3 : 0));
}

void uart_set_rede_polarity(uart_device_number_t uart_channel, uart_rs485_rede_t rede, uart_polarity_t polarity) {
    uint32_t mask = (rede != UART_RS485_DE ? 2u : 0) | (rede != UART_RS485_RE ? 4u : 0);
    if (!bad(uart_channel)) {
        mmio_update(REG(uart_channel, TCR), mask, polarity == UART_HIGH ? mask : 0);
    }
}

void uart_set_rede_enable(uart_device_number_t uart_channel, uart_rs485_rede_t rede, bool enable) {
    if (bad(uart_channel)) {
        return;
    }
    if (rede != UART_RS485_RE) {
        mmio_write(REG(uart_channel, DE_EN), enable);
    }
    if (rede != UART_RS485_DE) {
        mmio_write(REG(uart_channel, RE_EN), enable);
    }
}

/* Nanoseconds in clocks of the UART, at most `most`. */
static uint32_t clocks(size_t ns, uint32_t most) {
    uint64_t n = ns * (uint64_t)(sysctl_clock_get_freq(SYSCTL_CLOCK_APB0) / 1000) / 1000000;
    return n > most ? most : (uint32_t)n;
}

void uart_set_tat(uart_device_number_t uart_channel, uart_tat_mode_t tat_mode, size_t time) {
    uint32_t n = clocks(time, 0xFFFF);
    uint32_t mask = (tat_mode != UART_RE_TO_DE ? 0xFFFFu : 0) | (tat_mode != UART_DE_TO_RE ? 0xFFFF0000u : 0);
    if (!bad(uart_channel)) {
        mmio_update(REG(uart_channel, TAT), mask, n | n << 16);
    }
}

void uart_set_det(uart_device_number_t uart_channel, uart_det_mode_t det_mode, size_t time) {
    uint32_t n = clocks(time, 0xFF);
    uint32_t mask = (det_mode != UART_DE_DE_ASSERTION ? 0xFFu : 0) | (det_mode != UART_DE_ASSERTION ? 0xFF0000u : 0);
    if (!bad(uart_channel)) {
        mmio_update(REG(uart_channel, DET), mask, n | n << 16);
    }
}

/* ---- console ---- */

static uart_device_number_t console = UART_DEVICE_MAX;

static int console_put(char c) {
    return send(console, (uint8_t)c) ? (uint8_t)c : EOF;
}

static int console_get(void) {
    char c;
    return uart_receive_data(console, &c, 1) ? (uint8_t)c : EOF;
}

void uart_debug_drain(void) {
    if (!bad(console)) {
        uint64_t deadline = sdk_deadline(DRAIN_LIMIT_US);
        while (!(mmio_read(REG(console, LSR)) & LSR_IDLE) && !sdk_expired(deadline)) {
        }
    }
}

void uart_debug_init(uart_device_number_t uart_channel) {
    bool named = !bad(uart_channel);
    if (named) {
        console = uart_channel;
    } else if (bad(console)) {
        return;
    }
    uart_init(console);
    uart_configure(console, 115200, UART_BITWIDTH_8BIT, UART_STOP_1, UART_PARITY_NONE);
    if (named || sys_putchar == NULL) {
        sys_register_putchar(console_put);
    }
    if (named || sys_getchar == NULL) {
        sys_register_getchar(console_get);
    }
}
