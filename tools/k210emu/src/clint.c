/* CLINT: software interrupts and the timer of each hart (spec soc.md 3.1). mtime is ACLK/50, free running. */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

#define DIVIDER 50u
#define MSIP 0x0000u
#define MTIMECMP 0x4000u
#define MTIME 0xbff8u

typedef struct {
    emu_t *emu;
    uint32_t msip[HARTS];
    uint64_t compare[HARTS];
    uint64_t mtime_base, cycle_base; /* mtime was mtime_base at cycle_base */
    emu_event_t event[HARTS];
    struct clint_timer {
        void *clint;
        unsigned hart;
    } timer[HARTS];
} clint_t;

static uint64_t mtime(clint_t *c) {
    return c->mtime_base + (emu_cycles(c->emu) - c->cycle_base) / DIVIDER;
}

static void set_mtime(clint_t *c, uint64_t value) {
    c->mtime_base = value;
    c->cycle_base = emu_cycles(c->emu);
}

static void update_timer(clint_t *c, unsigned hart) {
    bool due = mtime(c) >= c->compare[hart];
    machine_set_lines(c->emu, hart, MIP_MTIP, due ? MIP_MTIP : 0);
    uint64_t ticks = c->compare[hart] - c->mtime_base, cycle = c->cycle_base + ticks * DIVIDER;
    bool far = ticks > (UINT64_MAX - c->cycle_base) / DIVIDER; /* the usual way to switch it off */
    emu_event_at(c->emu, &c->event[hart], due || far ? EMU_NEVER : emu_time_of(c->emu, cycle));
}

static void timer_fired(void *opaque) {
    struct clint_timer *timer = opaque;
    update_timer(timer->clint, timer->hart);
}

static void update_timers(void *opaque) {
    clint_t *c = opaque;
    for (unsigned hart = 0; hart < HARTS; hart++)
        update_timer(c, hart);
}

static uint64_t clint_read(void *opaque, uint64_t offset, unsigned size) {
    clint_t *c = opaque;
    uint64_t value;
    unsigned shift = offset & 4 ? 32 : 0;
    if (offset < 4 * HARTS) {
        value = c->msip[offset / 4];
        return size == 8 && offset == 0 ? value | (uint64_t)c->msip[1] << 32 : value >> 8 * (offset & 3);
    }
    if (offset - MTIMECMP < 8 * HARTS)
        value = c->compare[(offset - MTIMECMP) / 8];
    else if (offset - MTIME < 8)
        value = mtime(c);
    else {
        emu_unmodelled(c->emu, "clint", offset, false, 0);
        return 0;
    }
    return size == 8 ? value : value >> shift & 0xffffffff;
}

static uint64_t merged(uint64_t old, uint64_t offset, unsigned size, uint64_t value) {
    if (size == 8)
        return value;
    return offset & 4 ? (old & 0xffffffff) | value << 32 : (old & ~0xffffffffull) | (value & 0xffffffff);
}

static void write_msip(clint_t *c, unsigned hart, uint64_t value) {
    c->msip[hart] = value & 1;
    machine_set_lines(c->emu, hart, MIP_MSIP, value & 1 ? MIP_MSIP : 0);
}

static void clint_write(void *opaque, uint64_t offset, unsigned size, uint64_t value) {
    clint_t *c = opaque;
    if (offset < 4 * HARTS) {
        write_msip(c, (unsigned)offset / 4, value);
        if (size == 8 && offset == 0)
            write_msip(c, 1, value >> 32);
    } else if (offset - MTIMECMP < 8 * HARTS) {
        unsigned hart = (unsigned)(offset - MTIMECMP) / 8;
        c->compare[hart] = merged(c->compare[hart], offset, size, value);
        update_timer(c, hart);
    } else if (offset - MTIME < 8) {
        set_mtime(c, merged(mtime(c), offset, size, value));
        update_timers(c);
    } else {
        emu_unmodelled(c->emu, "clint", offset, true, value);
    }
}

static void clint_reset(void *opaque) {
    clint_t *c = opaque;
    set_mtime(c, 0);
    for (unsigned hart = 0; hart < HARTS; hart++) {
        c->compare[hart] = UINT64_MAX;
        write_msip(c, hart, 0);
    }
    update_timers(c);
}

static void clint_state(void *opaque, emu_json_t *json) {
    clint_t *c = opaque;
    emu_json_u64(json, "mtime", mtime(c));
    emu_json_u64(json, "msip0", c->msip[0]);
    emu_json_u64(json, "msip1", c->msip[1]);
    emu_json_u64(json, "mtimecmp0", c->compare[0]);
    emu_json_u64(json, "mtimecmp1", c->compare[1]);
}

static void clint_destroy(void *opaque) {
    free(opaque);
}

void clint_create(emu_t *emu) {
    clint_t *c = calloc(1, sizeof *c);
    c->emu = emu;
    for (unsigned hart = 0; hart < HARTS; hart++) {
        c->timer[hart] = (struct clint_timer){c, hart};
        c->event[hart] = EMU_EVENT(timer_fired, &c->timer[hart]);
        c->compare[hart] = UINT64_MAX;
    }
    emu_on_clocks_changed(emu, update_timers, c);
    emu_add_device(emu, &(emu_device_t){.name = "clint", .base = 0x02000000, .size = 0xc000, .read = clint_read,
                                        .write = clint_write, .reset = clint_reset, .state = clint_state,
                                        .destroy = clint_destroy, .opaque = c});
}
