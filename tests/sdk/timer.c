/* Timer periods against mtime, single shots, priorities, the raw helpers, bad arguments. */

#include "check.h"
#include "plic.h"
#include "timer.h"

void timer_set_clock_div(timer_device_number_t device, uint32_t div);
uint32_t timer_get_count(timer_device_number_t device, timer_channel_number_t channel);
uint32_t timer_get_reload(timer_device_number_t device, timer_channel_number_t channel);
uint32_t timer_channel_get_interrupt_status(timer_device_number_t device, timer_channel_number_t channel);
uint32_t timer_get_raw_interrupt_status(timer_device_number_t device);
void timer_channel_clear_interrupt(timer_device_number_t device, timer_channel_number_t channel);

static volatile unsigned hits, other_hits;
static volatile uint64_t first, last;

static int on_tick(void *ctx) {
    first = hits == 0 ? clint_get_time() : first;
    last = hits == 10 ? clint_get_time() : last;
    hits++;
    return ctx == &hits ? 0 : (int)(other_hits += 1000);
}

static int on_other(void *ctx) {
    other_hits += (unsigned)(uintptr_t)ctx;
    return 0;
}

static void on_plain() {
    other_hits += 100;
}

/* Ten periods of every channel in ticks of mtime. */
static void periods(timer_device_number_t device, timer_channel_number_t channel) {
    size_t ns = timer_set_interval(device, channel, 250000);
    check_between("interval that is obtained", (int64_t)ns, 249500, 250000);
    hits = 0;
    timer_irq_register(device, channel, 0, 3, on_tick, (void *)&hits);
    timer_set_enable(device, channel, 1);
    CHECK("eleven ticks", WAIT_FOR(hits >= 11, 10));
    timer_set_enable(device, channel, 0);
    uint64_t wanted = 10 * (uint64_t)ns * clint_timer_get_freq() / 1000000000;
    check_between("ten periods", (int64_t)(last - first), (int64_t)wanted - 20, (int64_t)wanted + 20);
    unsigned seen = hits;
    msleep(1);
    CHECK_EQ("stopped", hits, seen);
    timer_irq_unregister(device, channel);
}

static void raw_helpers(void) {
    timer_set_interval(TIMER_DEVICE_1, TIMER_CHANNEL_2, 1000000);
    uint32_t hz = sysctl_clock_get_freq(SYSCTL_CLOCK_TIMER1);
    CHECK_EQ("reload register", timer_get_reload(TIMER_DEVICE_1, TIMER_CHANNEL_2), hz / 1000 - 1);
    plic_irq_disable(IRQN_TIMER1B_INTERRUPT);
    timer_set_enable(TIMER_DEVICE_1, TIMER_CHANNEL_2, 1);
    uint32_t count = timer_get_count(TIMER_DEVICE_1, TIMER_CHANNEL_2);
    usleep(100);
    uint32_t later = timer_get_count(TIMER_DEVICE_1, TIMER_CHANNEL_2);
    check_between("counts down", (int64_t)(count - later), hz / 10000, hz / 10000 + hz / 50000);
    CHECK("status is set", WAIT_FOR(timer_channel_get_interrupt_status(TIMER_DEVICE_1, TIMER_CHANNEL_2) == 1, 3));
    CHECK_EQ("raw status of the block", timer_get_raw_interrupt_status(TIMER_DEVICE_1), 1 << TIMER_CHANNEL_2);
    timer_channel_clear_interrupt(TIMER_DEVICE_1, TIMER_CHANNEL_2);
    CHECK_EQ("status is cleared", timer_channel_get_interrupt_status(TIMER_DEVICE_1, TIMER_CHANNEL_2), 0);
    timer_set_enable(TIMER_DEVICE_1, TIMER_CHANNEL_2, 0);
    timer_set_clock_div(TIMER_DEVICE_1, 12);
    CHECK_EQ("clock divider", sysctl_clock_get_freq(SYSCTL_CLOCK_TIMER1), 26000000 / 26);
    timer_set_clock_div(TIMER_DEVICE_1, 0);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    for (int device = 0; device < TIMER_DEVICE_MAX; device++) {
        timer_init((timer_device_number_t)device);
    }
    periods(TIMER_DEVICE_0, TIMER_CHANNEL_0);
    periods(TIMER_DEVICE_1, TIMER_CHANNEL_1);
    periods(TIMER_DEVICE_2, TIMER_CHANNEL_2);
    periods(TIMER_DEVICE_2, TIMER_CHANNEL_3);

    hits = other_hits = 0;
    timer_set_interval(TIMER_DEVICE_0, TIMER_CHANNEL_0, 100000);
    timer_set_interval(TIMER_DEVICE_0, TIMER_CHANNEL_1, 200000);
    timer_irq_register(TIMER_DEVICE_0, TIMER_CHANNEL_0, 1, 2, on_tick, (void *)&hits);
    timer_irq_register(TIMER_DEVICE_0, TIMER_CHANNEL_1, 0, 2, on_other, (void *)1);
    timer_set_enable(TIMER_DEVICE_0, TIMER_CHANNEL_0, 1);
    timer_set_enable(TIMER_DEVICE_0, TIMER_CHANNEL_1, 1);
    CHECK("the other channel of the pair", WAIT_FOR(other_hits >= 5, 10));
    CHECK_EQ("single shot", hits, 1);
    timer_set_irq(TIMER_DEVICE_0, TIMER_CHANNEL_1, on_plain, 2);
    other_hits = 0;
    CHECK("callback without argument", WAIT_FOR(other_hits == 300, 10));
    timer_set_enable(TIMER_DEVICE_0, TIMER_CHANNEL_1, 0);
    CHECK_EQ("unregister", timer_irq_unregister(TIMER_DEVICE_0, TIMER_CHANNEL_1), 0);
    raw_helpers();

    CHECK_EQ("no time", timer_set_interval(TIMER_DEVICE_0, TIMER_CHANNEL_0, 0), 0);
    CHECK_EQ("too long", timer_set_interval(TIMER_DEVICE_0, TIMER_CHANNEL_0, 400000000000), 0);
    CHECK_EQ("no timer 3", timer_irq_register(TIMER_DEVICE_MAX, TIMER_CHANNEL_0, 0, 1, on_tick, NULL), -1);
    CHECK_EQ("no channel 4", timer_irq_unregister(TIMER_DEVICE_0, TIMER_CHANNEL_MAX), -1);
    return check_done();
}
