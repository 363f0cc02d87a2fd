/* The line of a UART: rates, frames in virtual time, FIFOs, status, interrupts, DMA requests. */
#include "uart.h"

/* ---- rates and levels -------------------------------------------------------------------------------------------- */

static uint64_t apb_hz(const uart_t *s)
{
    return emu_clock_hz(s->emu, EMU_CLOCK_APB0);
}

/* In sixteenths of the 16-fold clock, so in cycles of APB0 a bit; 0: the baud generator stands. */
uint32_t uart_divisor(const uart_t *s)
{
    return (uint32_t)s->dlh << 12 | (uint32_t)s->dll << 4 | (s->dlf & 0xf);
}

static emu_time_t character_time(const uart_t *s)
{
    unsigned data = 5 + (s->lcr & 3), parity = bit(s->lcr, 3);
    unsigned half_stops = !bit(s->lcr, 2) ? 2 : data == 5 ? 3 : 4;
    return cycles_to_time((uint64_t)uart_divisor(s) * (2 * (1 + data + parity) + half_stops) / 2, apb_hz(s));
}

static bool runs(const uart_t *s)
{
    return uart_divisor(s) != 0 && apb_hz(s) != 0;
}

static unsigned depth(const uart_t *s)
{
    return s->fcr & FCR_FIFO ? DEPTH : 1;
}

static unsigned rx_trigger(const uart_t *s)
{
    static const uint8_t level[4] = {1, DEPTH / 4, DEPTH / 2, DEPTH - 2};
    return s->fcr & FCR_FIFO ? level[s->fcr >> 6] : 1;
}

static unsigned tx_trigger(const uart_t *s)
{
    static const uint8_t level[4] = {0, 2, DEPTH / 4, DEPTH / 2};
    return s->fcr & FCR_FIFO ? level[field(s->fcr, 4, 2)] : 0;
}

static bool programmable_thre(const uart_t *s)
{
    return (s->fcr & FCR_FIFO) && (s->ier & IER_PTIME);
}

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

/* ---- status, interrupts, DMA requests ---------------------------------------------------------------------------- */

uint8_t uart_modem_status(const uart_t *s)
{
    uint8_t lines = s->modem_lines;
    if (s->mcr & MCR_LOOP) { /* RTS, DTR, OUT2, OUT1 come back as CTS, DSR, DCD, RI */
        lines = (uint8_t)(bit(s->mcr, 1) | bit(s->mcr, 0) << 1 | bit(s->mcr, 3) << 2 | bit(s->mcr, 2) << 3);
    }
    /* MSR order is CTS, DSR, RI, DCD */
    return (uint8_t)((lines & 3) << 4 | bit(lines, 3) << 6 | bit(lines, 2) << 7 | s->modem_deltas);
}

uint8_t uart_line_status(const uart_t *s)
{
    bool thre = programmable_thre(s) ? s->tx.level == DEPTH : s->tx.level == 0; /* inverted sense, spec 6.4 */
    return (uint8_t)((s->rx.level != 0 ? LSR_DR : 0) | (s->overrun ? LSR_OE : 0) | (thre ? LSR_THRE : 0) |
                     (s->tx.level == 0 && !s->sending ? LSR_TEMT : 0));
}

bool uart_busy(const uart_t *s)
{
    return s->sending || s->receiving || s->rx.level != 0 || (s->tx.level != 0 && runs(s));
}

unsigned uart_interrupt_id(const uart_t *s)
{
    if ((s->ier & IER_LINE) && s->overrun) {
        return ID_LINE;
    }
    if ((s->ier & IER_RX) && s->rx.level >= rx_trigger(s)) {
        return ID_DATA;
    }
    if ((s->ier & IER_RX) && s->timed_out) {
        return ID_TIMEOUT;
    }
    if ((s->ier & IER_THRE) && (programmable_thre(s) ? s->tx.level <= tx_trigger(s) : s->thre_pending)) {
        return ID_THRE;
    }
    if ((s->ier & IER_MODEM) && s->modem_deltas != 0) {
        return ID_MODEM;
    }
    return s->busy_detect ? ID_BUSY : ID_NONE;
}

void uart_drive_modem_outputs(uart_t *s)
{
    static const uint8_t dtr[4] = {0, 153, 167, 181}; /* FPIOA function; RTS follows */
    bool loop = s->mcr & MCR_LOOP;
    bool rts = (s->mcr & MCR_RTS) && !((s->mcr & MCR_FLOW) && s->rx.level >= rx_trigger(s));
    emu_function_drive(s->emu, dtr[s->index], loop || !(s->mcr & MCR_DTR), true);
    emu_function_drive(s->emu, dtr[s->index] + 1u, loop || !rts, true);
}

void uart_update(uart_t *s)
{
    bool irq = uart_interrupt_id(s) != ID_NONE;
    bool burst = (s->fcr & FCR_FIFO) && (s->fcr & FCR_DMA);
    unsigned rx_request = 14 + 2 * (s->index - 1);
    if (irq != s->irq) {
        s->irq = irq;
        emu_irq(s->emu, 10 + s->index, irq);
    }
    if (s->mcr & MCR_FLOW) {
        uart_drive_modem_outputs(s);
    }
    emu_dma_request(s->emu, rx_request, burst ? s->rx.level >= rx_trigger(s) || s->timed_out : s->rx.level != 0);
    emu_dma_request(s->emu, rx_request + 1, burst ? s->tx.level <= tx_trigger(s) : s->tx.level == 0);
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

static bool can_receive(const uart_t *s)
{
    return runs(s) && !(s->lcr & LCR_DLAB) && !(s->mcr & MCR_LOOP) && !s->receiving && s->rx.level < depth(s) &&
           s->settled.when == EMU_NEVER;
}

uint32_t uart_rx_rate(void *opaque)
{
    const uart_t *s = opaque;
    return can_receive(s) ? (uint32_t)(apb_hz(s) / uart_divisor(s)) : 0;
}

bool uart_receive(void *opaque, uint8_t byte)
{
    uart_t *s = opaque;
    if (!can_receive(s)) {
        s->asked = true;
        return false;
    }
    s->receiving = true;
    s->rx_shift = byte;
    emu_event_at(s->emu, &s->received, emu_now(s->emu) + character_time(s));
    return true;
}

void uart_ask_for_more(uart_t *s)
{
    if (s->asked && can_receive(s)) {
        s->asked = false;
        emu_uart_ready(s->emu, EMU_UART_HS + s->index);
    }
}

void uart_settled(void *opaque)
{
    uart_ask_for_more(opaque);
}

/* The line format changed: bytes that wait outside stay there for a character, because the software sets the format
 * in several writes, which a byte that comes in between would void (busy detect). */
void uart_format_changed(uart_t *s)
{
    if (runs(s)) {
        emu_event_at(s->emu, &s->settled, emu_now(s->emu) + character_time(s));
    }
}

void uart_restart_timeout(uart_t *s)
{
    s->timed_out = false;
    emu_event_cancel(s->emu, &s->timeout);
    if (s->rx.level != 0 && (s->fcr & FCR_FIFO) && runs(s)) {
        emu_event_at(s->emu, &s->timeout, emu_now(s->emu) + TIMEOUT_CHARACTERS * character_time(s));
    }
}

void uart_timeout(void *opaque)
{
    uart_t *s = opaque;
    s->timed_out = true;
    uart_update(s);
}

static void take(uart_t *s, uint8_t byte)
{
    if (s->rx.level >= depth(s)) {
        s->overrun = true;
    } else {
        push(&s->rx, byte);
    }
    uart_restart_timeout(s);
}

void uart_byte_received(void *opaque)
{
    uart_t *s = opaque;
    s->receiving = false;
    take(s, s->rx_shift & (uint8_t)(0xff >> (3 - (s->lcr & 3))));
    uart_update(s);
    uart_ask_for_more(s);
}

uint8_t uart_read_rbr(uart_t *s)
{
    if (s->rx.level == 0) {
        return 0;
    }
    uint8_t byte = pop(&s->rx);
    uart_restart_timeout(s);
    return byte;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

void uart_start_sending(uart_t *s)
{
    bool held = (s->halted) && (s->fcr & FCR_FIFO);
    bool stopped = (s->mcr & MCR_FLOW) && !(uart_modem_status(s) & 0x10);
    if (s->sending || s->tx.level == 0 || held || stopped || !runs(s) || (s->lcr & LCR_DLAB)) {
        return;
    }
    s->sending = true;
    s->tx_shift = pop(&s->tx);
    s->thre_pending = s->thre_pending || s->tx.level == 0;
    s->tx_baud = (uint32_t)(apb_hz(s) / uart_divisor(s));
    emu_event_at(s->emu, &s->sent, emu_now(s->emu) + character_time(s));
}

void uart_byte_sent(void *opaque)
{
    uart_t *s = opaque;
    uint8_t byte = s->tx_shift & (uint8_t)(0xff >> (3 - (s->lcr & 3)));
    s->sending = false;
    if (s->mcr & MCR_LOOP) {
        take(s, byte);
    } else {
        emu_uart_sent(s->emu, EMU_UART_HS + s->index, byte, s->tx_baud);
    }
    uart_start_sending(s);
    uart_update(s);
}

void uart_write_thr(uart_t *s, uint8_t byte)
{
    if (s->tx.level >= depth(s)) {
        emu_warn(s->emu, s->name, "a write to the full transmit FIFO is lost");
        return;
    }
    push(&s->tx, byte);
    s->thre_pending = false;
}
