/* Single register fields of the timers: functions of the vendor's library that its headers do not declare (spec
 * sdk-api.md 6.1). Arguments are not checked. */

#include "mmio.h"
#include "sysctl.h"
#include "timer.h"
#include "timer_regs.h"

#define D timer_device_number_t device
#define DC timer_device_number_t device, timer_channel_number_t channel

static void control(DC, uint32_t mask, bool on) {
    mmio_update(CHANNEL_REG(device, channel, CONTROL), mask, on ? mask : 0);
}

void timer_set_clock_div(D, uint32_t div) {
    sysctl_clock_set_threshold((sysctl_threshold_t)(SYSCTL_THRESHOLD_TIMER0 + device), (int)div);
}

void timer_enable(DC) {
    control(device, channel, TIMER_CR_ENABLE, true);
}

void timer_disable(DC) {
    control(device, channel, TIMER_CR_ENABLE, false);
}

void timer_enable_pwm(DC) {
    control(device, channel, TIMER_CR_PWM_ENABLE, true);
}

void timer_disable_pwm(DC) {
    control(device, channel, TIMER_CR_PWM_ENABLE, false);
}

void timer_enable_interrupt(DC) {
    control(device, channel, TIMER_CR_INTERRUPT_MASK, false);
}

void timer_disable_interrupt(DC) {
    control(device, channel, TIMER_CR_INTERRUPT_MASK, true);
}

void timer_set_mode(DC, uint32_t mode) {
    control(device, channel, TIMER_CR_MODE_MASK, mode == TIMER_CR_USER_MODE);
}

void timer_set_reload(DC, uint32_t count) {
    mmio_write(CHANNEL_REG(device, channel, LOAD_COUNT), count);
}

void timer_set_reload2(DC, uint32_t count) {
    mmio_write(TIMER_REG(device, LOAD_COUNT2(channel)), count);
}

uint32_t timer_get_count(DC) {
    return mmio_read(CHANNEL_REG(device, channel, CURRENT_VALUE));
}

uint32_t timer_get_reload(DC) {
    return mmio_read(CHANNEL_REG(device, channel, LOAD_COUNT));
}

uint32_t timer_get_reload2(DC) {
    return mmio_read(TIMER_REG(device, LOAD_COUNT2(channel)));
}

uint32_t timer_get_interrupt_status(D) {
    return mmio_read(TIMER_REG(device, ALL_INTR_STAT));
}

uint32_t timer_get_raw_interrupt_status(D) {
    return mmio_read(TIMER_REG(device, ALL_RAW_INTR_STAT));
}

uint32_t timer_channel_get_interrupt_status(DC) {
    return mmio_read(CHANNEL_REG(device, channel, INTR_STAT));
}

void timer_clear_interrupt(D) {
    mmio_read(TIMER_REG(device, ALL_EOI));
}

void timer_channel_clear_interrupt(DC) {
    mmio_read(CHANNEL_REG(device, channel, EOI));
}
