/* Data transfer of the DMAC (spec soc.md 8.2, 8.5): bursts, handshakes, time. */
#include "dmac.h"

#include <string.h>

unsigned dmac_source_width(const channel_t *ch)
{
    unsigned code = field(ch->ctl, 8, 3);
    return 1u << (code < 5 ? code : 5);
}

unsigned dmac_destination_width(const channel_t *ch)
{
    unsigned code = field(ch->ctl, 11, 3);
    return 1u << (code < 5 ? code : 5);
}

static unsigned burst_items(uint64_t ctl, unsigned low)
{
    unsigned code = field(ctl, low, 4);
    return code == 0 ? 1 : 2u << (code < 7 ? code : 7);
}

static bool from_peripheral(const channel_t *ch)
{
    unsigned flow = field(ch->cfg, 32, 3);
    return flow == 2 || flow == 3 || flow == 4 || flow == 5 || flow == 7;
}

static bool to_peripheral(const channel_t *ch)
{
    unsigned flow = field(ch->cfg, 32, 3);
    return flow == 1 || flow == 3 || flow >= 5;
}

static unsigned at_most(uint64_t items, unsigned limit)
{
    return items < limit ? (unsigned)items : limit;
}

static bool source_fixed(const channel_t *ch)
{
    return bit(ch->ctl, 4);
}

static bool destination_fixed(const channel_t *ch)
{
    return bit(ch->ctl, 6);
}

/* A 64-bit bus. Moving 230,400 bytes in 64-bit bursts of 16 takes 0.33 ms at 400 MHz (spec kpu.md 8): 73 cycles a
 * burst, so a beat is read and written in 4.5 cycles and a burst costs one more. */
static emu_time_t burst_time(const channel_t *ch, unsigned bytes)
{
    unsigned from = dmac_source_width(ch), to = dmac_destination_width(ch);
    unsigned narrow = from < to ? from : to;
    uint64_t beats = (bytes + (narrow < 8 ? narrow : 8) - 1) / (narrow < 8 ? narrow : 8);
    return cycles_to_time(1 + beats * 9 / 2, emu_clock_hz(ch->dmac->emu, EMU_CLOCK_CPU));
}

/* ---- reading and writing ----------------------------------------------------------------------------------------- */

static bool bus_read(emu_t *emu, uint32_t address, unsigned width, uint8_t *out)
{
    for (unsigned done = 0; done < width;) {
        unsigned piece = width - done < 8 ? width - done : 8;
        uint64_t value;
        if (!emu_bus_read(emu, address + done, piece, &value)) {
            return false;
        }
        memcpy(out + done, &value, piece);
        done += piece;
    }
    return true;
}

static bool bus_write(emu_t *emu, uint32_t address, unsigned width, const uint8_t *data)
{
    for (unsigned done = 0; done < width;) {
        unsigned piece = width - done < 8 ? width - done : 8;
        uint64_t value = 0;
        memcpy(&value, data + done, piece);
        if (!emu_bus_write(emu, address + done, piece, value)) {
            return false;
        }
        done += piece;
    }
    return true;
}

static void read_items(channel_t *ch, unsigned items)
{
    emu_t *emu = ch->dmac->emu;
    unsigned width = dmac_source_width(ch);
    items = at_most(items, (DMAC_FIFO - ch->fifo_level) / width); /* software may rewrite ctl in the midst of a block */
    unsigned bytes = items * width;
    uint8_t *out = ch->fifo + ch->fifo_level;
    const uint8_t *ram = emu_ram(emu, ch->source, source_fixed(ch) ? width : bytes);
    bool good = true;
    if (ram != NULL && !source_fixed(ch)) {
        memcpy(out, ram, bytes);
    } else {
        for (unsigned i = 0; i < items && good; i++) {
            good = bus_read(emu, ch->source + (source_fixed(ch) ? 0 : i * width), width, out + i * width);
        }
    }
    if (!good) {
        dmac_stop(ch, DMAC_INT_SOURCE_ERROR);
        return;
    }
    ch->source += source_fixed(ch) ? 0 : bytes;
    ch->fifo_level += bytes;
    ch->items_left -= items;
    ch->done += items;
}

static void write_bytes(channel_t *ch, unsigned bytes)
{
    emu_t *emu = ch->dmac->emu;
    unsigned width = dmac_destination_width(ch);
    bool good = true;
    if (!destination_fixed(ch) && emu_ram(emu, ch->destination, bytes) != NULL) {
        good = emu_dma_write(emu, ch->destination, ch->fifo, bytes);
    } else {
        for (unsigned i = 0; i < bytes && good; i += width) {
            good = bus_write(emu, ch->destination + (destination_fixed(ch) ? 0 : i), width, ch->fifo + i);
        }
    }
    if (!good) {
        dmac_stop(ch, DMAC_INT_DESTINATION_ERROR);
        return;
    }
    ch->destination += destination_fixed(ch) ? 0 : bytes;
    ch->fifo_level -= bytes;
    memmove(ch->fifo, ch->fifo + bytes, ch->fifo_level);
}

/* Writes every whole item read so far, and at the end of the block what is left, filled up with zeros. */
static void drain(channel_t *ch)
{
    unsigned width = dmac_destination_width(ch);
    if (ch->items_left == 0 && ch->fifo_level % width != 0) {
        unsigned fill = width - ch->fifo_level % width;
        memset(ch->fifo + ch->fifo_level, 0, fill);
        ch->fifo_level += fill;
    }
    unsigned bytes = ch->fifo_level - ch->fifo_level % width;
    if (to_peripheral(ch)) {
        bytes = at_most(bytes, burst_items(ch->ctl, 18) * width); /* one burst a request */
    }
    if (ch->enabled && bytes != 0) {
        write_bytes(ch, bytes);
    }
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static bool overlaps_closely(const channel_t *ch)
{
    uint32_t distance = ch->destination - ch->source;
    return distance < DMAC_CHUNK || -distance < DMAC_CHUNK;
}

/* Source items of the next step. Plain memory goes in chunks; elsewhere the order of single bursts can be seen. */
static unsigned step_items(const channel_t *ch)
{
    unsigned burst = burst_items(ch->ctl, 14), width = dmac_source_width(ch);
    unsigned wanted = burst_items(ch->ctl, 18) * dmac_destination_width(ch);
    if (to_peripheral(ch)) {
        wanted -= ch->fifo_level < wanted ? ch->fifo_level : wanted;
        return at_most(ch->items_left, from_peripheral(ch) && wanted != 0 ? burst : (wanted + width - 1) / width);
    }
    if (from_peripheral(ch)) {
        return at_most(ch->items_left, burst);
    }
    emu_t *emu = ch->dmac->emu;
    bool plain = emu_ram(emu, ch->source, 1) != NULL && emu_ram(emu, ch->destination, 1) != NULL;
    return at_most(ch->items_left, plain && !overlaps_closely(ch) ? DMAC_CHUNK / width : burst);
}

static unsigned request_line(const channel_t *ch, unsigned low)
{
    unsigned interface = field(ch->cfg, low, 4);
    return interface < DMAC_CHANNELS ? emu_dma_select(ch->dmac->emu, interface) : 64;
}

static bool requested(channel_t *ch, unsigned side)
{
    if (bit(ch->cfg, 35 + side)) {
        return ch->software_request[side];
    }
    unsigned line = request_line(ch, side == 0 ? 39 : 44);
    if (line >= 64) {
        emu_warn(ch->dmac->emu, "dmac", "channel %u waits on handshake %u; there are 0..5", ch->n,
                 field(ch->cfg, side == 0 ? 39 : 44, 4));
        return false;
    }
    return emu_dma_requested(ch->dmac->emu, line);
}

static bool can_step(channel_t *ch)
{
    return ch->enabled && !ch->suspended && !ch->stepping && !ch->resume_needed && ch->step.when == EMU_NEVER &&
           (!from_peripheral(ch) || requested(ch, 0)) && (!to_peripheral(ch) || requested(ch, 1));
}

/* A stream needs 32-bit items on the peripheral's side at a fixed address, and hardware requests. */
static const emu_dma_stream_t *stream_of(const channel_t *ch, unsigned side)
{
    unsigned width = side == 0 ? dmac_source_width(ch) : dmac_destination_width(ch);
    unsigned line = request_line(ch, side == 0 ? 39 : 44);
    if (width != 4 || dmac_source_width(ch) != dmac_destination_width(ch) || bit(ch->cfg, 35 + side) || line >= 64 ||
        !(side == 0 ? source_fixed(ch) : destination_fixed(ch)) || (from_peripheral(ch) && to_peripheral(ch))) {
        return NULL;
    }
    return emu_dma_stream(ch->dmac->emu, line);
}

static emu_time_t item_time(const channel_t *ch, unsigned burst)
{
    return burst_time(ch, 4 * burst) / burst;
}

/* Takes what a peripheral will deliver in the near future; it is written to memory when it has arrived. */
static bool pull_stream(channel_t *ch)
{
    const emu_dma_stream_t *stream = from_peripheral(ch) ? stream_of(ch, 0) : NULL;
    if (stream == NULL || stream->pull == NULL || ch->fifo_level != 0) {
        return false;
    }
    emu_time_t arrived, each = item_time(ch, burst_items(ch->ctl, 14));
    ch->staged = stream->pull(stream->opaque, ch->stage, at_most(ch->items_left, DMAC_STAGE), each, &arrived);
    if (ch->staged == 0) {
        return false;
    }
    emu_event_at(ch->dmac->emu, &ch->step, arrived + each);
    return true;
}

static void deliver_staged(channel_t *ch)
{
    memcpy(ch->fifo, ch->stage, 4 * ch->staged);
    ch->fifo_level = 4 * ch->staged;
    ch->items_left -= ch->staged;
    ch->done += ch->staged;
    ch->staged = 0;
    drain(ch);
}

/* Gives a peripheral more than its FIFO holds. The last items go by request, so that the channel ends in time. */
static bool push_stream(channel_t *ch)
{
    const emu_dma_stream_t *stream = to_peripheral(ch) ? stream_of(ch, 1) : NULL;
    const unsigned reserve = 64;
    if (stream == NULL || stream->push == NULL || ch->items_left <= 2 * reserve || ch->fifo_level != 0) {
        return false;
    }
    unsigned room = stream->room(stream->opaque, item_time(ch, burst_items(ch->ctl, 18)));
    unsigned count = at_most(ch->items_left - reserve, room < DMAC_STAGE ? room : DMAC_STAGE);
    if (count < reserve) {
        return false;
    }
    read_items(ch, count);
    if (ch->enabled) {
        memcpy(ch->stage, ch->fifo, 4 * count);
        ch->fifo_level = 0;
        stream->push(stream->opaque, ch->stage, count);
    }
    return true;
}

void dmac_kick(channel_t *ch)
{
    if (can_step(ch)) {
        emu_time_t cost = burst_time(ch, step_items(ch) * dmac_source_width(ch));
        emu_event_at(ch->dmac->emu, &ch->step, emu_now(ch->dmac->emu) + cost);
    }
}

static void move_burst(channel_t *ch)
{
    bool from = from_peripheral(ch), to = to_peripheral(ch);
    if ((from && !requested(ch, 0)) || (to && !requested(ch, 1))) {
        return; /* withdrawn meanwhile */
    }
    if (pull_stream(ch) || push_stream(ch)) {
        return;
    }
    if (ch->items_left != 0) {
        read_items(ch, step_items(ch));
    }
    if (ch->enabled) {
        drain(ch);
    }
    ch->software_request[0] = ch->software_request[1] = false;
    dmac_raise(ch, (from ? DMAC_INT_SOURCE_TRANSACTION : 0) | (to ? DMAC_INT_DESTINATION_TRANSACTION : 0));
}

void dmac_step(void *opaque)
{
    channel_t *ch = opaque;
    ch->stepping = true; /* what it reads or writes may raise requests meanwhile */
    if (ch->staged != 0) {
        deliver_staged(ch);
    } else {
        move_burst(ch);
    }
    ch->stepping = false;
    if (ch->enabled && ch->items_left == 0 && ch->fifo_level == 0) {
        dmac_end_block(ch);
    } else {
        dmac_kick(ch);
    }
    dmac_update_interrupts(ch->dmac);
}
