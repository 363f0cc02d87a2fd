/* UART1 to UART3 (DesignWare APB UART 4.01, spec soc.md 6.4, traps of isp-flash.md 5.3).
 *
 * Bytes take their time on the wire in both directions. Those from outside wait outside until the receive FIFO has
 * room, so that the model never loses one; in loop-back the FIFO can overrun. */
#include "device.h"

#include <stdio.h>

enum {
    RBR_THR_DLL = 0x00, IER_DLH = 0x04, IIR_FCR = 0x08, LCR = 0x0c, MCR = 0x10, LSR = 0x14, MSR = 0x18, SCR = 0x1c,
    LPDLL = 0x20, LPDLH = 0x24, SRBR = 0x30, SRBR_END = 0x70, FAR = 0x70, TFR = 0x74, RFW = 0x78, USR = 0x7c,
    TFL = 0x80, RFL = 0x84, SRR = 0x88, SRTS = 0x8c, SBCR = 0x90, SDMAM = 0x94, SFE = 0x98, SRT = 0x9c, STET = 0xa0,
    HTX = 0xa4, DMASA = 0xa8, TCR = 0xac, DE_EN = 0xb0, RE_EN = 0xb4, DET = 0xb8, TAT = 0xbc, DLF = 0xc0, RAR = 0xc4,
    TAR = 0xc8, LCR_EXT = 0xcc, CPR = 0xf4, UCV = 0xf8, CTR = 0xfc, UART_END = 0x100
};

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
    uint32_t plain[UART_END / 4]; /* registers without effect here */
    fifo_t tx, rx;
    uint8_t tx_shift, rx_shift;
    bool sending, receiving, asked;
    bool overrun, timed_out, thre_pending, busy_detect;
    uint8_t modem_lines, modem_deltas;
    uint32_t tx_baud;
    bool irq;
    emu_event_t sent, received, timeout, settled;
    modem_input_t modem_input[4];
};

/* ---- rates and levels ---------------------------------------------------------------------------------------------------- */

static uint64_t apb_hz(const uart_t *s)
{
    return emu_clock_hz(s->emu, EMU_CLOCK_APB0);
}

/* In sixteenths of the 16-fold clock, so in cycles of APB0 a bit; 0: the baud generator stands. */
static uint32_t divisor(const uart_t *s)
{
    return (uint32_t)s->dlh << 12 | (uint32_t)s->dll << 4 | (s->dlf & 0xf);
}

static emu_time_t character_time(const uart_t *s)
{
    unsigned data = 5 + (s->lcr & 3), parity = bit(s->lcr, 3);
    unsigned half_stops = !bit(s->lcr, 2) ? 2 : data == 5 ? 3 : 4;
    return cycles_to_time((uint64_t)divisor(s) * (2 * (1 + data + parity) + half_stops) / 2, apb_hz(s));
}

static bool runs(const uart_t *s)
{
    return divisor(s) != 0 && apb_hz(s) != 0;
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

/* ---- status, interrupts, DMA requests ------------------------------------------------------------------------------------- */

static uint8_t modem_status(const uart_t *s)
{
    uint8_t lines = s->modem_lines;
    if (s->mcr & MCR_LOOP) { /* RTS, DTR, OUT2, OUT1 come back as CTS, DSR, DCD, RI */
        lines = (uint8_t)(bit(s->mcr, 1) | bit(s->mcr, 0) << 1 | bit(s->mcr, 3) << 2 | bit(s->mcr, 2) << 3);
    }
    /* MSR order is CTS, DSR, RI, DCD */
    return (uint8_t)((lines & 3) << 4 | bit(lines, 3) << 6 | bit(lines, 2) << 7 | s->modem_deltas);
}

static uint8_t line_status(const uart_t *s)
{
    bool thre = programmable_thre(s) ? s->tx.level == DEPTH : s->tx.level == 0; /* inverted sense, spec 6.4 */
    return (uint8_t)((s->rx.level != 0 ? LSR_DR : 0) | (s->overrun ? LSR_OE : 0) | (thre ? LSR_THRE : 0) |
                     (s->tx.level == 0 && !s->sending ? LSR_TEMT : 0));
}

static bool busy(const uart_t *s)
{
    return s->sending || s->receiving || s->rx.level != 0 || (s->tx.level != 0 && runs(s));
}

static unsigned interrupt_id(const uart_t *s)
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

static void drive_modem_outputs(uart_t *s)
{
    static const uint8_t dtr[4] = {0, 153, 167, 181}; /* FPIOA function; RTS follows */
    bool loop = s->mcr & MCR_LOOP;
    bool rts = (s->mcr & MCR_RTS) && !((s->mcr & MCR_FLOW) && s->rx.level >= rx_trigger(s));
    emu_function_drive(s->emu, dtr[s->index], loop || !(s->mcr & MCR_DTR), true);
    emu_function_drive(s->emu, dtr[s->index] + 1u, loop || !rts, true);
}

static void update(uart_t *s)
{
    bool irq = interrupt_id(s) != ID_NONE;
    bool burst = (s->fcr & FCR_FIFO) && (s->fcr & FCR_DMA);
    unsigned rx_request = 14 + 2 * (s->index - 1);
    if (irq != s->irq) {
        s->irq = irq;
        emu_irq(s->emu, 10 + s->index, irq);
    }
    if (s->mcr & MCR_FLOW) {
        drive_modem_outputs(s);
    }
    emu_dma_request(s->emu, rx_request, burst ? s->rx.level >= rx_trigger(s) || s->timed_out : s->rx.level != 0);
    emu_dma_request(s->emu, rx_request + 1, burst ? s->tx.level <= tx_trigger(s) : s->tx.level == 0);
}

/* ---- receiving ------------------------------------------------------------------------------------------------------------- */

static bool can_receive(const uart_t *s)
{
    return runs(s) && !(s->lcr & LCR_DLAB) && !(s->mcr & MCR_LOOP) && !s->receiving && s->rx.level < depth(s) &&
           s->settled.when == EMU_NEVER;
}

static bool receive(void *opaque, uint8_t byte)
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

static void ask_for_more(uart_t *s)
{
    if (s->asked && can_receive(s)) {
        s->asked = false;
        emu_uart_ready(s->emu, EMU_UART_HS + s->index);
    }
}

static void settled(void *opaque)
{
    ask_for_more(opaque);
}

/* The line format changed: bytes that wait outside stay there for a character, because the software sets the format
 * in several writes, which a byte that comes in between would void (busy detect). */
static void format_changed(uart_t *s)
{
    if (runs(s)) {
        emu_event_at(s->emu, &s->settled, emu_now(s->emu) + character_time(s));
    }
}

static void restart_timeout(uart_t *s)
{
    s->timed_out = false;
    emu_event_cancel(s->emu, &s->timeout);
    if (s->rx.level != 0 && (s->fcr & FCR_FIFO) && runs(s)) {
        emu_event_at(s->emu, &s->timeout, emu_now(s->emu) + TIMEOUT_CHARACTERS * character_time(s));
    }
}

static void timeout(void *opaque)
{
    uart_t *s = opaque;
    s->timed_out = true;
    update(s);
}

static void take(uart_t *s, uint8_t byte)
{
    if (s->rx.level >= depth(s)) {
        s->overrun = true;
    } else {
        push(&s->rx, byte);
    }
    restart_timeout(s);
}

static void byte_received(void *opaque)
{
    uart_t *s = opaque;
    s->receiving = false;
    take(s, s->rx_shift & (uint8_t)(0xff >> (3 - (s->lcr & 3))));
    update(s);
    ask_for_more(s);
}

static uint8_t read_rbr(uart_t *s)
{
    if (s->rx.level == 0) {
        return 0;
    }
    uint8_t byte = pop(&s->rx);
    restart_timeout(s);
    return byte;
}

/* ---- sending ----------------------------------------------------------------------------------------------------------------- */

static void start_sending(uart_t *s)
{
    bool held = (s->plain[HTX / 4] & 1) && (s->fcr & FCR_FIFO);
    bool stopped = (s->mcr & MCR_FLOW) && !(modem_status(s) & 0x10);
    if (s->sending || s->tx.level == 0 || held || stopped || !runs(s) || (s->lcr & LCR_DLAB)) {
        return;
    }
    s->sending = true;
    s->tx_shift = pop(&s->tx);
    s->thre_pending = s->thre_pending || s->tx.level == 0;
    s->tx_baud = (uint32_t)(apb_hz(s) / divisor(s));
    emu_event_at(s->emu, &s->sent, emu_now(s->emu) + character_time(s));
}

static void byte_sent(void *opaque)
{
    uart_t *s = opaque;
    uint8_t byte = s->tx_shift & (uint8_t)(0xff >> (3 - (s->lcr & 3)));
    s->sending = false;
    if (s->mcr & MCR_LOOP) {
        take(s, byte);
    } else {
        emu_uart_sent(s->emu, EMU_UART_HS + s->index, byte, s->tx_baud);
    }
    start_sending(s);
    update(s);
}

static void write_thr(uart_t *s, uint8_t byte)
{
    if (s->tx.level >= depth(s)) {
        emu_warn(s->emu, s->name, "a write to the full transmit FIFO is lost");
        return;
    }
    push(&s->tx, byte);
    s->thre_pending = false;
}

/* ---- registers ---------------------------------------------------------------------------------------------------------------- */

static uint64_t read_iir(uart_t *s)
{
    unsigned id = interrupt_id(s);
    if (id == ID_THRE) {
        s->thre_pending = false;
    }
    return id | (s->fcr & FCR_FIFO ? 0xc0 : 0);
}

static uint64_t read_register(uart_t *s, uint64_t offset)
{
    bool dlab = s->lcr & LCR_DLAB;
    uint64_t value;
    if (offset >= SRBR && offset < SRBR_END) {
        return read_rbr(s);
    }
    switch (offset) {
    case RBR_THR_DLL: return dlab ? s->dll : read_rbr(s);
    case IER_DLH: return dlab ? s->dlh : s->ier;
    case IIR_FCR: return read_iir(s);
    case LCR: return s->lcr;
    case MCR: return s->mcr;
    case LSR:
        value = line_status(s);
        s->overrun = false;
        return value;
    case MSR:
        value = modem_status(s);
        s->modem_deltas = 0;
        return value;
    case USR:
        s->busy_detect = false;
        return busy(s);
    case TFL: return s->tx.level;
    case RFL: return s->rx.level;
    case SRTS: return bit(s->mcr, 1);
    case SBCR: return bit(s->lcr, 6);
    case SDMAM: return bit(s->fcr, 3);
    case SFE: return bit(s->fcr, 0);
    case SRT: return s->fcr >> 6;
    case STET: return field(s->fcr, 4, 2);
    case DLF: return s->dlf;
    case SCR: case LPDLL: case LPDLH: case HTX: case TCR: case DE_EN: case RE_EN: case DET: case TAT: case RAR: case TAR:
    case LCR_EXT: return s->plain[offset / 4];
    case CPR: return 0x00013df2; /* 32-bit bus, 16-byte FIFOs, every option but FIFO access */
    case UCV: return 0x3430312a;
    case CTR: return 0x44570110;
    case FAR: case TFR: case RFW: case SRR: case DMASA: return 0;
    }
    emu_unmodelled(s->emu, s->name, offset, false, 0);
    return 0;
}

static uint64_t uart_read(void *opaque, uint64_t offset, unsigned size)
{
    uart_t *s = opaque;
    (void)size;
    uint64_t value = read_register(s, offset);
    update(s);
    ask_for_more(s);
    return value;
}

static void write_fcr(uart_t *s, uint8_t value)
{
    if (((value ^ s->fcr) & FCR_FIFO) || (value & FCR_RX_RESET)) {
        s->rx = (fifo_t){0};
        restart_timeout(s);
    }
    if (((value ^ s->fcr) & FCR_FIFO) || (value & FCR_TX_RESET)) {
        s->tx = (fifo_t){0};
        s->thre_pending = true;
    }
    s->fcr = value & (uint8_t)~(FCR_RX_RESET | FCR_TX_RESET);
}

static void write_lcr(uart_t *s, uint8_t value)
{
    static const uint8_t tx_function[4] = {0, 65, 67, 69};
    if (busy(s)) {
        s->busy_detect = true;
        emu_warn(s->emu, s->name, "LCR written while the line is busy is ignored");
        return;
    }
    s->lcr = value;
    format_changed(s);
    emu_function_drive(s->emu, tx_function[s->index], !(value & LCR_BREAK), true); /* an idle line is high */
}

static void write_mcr(uart_t *s, uint8_t value)
{
    s->mcr = value & 0x7f;
    drive_modem_outputs(s);
}

static void uart_reset(void *opaque)
{
    uart_t *s = opaque;
    emu_event_cancel(s->emu, &s->sent);
    emu_event_cancel(s->emu, &s->received);
    emu_event_cancel(s->emu, &s->timeout);
    emu_event_cancel(s->emu, &s->settled);
    s->tx = s->rx = (fifo_t){0};
    s->ier = s->fcr = s->dll = s->dlh = s->dlf = 0;
    s->sending = s->receiving = s->overrun = s->timed_out = s->busy_detect = s->thre_pending = false;
    s->modem_deltas = 0;
    for (unsigned i = 0; i < UART_END / 4; i++) {
        s->plain[i] = 0;
    }
    write_lcr(s, 0);
    write_mcr(s, 0);
    s->asked = true;
    update(s);
}

static void write_srr(uart_t *s, uint64_t value)
{
    if (bit(value, 0)) {
        uart_reset(s);
        return;
    }
    write_fcr(s, (uint8_t)(s->fcr | (bit(value, 1) ? FCR_RX_RESET : 0) | (bit(value, 2) ? FCR_TX_RESET : 0)));
}

static uint8_t with_bit(uint8_t value, uint8_t mask, bool set)
{
    return set ? value | mask : value & (uint8_t)~mask;
}

static void write_ier(uart_t *s, uint8_t value)
{
    if ((value & IER_THRE) && !(s->ier & IER_THRE) && s->tx.level == 0) {
        s->thre_pending = true;
    }
    s->ier = value & 0x8f;
}

static void write_register(uart_t *s, uint64_t offset, uint32_t value)
{
    bool dlab = s->lcr & LCR_DLAB;
    if (offset >= SRBR && offset < SRBR_END) {
        write_thr(s, value);
        return;
    }
    switch (offset) {
    case RBR_THR_DLL:
        if (dlab) {
            s->dll = value;
        } else {
            write_thr(s, value);
        }
        break;
    case IER_DLH:
        if (dlab) {
            s->dlh = value;
        } else {
            write_ier(s, value);
        }
        break;
    case IIR_FCR: write_fcr(s, value); break;
    case LCR: write_lcr(s, value); break;
    case MCR: write_mcr(s, value); break;
    case SRR: write_srr(s, value); break;
    case SRTS: write_mcr(s, with_bit(s->mcr, MCR_RTS, value & 1)); break;
    case SBCR: write_lcr(s, with_bit(s->lcr, LCR_BREAK, value & 1)); break;
    case SDMAM: s->fcr = with_bit(s->fcr, FCR_DMA, value & 1); break;
    case SFE: write_fcr(s, with_bit(s->fcr, FCR_FIFO, value & 1)); break;
    case SRT: s->fcr = (uint8_t)((s->fcr & 0x3f) | (value & 3) << 6); break;
    case STET: s->fcr = (uint8_t)((s->fcr & 0xcf) | (value & 3) << 4); break;
    case DLF: s->dlf = value & 0xf; break;
    case SCR: case LPDLL: case LPDLH: case HTX: case TCR: case DE_EN: case RE_EN: case DET: case TAT: case RAR: case TAR:
    case LCR_EXT: s->plain[offset / 4] = value; break;
    case LSR: case MSR: case FAR: case TFR: case RFW: case USR: case TFL: case RFL: case DMASA: case CPR: case UCV:
    case CTR: break;
    default: emu_unmodelled(s->emu, s->name, offset, true, value);
    }
}

static void uart_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    uart_t *s = opaque;
    (void)size;
    write_register(s, offset, (uint32_t)value);
    start_sending(s);
    update(s);
    ask_for_more(s);
}

static void modem_input(void *opaque, bool level)
{
    modem_input_t *input = opaque;
    uart_t *s = input->uart;
    static const uint8_t delta[4] = {0x01, 0x02, 0x08, 0x04};
    s->modem_lines = with_bit(s->modem_lines, (uint8_t)(1u << input->n), !level); /* active low */
    if (input->n != 3 || level) { /* RI counts at its trailing edge */
        s->modem_deltas |= delta[input->n];
    }
    start_sending(s);
    update(s);
}

static void clocks_changed(void *opaque)
{
    uart_t *s = opaque;
    start_sending(s);
    ask_for_more(s);
}

static void uart_state(void *opaque, emu_json_t *json)
{
    uart_t *s = opaque;
    emu_json_u64(json, "baud", divisor(s) == 0 ? 0 : apb_hz(s) / divisor(s));
    emu_json_u64(json, "ier", s->ier);
    emu_json_u64(json, "fcr", s->fcr);
    emu_json_u64(json, "lcr", s->lcr);
    emu_json_u64(json, "mcr", s->mcr);
    emu_json_u64(json, "lsr", line_status(s));
    emu_json_u64(json, "iir", interrupt_id(s));
    emu_json_u64(json, "tx_level", s->tx.level);
    emu_json_u64(json, "rx_level", s->rx.level);
}

void uart_create(emu_t *emu, unsigned index)
{
    static const uint8_t cts[4] = {0, 148, 162, 176}; /* FPIOA function; DSR, DCD and RI follow */
    uart_t *s = device_new(sizeof *s);
    s->emu = emu;
    s->index = index;
    snprintf(s->name, sizeof s->name, "uart%u", index % 10);
    s->sent = EMU_EVENT(byte_sent, s);
    s->received = EMU_EVENT(byte_received, s);
    s->timeout = EMU_EVENT(timeout, s);
    s->settled = EMU_EVENT(settled, s);
    for (unsigned n = 0; n < 4; n++) {
        s->modem_input[n] = (modem_input_t){s, n};
        s->modem_lines = with_bit(s->modem_lines, (uint8_t)(1u << n), !emu_function_sample(emu, cts[index] + n));
        emu_on_function_input(emu, cts[index] + n, modem_input, &s->modem_input[n]);
    }
    emu_set_uart_receiver(emu, EMU_UART_HS + index, receive, s);
    emu_on_clocks_changed(emu, clocks_changed, s);
    emu_add_device(emu, &(emu_device_t){.name = s->name, .base = 0x50200000 + 0x10000ull * index, .size = 0x10000,
                                        .word = 4, .read = uart_read, .write = uart_write, .reset = uart_reset,
                                        .state = uart_state, .destroy = free, .opaque = s});
    uart_reset(s);
}
