/* TIMER0 to TIMER2 with their PWM (DesignWare APB timers, spec soc.md 10.2, 10.3).
 *
 * A channel counts down to 0, where its interrupt is set and its toggle output changes, and goes on at the reload value
 * with the next tick. Nothing happens per tick: counters are computed when somebody looks, and there are events only
 * for interrupts that will be seen and for outputs that are on a pad. */
#include "peripherals.h"

#include <stdio.h>

enum { LOAD_COUNT = 0x00, CURRENT_VALUE = 0x04, CONTROL = 0x08, EOI = 0x0c, INTR_STAT = 0x10, CHANNEL_SIZE = 0x14 };
enum {
    ALL_INTR_STAT = 0xa0, ALL_EOI = 0xa4, RAW_INTR_STAT = 0xa8, VERSION = 0xac, LOAD_COUNT2 = 0xb0, TIMER_END = 0xc0
};
enum { CTL_ENABLE = 1, CTL_USER = 2, CTL_MASKED = 4, CTL_PWM = 8 };

#define CHANNELS 4
#define FIRST_IRQ 14
#define FIRST_TOGGLE 190 /* FPIOA number of TIMER0_TOGGLE1 */

typedef struct timer timer_dev_t;
typedef struct {
    timer_dev_t *timer;
    unsigned n;
    uint32_t load, load2, control;
    bool raw, toggle;
    uint64_t hz;       /* that it counts at, 0 while it stands still */
    emu_time_t start;  /* when it was `first` ticks before 0, with `toggle_at_start` */
    uint64_t first;
    bool toggle_at_start;
    uint64_t handled;  /* zeros passed since `start` that have taken effect */
    emu_event_t event;
} channel_t;

struct timer {
    emu_t *emu;
    unsigned index;
    char name[8];
    bool irq[2];
    channel_t channel[CHANNELS];
};

/* Ticks from one zero to the next while the output has this level. */
static uint64_t phase(const channel_t *ch, bool toggle)
{
    if (ch->control & CTL_PWM) {
        return (toggle ? (uint64_t)ch->load2 : ch->load) + 1;
    }
    return (ch->control & CTL_USER ? (uint64_t)ch->load : UINT32_MAX) + 1;
}

typedef struct {
    uint64_t zeros; /* passed since the start */
    uint64_t next;  /* tick of the next one */
    uint32_t value;
} position_t;

static position_t position_at(const channel_t *ch, uint64_t tick)
{
    if (tick < ch->first) {
        return (position_t){0, ch->first, (uint32_t)(ch->first - tick)};
    }
    bool first_toggle = ch->first != 0 ? !ch->toggle_at_start : ch->toggle_at_start;
    uint64_t one = phase(ch, first_toggle), both = one + phase(ch, !first_toggle);
    uint64_t rounds = (tick - ch->first) / both, rest = (tick - ch->first) % both;
    bool second = rest >= one;
    uint64_t length = second ? both - one : one, inside = second ? rest - one : rest;
    return (position_t){2 * rounds + second + (ch->first != 0), ch->first + rounds * both + (second ? both : one),
                        inside == 0 ? 0 : (uint32_t)(length - inside)};
}

static uint64_t ticks_passed(const channel_t *ch)
{
    emu_time_t passed = emu_now(ch->timer->emu) - ch->start;
    return (uint64_t)((unsigned __int128)passed * ch->hz / 1000000000000ull);
}

static emu_time_t time_of_tick(const channel_t *ch, uint64_t tick)
{
    unsigned __int128 ps = ((unsigned __int128)tick * 1000000000000ull + ch->hz - 1) / ch->hz;
    return ps < EMU_NEVER - ch->start ? ch->start + (emu_time_t)ps : EMU_NEVER;
}

static unsigned toggle_function(const channel_t *ch)
{
    return FIRST_TOGGLE + 4 * ch->timer->index + ch->n;
}

static void set_toggle(channel_t *ch, bool level)
{
    if (level != ch->toggle) {
        ch->toggle = level;
        emu_function_drive(ch->timer->emu, toggle_function(ch), level, true);
    }
}

static void advance(channel_t *ch)
{
    if (ch->hz == 0) {
        return;
    }
    position_t p = position_at(ch, ticks_passed(ch));
    if (p.zeros == ch->handled) {
        return;
    }
    ch->handled = p.zeros;
    ch->raw = true;
    set_toggle(ch, ch->toggle_at_start ^ (p.zeros & 1));
}

static uint32_t value_now(const channel_t *ch)
{
    return ch->hz == 0 ? (uint32_t)ch->first : position_at(ch, ticks_passed(ch)).value;
}

static void schedule(channel_t *ch)
{
    bool interrupts = !(ch->control & CTL_MASKED) && !ch->raw;
    bool on_pad = emu_pad_of_function(ch->timer->emu, toggle_function(ch)) >= 0;
    if (ch->hz == 0 || !(interrupts || on_pad)) {
        emu_event_cancel(ch->timer->emu, &ch->event);
        return;
    }
    emu_event_at(ch->timer->emu, &ch->event, time_of_tick(ch, position_at(ch, ticks_passed(ch)).next));
}

static bool pending(const channel_t *ch)
{
    return ch->raw && !(ch->control & CTL_MASKED);
}

static void update(timer_dev_t *s)
{
    for (unsigned half = 0; half < 2; half++) {
        bool irq = pending(&s->channel[2 * half]) || pending(&s->channel[2 * half + 1]);
        if (irq != s->irq[half]) {
            s->irq[half] = irq;
            emu_irq(s->emu, FIRST_IRQ + 2 * s->index + half, irq);
        }
    }
}

/* Counts from `value` at its clock of now on; the time since the last whole tick is kept. */
static void restart(channel_t *ch, uint32_t value)
{
    emu_t *emu = ch->timer->emu;
    emu_time_t now = emu_now(emu);
    uint64_t hz = emu_clock_hz(emu, EMU_CLOCK_TIMER0 + ch->timer->index);
    bool runs = (ch->control & CTL_ENABLE) && !emu_timer_paused(emu, ch->timer->index, ch->n);
    emu_time_t last_tick = ch->hz != 0 && ch->hz == hz ? time_of_tick(ch, ticks_passed(ch)) : now;
    ch->hz = runs ? hz : 0;
    ch->start = last_tick < now ? last_tick : now;
    ch->first = value;
    ch->toggle_at_start = ch->toggle;
    ch->handled = 0;
    schedule(ch);
}

static void write_control(channel_t *ch, uint32_t value)
{
    bool started = (value & CTL_ENABLE) && !(ch->control & CTL_ENABLE);
    uint32_t count = value_now(ch);
    ch->control = value & 0xf;
    if (started) {
        set_toggle(ch, false);
        ch->hz = 0;
    }
    restart(ch, started ? ch->load : count);
}

static void fired(void *opaque)
{
    channel_t *ch = opaque;
    advance(ch);
    schedule(ch);
    update(ch->timer);
}

static void surroundings_changed(void *opaque)
{
    timer_dev_t *s = opaque;
    for (unsigned n = 0; n < CHANNELS; n++) {
        channel_t *ch = &s->channel[n];
        advance(ch);
        restart(ch, value_now(ch));
    }
    update(s);
}

static uint32_t mask_of(timer_dev_t *s, bool (*of)(const channel_t *ch))
{
    uint32_t mask = 0;
    for (unsigned n = 0; n < CHANNELS; n++) {
        mask |= (uint32_t)of(&s->channel[n]) << n;
    }
    return mask;
}

static bool is_raw(const channel_t *ch)
{
    return ch->raw;
}

static void clear(channel_t *ch)
{
    ch->raw = false;
    schedule(ch);
}

static uint32_t read_channel(channel_t *ch, unsigned offset)
{
    switch (offset) {
    case LOAD_COUNT: return ch->load;
    case CURRENT_VALUE: return value_now(ch);
    case CONTROL: return ch->control;
    case EOI: clear(ch); return 0;
    default: return pending(ch); /* INTR_STAT */
    }
}

static uint64_t timer_read(void *opaque, uint64_t offset, unsigned size)
{
    timer_dev_t *s = opaque;
    uint32_t value = 0;
    (void)size;
    for (unsigned n = 0; n < CHANNELS; n++) {
        advance(&s->channel[n]);
    }
    if (offset < CHANNELS * CHANNEL_SIZE) {
        value = read_channel(&s->channel[offset / CHANNEL_SIZE], offset % CHANNEL_SIZE);
    } else if (offset >= LOAD_COUNT2 && offset < TIMER_END) {
        value = s->channel[(offset - LOAD_COUNT2) / 4].load2;
    } else {
        switch (offset) {
        case ALL_INTR_STAT: value = mask_of(s, pending); break;
        case ALL_EOI:
            for (unsigned n = 0; n < CHANNELS; n++) {
                clear(&s->channel[n]);
            }
            break;
        case RAW_INTR_STAT: value = mask_of(s, is_raw); break;
        case VERSION: value = 0x3230392a; break;
        default: emu_unmodelled(s->emu, s->name, offset, false, 0);
        }
    }
    update(s);
    return value;
}

static void write_channel(channel_t *ch, unsigned offset, uint32_t value)
{
    uint32_t count;
    switch (offset) {
    case LOAD_COUNT:
        count = value_now(ch);
        ch->load = value; /* counts from the next reload on */
        restart(ch, count);
        break;
    case CONTROL: write_control(ch, value); break;
    default: break; /* read-only */
    }
}

static void timer_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    timer_dev_t *s = opaque;
    (void)size;
    if (offset < CHANNELS * CHANNEL_SIZE) {
        channel_t *ch = &s->channel[offset / CHANNEL_SIZE];
        advance(ch);
        write_channel(ch, offset % CHANNEL_SIZE, (uint32_t)value);
    } else if (offset >= LOAD_COUNT2 && offset < TIMER_END) {
        channel_t *ch = &s->channel[(offset - LOAD_COUNT2) / 4];
        advance(ch);
        uint32_t count = value_now(ch);
        ch->load2 = (uint32_t)value;
        restart(ch, count);
    } else if (offset < ALL_INTR_STAT || offset > VERSION) {
        emu_unmodelled(s->emu, s->name, offset, true, value);
    }
    update(s);
}

static void timer_reset(void *opaque)
{
    timer_dev_t *s = opaque;
    for (unsigned n = 0; n < CHANNELS; n++) {
        channel_t *ch = &s->channel[n];
        ch->load = ch->load2 = ch->control = 0;
        ch->raw = false;
        set_toggle(ch, false);
        restart(ch, 0);
    }
    update(s);
}

static void timer_state(void *opaque, emu_json_t *json)
{
    timer_dev_t *s = opaque;
    char key[12];
    for (unsigned n = 0; n < CHANNELS; n++) {
        channel_t *ch = &s->channel[n];
        advance(ch);
        snprintf(key, sizeof key, "channel%u", n % 10);
        emu_json_begin(json, key);
        emu_json_u64(json, "load_count", ch->load);
        emu_json_u64(json, "load_count2", ch->load2);
        emu_json_u64(json, "control", ch->control);
        emu_json_u64(json, "current_value", value_now(ch));
        emu_json_bool(json, "interrupt", ch->raw);
        emu_json_bool(json, "toggle", ch->toggle);
        emu_json_u64(json, "hz", ch->hz);
        emu_json_end(json);
    }
}

void timer_create(emu_t *emu, unsigned index)
{
    timer_dev_t *s = device_new(sizeof *s);
    s->emu = emu;
    s->index = index;
    snprintf(s->name, sizeof s->name, "timer%u", index % 10);
    for (unsigned n = 0; n < CHANNELS; n++) {
        s->channel[n].timer = s;
        s->channel[n].n = n;
        s->channel[n].event = EMU_EVENT(fired, &s->channel[n]);
    }
    emu_on_clocks_changed(emu, surroundings_changed, s);
    emu_on_pads_rerouted(emu, surroundings_changed, s);
    emu_add_device(emu, &(emu_device_t){.name = s->name, .base = 0x502d0000 + 0x10000ull * index, .size = 0x10000,
                                        .word = 4, .read = timer_read, .write = timer_write, .reset = timer_reset,
                                        .state = timer_state, .destroy = free, .opaque = s});
    timer_reset(s);
}
