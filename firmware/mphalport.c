// Time and waiting. mtime runs at CPU clock / 50 (spec soc.md 3.1) and changes its rate with the CPU clock, so the
// microseconds are counted from a base that is moved whenever the clock changes.
#include <string.h>

#include "py/mphal.h"
#include "py/runtime.h"

#include "clint.h"
#include "sysctl.h"

#include "flash.h"

static struct {
    uint32_t rate;       // mtime ticks per second
    uint64_t base_ticks; // mtime at the base
    uint64_t base_us;    // microseconds since reset at the base
    uint64_t epoch_ns;   // time of day at reset
} timebase;

static volatile bool event_pending;

static void timebase_move(uint32_t cpu_hz) {
    uint64_t now = timebase.rate ? mp_hal_ticks_us() : 0;
    timebase.base_us = now;
    timebase.base_ticks = clint_get_time();
    timebase.rate = cpu_hz / CLINT_CLOCK_DIV;
}

mp_uint_t mp_hal_ticks_us(void) {
    uint64_t ticks = clint_get_time() - timebase.base_ticks;
    uint64_t seconds = ticks / timebase.rate;
    return timebase.base_us + seconds * 1000000 + (ticks - seconds * timebase.rate) * 1000000 / timebase.rate;
}

mp_uint_t mp_hal_ticks_ms(void) {
    return mp_hal_ticks_us() / 1000;
}

uint64_t mp_hal_time_ns(void) {
    return timebase.epoch_ns + mp_hal_ticks_us() * 1000;
}

void mp_hal_set_time_ns(uint64_t ns) {
    timebase.epoch_ns = ns - mp_hal_ticks_us() * 1000;
}

bool mp_hal_set_cpu_freq(uint32_t hz) {
    console_flush();
    mp_uint_t state = mp_hal_irq_disable();
    uint32_t before = sysctl_clock_get_freq(SYSCTL_CLOCK_CPU);
    sysctl_cpu_set_freq(hz);
    uint32_t after = sysctl_clock_get_freq(SYSCTL_CLOCK_CPU);
    timebase_move(after);
    console_set_clock();
    mp_hal_irq_restore(state);
    return after != before || after == hz;
}

void mp_hal_signal_event(void) {
    event_pending = true;
}

// Sleeps until an event or the time limit; (mp_uint_t)-1 waits without limit. Interrupts are off around wfi, which
// wakes on a pending interrupt all the same (spec soc.md 1.2), so an event cannot slip in between check and sleep.
void mp_hal_wait_event(mp_uint_t timeout_ms) {
    mp_uint_t state = mp_hal_irq_disable();
    if (!event_pending && timeout_ms != 0) {
        if (timeout_ms <= UINT32_MAX) {
            clint_wait_until(clint_get_time() + timeout_ms * timebase.rate / 1000);
        } else {
            asm volatile("wfi");
        }
    }
    event_pending = false;
    mp_hal_irq_restore(state);
}

void mp_hal_delay_ms(mp_uint_t ms) {
    mp_uint_t start = mp_hal_ticks_us();
    mp_uint_t limit = ms * 1000;
    mp_uint_t elapsed = 0;
    do {
        // Rounded up: an early wake would spin through zero-length waits for the last millisecond.
        mp_event_wait_ms(MIN((limit - elapsed + 999) / 1000, UINT32_MAX));
        elapsed = mp_hal_ticks_us() - start;
    } while (elapsed < limit);
}

void mp_hal_delay_us(mp_uint_t us) {
    mp_uint_t start = mp_hal_ticks_us();
    if (us >= 2000) {
        mp_hal_delay_ms(us / 1000 - 1);
    }
    while (mp_hal_ticks_us() - start < us) {
    }
}

uint32_t mp_hal_random_seed(void) {
    static uint64_t state;
    uint64_t id;
    memcpy(&id, flash_unique_id(), sizeof(id));
    // splitmix64
    state += (id ^ read_csr(mcycle)) + 0x9E3779B97F4A7C15u;
    uint64_t z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z >> 32;
}
