/* A fed watchdog stays quiet, an unfed one interrupts, an unserved interrupt resets the chip. The program runs three
 * times: WDT0 bites the first run, WDT1 the second. */

#include "check.h"
#include "plic.h"
#include "wdt.h"

static volatile unsigned barks;
static volatile uint64_t barked_at;
static bool serve;

static int on_bark(void *ctx) {
    barked_at = barks++ == 0 ? clint_get_time() : barked_at;
    if (serve) {
        wdt_clear_interrupt((wdt_device_number_t)(uintptr_t)ctx);
    } else {
        plic_irq_disable((plic_irq_t)(IRQN_WDT0_INTERRUPT + (uintptr_t)ctx));
    }
    return 0;
}

static void served(wdt_device_number_t id) {
    uint32_t both = wdt_init(id, 10, on_bark, (void *)(uintptr_t)id);
    CHECK_EQ("a power of two of the clock", both, (1u << 17) * 1000 / 13000000);
    serve = true;
    wdt_feed(id);
    barks = 0;
    for (int i = 0; i < 10; i++) {
        msleep(4);
        wdt_feed(id);
    }
    unsigned while_fed = barks;
    uint64_t start = clint_get_time();
    CHECK("interrupt when not fed", WAIT_FOR(barks > while_fed, 20));
    CHECK_EQ("none while fed", while_fed, 0);
    int64_t stage = (int64_t)((1ull << 16) * clint_timer_get_freq() / 13000000);
    check_between("after one stage", (int64_t)(barked_at - start), stage - stage / 50, stage + stage / 50);
    CHECK("and again when served", WAIT_FOR(barks >= 4, 40));
    wdt_stop(id);
    barks = 0;
    msleep(12);
    CHECK_EQ("stopped", barks, 0);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    sysctl_reset_enum_status_t cause = sysctl_get_reset_status();
    printk("RESET %d\n", cause);
    if (cause != SYSCTL_RESET_STATUS_WDT1) {
        wdt_device_number_t id = cause == SYSCTL_RESET_STATUS_WDT0 ? WDT_DEVICE_1 : WDT_DEVICE_0;
        serve = false;
        wdt_init(id, 10, on_bark, (void *)(uintptr_t)id);
        msleep(100);
        CHECK("not reset", false);
    }
    served(WDT_DEVICE_0);
    served(WDT_DEVICE_1);
    CHECK_EQ("longest", wdt_init(WDT_DEVICE_0, 1000000, on_bark, NULL), (1ull << 32) * 1000 / 13000000);
    wdt_stop(WDT_DEVICE_0);
    CHECK_EQ("no watchdog 2", wdt_init(WDT_DEVICE_MAX, 10, on_bark, NULL), 0);
    return check_done();
}
