/* Timers: three blocks of four channels that count down (spec soc.md 10.2). The raw helpers are in timer_raw.c. */

#include "timer.h"
#include "bsp.h"
#include "mmio.h"
#include "plic.h"
#include "sysctl.h"
#include "timer_regs.h"

volatile kendryte_timer_t *const timer[3] = {
    (volatile kendryte_timer_t *)TIMER0_BASE_ADDR,
    (volatile kendryte_timer_t *)TIMER1_BASE_ADDR,
    (volatile kendryte_timer_t *)TIMER2_BASE_ADDR,
};

static struct {
    timer_callback_t callback;
    void *ctx;
    bool single_shot;
} handlers[TIMER_DEVICE_MAX][TIMER_CHANNEL_MAX];

static bool bad(timer_device_number_t device, timer_channel_number_t channel) {
    return (unsigned)device >= TIMER_DEVICE_MAX || (unsigned)channel >= TIMER_CHANNEL_MAX;
}

/* Channels 0, 1 and channels 2, 3 share a line. */
static plic_irq_t irq_of(timer_device_number_t device, unsigned channel) {
    return (plic_irq_t)(IRQN_TIMER0A_INTERRUPT + 2 * device + channel / 2);
}

void timer_init(timer_device_number_t timer_number) {
    if ((unsigned)timer_number < TIMER_DEVICE_MAX) {
        for (unsigned channel = 0; channel < TIMER_CHANNEL_MAX; channel++) {
            handlers[timer_number][channel].callback = NULL;
        }
        sysctl_clock_enable((sysctl_clock_t)(SYSCTL_CLOCK_TIMER0 + timer_number));
    }
}

/* A channel counts load_count + 1 clocks: the vendor's driver is one clock late, this one is exact. */
size_t timer_set_interval(timer_device_number_t timer_number, timer_channel_number_t channel, size_t nanoseconds) {
    if (bad(timer_number, channel)) {
        return 0;
    }
    uint32_t hz = sysctl_clock_get_freq((sysctl_clock_t)(SYSCTL_CLOCK_TIMER0 + timer_number));
    uint64_t seconds = nanoseconds / 1000000000, rest = nanoseconds % 1000000000;
    uint64_t count = seconds > UINT32_MAX ? UINT64_MAX : seconds * hz + rest * hz / 1000000000;
    if (count == 0 || count > UINT32_MAX) {
        printk("timer: %lu ns are %lu clocks of %u Hz: 1 .. %u\r\n", nanoseconds, count, hz, UINT32_MAX);
        return 0;
    }
    count = count < 2 ? 2 : count; /* a load of 0 stops the channel */
    mmio_write(CHANNEL_REG(timer_number, channel, LOAD_COUNT), (uint32_t)count - 1);
    return (size_t)(count / hz * 1000000000 + count % hz * 1000000000 / hz);
}

void timer_set_enable(timer_device_number_t timer_number, timer_channel_number_t channel, uint32_t enable) {
    if (!bad(timer_number, channel)) {
        mmio_write(CHANNEL_REG(timer_number, channel, CONTROL),
                   enable ? TIMER_CR_USER_MODE | TIMER_CR_ENABLE : TIMER_CR_INTERRUPT_MASK);
    }
}

/* ---- interrupts ---- */

static void serve(timer_device_number_t device, unsigned channel) {
    if (!(mmio_read(CHANNEL_REG(device, channel, INTR_STAT)) & 1)) {
        return;
    }
    mmio_read(CHANNEL_REG(device, channel, EOI));
    if (handlers[device][channel].single_shot) {
        timer_set_enable(device, (timer_channel_number_t)channel, 0); /* first: the callback may start it again */
    }
    if (handlers[device][channel].callback) {
        handlers[device][channel].callback(handlers[device][channel].ctx);
    }
}

static int on_irq(void *ctx) {
    unsigned pair = (unsigned)(uintptr_t)ctx;
    for (unsigned channel = pair % 2 * 2, end = channel + 2; channel < end; channel++) {
        serve((timer_device_number_t)(pair / 2), channel);
    }
    return 0;
}

int timer_irq_register(timer_device_number_t device, timer_channel_number_t channel, int is_single_shot,
                       uint32_t priority, timer_callback_t callback, void *ctx) {
    if (bad(device, channel)) {
        return -1;
    }
    plic_irq_t irq = irq_of(device, channel);
    unsigned long state = irq_save();
    handlers[device][channel].callback = callback;
    handlers[device][channel].ctx = ctx;
    handlers[device][channel].single_shot = is_single_shot != 0;
    irq_restore(state);
    plic_set_priority(irq, priority);
    plic_irq_register(irq, on_irq, (void *)(uintptr_t)(2 * device + channel / 2));
    plic_irq_enable(irq);
    return 0;
}

static int call_plain(void *ctx) {
    ((void (*)(void))(uintptr_t)ctx)();
    return 0;
}

void timer_set_irq(timer_device_number_t timer_number, timer_channel_number_t channel, void (*func)(),
                   uint32_t priority) {
    timer_irq_register(timer_number, channel, 0, priority, call_plain, (void *)(uintptr_t)func);
}

int timer_irq_unregister(timer_device_number_t device, timer_channel_number_t channel) {
    if (bad(device, channel)) {
        return -1;
    }
    unsigned long state = irq_save();
    handlers[device][channel].callback = NULL;
    handlers[device][channel].single_shot = false;
    irq_restore(state);
    unsigned first = channel & ~1u;
    if (handlers[device][first].callback == NULL && handlers[device][first + 1].callback == NULL) {
        plic_irq_unregister(irq_of(device, channel));
    }
    return 0;
}
