/* UARTHS: the high-speed serial port, console and ISP (spec soc.md 6.3).
 *
 * A byte is on the wire for a start bit, 8 data bits and 1 or 2 stop bits at the programmed rate, in both directions.
 * Bytes from outside wait outside until the receive FIFO has room: the model never loses one. */
#include "device.h"

enum { TXDATA = 0x00, RXDATA = 0x04, TXCTRL = 0x08, RXCTRL = 0x0c, IE = 0x10, IP = 0x14, DIV = 0x18 };

#define EMPTY_OR_FULL 0x80000000u
#define IRQ 33
#define TX_FUNCTION 19
#define DEPTH 8

typedef struct {
    uint8_t data[DEPTH];
    unsigned head, level;
} fifo_t;

typedef struct {
    emu_t *emu;
    fifo_t tx, rx;
    uint32_t txctrl, rxctrl, ie, div;
    bool sending, receiving, asked;
    uint8_t tx_shift, rx_shift;
    uint32_t tx_baud;
    emu_event_t sent, received;
} uarths_t;

static void push(fifo_t *fifo, uint8_t byte)
{
    fifo->data[(fifo->head + fifo->level++) % DEPTH] = byte;
}

static uint8_t pop(fifo_t *fifo)
{
    uint8_t byte = fifo->data[fifo->head];
    fifo->head = (fifo->head + 1) % DEPTH;
    fifo->level--;
    return byte;
}

static uint32_t pending(const uarths_t *s)
{
    return (s->tx.level < field(s->txctrl, 16, 3) ? 1u : 0) | (s->rx.level > field(s->rxctrl, 16, 3) ? 2u : 0);
}

static void update_interrupt(uarths_t *s)
{
    emu_irq(s->emu, IRQ, (pending(s) & s->ie) != 0);
}

static emu_time_t frame_time(const uarths_t *s)
{
    uint64_t bits = 10 + field(s->txctrl, 1, 1);
    return cycles_to_time(bits * (s->div + 1), emu_clock_hz(s->emu, EMU_CLOCK_CPU));
}

static void start_sending(uarths_t *s)
{
    if (s->sending || s->tx.level == 0 || !bit(s->txctrl, 0)) {
        return;
    }
    s->sending = true;
    s->tx_shift = pop(&s->tx);
    s->tx_baud = (uint32_t)(emu_clock_hz(s->emu, EMU_CLOCK_CPU) / (s->div + 1));
    emu_event_at(s->emu, &s->sent, emu_now(s->emu) + frame_time(s));
}

static void byte_sent(void *opaque)
{
    uarths_t *s = opaque;
    s->sending = false;
    emu_uart_sent(s->emu, EMU_UART_HS, s->tx_shift, s->tx_baud);
    start_sending(s);
    update_interrupt(s);
}

static bool can_receive(const uarths_t *s)
{
    return bit(s->rxctrl, 0) && !s->receiving && s->rx.level < DEPTH;
}

static uint32_t rx_rate(void *opaque)
{
    const uarths_t *s = opaque;
    return can_receive(s) ? (uint32_t)(emu_clock_hz(s->emu, EMU_CLOCK_CPU) / (s->div + 1)) : 0;
}

static bool receive(void *opaque, uint8_t byte)
{
    uarths_t *s = opaque;
    if (!can_receive(s)) {
        s->asked = true;
        return false;
    }
    s->receiving = true;
    s->rx_shift = byte;
    emu_event_at(s->emu, &s->received, emu_now(s->emu) + frame_time(s));
    return true;
}

static void ask_for_more(uarths_t *s)
{
    if (s->asked && can_receive(s)) {
        s->asked = false;
        emu_uart_ready(s->emu, EMU_UART_HS);
    }
}

static void byte_received(void *opaque)
{
    uarths_t *s = opaque;
    s->receiving = false;
    push(&s->rx, s->rx_shift);
    update_interrupt(s);
    ask_for_more(s);
}

static uint32_t read_rxdata(uarths_t *s)
{
    if (s->rx.level == 0) {
        return EMPTY_OR_FULL;
    }
    uint8_t byte = pop(&s->rx);
    update_interrupt(s);
    ask_for_more(s);
    return byte;
}

static uint64_t uarths_read(void *opaque, uint64_t offset, unsigned size)
{
    uarths_t *s = opaque;
    (void)size;
    switch (offset) {
    case TXDATA: return s->tx.level == DEPTH ? EMPTY_OR_FULL : 0;
    case RXDATA: return read_rxdata(s);
    case TXCTRL: return s->txctrl;
    case RXCTRL: return s->rxctrl;
    case IE: return s->ie;
    case IP: return pending(s);
    case DIV: return s->div;
    }
    emu_unmodelled(s->emu, "uarths", offset, false, 0);
    return 0;
}

static void uarths_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    uarths_t *s = opaque;
    (void)size;
    switch (offset) {
    case TXDATA:
        if (s->tx.level < DEPTH) {
            push(&s->tx, (uint8_t)value);
        }
        break;
    case TXCTRL: s->txctrl = (uint32_t)value & 0x70003; break;
    case RXCTRL: s->rxctrl = (uint32_t)value & 0x70001; break;
    case IE: s->ie = (uint32_t)value & 3; break;
    case DIV: s->div = (uint32_t)value & 0xffff; break;
    case RXDATA: case IP: return; /* vendor start-up writes to IP, without effect */
    default: emu_unmodelled(s->emu, "uarths", offset, true, value); return;
    }
    start_sending(s);
    update_interrupt(s);
    ask_for_more(s);
}

/* The boot ROM has left the port running at 115200 baud from 390 MHz (spec 1.4). */
static void uarths_reset(void *opaque)
{
    uarths_t *s = opaque;
    emu_event_cancel(s->emu, &s->sent);
    emu_event_cancel(s->emu, &s->received);
    s->tx = s->rx = (fifo_t){0};
    s->sending = s->receiving = false;
    s->txctrl = s->rxctrl = 1;
    s->ie = 0;
    s->div = 3384;
    emu_function_drive(s->emu, TX_FUNCTION, true, true); /* an idle line is high */
    update_interrupt(s);
    s->asked = true;
    ask_for_more(s);
}

static void uarths_state(void *opaque, emu_json_t *json)
{
    uarths_t *s = opaque;
    emu_json_u64(json, "baud", emu_clock_hz(s->emu, EMU_CLOCK_CPU) / (s->div + 1));
    emu_json_u64(json, "tx_level", s->tx.level);
    emu_json_u64(json, "rx_level", s->rx.level);
    emu_json_u64(json, "txctrl", s->txctrl);
    emu_json_u64(json, "rxctrl", s->rxctrl);
    emu_json_u64(json, "ie", s->ie);
    emu_json_u64(json, "ip", pending(s));
    emu_json_u64(json, "div", s->div);
}

void uarths_create(emu_t *emu)
{
    uarths_t *s = device_new(sizeof *s);
    s->emu = emu;
    s->sent = EMU_EVENT(byte_sent, s);
    s->received = EMU_EVENT(byte_received, s);
    emu_set_uart_receiver(emu, EMU_UART_HS, receive, s);
    emu_set_uart_rate(emu, EMU_UART_HS, rx_rate);
    emu_add_device(emu, &(emu_device_t){.name = "uarths", .base = 0x38000000, .size = 0x1000, .word = 4,
                                        .read = uarths_read, .write = uarths_write, .reset = uarths_reset,
                                        .state = uarths_state, .destroy = free, .opaque = s});
    uarths_reset(s);
}
