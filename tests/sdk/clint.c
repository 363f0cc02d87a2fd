/* Timer and software interrupts, sleeping, work on hart 1. */

#include <errno.h>
#include "check.h"

static volatile unsigned ticks, ipis, hart1_ipis;
static volatile uint64_t last_tick, hart1_seen;

static int on_tick(void *ctx) {
    last_tick = clint_get_time();
    ticks += (unsigned)(uintptr_t)ctx;
    return 0;
}

static int on_tick_stop(void *ctx) {
    (void)ctx;
    ticks++;
    return clint_timer_stop();
}

static int on_ipi(void *ctx) {
    *(volatile unsigned *)ctx += 1;
    return 0;
}

static void timer(void) {
    uint64_t per_ms = clint_timer_get_freq() / 1000;
    clint_timer_init();
    clint_timer_register(on_tick, (void *)1);
    CHECK_EQ("zero interval", clint_timer_start(0, 0), -1);
    uint64_t start = clint_get_time();
    clint_timer_start(2, 0);
    WAIT_FOR(ticks == 5, 100);
    clint_timer_stop();
    CHECK_EQ("five ticks", ticks, 5);
    check_between("the fifth after 10 ms", (int64_t)(last_tick - start), (int64_t)(10 * per_ms),
                  (int64_t)(10 * per_ms + per_ms / 10));
    CHECK_EQ("interval", clint_timer_get_interval(), 2);
    msleep(5);
    CHECK_EQ("stopped", ticks, 5);
    clint_timer_start(1, 1);
    msleep(5);
    CHECK_EQ("single shot", ticks, 6);
    clint_timer_register(on_tick_stop, NULL);
    clint_timer_start(1, 0);
    msleep(5);
    CHECK_EQ("stopped by its callback", ticks, 7);
    clint_timer_unregister();
}

static void sleeping(void) {
    uint64_t per_ms = clint_timer_get_freq() / 1000, start = clint_get_time(), end = start + 20 * per_ms;
    unsigned wakes = 0;
    while (clint_get_time() < end) {
        clint_wait_until(end);
        wakes++;
    }
    check_between("sleep until a time", (int64_t)(clint_get_time() - end), 0, 100);
    check_between("in few wakes", wakes, 1, 3);

    ticks = 0;
    clint_timer_register(on_tick, (void *)1);
    clint_timer_start(2, 0);
    start = clint_get_time();
    end = start + 7 * per_ms;
    while (clint_get_time() < end) {
        clint_wait_until(end);
    }
    clint_timer_stop();
    CHECK_EQ("a running timer keeps ticking", ticks, 3);
}

/* Hart 1: counts its own software interrupts and says what it sees. */
static int hart1(void *ctx) {
    clint_ipi_init();
    clint_ipi_register(on_ipi, (void *)&hart1_ipis);
    clint_ipi_enable();
    errno = 77;
    hart1_seen = (uint64_t)(uintptr_t)ctx << 8 | current_coreid();
    while (hart1_seen) {
        clint_wait_until(UINT64_MAX);
    }
    return 0;
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    timer();
    sleeping();
    clint_ipi_init();
    clint_ipi_register(on_ipi, (void *)&ipis);
    clint_ipi_enable();
    clint_ipi_send(0);
    WAIT_FOR(ipis == 1, 10);
    CHECK_EQ("software interrupt to itself", ipis, 1);
    CHECK_EQ("no hart 2", clint_ipi_send(2), -1);

    CHECK_EQ("no function for hart 1", register_core1(NULL, NULL), -1);
    errno = 5;
    CHECK_EQ("register_core1", register_core1(hart1, (void *)0x1234), 0);
    WAIT_FOR(hart1_seen != 0, 10);
    CHECK_EQ("hart 1 runs", hart1_seen, 0x123401);
    for (unsigned i = 0; i < 10; i++) {
        clint_ipi_send(1);
        WAIT_FOR(hart1_ipis == i + 1, 10);
    }
    CHECK_EQ("software interrupts to hart 1", hart1_ipis, 10);
    CHECK_EQ("errno is per hart", errno, 5);
    return check_done();
}
