/* GPIO: eight pins sharing one interrupt (DesignWare APB GPIO, spec soc.md 6.1). */
#include "device.h"

enum {
    DATA_OUTPUT = 0x00, DIRECTION = 0x04, SOURCE = 0x08, INT_ENABLE = 0x30, INT_MASK = 0x34, INT_LEVEL = 0x38,
    INT_POLARITY = 0x3c, INT_STATUS = 0x40, INT_STATUS_RAW = 0x44, INT_DEBOUNCE = 0x48, INT_CLEAR = 0x4c,
    DATA_INPUT = 0x50, SYNC_LEVEL = 0x60, ID_CODE = 0x64, INT_BOTHEDGE = 0x68, GPIO_END = 0x6c
};

#define PINS 8
#define FIRST_FUNCTION 56 /* FPIOA number of GPIO0 */
#define IRQ 23

typedef struct gpio gpio_t;
typedef struct {
    gpio_t *gpio;
    unsigned n;
} pin_t;

struct gpio {
    emu_t *emu;
    uint8_t reg[GPIO_END / 4];
    uint8_t pads, edges; /* levels; edges seen and not yet cleared */
    uint8_t driven_level, driven_enable;
    pin_t pin[PINS];
};

static uint8_t get(const gpio_t *s, unsigned offset)
{
    return s->reg[offset / 4];
}

static uint8_t raw_status(const gpio_t *s)
{
    uint8_t edge = get(s, INT_LEVEL) | get(s, INT_BOTHEDGE);
    uint8_t level = (uint8_t)~(s->pads ^ get(s, INT_POLARITY));
    return (uint8_t)(((edge & s->edges) | (~edge & level)) & get(s, INT_ENABLE) & ~get(s, DIRECTION));
}

static void update_interrupt(gpio_t *s)
{
    emu_irq(s->emu, IRQ, (raw_status(s) & ~get(s, INT_MASK)) != 0);
}

static void pin_changed(void *opaque, bool level)
{
    gpio_t *s = ((pin_t *)opaque)->gpio;
    uint8_t mask = (uint8_t)(1u << ((pin_t *)opaque)->n);
    bool wanted = (get(s, INT_BOTHEDGE) & mask) || level == !!(get(s, INT_POLARITY) & mask);
    s->pads = level ? s->pads | mask : s->pads & (uint8_t)~mask;
    if (wanted && (get(s, INT_ENABLE) & mask)) {
        s->edges |= mask;
    }
    update_interrupt(s);
}

static void update_outputs(gpio_t *s)
{
    uint8_t level = get(s, DATA_OUTPUT), enable = get(s, DIRECTION);
    unsigned changed = (level ^ s->driven_level) | (enable ^ s->driven_enable);
    s->driven_level = level;
    s->driven_enable = enable;
    for (; changed != 0; changed &= changed - 1) {
        unsigned n = (unsigned)__builtin_ctz(changed);
        emu_function_drive(s->emu, FIRST_FUNCTION + n, bit(level, n), bit(enable, n));
    }
}

static uint64_t gpio_read(void *opaque, uint64_t offset, unsigned size)
{
    gpio_t *s = opaque;
    (void)size;
    switch (offset) {
    case INT_STATUS: return raw_status(s) & (uint8_t)~get(s, INT_MASK);
    case INT_STATUS_RAW: return raw_status(s);
    case DATA_INPUT: return s->pads;
    case INT_CLEAR: case ID_CODE: return 0;
    case DATA_OUTPUT: case DIRECTION: case SOURCE: case INT_ENABLE: case INT_MASK: case INT_LEVEL: case INT_POLARITY:
    case INT_DEBOUNCE: case SYNC_LEVEL: case INT_BOTHEDGE: return get(s, (unsigned)offset);
    }
    emu_unmodelled(s->emu, "gpio", offset, false, 0);
    return 0;
}

static void gpio_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    gpio_t *s = opaque;
    (void)size;
    switch (offset) {
    case INT_CLEAR: s->edges &= (uint8_t)~value; break;
    case INT_ENABLE:
        s->edges &= (uint8_t)value;
        s->reg[offset / 4] = (uint8_t)value;
        break;
    case DATA_OUTPUT: case DIRECTION: case SOURCE: case INT_MASK: case INT_LEVEL: case INT_POLARITY: case INT_DEBOUNCE:
    case SYNC_LEVEL: case INT_BOTHEDGE: s->reg[offset / 4] = (uint8_t)value; break;
    case INT_STATUS: case INT_STATUS_RAW: case DATA_INPUT: case ID_CODE: return;
    default: emu_unmodelled(s->emu, "gpio", offset, true, value); return;
    }
    update_outputs(s);
    update_interrupt(s);
}

static void gpio_reset(void *opaque)
{
    gpio_t *s = opaque;
    for (unsigned i = 0; i < GPIO_END / 4; i++) {
        s->reg[i] = 0;
    }
    s->edges = 0;
    update_outputs(s);
    update_interrupt(s);
}

static void gpio_state(void *opaque, emu_json_t *json)
{
    gpio_t *s = opaque;
    emu_json_u64(json, "pads", s->pads);
    emu_json_u64(json, "data_output", get(s, DATA_OUTPUT));
    emu_json_u64(json, "direction", get(s, DIRECTION));
    emu_json_u64(json, "interrupt_status", raw_status(s) & (uint8_t)~get(s, INT_MASK));
}

void gpio_create(emu_t *emu)
{
    gpio_t *s = device_new(sizeof *s);
    s->emu = emu;
    for (unsigned n = 0; n < PINS; n++) {
        s->pin[n] = (pin_t){s, n};
        s->pads |= (uint8_t)(emu_function_sample(emu, FIRST_FUNCTION + n) << n);
        emu_on_function_input(emu, FIRST_FUNCTION + n, pin_changed, &s->pin[n]);
    }
    emu_add_device(emu, &(emu_device_t){.name = "gpio", .base = 0x50200000, .size = 0x10000, .word = 4,
                                        .read = gpio_read, .write = gpio_write, .reset = gpio_reset,
                                        .state = gpio_state, .destroy = free, .opaque = s});
    gpio_reset(s);
}
