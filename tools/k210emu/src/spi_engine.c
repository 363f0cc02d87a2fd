/* The transfer engine of the SPI model (spec soc.md 7.3 to 7.6).
 *
 * Time passes lazily: frames are completed when a register is read or when something outside could notice, which is
 * when an event is due. So polled transfers cost nothing per frame and DMA transfers little. */
#include "spi.h"

enum { TX_AND_RX, TX_ONLY, RX_ONLY, EEPROM_READ };

typedef struct {
    unsigned bits, tmod, lanes;
    bool loop;
} format_t;

static format_t format(const spi_t *s)
{
    uint32_t c = s->ctrlr0;
    return s->index == 3 ? (format_t){field(c, 0, 5) + 1, field(c, 10, 2), 1u << field(c, 22, 2), bit(c, 13)}
                         : (format_t){field(c, 16, 5) + 1, field(c, 8, 2), 1u << field(c, 21, 2), bit(c, 11)};
}

static unsigned instruction_bits(const spi_t *s)
{
    static const uint8_t bits[4] = {0, 4, 8, 16};
    return bits[field(s->spi_ctrlr0, 8, 2)];
}

static unsigned address_bits(const spi_t *s)
{
    return 4 * field(s->spi_ctrlr0, 2, 4);
}

unsigned spi_arbiter_function(const spi_t *s)
{
    return s->index == 0 ? 16 : 82;
}

static uint32_t in_wire_order(const spi_t *s, uint32_t word, unsigned bits)
{
    if (!bit(s->endian, 0) || bits % 8 != 0) {
        return word;
    }
    return __builtin_bswap32(word) >> (32 - bits);
}

/* ---- queues ------------------------------------------------------------------------------------------------------ */

void spi_queue(spi_t *s, uint32_t word)
{
    s->tx[(s->tx_head + s->tx_level++) % SPI_QUEUE] = word;
}

static uint32_t take(spi_t *s)
{
    uint32_t word = s->tx[s->tx_head];
    s->tx_head = (s->tx_head + 1) % SPI_QUEUE;
    s->tx_level--;
    return word;
}

static void received(spi_t *s, uint32_t word)
{
    if (s->rx_level >= SPI_RX_USABLE) {
        s->sticky |= SPI_INT_RXO;
        emu_warn(s->emu, "spi", "SPI%u: a received frame found the FIFO full and is lost", s->index);
        return;
    }
    s->rx[(s->rx_head + s->rx_level++) % SPI_DEPTH] = word;
}

/* ---- frames ------------------------------------------------------------------------------------------------------ */

static emu_time_t clocks_time(const spi_t *s, unsigned clocks)
{
    uint64_t hz = s->baudr == 0 ? 0 : emu_clock_hz(s->emu, EMU_CLOCK_SPI0 + s->index);
    return cycles_to_time((uint64_t)clocks * s->baudr, hz);
}

static unsigned lane_clocks(unsigned bits, unsigned lanes)
{
    return (bits + lanes - 1) / lanes;
}

static unsigned command_clocks(const spi_t *s, const format_t *f)
{
    unsigned type = field(s->spi_ctrlr0, 0, 2);
    return lane_clocks(instruction_bits(s), type >= 2 ? f->lanes : 1) +
           lane_clocks(address_bits(s), type >= 1 ? f->lanes : 1) +
           (f->tmod >= RX_ONLY ? field(s->spi_ctrlr0, 11, 5) : 0);
}

static void begin_burst(spi_t *s)
{
    if (s->burst_over) {
        spi_drive_selects(s, 0);
        s->burst_over = false;
    }
}

static spi_frame_t receive_burst(spi_t *s)
{
    s->receive_left = s->ctrlr1;
    return SPI_RECEIVE;
}

static spi_frame_t next_standard(spi_t *s, const format_t *f)
{
    switch (f->tmod) {
    case RX_ONLY:
        if (s->tx_level == 0) {
            return SPI_NOTHING;
        }
        begin_burst(s);
        s->word = take(s);
        return receive_burst(s);
    case EEPROM_READ:
        if (s->tx_level != 0) {
            begin_burst(s);
            s->word = take(s);
            s->commanded = true;
            return SPI_SEND;
        }
        if (s->commanded) {
            s->commanded = false;
            s->word = 0;
            return receive_burst(s);
        }
        return SPI_NOTHING;
    default:
        if (s->tx_level == 0) {
            return SPI_NOTHING;
        }
        s->word = take(s);
        return SPI_SEND;
    }
}

static spi_frame_t next_enhanced(spi_t *s, const format_t *f)
{
    unsigned words = (instruction_bits(s) != 0) + (address_bits(s) != 0);
    bool reads = f->tmod >= RX_ONLY;
    if (s->commanded && !reads) {
        if (s->tx_level == 0) {
            return SPI_NOTHING;
        }
        s->word = take(s);
        return SPI_SEND;
    }
    if (s->commanded) {
        s->commanded = false;
        s->word = 0;
        return receive_burst(s);
    }
    /* Without instruction and address a read starts by itself, once per chip select. */
    if (s->tx_level < words || (words == 0 && (reads ? s->burst_over : s->tx_level == 0))) {
        return SPI_NOTHING;
    }
    begin_burst(s);
    s->commanded = true;
    s->word = instruction_bits(s) != 0 ? take(s) : 0;
    s->address = address_bits(s) != 0 ? take(s) : 0;
    return SPI_COMMAND;
}

static bool granted(spi_t *s)
{
    s->refused = s->index < 2 && !emu_function_sample(s->emu, spi_arbiter_function(s));
    if (s->refused) {
        emu_warn(s->emu, "spi", "SPI%u waits for its arbiter: tie function %u high in FPIOA", s->index,
                 spi_arbiter_function(s));
    }
    return !s->refused;
}

/* Puts the next frame on the wire, which is free since `when`. */
static void begin_frame(spi_t *s, emu_time_t when)
{
    format_t f = format(s);
    s->running = false;
    if (!s->enabled || s->ser == 0 || clocks_time(s, 1) == EMU_NEVER) {
        return;
    }
    if (s->receive_left != 0) {
        s->receive_left--;
        s->frame = SPI_RECEIVE;
    } else {
        bool work = s->tx_level != 0 || s->commanded || (f.lanes > 1 && f.tmod >= RX_ONLY);
        if (!work || !granted(s)) {
            return;
        }
        s->frame = f.lanes == 1 ? next_standard(s, &f) : next_enhanced(s, &f);
        if (s->frame == SPI_NOTHING) {
            return;
        }
        spi_drive_selects(s, s->ser);
    }
    unsigned clocks = s->frame == SPI_COMMAND ? command_clocks(s, &f) : lane_clocks(f.bits, f.lanes);
    s->running = true;
    s->frame_end = when + clocks_time(s, clocks);
}

static void send_command(spi_t *s, const format_t *f)
{
    unsigned type = field(s->spi_ctrlr0, 0, 2), wait = field(s->spi_ctrlr0, 11, 5);
    unsigned instruction = instruction_bits(s), address = address_bits(s);
    if (instruction != 0) {
        spi_exchange(s, spi_low_bits(s->word, instruction), instruction, type >= 2 ? f->lanes : 1, false);
    }
    if (address != 0) {
        spi_exchange(s, spi_low_bits(s->address, address), address, type >= 1 ? f->lanes : 1, false);
    }
    if (f->tmod >= RX_ONLY && wait != 0) {
        spi_exchange(s, 0, wait, 0, true);
    }
}

/* What the frame on the wire brings in; meaningless for frames that only send. */
static uint32_t finish_frame(spi_t *s, const format_t *f)
{
    if (s->frame == SPI_COMMAND) {
        send_command(s, f);
        return 0;
    }
    bool reading = s->frame == SPI_RECEIVE || f->tmod == TX_AND_RX;
    uint32_t out = in_wire_order(s, spi_low_bits(s->word, f->bits), f->bits);
    uint32_t in = spi_exchange(s, out, f->bits, f->lanes, reading);
    s->burst_over = s->frame == SPI_RECEIVE && s->receive_left == 0;
    return in_wire_order(s, spi_low_bits(f->loop ? out : in, f->bits), f->bits);
}

static bool keeps_input(const spi_t *s, const format_t *f)
{
    return s->frame == SPI_RECEIVE || (s->frame == SPI_SEND && f->lanes == 1 && f->tmod == TX_AND_RX);
}

void spi_advance(spi_t *s)
{
    emu_time_t now = emu_now(s->emu);
    if (!s->running || s->frame_end > now) {
        return;
    }
    format_t f = format(s);
    while (s->running && s->frame_end <= now) {
        uint32_t in = finish_frame(s, &f);
        if (keeps_input(s, &f)) {
            received(s, in);
        }
        begin_frame(s, s->frame_end);
    }
}

void spi_start(spi_t *s)
{
    if (!s->running) {
        begin_frame(s, emu_now(s->emu));
    }
}

void spi_select(spi_t *s, uint32_t mask)
{
    s->ser = mask;
    spi_drive_selects(s, s->selected & mask);
    if (mask == 0) {
        s->running = s->commanded = s->burst_over = false;
        s->receive_left = 0;
    }
}

void spi_enable(spi_t *s, bool enable)
{
    s->enabled = enable;
    if (!enable) {
        spi_drive_selects(s, 0);
        s->tx_level = s->rx_level = 0;
        s->running = s->commanded = s->burst_over = s->refused = false;
        s->receive_left = 0;
    }
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static void sooner(unsigned *frames, unsigned candidate)
{
    if (candidate < *frames) {
        *frames = candidate;
    }
}

/* Frames that end before something can be noticed outside, counted behind the one on the wire. */
static unsigned frames_to_notice(const spi_t *s, const format_t *f)
{
    unsigned frames = s->tx_level + s->receive_left;
    if (bit(s->dmacr, 1) && s->tx_level > s->dmatdlr) {
        sooner(&frames, s->tx_level - s->dmatdlr - 1);
    }
    if ((s->imr & SPI_INT_TXE) && s->tx_level > s->txftlr) {
        sooner(&frames, s->tx_level - s->txftlr - 1);
    }
    if (!keeps_input(s, f)) {
        return frames;
    }
    if (bit(s->dmacr, 0) && s->rx_level <= s->dmardlr) {
        sooner(&frames, s->dmardlr - s->rx_level);
    }
    if ((s->imr & SPI_INT_RXF) && s->rx_level <= s->rxftlr) {
        sooner(&frames, s->rxftlr - s->rx_level);
    }
    if (s->imr & SPI_INT_RXO) {
        sooner(&frames, SPI_RX_USABLE - s->rx_level);
    }
    return frames;
}

void spi_schedule(spi_t *s)
{
    if (!s->running) {
        emu_event_cancel(s->emu, &s->event);
        return;
    }
    format_t f = format(s);
    emu_time_t frame = clocks_time(s, lane_clocks(f.bits, f.lanes));
    emu_time_t when = frame == EMU_NEVER ? s->frame_end : s->frame_end + frames_to_notice(s, &f) * frame;
    if (when != s->event.when) {
        emu_event_at(s->emu, &s->event, when);
    }
}

/* ---- DMA in bulk (emu.h) ----------------------------------------------------------------------------------------- */

unsigned spi_pull(void *opaque, uint32_t *items, unsigned max, emu_time_t item_time, emu_time_t *arrived)
{
    spi_t *s = opaque;
    spi_advance(s);
    format_t f = format(s);
    emu_time_t frame = clocks_time(s, lane_clocks(f.bits, f.lanes));
    unsigned count = s->rx_level + s->receive_left; /* the last frame stays on the wire, the engine busy */
    if (!s->running || s->frame != SPI_RECEIVE || frame < item_time || frame == EMU_NEVER || count < SPI_DEPTH) {
        return 0;
    }
    count = count < max ? count : max;
    *arrived = emu_now(s->emu);
    for (unsigned i = 0; i < count; i++) {
        if (s->rx_level != 0) {
            items[i] = s->rx[s->rx_head];
            s->rx_head = (s->rx_head + 1) % SPI_DEPTH;
            s->rx_level--;
            continue;
        }
        items[i] = finish_frame(s, &f);
        *arrived = s->frame_end;
        s->receive_left--;
        s->frame_end += frame;
    }
    spi_update(s);
    return count;
}

unsigned spi_room(void *opaque, emu_time_t item_time)
{
    spi_t *s = opaque;
    spi_advance(s);
    format_t f = format(s);
    bool sends = s->running && f.tmod == TX_ONLY && clocks_time(s, lane_clocks(f.bits, f.lanes)) >= item_time;
    return sends ? SPI_QUEUE - s->tx_level : 0;
}

void spi_push(void *opaque, const uint32_t *items, unsigned count)
{
    spi_t *s = opaque;
    for (unsigned i = 0; i < count; i++) {
        spi_queue(s, items[i]);
    }
    spi_update(s);
}
