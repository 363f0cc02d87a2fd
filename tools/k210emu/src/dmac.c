/* DMAC: registers, channel enables and interrupts (spec soc.md 8). Blocks are in
 * dmac_blocks.c, data moves in dmac_transfer.c. */
#include "dmac.h"

#include <stdio.h>

enum {
    ID = 0x00, COMPVER = 0x08, CFG = 0x10, CHEN = 0x18, INTSTATUS = 0x30, COM_INTCLEAR = 0x38, COM_INTSTATUS_EN = 0x40,
    COM_INTSIGNAL_EN = 0x48, COM_INTSTATUS = 0x50, RESET = 0x58, CHANNELS = 0x100, CHANNEL_SIZE = 0x100,
    DMAC_END = CHANNELS + DMAC_CHANNELS * CHANNEL_SIZE
};
enum {
    CH_SAR = 0x00, CH_DAR = 0x08, CH_BLOCK_TS = 0x10, CH_CTL = 0x18, CH_CFG = 0x20, CH_LLP = 0x28, CH_STATUS = 0x30,
    CH_SWHSSRC = 0x38, CH_SWHSDST = 0x40, CH_BLK_TFR = 0x48, CH_AXI_ID = 0x50, CH_AXI_QOS = 0x58,
    CH_INTSTATUS_EN = 0x80, CH_INTSTATUS = 0x88, CH_INTSIGNAL_EN = 0x90, CH_INTCLEAR = 0x98
};

#define FIRST_IRQ 27

/* ---- interrupts -------------------------------------------------------------------------------------------------- */

void dmac_update_interrupts(dmac_t *s)
{
    for (unsigned n = 0; n < DMAC_CHANNELS; n++) {
        channel_t *ch = &s->channel[n];
        bool irq = s->int_en && (ch->intstatus & ch->intsignal_en) != 0;
        if (irq != ch->irq) {
            ch->irq = irq;
            emu_irq(s->emu, FIRST_IRQ + n, irq);
        }
    }
}

void dmac_raise(channel_t *ch, uint64_t interrupts)
{
    ch->intstatus |= interrupts & ch->intstatus_en;
}

/* ---- channel enables --------------------------------------------------------------------------------------------- */

void dmac_stop(channel_t *ch, uint64_t interrupts)
{
    emu_event_cancel(ch->dmac->emu, &ch->step);
    ch->enabled = ch->suspended = ch->resume_needed = false;
    ch->fifo_level = 0;
    ch->staged = 0;
    dmac_raise(ch, interrupts);
}

static uint64_t read_chen(const dmac_t *s)
{
    uint64_t value = 0;
    for (unsigned n = 0; n < DMAC_CHANNELS; n++) {
        value |= (uint64_t)s->channel[n].enabled << n | (uint64_t)s->channel[n].suspended << (16 + n);
    }
    return value;
}

static void write_enable(channel_t *ch, bool enable)
{
    if (enable && !ch->dmac->enabled) {
        emu_warn(ch->dmac->emu, "dmac", "channel %u enabled while cfg.dmac_en is 0 stays idle", ch->n);
    } else if (enable && !ch->enabled) {
        ch->enabled = true;
        dmac_start(ch);
    } else if (!enable && ch->enabled) {
        dmac_stop(ch, DMAC_INT_DISABLED);
    }
}

static void write_suspend(channel_t *ch, bool suspend)
{
    if (suspend == ch->suspended || !ch->enabled) {
        return;
    }
    ch->suspended = suspend;
    if (suspend) {
        if (ch->staged == 0) { /* else the running transaction comes to its end */
            emu_event_cancel(ch->dmac->emu, &ch->step);
        }
        dmac_raise(ch, DMAC_INT_SUSPENDED);
    } else {
        dmac_kick(ch);
    }
}

static void write_chen(dmac_t *s, uint64_t value)
{
    for (unsigned n = 0; n < DMAC_CHANNELS; n++) {
        channel_t *ch = &s->channel[n];
        if (bit(value, 8 + n)) {
            write_enable(ch, bit(value, n));
        }
        if (bit(value, 24 + n)) {
            write_suspend(ch, bit(value, 16 + n));
        }
        if (bit(value, 40 + n) && bit(value, 32 + n) && ch->enabled) {
            dmac_stop(ch, DMAC_INT_ABORTED);
        }
    }
}

/* ---- registers --------------------------------------------------------------------------------------------------- */

static uint64_t read_summary(const dmac_t *s)
{
    uint64_t value = s->com_intstatus != 0 ? 1u << 16 : 0;
    for (unsigned n = 0; n < DMAC_CHANNELS; n++) {
        value |= (uint64_t)(s->channel[n].intstatus != 0) << n;
    }
    return value;
}

static bool read_channel(const channel_t *ch, unsigned offset, uint64_t *value)
{
    switch (offset) {
    case CH_SAR: *value = ch->sar; break;
    case CH_DAR: *value = ch->dar; break;
    case CH_BLOCK_TS: *value = ch->block_ts; break;
    case CH_CTL: *value = ch->ctl; break;
    case CH_CFG: *value = ch->cfg; break;
    case CH_LLP: *value = ch->llp; break;
    case CH_STATUS: *value = ch->done; break;
    case CH_SWHSSRC: *value = ch->software_request[0] ? 1 : 0; break;
    case CH_SWHSDST: *value = ch->software_request[1] ? 1 : 0; break;
    case CH_AXI_ID: *value = ch->axi_id; break;
    case CH_AXI_QOS: *value = ch->axi_qos; break;
    case CH_INTSTATUS_EN: *value = ch->intstatus_en; break;
    case CH_INTSTATUS: *value = ch->intstatus; break;
    case CH_INTSIGNAL_EN: *value = ch->intsignal_en; break;
    case CH_BLK_TFR: case CH_INTCLEAR: *value = 0; break;
    default: return false;
    }
    return true;
}

static bool read_common(const dmac_t *s, uint64_t offset, uint64_t *value)
{
    switch (offset) {
    case ID: *value = 0; break;               /* not public */
    case COMPVER: *value = 0x3130312a; break; /* "101*", DesignWare's way to write 1.01a */
    case CFG: *value = (s->enabled ? 1u : 0) | (s->int_en ? 2u : 0); break;
    case CHEN: *value = read_chen(s); break;
    case INTSTATUS: *value = read_summary(s); break;
    case COM_INTSTATUS_EN: *value = s->com_intstatus_en; break;
    case COM_INTSIGNAL_EN: *value = s->com_intsignal_en; break;
    case COM_INTSTATUS: *value = s->com_intstatus; break;
    case COM_INTCLEAR: case RESET: *value = 0; break;
    default: return false;
    }
    return true;
}

static uint64_t dmac_read(void *opaque, uint64_t offset, unsigned size)
{
    dmac_t *s = opaque;
    uint64_t value = 0;
    (void)size;
    bool known = offset < CHANNELS ? read_common(s, offset, &value)
                                   : offset < DMAC_END && read_channel(&s->channel[offset / CHANNEL_SIZE - 1],
                                                                       (unsigned)offset % CHANNEL_SIZE, &value);
    if (!known) {
        emu_unmodelled(s->emu, "dmac", offset, false, 0);
    }
    return value;
}

static void software_handshake(channel_t *ch, unsigned side, uint64_t value)
{
    if ((bit(value, 0) && bit(value, 1)) || (bit(value, 2) && bit(value, 3))) {
        ch->software_request[side] = true;
        dmac_kick(ch);
    }
}

static bool write_channel(channel_t *ch, unsigned offset, uint64_t value)
{
    switch (offset) {
    case CH_SAR: ch->sar = value; break;
    case CH_DAR: ch->dar = value; break;
    case CH_BLOCK_TS: ch->block_ts = value & 0x3fffff; break;
    case CH_CTL: ch->ctl = value; break;
    case CH_CFG: ch->cfg = value; break;
    case CH_LLP: ch->llp = value & ~0x3eull; break;
    case CH_SWHSSRC: software_handshake(ch, 0, value); break;
    case CH_SWHSDST: software_handshake(ch, 1, value); break;
    case CH_BLK_TFR:
        if (bit(value, 0)) {
            dmac_resume(ch);
        }
        break;
    case CH_AXI_ID: ch->axi_id = value; break;
    case CH_AXI_QOS: ch->axi_qos = value; break;
    case CH_INTSTATUS_EN: ch->intstatus_en = value; break;
    case CH_INTSIGNAL_EN: ch->intsignal_en = value; break;
    case CH_INTCLEAR: ch->intstatus &= ~value; break;
    case CH_STATUS: case CH_INTSTATUS: break;
    default: return false;
    }
    return true;
}

static void dmac_reset(void *opaque)
{
    dmac_t *s = opaque;
    s->enabled = s->int_en = false;
    s->com_intstatus = 0;
    s->com_intstatus_en = s->com_intsignal_en = ~0ull;
    for (unsigned n = 0; n < DMAC_CHANNELS; n++) {
        channel_t *ch = &s->channel[n];
        dmac_stop(ch, 0);
        ch->sar = ch->dar = ch->block_ts = ch->ctl = ch->cfg = ch->llp = ch->done = ch->axi_id = ch->axi_qos = 0;
        ch->software_request[0] = ch->software_request[1] = false;
        ch->intstatus = 0;
        ch->intstatus_en = ch->intsignal_en = ~0ull; /* spec 8.2 */
    }
    dmac_update_interrupts(s);
}

static void write_config(dmac_t *s, uint64_t value)
{
    s->enabled = bit(value, 0);
    s->int_en = bit(value, 1);
    for (unsigned n = 0; n < DMAC_CHANNELS && !s->enabled; n++) {
        if (s->channel[n].enabled) {
            dmac_stop(&s->channel[n], DMAC_INT_DISABLED);
        }
    }
}

static bool write_common(dmac_t *s, uint64_t offset, uint64_t value)
{
    switch (offset) {
    case CFG: write_config(s, value); break;
    case CHEN: write_chen(s, value); break;
    case COM_INTCLEAR: s->com_intstatus &= ~value; break;
    case COM_INTSTATUS_EN: s->com_intstatus_en = value; break;
    case COM_INTSIGNAL_EN: s->com_intsignal_en = value; break;
    case RESET:
        if (bit(value, 0)) {
            dmac_reset(s);
        }
        break;
    case ID: case COMPVER: case INTSTATUS: case COM_INTSTATUS: break;
    default: return false;
    }
    return true;
}

static void dmac_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    dmac_t *s = opaque;
    (void)size;
    bool known = offset < CHANNELS ? write_common(s, offset, value)
                                   : offset < DMAC_END && write_channel(&s->channel[offset / CHANNEL_SIZE - 1],
                                                                        (unsigned)offset % CHANNEL_SIZE, value);
    if (!known) {
        emu_unmodelled(s->emu, "dmac", offset, true, value);
    }
    dmac_update_interrupts(s);
}

static void request_changed(void *opaque, unsigned select, bool level)
{
    dmac_t *s = opaque;
    for (unsigned n = 0; level && n < DMAC_CHANNELS; n++) {
        if (emu_dma_select(s->emu, n) == select) {
            for (unsigned k = 0; k < DMAC_CHANNELS; k++) {
                dmac_kick(&s->channel[k]); /* any channel may listen to handshake interface n */
            }
        }
    }
}

static void dmac_state(void *opaque, emu_json_t *json)
{
    dmac_t *s = opaque;
    char name[12];
    emu_json_u64(json, "chen", read_chen(s));
    for (unsigned n = 0; n < DMAC_CHANNELS; n++) {
        const channel_t *ch = &s->channel[n];
        snprintf(name, sizeof name, "channel%u", n);
        emu_json_begin(json, name);
        emu_json_bool(json, "enabled", ch->enabled);
        emu_json_u64(json, "request", emu_dma_select(s->emu, n));
        emu_json_u64(json, "sar", ch->sar);
        emu_json_u64(json, "dar", ch->dar);
        emu_json_u64(json, "items", ch->block_ts + 1);
        emu_json_u64(json, "done", ch->done);
        emu_json_u64(json, "ctl", ch->ctl);
        emu_json_u64(json, "cfg", ch->cfg);
        emu_json_u64(json, "intstatus", ch->intstatus);
        emu_json_end(json);
    }
}

void dmac_create(emu_t *emu)
{
    dmac_t *s = device_new(sizeof *s);
    s->emu = emu;
    for (unsigned n = 0; n < DMAC_CHANNELS; n++) {
        s->channel[n].dmac = s;
        s->channel[n].n = n;
        s->channel[n].step = EMU_EVENT(dmac_step, &s->channel[n]);
    }
    emu_on_dma_request(emu, request_changed, s);
    emu_add_device(emu, &(emu_device_t){.name = "dmac", .base = 0x50000000, .size = 0x1000, .word = 8,
                                        .read = dmac_read, .write = dmac_write, .reset = dmac_reset,
                                        .state = dmac_state, .destroy = free, .opaque = s});
    dmac_reset(s);
}
