/* I2S0 to I2S2 (spec soc.md 10.9): registers, interrupts, DMA requests. Samples move in i2s_engine.c. */
#include "i2s.h"
#include "peripherals.h"

#include <stdio.h>

enum {
    IER = 0x00, IRER = 0x04, ITER = 0x08, CER = 0x0c, CCR = 0x10, RXFFR = 0x14, TXFFR = 0x18, LINE = 0x20,
    LINE_SIZE = 0x40, LINES_END = 0x120, RXDMA = 0x1c0, RRXDMA = 0x1c4, TXDMA = 0x1c8, RTXDMA = 0x1cc,
    COMP_PARAM_2 = 0x1f0, COMP_PARAM_1 = 0x1f4, COMP_VERSION = 0x1f8, COMP_TYPE = 0x1fc
};
enum {
    LEFT = 0x00, RIGHT = 0x04, RER = 0x08, TER = 0x0c, RCR = 0x10, TCR = 0x14, ISR = 0x18, IMR = 0x1c, ROR = 0x20,
    TOR = 0x24, RFCR = 0x28, TFCR = 0x2c, RFF = 0x30, TFF = 0x34
};

#define ALL_MASKED (I2S_RXDA | I2S_RXFO | I2S_TXFE | I2S_TXFO)

void i2s_update(i2s_t *s)
{
    bool irq = false, rx = false, tx = false;
    for (unsigned n = 0; n < I2S_LINES; n++) {
        const i2s_line_t *line = &s->line[n];
        uint32_t status = i2s_status(line);
        irq = irq || (status & ~line->imr) != 0;
        rx = rx || (line->rer && (status & I2S_RXDA));
        tx = tx || (line->ter && (status & I2S_TXFE));
    }
    irq = irq && s->ier;
    rx = rx && s->ier && s->irer && bit(s->ccr, CCR_DMA_RX);
    tx = tx && s->ier && s->iter && bit(s->ccr, CCR_DMA_TX);
    i2s_schedule(s);
    if (irq != s->irq) {
        s->irq = irq;
        emu_irq(s->emu, 5 + s->index, irq);
    }
    if (rx != s->rx_request) {
        s->rx_request = rx;
        emu_dma_request(s->emu, 26 + 2 * s->index, rx);
    }
    if (tx != s->tx_request) {
        s->tx_request = tx;
        emu_dma_request(s->emu, 25 + 2 * s->index, tx);
    }
}

static uint32_t clear_overrun(i2s_line_t *line, uint32_t mask)
{
    uint32_t was = line->overruns & mask;
    line->overruns &= ~mask;
    return was != 0;
}

static bool read_line(i2s_line_t *line, unsigned offset, uint32_t *value)
{
    switch (offset) {
    case LEFT: *value = i2s_pop(&line->rx[0]); return true;
    case RIGHT: *value = i2s_pop(&line->rx[1]); return true;
    case RER: *value = line->rer; return true;
    case TER: *value = line->ter; return true;
    case RCR: *value = line->rcr; return true;
    case TCR: *value = line->tcr; return true;
    case ISR: *value = i2s_status(line); return true;
    case IMR: *value = line->imr; return true;
    case ROR: *value = clear_overrun(line, I2S_RXFO); return true;
    case TOR: *value = clear_overrun(line, I2S_TXFO); return true;
    case RFCR: *value = line->rfcr; return true;
    case TFCR: *value = line->tfcr; return true;
    case RFF: case TFF: *value = 0; return true;
    }
    return false;
}

static uint64_t i2s_read(void *opaque, uint64_t offset, unsigned size)
{
    i2s_t *s = opaque;
    uint32_t value = 0;
    (void)size;
    i2s_advance(s);
    if (offset >= LINE && offset < LINES_END) {
        if (!read_line(&s->line[(offset - LINE) / LINE_SIZE], (offset - LINE) % LINE_SIZE, &value)) {
            emu_unmodelled(s->emu, s->name, offset, false, 0);
        }
    } else {
        switch (offset) {
        case IER: value = s->ier; break;
        case IRER: value = s->irer; break;
        case ITER: value = s->iter; break;
        case CER: value = s->cer; break;
        case CCR: value = s->ccr; break;
        case RXDMA: value = i2s_dma_read(s); break;
        case COMP_PARAM_2: value = 0x48c; break; /* receive and transmit words of up to 32 bits */
        case COMP_PARAM_1: value = 0x02490fbe; break; /* four lines each way, 16-deep FIFOs, 32-bit bus */
        case COMP_VERSION: value = 0x3130392a; break;
        case COMP_TYPE: value = 0x445701a0; break;
        case RXFFR: case TXFFR: case RRXDMA: case TXDMA: case RTXDMA: break;
        default: emu_unmodelled(s->emu, s->name, offset, false, 0);
        }
    }
    i2s_update(s);
    return value;
}

static void push_sample(i2s_t *s, i2s_line_t *line, unsigned side, uint32_t value)
{
    if (s->ier && !i2s_push(&line->tx[side], value)) {
        line->overruns |= I2S_TXFO;
    }
}

static void write_line(i2s_t *s, uint64_t whole, uint32_t value)
{
    i2s_line_t *line = &s->line[(whole - LINE) / LINE_SIZE];
    switch ((whole - LINE) % LINE_SIZE) {
    case LEFT: push_sample(s, line, 0, value); break;
    case RIGHT: push_sample(s, line, 1, value); break;
    case RER: line->rer = bit(value, 0); break;
    case TER: line->ter = bit(value, 0); break;
    case RCR: line->rcr = value & 7; break;
    case TCR: line->tcr = value & 7; break;
    case IMR: line->imr = value & ALL_MASKED; break;
    case RFCR: line->rfcr = value & 0xf; break;
    case TFCR: line->tfcr = value & 0xf; break;
    case RFF:
        if (bit(value, 0)) {
            i2s_flush(line->rx);
        }
        break;
    case TFF:
        if (bit(value, 0)) {
            i2s_flush(line->tx);
        }
        break;
    case ISR: case ROR: case TOR: break;
    default: emu_unmodelled(s->emu, s->name, whole, true, value);
    }
}

static void flush_all(i2s_t *s, bool rx, bool tx)
{
    for (unsigned n = 0; n < I2S_LINES; n++) {
        if (rx) {
            i2s_flush(s->line[n].rx);
        }
        if (tx) {
            i2s_flush(s->line[n].tx);
        }
    }
}

static void write_register(i2s_t *s, uint64_t offset, uint32_t value)
{
    if (offset >= LINE && offset < LINES_END) {
        write_line(s, offset, value);
        return;
    }
    switch (offset) {
    case IER:
        s->ier = bit(value, 0);
        flush_all(s, !s->ier, !s->ier);
        break;
    case IRER: s->irer = bit(value, 0); break;
    case ITER: s->iter = bit(value, 0); break;
    case CER: s->cer = bit(value, 0); break;
    case CCR: s->ccr = value & 0xfff; break;
    case RXFFR: flush_all(s, bit(value, 0), false); break;
    case TXFFR: flush_all(s, false, bit(value, 0)); break;
    case RRXDMA: s->rx_at = 0; break;
    case TXDMA: i2s_dma_write(s, value); break;
    case RTXDMA: s->tx_at = 0; break;
    case RXDMA: case COMP_PARAM_2: case COMP_PARAM_1: case COMP_VERSION: case COMP_TYPE: break;
    default: emu_unmodelled(s->emu, s->name, offset, true, value);
    }
}

static void i2s_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    i2s_t *s = opaque;
    (void)size;
    i2s_advance(s);
    write_register(s, offset, (uint32_t)value);
    i2s_retime(s);
    i2s_update(s);
}

static void time_passed(void *opaque)
{
    i2s_advance(opaque);
    i2s_update(opaque);
}

static void clocks_changed(void *opaque)
{
    i2s_t *s = opaque;
    i2s_advance(s);
    i2s_retime(s);
    i2s_update(s);
}

static void i2s_reset(void *opaque)
{
    i2s_t *s = opaque;
    s->ier = s->irer = s->iter = s->cer = false;
    s->ccr = 0;
    for (unsigned n = 0; n < I2S_LINES; n++) {
        s->line[n] = (i2s_line_t){.rer = true, .ter = true, .imr = ALL_MASKED};
    }
    s->rx_at = s->tx_at = 0;
    i2s_retime(s);
    i2s_update(s);
}

static void i2s_state(void *opaque, emu_json_t *json)
{
    i2s_t *s = opaque;
    char key[8];
    i2s_advance(s);
    emu_json_bool(json, "receiving", s->ier && s->irer);
    emu_json_bool(json, "transmitting", s->ier && s->iter);
    emu_json_u64(json, "ccr", s->ccr);
    emu_json_u64(json, "millihertz", s->hz);
    for (unsigned n = 0; n < I2S_LINES; n++) {
        const i2s_line_t *line = &s->line[n];
        snprintf(key, sizeof key, "line%u", n % 10);
        emu_json_begin(json, key);
        emu_json_bool(json, "receives", line->rer);
        emu_json_bool(json, "transmits", line->ter);
        emu_json_u64(json, "rx_level", line->rx[0].level);
        emu_json_u64(json, "tx_level", line->tx[0].level);
        emu_json_u64(json, "isr", i2s_status(line));
        emu_json_end(json);
    }
}

void i2s_create(emu_t *emu, unsigned index)
{
    i2s_t *s = device_new(sizeof *s);
    s->emu = emu;
    s->index = index;
    snprintf(s->name, sizeof s->name, "i2s%u", index % 10);
    s->event = EMU_EVENT(time_passed, s);
    emu_on_clocks_changed(emu, clocks_changed, s);
    emu_on_audio(emu, index, i2s_advance, s);
    emu_add_device(emu, &(emu_device_t){.name = s->name, .base = 0x50250000 + 0x10000ull * index,
                                        .size = index == 0 ? 0x200 : 0x10000, .word = 4, .read = i2s_read,
                                        .write = i2s_write, .reset = i2s_reset, .state = i2s_state, .destroy = free,
                                        .opaque = s});
    i2s_reset(s);
}
