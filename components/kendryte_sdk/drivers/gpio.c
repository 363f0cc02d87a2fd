/* Eight slow pins (spec soc.md 6.1). */

#include "gpio.h"
#include "bsp.h"
#include "fpioa.h"
#include "mmio.h"
#include "sysctl.h"

#define REG_DATA_OUTPUT (GPIO_BASE_ADDR + 0x00)
#define REG_DIRECTION (GPIO_BASE_ADDR + 0x04)
#define REG_DATA_INPUT (GPIO_BASE_ADDR + 0x50)
#define PINS 8

volatile gpio_t *const gpio = (volatile gpio_t *)GPIO_BASE_ADDR;

int gpio_init(void) {
    return sysctl_clock_enable(SYSCTL_CLOCK_GPIO);
}

static bool is_output(uint8_t pin) {
    return mmio_read(REG_DIRECTION) >> pin & 1;
}

void gpio_set_drive_mode(uint8_t pin, gpio_drive_mode_t mode) {
    if (pin >= PINS) {
        return;
    }
    int pad = fpioa_get_io_by_function((fpioa_function_t)(FUNC_GPIO0 + pin));
    if (pad < 0) {
        printk("gpio: GPIO%d is on no pad: call fpioa_set_function first\r\n", pin);
        return;
    }
    fpioa_set_io_pull(pad, mode == GPIO_DM_INPUT           ? FPIOA_PULL_NONE
                           : mode == GPIO_DM_INPUT_PULL_UP ? FPIOA_PULL_UP
                                                           : FPIOA_PULL_DOWN);
    mmio_update(REG_DIRECTION, 1u << pin, mode == GPIO_DM_OUTPUT ? 1u << pin : 0);
}

gpio_pin_value_t gpio_get_pin(uint8_t pin) {
    uintptr_t reg = pin < PINS && is_output(pin) ? REG_DATA_OUTPUT : REG_DATA_INPUT;
    return pin < PINS && (mmio_read(reg) >> pin & 1) ? GPIO_PV_HIGH : GPIO_PV_LOW;
}

void gpio_set_pin(uint8_t pin, gpio_pin_value_t value) {
    if (pin >= PINS || !is_output(pin)) {
        printk("gpio: GPIO%d is not an output\r\n", pin);
        return;
    }
    mmio_update(REG_DATA_OUTPUT, 1u << pin, value ? 1u << pin : 0);
}
