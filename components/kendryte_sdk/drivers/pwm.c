/* PWM by the timers: high for load_count2 + 1 clocks, low for load_count + 1 (spec soc.md 10.3). */

#include "pwm.h"
#include "bsp.h"
#include "mmio.h"
#include "sysctl.h"
#include "timer.h"
#include "timer_regs.h"

static bool bad(pwm_device_number_t device, pwm_channel_number_t channel) {
    return (unsigned)device >= PWM_DEVICE_MAX || (unsigned)channel >= PWM_CHANNEL_MAX;
}

void pwm_init(pwm_device_number_t pwm_number) {
    if ((unsigned)pwm_number < PWM_DEVICE_MAX) {
        sysctl_clock_enable((sysctl_clock_t)(SYSCTL_CLOCK_TIMER0 + pwm_number));
    }
}

double pwm_set_frequency(pwm_device_number_t pwm_number, pwm_channel_number_t channel, double frequency,
                         double duty) {
    if (bad(pwm_number, channel)) {
        return 0;
    }
    uint32_t hz = sysctl_clock_get_freq((sysctl_clock_t)(SYSCTL_CLOCK_TIMER0 + pwm_number));
    double wanted = hz / frequency;
    if (!(frequency > 0) || !(duty >= 0) || duty > 1 || wanted < 2 || wanted > UINT32_MAX) {
        printk("pwm: a period of 2 .. %u clocks of %u Hz, duty 0 .. 1\r\n", UINT32_MAX, hz);
        return 0;
    }
    uint32_t period = (uint32_t)wanted, high = (uint32_t)(duty * period);
    mmio_write(CHANNEL_REG(pwm_number, channel, LOAD_COUNT), period - high > 1 ? period - high - 1 : 0);
    mmio_write(TIMER_REG(pwm_number, LOAD_COUNT2(channel)), high > 1 ? high - 1 : 0);
    return (double)hz / period;
}

void pwm_set_enable(pwm_device_number_t pwm_number, pwm_channel_number_t channel, int enable) {
    if (bad(pwm_number, channel)) {
        return;
    }
    uintptr_t low = CHANNEL_REG(pwm_number, channel, LOAD_COUNT);
    uintptr_t high = TIMER_REG(pwm_number, LOAD_COUNT2(channel));
    if (enable) {
        mmio_write(low, mmio_read(low) ? mmio_read(low) : 1);
        mmio_write(high, mmio_read(high) ? mmio_read(high) : 1);
    }
    mmio_write(CHANNEL_REG(pwm_number, channel, CONTROL),
               enable ? TIMER_CR_INTERRUPT_MASK | TIMER_CR_PWM_ENABLE | TIMER_CR_USER_MODE | TIMER_CR_ENABLE
                      : TIMER_CR_INTERRUPT_MASK);
}
