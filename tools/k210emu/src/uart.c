/* UART1 to UART3 (DesignWare APB UART 4.01, spec soc.md 6.4, traps of isp-flash.md 5.3).
 *
 * Bytes take their time on the wire in both directions. Those from outside wait outside until the receive FIFO has
 * room, so that the model never loses one; in loop-back the FIFO can overrun. */
#include "uart.h"

#include <stdio.h>

enum {
    RBR_THR_DLL = 0x00, IER_DLH = 0x04, IIR_FCR = 0x08, LCR = 0x0c, MCR = 0x10, LSR = 0x14, MSR = 0x18, SCR = 0x1c,
    LPDLL = 0x20, LPDLH = 0x24, SRBR = 0x30, SRBR_END = 0x70, FAR = 0x70, TFR = 0x74, RFW = 0x78, USR = 0x7c,
    TFL = 0x80, RFL = 0x84, SRR = 0x88, SRTS = 0x8c, SBCR = 0x90, SDMAM = 0x94, SFE = 0x98, SRT = 0x9c, STET = 0xa0,
    HTX = 0xa4, DMASA = 0xa8, TCR = 0xac, DE_EN = 0xb0, RE_EN = 0xb4, DET = 0xb8, TAT = 0xbc, DLF = 0xc0, RAR = 0xc4,
    TAR = 0xc8, LCR_EXT = 0xcc, CPR = 0xf4, UCV = 0xf8, CTR = 0xfc
};

static uint64_t read_iir(uart_t *s)
{
    unsigned id = uart_interrupt_id(s);
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
        return uart_read_rbr(s);
    }
    switch (offset) {
    case RBR_THR_DLL: return dlab ? s->dll : uart_read_rbr(s);
    case IER_DLH: return dlab ? s->dlh : s->ier;
    case IIR_FCR: return read_iir(s);
    case LCR: return s->lcr;
    case MCR: return s->mcr;
    case LSR:
        value = uart_line_status(s);
        s->overrun = false;
        return value;
    case MSR:
        value = uart_modem_status(s);
        s->modem_deltas = 0;
        return value;
    case USR:
        s->busy_detect = false;
        return uart_busy(s);
    case TFL: return s->tx.level;
    case RFL: return s->rx.level;
    case SRTS: return bit(s->mcr, 1);
    case SBCR: return bit(s->lcr, 6);
    case SDMAM: return bit(s->fcr, 3);
    case SFE: return bit(s->fcr, 0);
    case SRT: return s->fcr >> 6;
    case STET: return field(s->fcr, 4, 2);
    case DLF: return s->dlf;
    case HTX: return s->halted;
    case SCR: case LPDLL: case LPDLH: case TCR: case DE_EN: case RE_EN: case DET: case TAT: case RAR: case TAR:
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
    uart_update(s);
    uart_ask_for_more(s);
    return value;
}

static void write_fcr(uart_t *s, uint8_t value)
{
    if (((value ^ s->fcr) & FCR_FIFO) || (value & FCR_RX_RESET)) {
        s->rx = (fifo_t){0};
        uart_restart_timeout(s);
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
    if (uart_busy(s)) {
        s->busy_detect = true;
        emu_warn(s->emu, s->name, "LCR written while the line is busy is ignored");
        return;
    }
    s->lcr = value;
    uart_format_changed(s);
    emu_function_drive(s->emu, tx_function[s->index], !(value & LCR_BREAK), true); /* an idle line is high */
}

static void write_mcr(uart_t *s, uint8_t value)
{
    s->mcr = value & 0x7f;
    uart_drive_modem_outputs(s);
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
    s->halted = s->sending = s->receiving = s->overrun = s->timed_out = s->busy_detect = s->thre_pending = false;
    s->modem_deltas = 0;
    for (unsigned i = 0; i < sizeof s->plain / sizeof *s->plain; i++) {
        s->plain[i] = 0;
    }
    write_lcr(s, 0);
    write_mcr(s, 0);
    s->asked = true;
    uart_update(s);
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
        uart_write_thr(s, value);
        return;
    }
    switch (offset) {
    case RBR_THR_DLL:
        if (dlab) {
            s->dll = value;
        } else {
            uart_write_thr(s, value);
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
    case HTX: s->halted = value & 1; break;
    case SCR: case LPDLL: case LPDLH: case TCR: case DE_EN: case RE_EN: case DET: case TAT: case RAR: case TAR:
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
    uart_start_sending(s);
    uart_update(s);
    uart_ask_for_more(s);
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
    uart_start_sending(s);
    uart_update(s);
}

static void clocks_changed(void *opaque)
{
    uart_t *s = opaque;
    uart_start_sending(s);
    uart_ask_for_more(s);
}

static void uart_state(void *opaque, emu_json_t *json)
{
    uart_t *s = opaque;
    emu_json_u64(json, "baud", uart_divisor(s) == 0 ? 0 : emu_clock_hz(s->emu, EMU_CLOCK_APB0) / uart_divisor(s));
    emu_json_u64(json, "ier", s->ier);
    emu_json_u64(json, "fcr", s->fcr);
    emu_json_u64(json, "lcr", s->lcr);
    emu_json_u64(json, "mcr", s->mcr);
    emu_json_u64(json, "lsr", uart_line_status(s));
    emu_json_u64(json, "iir", uart_interrupt_id(s));
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
    s->sent = EMU_EVENT(uart_byte_sent, s);
    s->received = EMU_EVENT(uart_byte_received, s);
    s->timeout = EMU_EVENT(uart_timeout, s);
    s->settled = EMU_EVENT(uart_settled, s);
    for (unsigned n = 0; n < 4; n++) {
        s->modem_input[n] = (modem_input_t){s, n};
        s->modem_lines = with_bit(s->modem_lines, (uint8_t)(1u << n), !emu_function_sample(emu, cts[index] + n));
        emu_on_function_input(emu, cts[index] + n, modem_input, &s->modem_input[n]);
    }
    emu_set_uart_receiver(emu, EMU_UART_HS + index, uart_receive, s);
    emu_set_uart_rate(emu, EMU_UART_HS + index, uart_rx_rate);
    emu_on_clocks_changed(emu, clocks_changed, s);
    emu_add_device(emu, &(emu_device_t){.name = s->name, .base = 0x50200000 + 0x10000ull * index, .size = 0x10000,
                                        .word = 4, .read = uart_read, .write = uart_write, .reset = uart_reset,
                                        .state = uart_state, .destroy = free, .opaque = s});
    uart_reset(s);
}
