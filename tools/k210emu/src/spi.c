/* SPI0, SPI1 (apb_ssi) and SPI3 (dwc_ssi) as masters (spec soc.md 7): registers, interrupts, DMA requests.
 * The transfer engine is in spi_engine.c. */
#include "spi.h"

enum {
    CTRLR0 = 0x00, CTRLR1 = 0x04, SSIENR = 0x08, MWCR = 0x0c, SER = 0x10, BAUDR = 0x14, TXFTLR = 0x18, RXFTLR = 0x1c,
    TXFLR = 0x20, RXFLR = 0x24, SR = 0x28, IMR = 0x2c, ISR = 0x30, RISR = 0x34, TXOICR = 0x38, RXOICR = 0x3c,
    RXUICR = 0x40, MSTICR = 0x44, ICR = 0x48, DMACR = 0x4c, DMATDLR = 0x50, DMARDLR = 0x54, IDR = 0x58, VERSION = 0x5c,
    DR = 0x60, DR_END = 0xf0, RX_SAMPLE_DELAY = 0xf0, SPI_CTRLR0 = 0xf4, XIP_MODE_BITS = 0xfc, XIP_INCR_INST = 0x100,
    XIP_WRAP_INST = 0x104, XIP_CTRL = 0x108, XIP_SER = 0x10c, XRXOICR = 0x110, XIP_CNT_TIME_OUT = 0x114, ENDIAN = 0x118
};

static const char *const device_name[] = {"spi0", "spi1", "spi2", "spi3"};

unsigned spi_tx_level(const spi_t *s)
{
    return s->tx_level < SPI_DEPTH ? s->tx_level : SPI_DEPTH;
}

uint32_t spi_raw_interrupts(const spi_t *s)
{
    return s->sticky | (s->enabled && spi_tx_level(s) <= s->txftlr ? SPI_INT_TXE : 0) |
           (s->rx_level > s->rxftlr ? SPI_INT_RXF : 0);
}

void spi_update(spi_t *s)
{
    bool irq = (spi_raw_interrupts(s) & s->imr) != 0;
    static const uint8_t irq_number[4] = {1, 2, 3, 4};
    spi_schedule(s);
    if (irq != s->irq) {
        s->irq = irq;
        emu_irq(s->emu, irq_number[s->index], irq);
    }
    bool rx = s->enabled && bit(s->dmacr, 0) && s->rx_level > s->dmardlr;
    if (rx != s->rx_request) {
        s->rx_request = rx;
        emu_dma_request(s->emu, 2 * s->index, rx);
    }
    bool tx = s->enabled && bit(s->dmacr, 1) && s->tx_level <= s->dmatdlr;
    if (tx != s->tx_request) {
        s->tx_request = tx;
        emu_dma_request(s->emu, 2 * s->index + 1, tx);
    }
}

static uint32_t status(const spi_t *s)
{
    return (s->running ? 1u : 0) | (s->tx_level < SPI_DEPTH ? 2u : 0) | (s->tx_level == 0 ? 4u : 0) |
           (s->rx_level != 0 ? 8u : 0) | (s->rx_level >= SPI_DEPTH ? 16u : 0) | (s->refused ? 64u : 0);
}

static uint32_t clear(spi_t *s, uint32_t mask)
{
    uint32_t was = s->sticky & mask;
    s->sticky &= ~mask;
    return was != 0;
}

static uint32_t read_data(spi_t *s)
{
    if (s->rx_level == 0) {
        s->sticky |= SPI_INT_RXU;
        return 0;
    }
    uint32_t frame = s->rx[s->rx_head];
    s->rx_head = (s->rx_head + 1) % SPI_DEPTH;
    s->rx_level--;
    return frame;
}

static void write_data(spi_t *s, uint32_t value)
{
    if (!s->enabled) {
        return;
    }
    if (s->tx_level >= SPI_DEPTH) {
        s->sticky |= SPI_INT_TXO;
        emu_warn(s->emu, device_name[s->index], "write to the full transmit FIFO is lost");
        return;
    }
    spi_queue(s, value);
}

static uint32_t read_register(spi_t *s, uint64_t offset)
{
    if (offset >= DR && offset < DR_END) {
        return read_data(s);
    }
    switch (offset) {
    case CTRLR0: return s->ctrlr0;
    case CTRLR1: return s->ctrlr1;
    case SSIENR: return s->enabled;
    case MWCR: return s->mwcr;
    case SER: return s->ser;
    case BAUDR: return s->baudr;
    case TXFTLR: return s->txftlr;
    case RXFTLR: return s->rxftlr;
    case TXFLR: return spi_tx_level(s);
    case RXFLR: return s->rx_level;
    case SR: return status(s);
    case IMR: return s->imr;
    case ISR: return spi_raw_interrupts(s) & s->imr;
    case RISR: return spi_raw_interrupts(s);
    case TXOICR: return clear(s, SPI_INT_TXO);
    case RXOICR: return clear(s, SPI_INT_RXO);
    case RXUICR: return clear(s, SPI_INT_RXU);
    case MSTICR: return clear(s, SPI_INT_MST);
    case ICR: return clear(s, SPI_INT_TXO | SPI_INT_RXO | SPI_INT_RXU | SPI_INT_MST);
    case DMACR: return s->dmacr;
    case DMATDLR: return s->dmatdlr;
    case DMARDLR: return s->dmardlr;
    case IDR: case VERSION: return 0; /* not public, spec 7.2 */
    case RX_SAMPLE_DELAY: return s->rx_sample_delay;
    case SPI_CTRLR0: return s->spi_ctrlr0;
    case ENDIAN: return s->endian;
    }
    if (s->index == 3) {
        switch (offset) {
        case XIP_MODE_BITS: return s->xip.mode_bits;
        case XIP_INCR_INST: return s->xip.incr_inst;
        case XIP_WRAP_INST: return s->xip.wrap_inst;
        case XIP_CTRL: return s->xip.ctrl;
        case XIP_SER: return s->xip.ser;
        case XRXOICR: return 0;
        case XIP_CNT_TIME_OUT: return s->xip.time_out;
        }
    }
    emu_unmodelled(s->emu, device_name[s->index], offset, false, 0);
    return 0;
}

static uint64_t spi_read(void *opaque, uint64_t offset, unsigned size)
{
    spi_t *s = opaque;
    (void)size;
    if (s->index == 3 && emu_spi_xip(s->emu, 3)) {
        return spi_xip_read(s, (uint32_t)offset);
    }
    spi_advance(s);
    uint32_t value = read_register(s, offset);
    spi_update(s);
    return value;
}

static void write_control0(spi_t *s, uint32_t value)
{
    if (s->enabled) {
        emu_warn(s->emu, device_name[s->index], "ctrlr0 written while ssienr is 1 is ignored");
        return;
    }
    s->ctrlr0 = s->index == 3 ? value : value & ~0xfu;
}

static bool write_xip(spi_t *s, uint64_t offset, uint32_t value)
{
    if (s->index != 3) {
        return false;
    }
    switch (offset) {
    case XIP_MODE_BITS: s->xip.mode_bits = value & 0xffff; return true;
    case XIP_INCR_INST: s->xip.incr_inst = value & 0xffff; return true;
    case XIP_WRAP_INST: s->xip.wrap_inst = value & 0xffff; return true;
    case XIP_CTRL: s->xip.ctrl = value; return true;
    case XIP_SER: s->xip.ser = value & 0xf; return true;
    case XIP_CNT_TIME_OUT: s->xip.time_out = value & 0xff; return true;
    }
    return false;
}

static void write_register(spi_t *s, uint64_t offset, uint32_t value)
{
    if (offset >= DR && offset < DR_END) {
        write_data(s, value);
        return;
    }
    switch (offset) {
    case CTRLR0: write_control0(s, value); break;
    case CTRLR1: s->ctrlr1 = value & 0xffff; break;
    case SSIENR: spi_enable(s, bit(value, 0)); break;
    case MWCR: s->mwcr = value & 7; break;
    case SER: spi_select(s, value & 0xf); break;
    case BAUDR: s->baudr = value & 0xfffe; break;
    case TXFTLR: s->txftlr = value & 0x1f; break;
    case RXFTLR: s->rxftlr = value & 0x1f; break;
    case IMR: s->imr = value & 0x3f; break;
    case DMACR: s->dmacr = value & 3; break;
    case DMATDLR: s->dmatdlr = value & 0x1f; break;
    case DMARDLR: s->dmardlr = value & 0x1f; break;
    case RX_SAMPLE_DELAY: s->rx_sample_delay = value & 0xff; break;
    case SPI_CTRLR0: s->spi_ctrlr0 = value; break;
    case ENDIAN: s->endian = value; break;
    case TXFLR: case RXFLR: case SR: case ISR: case RISR: case TXOICR: case RXOICR: case RXUICR: case MSTICR: case ICR:
    case IDR: case VERSION: break;
    default:
        if (!write_xip(s, offset, value)) {
            emu_unmodelled(s->emu, device_name[s->index], offset, true, value);
        }
    }
}

static void spi_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    spi_t *s = opaque;
    (void)size;
    spi_advance(s);
    write_register(s, offset, (uint32_t)value);
    spi_start(s);
    spi_update(s);
}

static void clocks_changed(void *opaque)
{
    spi_t *s = opaque;
    spi_advance(s);
    spi_start(s);
    spi_update(s);
}

static void arbiter_changed(void *opaque, bool level)
{
    (void)level;
    clocks_changed(opaque);
}

static void spi_reset(void *opaque)
{
    spi_t *s = opaque;
    spi_enable(s, false);
    spi_select(s, 0);
    s->ctrlr0 = s->index == 3 ? 0x7 : 0x70000; /* 8-bit frames, the IP's default */
    s->ctrlr1 = s->mwcr = s->baudr = s->txftlr = s->rxftlr = s->imr = s->sticky = 0;
    s->dmacr = s->dmatdlr = s->dmardlr = s->rx_sample_delay = s->spi_ctrlr0 = s->endian = 0;
    s->xip = (spi_xip_t){0};
    spi_update(s);
}

static void spi_state(void *opaque, emu_json_t *json)
{
    spi_t *s = opaque;
    emu_json_u64(json, "ctrlr0", s->ctrlr0);
    emu_json_u64(json, "ctrlr1", s->ctrlr1);
    emu_json_bool(json, "enabled", s->enabled);
    emu_json_u64(json, "ser", s->ser);
    emu_json_u64(json, "baudr", s->baudr);
    emu_json_u64(json, "tx_level", spi_tx_level(s));
    emu_json_u64(json, "rx_level", s->rx_level);
    emu_json_u64(json, "sr", status(s));
    emu_json_u64(json, "imr", s->imr);
    emu_json_u64(json, "risr", spi_raw_interrupts(s));
    emu_json_u64(json, "dmacr", s->dmacr);
    emu_json_u64(json, "spi_ctrlr0", s->spi_ctrlr0);
    emu_json_u64(json, "endian", s->endian);
}

void spi_create(emu_t *emu, unsigned index)
{
    static const uint64_t base[4] = {0x52000000, 0x53000000, 0x50240000, 0x54000000};
    spi_t *s = device_new(sizeof *s);
    s->emu = emu;
    s->index = index;
    s->event = EMU_EVENT(clocks_changed, s);
    s->selected = 0xf; /* so that the reset below drives every line to its idle level */
    s->rx_stream = (emu_dma_stream_t){.pull = spi_pull, .opaque = s};
    s->tx_stream = (emu_dma_stream_t){.room = spi_room, .push = spi_push, .opaque = s};
    emu_set_dma_stream(emu, 2 * index, &s->rx_stream);
    emu_set_dma_stream(emu, 2 * index + 1, &s->tx_stream);
    emu_on_clocks_changed(emu, clocks_changed, s);
    if (index < 2) {
        emu_on_function_input(emu, spi_arbiter_function(s), arbiter_changed, s);
    }
    emu_add_device(emu, &(emu_device_t){.name = device_name[index], .base = base[index], .size = 0x1000000, .word = 4,
                                        .read = spi_read, .write = spi_write, .reset = spi_reset, .state = spi_state,
                                        .destroy = free, .opaque = s});
    spi_reset(s);
}
