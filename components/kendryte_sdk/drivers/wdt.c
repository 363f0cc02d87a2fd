/* Watchdogs: an interrupt at the first time-out, a reset at the second (spec soc.md 10.4). */

#include "wdt.h"
#include "mmio.h"
#include "platform.h"
#include "sysctl.h"

#define REG(id, offset) (WDT0_BASE_ADDR + 0x10000ul * (id) + (offset))
#define CR 0x00
#define TORR 0x04
#define CRR 0x0C
#define EOI 0x14

#define MAX_TOP 15

volatile wdt_t *const wdt[2] = {(volatile wdt_t *)WDT0_BASE_ADDR, (volatile wdt_t *)WDT1_BASE_ADDR};

static bool bad(wdt_device_number_t id) {
    return (unsigned)id >= WDT_DEVICE_MAX;
}

static plic_irq_t irq_of(wdt_device_number_t id) {
    return (plic_irq_t)(IRQN_WDT0_INTERRUPT + id);
}

void wdt_feed(wdt_device_number_t id) {
    if (!bad(id)) {
        mmio_write(REG(id, CRR), WDT_CRR_MASK);
    }
}

void wdt_clear_interrupt(wdt_device_number_t id) {
    if (!bad(id)) {
        mmio_read(REG(id, EOI));
    }
}

/* The longest stage of 2^(16 + top) clocks that is not above the time asked for. */
static uint32_t top_for(uint64_t ms, uint32_t hz) {
    uint64_t units = (ms < UINT32_MAX ? ms : UINT32_MAX) * hz / 1000 >> 16;
    uint32_t top = 0;
    while (units >>= 1) {
        top++;
    }
    return top < MAX_TOP ? top : MAX_TOP;
}

uint32_t wdt_init(wdt_device_number_t id, uint64_t time_out_ms, plic_irq_callback_t on_irq, void *ctx) {
    if (bad(id)) {
        return 0;
    }
    sysctl_reset((sysctl_reset_t)(SYSCTL_RESET_WDT0 + id));
    sysctl_clock_set_threshold((sysctl_threshold_t)(SYSCTL_THRESHOLD_WDT0 + id), 0);
    sysctl_clock_enable((sysctl_clock_t)(SYSCTL_CLOCK_WDT0 + id));
    uint32_t hz = sysctl_clock_get_freq((sysctl_clock_t)(SYSCTL_CLOCK_WDT0 + id));
    uint32_t top = top_for(time_out_ms, hz);
    plic_irq_register(irq_of(id), on_irq, ctx);
    plic_set_priority(irq_of(id), 1);
    plic_irq_enable(irq_of(id));
    mmio_update(REG(id, CR), WDT_CR_RMOD_MASK, WDT_CR_RMOD_INTERRUPT);
    mmio_write(REG(id, TORR), WDT_TORR_TOP(top));
    wdt_feed(id);
    mmio_update(REG(id, CR), WDT_CR_ENABLE, WDT_CR_ENABLE);
    return (uint32_t)((1ull << (17 + top)) * 1000 / hz); /* both stages */
}

void wdt_start(wdt_device_number_t id, uint64_t time_out_ms, plic_irq_callback_t on_irq) {
    wdt_init(id, time_out_ms, on_irq, NULL);
}

void wdt_stop(wdt_device_number_t id) {
    if (bad(id)) {
        return;
    }
    wdt_feed(id);
    mmio_update(REG(id, CR), WDT_CR_ENABLE, 0);
    if (mmio_read(REG(id, CR)) & WDT_CR_ENABLE) {
        sysctl_reset((sysctl_reset_t)(SYSCTL_RESET_WDT0 + id)); /* the standard block cannot be disabled otherwise */
    }
    plic_irq_disable(irq_of(id));
    plic_irq_unregister(irq_of(id));
}
