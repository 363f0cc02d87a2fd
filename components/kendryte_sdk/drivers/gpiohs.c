/* 32 fast pins with their own interrupts (spec soc.md 6.2). */

#include "gpiohs.h"
#include "atomic.h"
#include "bsp.h"
#include "fpioa.h"
#include "mmio.h"

#define REG(offset) (GPIOHS_BASE_ADDR + (offset))
#define PINS 32

volatile gpiohs_t *const gpiohs = (volatile gpiohs_t *)GPIOHS_BASE_ADDR;

static struct {
    plic_irq_callback_t callback;
    void *ctx;
} handlers[PINS];

/* The four kinds of interrupt in the order of the bits of gpio_pin_edge_t. */
static const struct {
    uint8_t enable, pending;
} kinds[] = {
    {GPIOHS_FALL_IE, GPIOHS_FALL_IP},
    {GPIOHS_RISE_IE, GPIOHS_RISE_IP},
    {GPIOHS_LOW_IE, GPIOHS_LOW_IP},
    {GPIOHS_HIGH_IE, GPIOHS_HIGH_IP},
};

/* All pins share their registers: a change is atomic against callbacks and the other hart. */
static void change(unsigned offset, uint32_t mask, bool on) {
    static spinlock_t lock = SPINLOCK_INIT;
    unsigned long state = irq_save();
    spinlock_lock(&lock);
    mmio_update(REG(offset), mask, on ? mask : 0);
    spinlock_unlock(&lock);
    irq_restore(state);
}

void gpiohs_set_drive_mode(uint8_t pin, gpio_drive_mode_t mode) {
    if (pin >= PINS) {
        return;
    }
    int pad = fpioa_get_io_by_function((fpioa_function_t)(FUNC_GPIOHS0 + pin));
    if (pad < 0) {
        printk("gpiohs: GPIOHS%d is on no pad: call fpioa_set_function first\r\n", pin);
        return;
    }
    fpioa_set_io_pull(pad, mode == GPIO_DM_INPUT           ? FPIOA_PULL_NONE
                           : mode == GPIO_DM_INPUT_PULL_UP ? FPIOA_PULL_UP
                                                           : FPIOA_PULL_DOWN);
    bool output = mode == GPIO_DM_OUTPUT;
    change(output ? GPIOHS_INPUT_EN : GPIOHS_OUTPUT_EN, 1u << pin, false);
    change(output ? GPIOHS_OUTPUT_EN : GPIOHS_INPUT_EN, 1u << pin, true);
}

gpio_pin_value_t gpiohs_get_pin(uint8_t pin) {
    return pin < PINS && (mmio_read(REG(GPIOHS_INPUT_VAL)) >> pin & 1) ? GPIO_PV_HIGH : GPIO_PV_LOW;
}

void gpiohs_set_pin(uint8_t pin, gpio_pin_value_t value) {
    if (pin < PINS) {
        change(GPIOHS_OUTPUT_VAL, 1u << pin, value != GPIO_PV_LOW);
    }
}

void gpiohs_set_pin_edge(uint8_t pin, gpio_pin_edge_t edge) {
    if (pin >= PINS) {
        return;
    }
    for (unsigned kind = 0; kind < 4; kind++) {
        change(kinds[kind].enable, 1u << pin, false);
        mmio_write(REG(kinds[kind].pending), 1u << pin); /* not by read-modify-write: that clears other pins too */
    }
    for (unsigned kind = 0; kind < 4; kind++) {
        if (edge >> kind & 1) {
            change(kinds[kind].enable, 1u << pin, true);
        }
    }
}

static int on_irq(void *ctx) {
    unsigned pin = (unsigned)(uintptr_t)ctx;
    for (unsigned kind = 0; kind < 4; kind++) {
        if (mmio_read(REG(kinds[kind].enable)) >> pin & 1) {
            mmio_write(REG(kinds[kind].pending), 1u << pin);
        }
    }
    return handlers[pin].callback ? handlers[pin].callback(handlers[pin].ctx) : 0;
}

void gpiohs_irq_register(uint8_t pin, uint32_t priority, plic_irq_callback_t callback, void *ctx) {
    if (pin >= PINS) {
        return;
    }
    plic_irq_t irq = (plic_irq_t)(IRQN_GPIOHS0_INTERRUPT + pin);
    handlers[pin].callback = callback;
    handlers[pin].ctx = ctx;
    plic_set_priority(irq, priority);
    plic_irq_register(irq, on_irq, (void *)(uintptr_t)pin);
    plic_irq_enable(irq);
}

static int call_plain(void *ctx) {
    ((void (*)(void))(uintptr_t)ctx)();
    return 0;
}

void gpiohs_set_irq(uint8_t pin, uint32_t priority, void (*func)()) {
    gpiohs_irq_register(pin, priority, call_plain, (void *)(uintptr_t)func);
}

void gpiohs_irq_disable(size_t pin) {
    if (pin < PINS) {
        plic_irq_disable((plic_irq_t)(IRQN_GPIOHS0_INTERRUPT + pin));
    }
}

void gpiohs_irq_unregister(uint8_t pin) {
    if (pin < PINS) {
        gpiohs_set_pin_edge(pin, GPIO_PE_NONE);
        handlers[pin].callback = NULL;
        gpiohs_irq_disable(pin); /* the vendor leaves it enabled: a later edge would interrupt for ever */
        plic_irq_unregister((plic_irq_t)(IRQN_GPIOHS0_INTERRUPT + pin));
    }
}
