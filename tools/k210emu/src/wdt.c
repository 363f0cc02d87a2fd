/* WDT0, WDT1 (DesignWare, spec soc.md 10.4): a bite resets the chip. */
#include "peripherals.h"

#include <stdio.h>

enum {
    CR = 0x00, TORR = 0x04, CCVR = 0x08, CRR = 0x0c, STAT = 0x10, EOI = 0x14, PROT_LEVEL = 0x1c, COMP_PARAM_5 = 0xe4,
    COMP_PARAM_1 = 0xf4, COMP_VERSION = 0xf8, COMP_TYPE = 0xfc
};
enum { CR_ENABLE = 1, CR_INTERRUPT_FIRST = 2 };

#define RESTART_KEY 0x76
#define FIRST_IRQ 21

typedef struct {
    emu_t *emu;
    unsigned index;
    char name[8];
    uint32_t cr, torr, prot_level;
    bool interrupt;
    uint64_t hz;      /* that it counts at, 0 while it stands still */
    emu_time_t start; /* when the counter was `count` */
    uint64_t count;
    emu_event_t time_out;
} wdt_t;

static uint64_t clock_hz(const wdt_t *s)
{
    return s->cr & CR_ENABLE ? emu_clock_hz(s->emu, EMU_CLOCK_WDT0 + s->index) : 0;
}

static uint64_t counter(const wdt_t *s)
{
    uint64_t passed = (uint64_t)((unsigned __int128)(emu_now(s->emu) - s->start) * s->hz / 1000000000000ull);
    return passed < s->count ? s->count - passed : 0;
}

static void count_from(wdt_t *s, uint64_t count)
{
    s->hz = clock_hz(s);
    s->start = emu_now(s->emu);
    s->count = count;
    if (s->hz == 0) {
        emu_event_cancel(s->emu, &s->time_out);
    } else {
        emu_event_at(s->emu, &s->time_out, s->start + cycles_to_time(count, s->hz));
    }
}

static uint64_t period(const wdt_t *s, unsigned low)
{
    return 1ull << (16 + field(s->torr, low, 4));
}

static void set_interrupt(wdt_t *s, bool level)
{
    if (level != s->interrupt) {
        s->interrupt = level;
        emu_irq(s->emu, FIRST_IRQ + s->index, level);
    }
}

static void timed_out(void *opaque)
{
    wdt_t *s = opaque;
    if (!(s->cr & CR_INTERRUPT_FIRST) || s->interrupt) {
        emu_request_reset(s->emu, EMU_RESET_WDT0 + s->index);
        return;
    }
    set_interrupt(s, true);
    count_from(s, period(s, 0));
}

static void clocks_changed(void *opaque)
{
    wdt_t *s = opaque;
    if (clock_hz(s) != s->hz) {
        count_from(s, counter(s));
    }
}

static uint64_t wdt_read(void *opaque, uint64_t offset, unsigned size)
{
    wdt_t *s = opaque;
    (void)size;
    switch (offset) {
    case CR: return s->cr;
    case TORR: return s->torr;
    case CCVR: return counter(s);
    case STAT: return s->interrupt;
    case EOI: set_interrupt(s, false); return 0;
    case PROT_LEVEL: return s->prot_level;
    case COMP_VERSION: return 0x3130382a;
    case COMP_TYPE: return 0x44570120;
    case CRR: return 0;
    }
    if (offset >= COMP_PARAM_5 && offset <= COMP_PARAM_1) {
        return 0; /* values not public */
    }
    emu_unmodelled(s->emu, s->name, offset, false, 0);
    return 0;
}

static void write_cr(wdt_t *s, uint32_t value)
{
    bool was = s->cr & CR_ENABLE;
    uint64_t left = counter(s);
    s->cr = value & 0x1f;
    if ((s->cr & CR_ENABLE) && !was) {
        count_from(s, period(s, 4));
    } else if (was) {
        count_from(s, left);
    }
}

static void wdt_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    wdt_t *s = opaque;
    (void)size;
    switch (offset) {
    case CR: write_cr(s, (uint32_t)value); break;
    case TORR: s->torr = value & 0xff; break; /* counts from the next restart on */
    case CRR:
        if ((value & 0xff) == RESTART_KEY) {
            set_interrupt(s, false);
            count_from(s, period(s, 0));
        }
        break;
    case PROT_LEVEL: s->prot_level = value & 7; break;
    case CCVR: case STAT: case EOI: break;
    default:
        if (offset < COMP_PARAM_5 || offset > COMP_TYPE) {
            emu_unmodelled(s->emu, s->name, offset, true, value);
        }
    }
}

static void wdt_reset(void *opaque)
{
    wdt_t *s = opaque;
    s->cr = s->torr = s->prot_level = 0;
    set_interrupt(s, false);
    count_from(s, period(s, 0));
}

static void wdt_state(void *opaque, emu_json_t *json)
{
    wdt_t *s = opaque;
    emu_json_u64(json, "cr", s->cr);
    emu_json_u64(json, "torr", s->torr);
    emu_json_u64(json, "counter", counter(s));
    emu_json_u64(json, "hz", s->hz);
    emu_json_bool(json, "interrupt", s->interrupt);
}

void wdt_create(emu_t *emu, unsigned index)
{
    wdt_t *s = device_new(sizeof *s);
    s->emu = emu;
    s->index = index;
    snprintf(s->name, sizeof s->name, "wdt%u", index % 10);
    s->time_out = EMU_EVENT(timed_out, s);
    emu_on_clocks_changed(emu, clocks_changed, s);
    emu_add_device(emu, &(emu_device_t){.name = s->name, .base = 0x50400000 + 0x10000ull * index, .size = 0x10000,
                                        .word = 4, .read = wdt_read, .write = wdt_write, .reset = wdt_reset,
                                        .state = wdt_state, .destroy = free, .opaque = s});
    wdt_reset(s);
}
