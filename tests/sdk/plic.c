/* Priorities, thresholds and nesting, with GPIOHS pins that see their own pads as interrupt sources. */

#include "check.h"
#include "fpioa.h"
#include "gpiohs.h"

static char order[16];
static volatile unsigned length;

static void note(char c) {
    if (length < sizeof order - 1) {
        order[length++] = c;
        order[length] = 0;
    }
}

static void trigger(uint8_t pin) {
    gpiohs_set_pin(pin, GPIO_PV_LOW);
    gpiohs_set_pin(pin, GPIO_PV_HIGH);
    usleep(20);
}

static int on_low(void *ctx) {
    note('l');
    if (ctx) {
        trigger((uint8_t)(uintptr_t)ctx);
    }
    note('L');
    return 0;
}

static int on_high(void *ctx) {
    note('h');
    if (ctx) {
        trigger((uint8_t)(uintptr_t)ctx);
    }
    note('H');
    return 0;
}

static void set_up(uint8_t pin, uint32_t priority, plic_irq_callback_t callback, unsigned then) {
    fpioa_set_function(20 + pin, (fpioa_function_t)(FUNC_GPIOHS0 + pin));
    gpiohs_set_pin(pin, GPIO_PV_LOW); /* before its input goes on: that would be an edge */
    gpiohs_set_drive_mode(pin, GPIO_DM_OUTPUT);
    gpiohs->input_en.u32[0] |= 1u << pin;
    gpiohs_irq_register(pin, priority, callback, (void *)(uintptr_t)then);
    gpiohs_set_pin_edge(pin, GPIO_PE_RISING);
}

static void expect(const char *name, const char *want) {
    usleep(50);
    if (strcmp(order, want)) {
        printk("INFO order %s\n", order);
    }
    check_bytes(name, order, want, strlen(want) + 1);
    length = 0;
    order[0] = 0;
}

#define THRESHOLD (*(volatile uint32_t *)0x0C200000)

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    CHECK_EQ("priority out of range", plic_set_priority(IRQN_GPIOHS1_INTERRUPT, 8), -1);
    CHECK_EQ("source out of range", plic_irq_enable(IRQN_MAX), -1);

    set_up(1, 2, on_low, 0);
    set_up(2, 5, on_high, 0);
    CHECK_EQ("priority reads back", plic_get_priority(IRQN_GPIOHS2_INTERRUPT), 5);
    clear_csr(mstatus, MSTATUS_MIE);
    trigger(1);
    trigger(2);
    set_csr(mstatus, MSTATUS_MIE);
    expect("higher priority first", "hHlL");

    set_up(1, 2, on_low, 2);
    trigger(1);
    expect("higher nests in lower", "lhHL");

    set_up(1, 2, on_low, 0);
    set_up(2, 5, on_high, 1);
    trigger(2);
    expect("lower waits for higher", "hHlL");

    set_up(1, 5, on_low, 0);
    trigger(2);
    expect("equal does not nest", "hHlL");

    set_up(2, 5, on_high, 0);
    THRESHOLD = 5;
    trigger(2);
    expect("at the threshold: held", "");
    THRESHOLD = 4;
    expect("above the threshold", "hH");
    THRESHOLD = 0;

    plic_set_priority(IRQN_GPIOHS2_INTERRUPT, 0);
    trigger(2);
    expect("priority 0 is never", "");
    plic_set_priority(IRQN_GPIOHS2_INTERRUPT, 1);
    expect("delivered when raised", "hH");

    plic_irq_disable(IRQN_GPIOHS2_INTERRUPT);
    trigger(2);
    expect("disabled", "");
    plic_irq_enable(IRQN_GPIOHS2_INTERRUPT);
    expect("enabled again", "hH");

    plic_irq_deregister(IRQN_GPIOHS2_INTERRUPT);
    trigger(2);
    CHECK("a source without handler does not hang", true);
    CHECK("deregistered", (*plic_get_instance())[IRQN_GPIOHS2_INTERRUPT].callback == NULL);
    return check_done();
}
