/* I2C0 to I2C2 (DesignWare APB I2C, spec soc.md 10.1): registers, interrupts, DMA requests. The bus is in i2c_bus.c. */
#include "i2c.h"
#include "peripherals.h"

#include <stdio.h>

enum {
    CON = 0x00, TAR = 0x04, SAR = 0x08, HS_MADDR = 0x0c, DATA_CMD = 0x10, SS_SCL_HCNT = 0x14, HS_SCL_LCNT = 0x28,
    INTR_STAT = 0x2c, INTR_MASK = 0x30, RAW_INTR_STAT = 0x34, RX_TL = 0x38, TX_TL = 0x3c, CLR_INTR = 0x40,
    CLR_RX_UNDER = 0x44, CLR_RX_OVER = 0x48, CLR_TX_OVER = 0x4c, CLR_RD_REQ = 0x50, CLR_TX_ABRT = 0x54,
    CLR_RX_DONE = 0x58, CLR_ACTIVITY = 0x5c, CLR_STOP_DET = 0x60, CLR_START_DET = 0x64, CLR_GEN_CALL = 0x68,
    ENABLE = 0x6c, STATUS = 0x70, TXFLR = 0x74, RXFLR = 0x78, SDA_HOLD = 0x7c, TX_ABRT_SOURCE = 0x80, DMA_CR = 0x88,
    DMA_TDLR = 0x8c, DMA_RDLR = 0x90, SDA_SETUP = 0x94, GENERAL_CALL = 0x98, ENABLE_STATUS = 0x9c, FS_SPKLEN = 0xa0,
    COMP_PARAM_1 = 0xf4, COMP_VERSION = 0xf8, COMP_TYPE = 0xfc
};

static uint32_t raw_interrupts(const i2c_t *s)
{
    return s->sticky | (s->enabled && s->tx_level <= s->tx_tl ? INT_TX_EMPTY : 0) |
           (s->rx_level > s->rx_tl ? INT_RX_FULL : 0) | (s->phase != I2C_IDLE || s->addressed ? INT_ACTIVITY : 0);
}

void i2c_update(i2c_t *s)
{
    bool irq = (raw_interrupts(s) & s->intr_mask) != 0;
    if (irq != s->irq) {
        s->irq = irq;
        emu_irq(s->emu, 8 + s->index, irq);
    }
    bool rx = s->enabled && bit(s->dma_cr, 0) && s->rx_level > s->dma_rdlr;
    if (rx != s->rx_request) {
        s->rx_request = rx;
        emu_dma_request(s->emu, 8 + 2 * s->index, rx);
    }
    bool tx = s->enabled && bit(s->dma_cr, 1) && s->tx_level <= s->dma_tdlr;
    if (tx != s->tx_request) {
        s->tx_request = tx;
        emu_dma_request(s->emu, 9 + 2 * s->index, tx);
    }
}

static uint32_t status(const i2c_t *s)
{
    bool master = s->phase != I2C_IDLE;
    return (master || s->addressed ? 1u : 0) | (s->tx_level < I2C_DEPTH ? 2u : 0) | (s->tx_level == 0 ? 4u : 0) |
           (s->rx_level != 0 ? 8u : 0) | (s->rx_level == I2C_DEPTH ? 16u : 0) | (master ? 32u : 0) |
           (s->addressed ? 64u : 0);
}

static uint32_t clear(i2c_t *s, uint32_t mask)
{
    uint32_t was = s->sticky & mask;
    s->sticky &= ~mask;
    if (mask & INT_TX_ABRT) {
        s->abort_source = 0;
    }
    return was != 0;
}

static uint32_t read_data(i2c_t *s)
{
    if (s->rx_level == 0) {
        s->sticky |= INT_RX_UNDER;
        return 0;
    }
    uint8_t byte = s->rx[s->rx_head];
    s->rx_head = (s->rx_head + 1) % I2C_DEPTH;
    s->rx_level--;
    return byte;
}

static uint32_t read_register(i2c_t *s, uint64_t offset)
{
    if (offset >= SS_SCL_HCNT && offset <= HS_SCL_LCNT) {
        return s->scl_count[(offset - SS_SCL_HCNT) / 4];
    }
    switch (offset) {
    case CON: return s->con;
    case TAR: return s->tar;
    case SAR: return s->sar;
    case HS_MADDR: return 1;
    case DATA_CMD: return read_data(s);
    case INTR_STAT: return raw_interrupts(s) & s->intr_mask;
    case INTR_MASK: return s->intr_mask;
    case RAW_INTR_STAT: return raw_interrupts(s);
    case RX_TL: return s->rx_tl;
    case TX_TL: return s->tx_tl;
    case CLR_INTR: return clear(s, ~0u);
    case CLR_RX_UNDER: return clear(s, INT_RX_UNDER);
    case CLR_RX_OVER: return clear(s, INT_RX_OVER);
    case CLR_TX_OVER: return clear(s, INT_TX_OVER);
    case CLR_RD_REQ: return clear(s, INT_RD_REQ);
    case CLR_TX_ABRT: return clear(s, INT_TX_ABRT);
    case CLR_RX_DONE: return clear(s, INT_RX_DONE);
    case CLR_ACTIVITY: return clear(s, INT_ACTIVITY);
    case CLR_STOP_DET: return clear(s, INT_STOP_DET);
    case CLR_START_DET: return clear(s, INT_START_DET);
    case CLR_GEN_CALL: return clear(s, INT_GEN_CALL);
    case ENABLE: return s->enabled | (uint32_t)s->blocked << 2;
    case STATUS: return status(s);
    case TXFLR: return s->tx_level;
    case RXFLR: return s->rx_level;
    case SDA_HOLD: return s->sda_hold;
    case TX_ABRT_SOURCE: return s->abort_source;
    case DMA_CR: return s->dma_cr;
    case DMA_TDLR: return s->dma_tdlr;
    case DMA_RDLR: return s->dma_rdlr;
    case SDA_SETUP: return s->sda_setup;
    case GENERAL_CALL: return s->general_call;
    case ENABLE_STATUS: return s->enabled;
    case FS_SPKLEN: return s->fs_spklen;
    case COMP_PARAM_1: return 0x000707ee; /* 8-deep FIFOs, DMA, 32-bit bus */
    case COMP_VERSION: return 0x3131352a;
    case COMP_TYPE: return 0x44570140;
    }
    emu_unmodelled(s->emu, s->name, offset, false, 0);
    return 0;
}

static uint64_t i2c_read(void *opaque, uint64_t offset, unsigned size)
{
    i2c_t *s = opaque;
    (void)size;
    uint32_t value = read_register(s, offset);
    i2c_start(s);
    i2c_update(s);
    return value;
}

static void write_data(i2c_t *s, uint32_t value)
{
    if (!s->enabled || (s->sticky & INT_TX_ABRT)) {
        return; /* the FIFO is held empty */
    }
    if (s->tx_level == I2C_DEPTH) {
        s->sticky |= INT_TX_OVER;
        emu_warn(s->emu, s->name, "write to the full transmit FIFO is lost");
        return;
    }
    s->tx[(s->tx_head + s->tx_level++) % I2C_DEPTH] = value & 0x1ff;
    if (!(s->con & CON_MASTER) && (s->con & CON_SLAVE_OFF)) {
        i2c_abort(s, ABRT_MASTER_OFF);
    }
}

static void write_enable(i2c_t *s, uint32_t value)
{
    s->blocked = bit(value, 2);
    if (s->enabled && !bit(value, 0)) {
        i2c_stop_at_once(s);
        s->tx_level = s->rx_level = 0;
        s->addressed = s->sending = s->asked = false;
    }
    s->enabled = bit(value, 0);
    if (s->enabled && bit(value, 1) && s->phase != I2C_IDLE) {
        i2c_abort(s, ABRT_USER);
    }
}

/* These can be written only while the controller is disabled. */
static bool settable(i2c_t *s, const char *what)
{
    if (s->enabled) {
        emu_warn(s->emu, s->name, "%s written while enable is 1 is ignored", what);
    }
    return !s->enabled;
}

static void write_register(i2c_t *s, uint64_t offset, uint32_t value)
{
    if (offset >= SS_SCL_HCNT && offset <= HS_SCL_LCNT) {
        if (settable(s, "an SCL count")) {
            s->scl_count[(offset - SS_SCL_HCNT) / 4] = value & 0xffff;
        }
        return;
    }
    switch (offset) {
    case CON:
        if (settable(s, "con")) {
            s->con = value & 0x1ff;
        }
        break;
    case TAR: s->tar = value & 0x1fff; break;
    case SAR:
        if (settable(s, "sar")) {
            s->sar = value & 0x3ff;
        }
        break;
    case DATA_CMD: write_data(s, value); break;
    case INTR_MASK: s->intr_mask = value & 0xfff; break;
    case RX_TL: s->rx_tl = value & 7; break;
    case TX_TL: s->tx_tl = value & 7; break;
    case ENABLE: write_enable(s, value); break;
    case SDA_HOLD: s->sda_hold = value & 0xffffff; break;
    case DMA_CR: s->dma_cr = value & 3; break;
    case DMA_TDLR: s->dma_tdlr = value & 7; break;
    case DMA_RDLR: s->dma_rdlr = value & 7; break;
    case SDA_SETUP: s->sda_setup = value & 0xff; break;
    case GENERAL_CALL: s->general_call = value & 1; break;
    case FS_SPKLEN: s->fs_spklen = value & 0xff; break;
    default: /* read-only, as the vendor's writes to clr_tx_abrt */
        if ((offset > GENERAL_CALL && offset < COMP_PARAM_1 && offset != ENABLE_STATUS) || offset > COMP_TYPE ||
            offset == 0x84) {
            emu_unmodelled(s->emu, s->name, offset, true, value);
        }
    }
}

static void i2c_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    i2c_t *s = opaque;
    (void)size;
    write_register(s, offset, (uint32_t)value);
    i2c_start(s);
    i2c_update(s);
}

static void clocks_changed(void *opaque)
{
    i2c_t *s = opaque;
    i2c_clocks_changed(s);
    i2c_update(s);
}

static void i2c_reset(void *opaque)
{
    static const uint16_t scl_count[6] = {400, 470, 60, 130, 6, 16}; /* the IP's defaults, as below */
    i2c_t *s = opaque;
    i2c_stop_at_once(s);
    for (unsigned i = 0; i < 6; i++) {
        s->scl_count[i] = scl_count[i];
    }
    s->con = 0x7f;
    s->tar = s->sar = 0x55;
    s->intr_mask = 0x8ff;
    s->sda_hold = s->fs_spklen = s->general_call = 1;
    s->sda_setup = 100;
    s->rx_tl = s->tx_tl = s->abort_source = s->dma_cr = s->dma_tdlr = s->dma_rdlr = s->sticky = 0;
    s->enabled = s->blocked = s->addressed = s->sending = s->asked = false;
    s->tx_level = s->rx_level = 0;
    i2c_update(s);
}

static void i2c_state(void *opaque, emu_json_t *json)
{
    i2c_t *s = opaque;
    emu_json_bool(json, "enabled", s->enabled);
    emu_json_u64(json, "con", s->con);
    emu_json_u64(json, "tar", s->tar);
    emu_json_u64(json, "sar", s->sar);
    emu_json_u64(json, "status", status(s));
    emu_json_u64(json, "raw_intr_stat", raw_interrupts(s));
    emu_json_u64(json, "intr_mask", s->intr_mask);
    emu_json_u64(json, "tx_abrt_source", s->abort_source);
    emu_json_u64(json, "tx_level", s->tx_level);
    emu_json_u64(json, "rx_level", s->rx_level);
    emu_json_u64(json, "dma_cr", s->dma_cr);
}

void i2c_create(emu_t *emu, unsigned index)
{
    i2c_t *s = device_new(sizeof *s);
    s->emu = emu;
    s->index = index;
    snprintf(s->name, sizeof s->name, "i2c%u", index % 10);
    i2c_attach(s);
    emu_on_clocks_changed(emu, clocks_changed, s);
    emu_add_device(emu, &(emu_device_t){.name = s->name, .base = 0x50280000 + 0x10000ull * index, .size = 0x10000,
                                        .word = 4, .read = i2c_read, .write = i2c_write, .reset = i2c_reset,
                                        .state = i2c_state, .destroy = free, .opaque = s});
    i2c_reset(s);
}
