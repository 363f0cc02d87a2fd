/* RTC (spec soc.md 10.5): a calendar behind a prescaler of IN0, with pulses on interrupt 20.
 *
 * The calendar is brought up to date when somebody looks; there is an event a second only while an interrupt is on. */
#include "peripherals.h"

enum {
    DATE = 0x00, TIME = 0x04, ALARM_DATE = 0x08, ALARM_TIME = 0x0c, INITIAL_COUNT = 0x10, CURRENT_COUNT = 0x14,
    INTERRUPT_CTRL = 0x18, REGISTER_CTRL = 0x1c, RESERVED0 = 0x20, RESERVED1 = 0x24, EXTENDED = 0x28
};
enum { TICK_ENABLE = 1, ALARM_ENABLE = 2 };
enum { READ_ENABLE = 1, WRITE_ENABLE = 2, TIMER_MASK = 13, ALARM_MASK = 21, COUNT_WRITE = 29, INTERRUPT_WRITE = 30 };
/* Fields in the order of the write and compare masks, whose bit 0 means nothing. */
enum { SECOND = 1, MINUTE, HOUR, WEEKDAY, DAY, MONTH, YEAR, FIELDS };

#define IRQ 20

typedef struct {
    emu_t *emu;
    uint32_t now[FIELDS], alarm[FIELDS], century;
    uint32_t initial_count, interrupt_ctrl, register_ctrl, reserved[2];
    uint32_t count;   /* of the prescaler at `start` */
    emu_time_t start;
    emu_event_t second;
} rtc_t;

static const struct {
    uint8_t in_time, low, width;
} place[FIELDS] = {[SECOND] = {1, 10, 6}, [MINUTE] = {1, 16, 6}, [HOUR] = {1, 24, 5}, [WEEKDAY] = {0, 0, 3},
                   [DAY] = {0, 8, 5},     [MONTH] = {0, 16, 4},  [YEAR] = {0, 20, 12}};

/* ---- calendar ---------------------------------------------------------------------------------------------------- */

static bool is_leap(const rtc_t *s)
{
    unsigned year = 100 * s->century + s->now[YEAR];
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in_month(const rtc_t *s)
{
    static const uint8_t days[16] = {31, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 31, 31};
    return days[s->now[MONTH] & 0xf] + (s->now[MONTH] == 2 && is_leap(s));
}

static void next_day(rtc_t *s)
{
    s->now[WEEKDAY] = (s->now[WEEKDAY] + 1) % 7;
    if (++s->now[DAY] <= days_in_month(s)) {
        return;
    }
    s->now[DAY] = 1;
    if (++s->now[MONTH] <= 12) {
        return;
    }
    s->now[MONTH] = 1;
    if (++s->now[YEAR] <= 99) {
        return;
    }
    s->now[YEAR] = 0;
    s->century = (s->century + 1) & 0x1f;
}

static void pass_seconds(rtc_t *s, uint64_t seconds)
{
    uint64_t time = s->now[SECOND] + 60 * (s->now[MINUTE] + 60ull * s->now[HOUR]) + seconds;
    s->now[SECOND] = (uint32_t)(time % 60);
    s->now[MINUTE] = (uint32_t)(time / 60 % 60);
    s->now[HOUR] = (uint32_t)(time / 3600 % 24);
    for (uint64_t days = time / 86400; days != 0; days--) {
        next_day(s);
    }
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static bool running(const rtc_t *s)
{
    return (s->register_ctrl & (READ_ENABLE | WRITE_ENABLE)) == READ_ENABLE;
}

static uint64_t clock_hz(const rtc_t *s)
{
    return emu_clock_hz(s->emu, EMU_CLOCK_IN0);
}

static uint32_t second_length(const rtc_t *s)
{
    return s->initial_count != 0 ? s->initial_count : 1;
}

static void advance(rtc_t *s)
{
    emu_time_t now = emu_now(s->emu);
    if (!running(s)) {
        s->start = now;
        return;
    }
    uint64_t ticks = (uint64_t)((unsigned __int128)(now - s->start) * clock_hz(s) / 1000000000000ull);
    uint64_t total = s->count + ticks;
    s->start += cycles_to_time(ticks, clock_hz(s));
    s->count = (uint32_t)(total % second_length(s));
    if (total >= second_length(s)) {
        pass_seconds(s, total / second_length(s));
    }
}

static void schedule(rtc_t *s)
{
    if (!running(s) || !(s->interrupt_ctrl & (TICK_ENABLE | ALARM_ENABLE))) {
        emu_event_cancel(s->emu, &s->second);
        return;
    }
    uint64_t left = s->count < second_length(s) ? second_length(s) - s->count : 1;
    emu_event_at(s->emu, &s->second, s->start + cycles_to_time(left, clock_hz(s)) + 1);
}

static bool tick_due(const rtc_t *s)
{
    unsigned mode = field(s->interrupt_ctrl, 2, 2); /* second, minute, hour, day */
    return (mode < 1 || s->now[SECOND] == 0) && (mode < 2 || s->now[MINUTE] == 0) && (mode < 3 || s->now[HOUR] == 0);
}

static bool alarm_due(const rtc_t *s)
{
    bool compared = false;
    for (unsigned f = SECOND; f < FIELDS; f++) {
        if (bit(s->interrupt_ctrl, 24 + f)) {
            compared = true;
            if (s->now[f] != s->alarm[f]) {
                return false;
            }
        }
    }
    return compared;
}

static void second_passed(void *opaque)
{
    rtc_t *s = opaque;
    advance(s);
    if (((s->interrupt_ctrl & TICK_ENABLE) && tick_due(s)) || ((s->interrupt_ctrl & ALARM_ENABLE) && alarm_due(s))) {
        emu_irq(s->emu, IRQ, true);
        emu_irq(s->emu, IRQ, false);
    }
    schedule(s);
}

/* ---- registers --------------------------------------------------------------------------------------------------- */

static uint32_t packed(const uint32_t *fields, bool time)
{
    uint32_t word = 0;
    for (unsigned f = SECOND; f < FIELDS; f++) {
        if (place[f].in_time == time) {
            word |= fields[f] << place[f].low;
        }
    }
    return word;
}

static void unpack(uint32_t *fields, bool time, uint32_t word, uint32_t mask)
{
    for (unsigned f = SECOND; f < FIELDS; f++) {
        if (place[f].in_time == time && bit(mask, f)) {
            fields[f] = field(word, place[f].low, place[f].width);
        }
    }
}

static uint64_t rtc_read(void *opaque, uint64_t offset, unsigned size)
{
    rtc_t *s = opaque;
    (void)size;
    advance(s);
    switch (offset) {
    case DATE: return packed(s->now, false);
    case TIME: return packed(s->now, true);
    case ALARM_DATE: return packed(s->alarm, false);
    case ALARM_TIME: return packed(s->alarm, true);
    case INITIAL_COUNT: return s->initial_count;
    case CURRENT_COUNT: return s->count;
    case INTERRUPT_CTRL: return s->interrupt_ctrl;
    case REGISTER_CTRL: return s->register_ctrl;
    case RESERVED0: case RESERVED1: return s->reserved[(offset - RESERVED0) / 4];
    case EXTENDED: return s->century | (uint32_t)is_leap(s) << 5;
    }
    emu_unmodelled(s->emu, "rtc", offset, false, 0);
    return 0;
}

static bool may_set(rtc_t *s, bool allowed, const char *what)
{
    if (running(s)) {
        emu_warn(s->emu, "rtc", "%s written while the clock runs is ignored: set register_ctrl to setting first", what);
        return false;
    }
    if (!allowed) {
        emu_warn(s->emu, "rtc", "%s written while its write mask in register_ctrl is 0 is ignored", what);
    }
    return allowed;
}

static void write_register(rtc_t *s, uint64_t offset, uint32_t value)
{
    uint32_t timer_mask = field(s->register_ctrl, TIMER_MASK, 8), alarm_mask = field(s->register_ctrl, ALARM_MASK, 8);
    switch (offset) {
    case DATE: case TIME:
        if (may_set(s, timer_mask != 0, offset == DATE ? "date" : "time")) {
            unpack(s->now, offset == TIME, value, timer_mask);
        }
        break;
    case ALARM_DATE: case ALARM_TIME: unpack(s->alarm, offset == ALARM_TIME, value, alarm_mask); break;
    case INITIAL_COUNT:
        if (bit(s->register_ctrl, COUNT_WRITE)) {
            s->initial_count = value;
        }
        break;
    case CURRENT_COUNT: s->count = value; break;
    case INTERRUPT_CTRL:
        if (bit(s->register_ctrl, INTERRUPT_WRITE)) {
            s->interrupt_ctrl = value;
        }
        break;
    case REGISTER_CTRL: s->register_ctrl = value; break;
    case RESERVED0: case RESERVED1: s->reserved[(offset - RESERVED0) / 4] = value; break;
    case EXTENDED:
        if (may_set(s, true, "extended")) {
            s->century = value & 0x1f;
        }
        break;
    default: emu_unmodelled(s->emu, "rtc", offset, true, value);
    }
}

static void rtc_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    rtc_t *s = opaque;
    (void)size;
    advance(s);
    write_register(s, offset, (uint32_t)value);
    schedule(s);
}

static void rtc_reset(void *opaque)
{
    rtc_t *s = opaque;
    for (unsigned f = 0; f < FIELDS; f++) {
        s->now[f] = s->alarm[f] = 0;
    }
    s->now[DAY] = s->now[MONTH] = 1; /* 2000-01-01, a Saturday */
    s->now[WEEKDAY] = 6;
    s->century = 20;
    s->initial_count = (uint32_t)clock_hz(s);
    s->interrupt_ctrl = s->register_ctrl = s->reserved[0] = s->reserved[1] = s->count = 0;
    s->start = emu_now(s->emu);
    schedule(s);
}

static void rtc_state(void *opaque, emu_json_t *json)
{
    rtc_t *s = opaque;
    advance(s);
    emu_json_u64(json, "year", 100 * s->century + s->now[YEAR]);
    emu_json_u64(json, "month", s->now[MONTH]);
    emu_json_u64(json, "day", s->now[DAY]);
    emu_json_u64(json, "weekday", s->now[WEEKDAY]);
    emu_json_u64(json, "hour", s->now[HOUR]);
    emu_json_u64(json, "minute", s->now[MINUTE]);
    emu_json_u64(json, "second", s->now[SECOND]);
    emu_json_u64(json, "current_count", s->count);
    emu_json_u64(json, "interrupt_ctrl", s->interrupt_ctrl);
    emu_json_u64(json, "register_ctrl", s->register_ctrl);
}

void rtc_create(emu_t *emu)
{
    rtc_t *s = device_new(sizeof *s);
    s->emu = emu;
    s->second = EMU_EVENT(second_passed, s);
    emu_add_device(emu, &(emu_device_t){.name = "rtc", .base = 0x50460000, .size = 0x10000, .word = 4,
                                        .read = rtc_read, .write = rtc_write, .reset = rtc_reset, .state = rtc_state,
                                        .destroy = free, .opaque = s});
    rtc_reset(s);
}
