/* Blocks of a DMAC channel: single, reloaded, from shadow registers or from a list (spec soc.md 8.2, 8.3). */
#include "dmac.h"

enum { CONTIGUOUS, RELOAD, SHADOW, LINKED_LIST };
#define CTL_BLOCK_INTERRUPT 58
#define CTL_LAST 62
#define CTL_VALID 63

static unsigned multiblock(const channel_t *ch, unsigned side)
{
    return field(ch->cfg, 2 * side, 2);
}

static bool uses(const channel_t *ch, unsigned type)
{
    return multiblock(ch, 0) == type || multiblock(ch, 1) == type;
}

/* Fetches the next list item (spec 8.3) into the registers. */
static bool load_list_item(channel_t *ch)
{
    uint64_t item[5];
    if (!emu_dma_read(ch->dmac->emu, (uint32_t)ch->llp & ~0x3fu, item, sizeof item)) {
        dmac_stop(ch, DMAC_INT_LLI_READ_ERROR);
        return false;
    }
    if (!bit(item[4], CTL_VALID)) {
        dmac_raise(ch, DMAC_INT_LLI_INVALID);
        ch->resume_needed = true;
        return false;
    }
    ch->sar = multiblock(ch, 0) == LINKED_LIST ? item[0] : ch->sar;
    ch->dar = multiblock(ch, 1) == LINKED_LIST ? item[1] : ch->dar;
    ch->block_ts = item[2] & 0x3fffff;
    ch->llp = item[3];
    ch->ctl = item[4];
    return true;
}

static bool load_shadow(channel_t *ch)
{
    if (!bit(ch->ctl, CTL_VALID)) {
        dmac_raise(ch, DMAC_INT_LLI_INVALID);
        ch->resume_needed = true;
        return false;
    }
    ch->ctl &= ~(1ull << CTL_VALID); /* taken: the software may write the next block */
    return true;
}

static void load_block(channel_t *ch)
{
    bool first = ch->first_block;
    if (uses(ch, LINKED_LIST) ? !load_list_item(ch) : uses(ch, SHADOW) && !load_shadow(ch)) {
        return;
    }
    if (first || multiblock(ch, 0) != CONTIGUOUS) {
        ch->source = (uint32_t)ch->sar;
    }
    if (first || multiblock(ch, 1) != CONTIGUOUS) {
        ch->destination = (uint32_t)ch->dar;
    }
    if (ch->source % dmac_source_width(ch) != 0 || ch->destination % dmac_destination_width(ch) != 0) {
        emu_warn(ch->dmac->emu, "dmac", "channel %u: 0x%08x to 0x%08x is not aligned to its widths %u and %u", ch->n,
                 ch->source, ch->destination, dmac_source_width(ch), dmac_destination_width(ch));
    }
    ch->first_block = false;
    ch->items_left = ch->block_ts + 1;
    ch->done = 0;
    dmac_kick(ch);
}

void dmac_end_block(channel_t *ch)
{
    bool chained = uses(ch, LINKED_LIST) || uses(ch, SHADOW), repeats = chained || uses(ch, RELOAD);
    if (!chained || bit(ch->ctl, CTL_BLOCK_INTERRUPT)) {
        dmac_raise(ch, DMAC_INT_BLOCK_DONE);
    }
    if (!repeats || bit(ch->ctl, CTL_LAST)) {
        dmac_stop(ch, DMAC_INT_DONE);
    } else if (chained) {
        load_block(ch);
    } else {
        ch->resume_needed = true; /* a reload waits for the software between blocks */
    }
}

void dmac_start(channel_t *ch)
{
    ch->first_block = true;
    load_block(ch);
}

void dmac_resume(channel_t *ch)
{
    if (!ch->enabled || !ch->resume_needed) {
        return;
    }
    ch->resume_needed = false;
    load_block(ch);
}
