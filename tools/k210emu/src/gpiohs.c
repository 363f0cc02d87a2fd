/* GPIOHS: 32 pins with an interrupt each (spec soc.md 6.2). */
#include "device.h"

enum {
    INPUT_VAL = 0x00, INPUT_EN = 0x04, OUTPUT_EN = 0x08, OUTPUT_VAL = 0x0c, PULLUP_EN = 0x10, DRIVE = 0x14,
    RISE_IE = 0x18, RISE_IP = 0x1c, FALL_IE = 0x20, FALL_IP = 0x24, HIGH_IE = 0x28, HIGH_IP = 0x2c, LOW_IE = 0x30,
    LOW_IP = 0x34, IOF_EN = 0x38, IOF_SEL = 0x3c, OUTPUT_XOR = 0x40, GPIOHS_END = 0x44
};

#define PINS 32
#define FIRST_FUNCTION 24 /* FPIOA number of GPIOHS0 */
#define FIRST_IRQ 34

typedef struct gpiohs gpiohs_t;
typedef struct {
    gpiohs_t *gpiohs;
    unsigned n;
} pin_t;

struct gpiohs {
    emu_t *emu;
    uint32_t reg[GPIOHS_END / 4];
    uint32_t pads;  /* levels at the pads */
    uint32_t value; /* what INPUT_VAL reads: pads gated by INPUT_EN */
    uint32_t lines; /* interrupt lines now high */
    uint32_t driven_level, driven_enable;
    pin_t pin[PINS];
};

static uint32_t *reg(gpiohs_t *s, unsigned offset)
{
    return &s->reg[offset / 4];
}

static void update_interrupts(gpiohs_t *s)
{
    /* Levels latch again at once while they last. */
    *reg(s, HIGH_IP) |= s->value;
    *reg(s, LOW_IP) |= ~s->value;
    uint32_t lines = (*reg(s, RISE_IP) & *reg(s, RISE_IE)) | (*reg(s, FALL_IP) & *reg(s, FALL_IE)) |
                     (*reg(s, HIGH_IP) & *reg(s, HIGH_IE)) | (*reg(s, LOW_IP) & *reg(s, LOW_IE));
    uint32_t changed = lines ^ s->lines;
    s->lines = lines;
    for (; changed != 0; changed &= changed - 1) {
        unsigned n = (unsigned)__builtin_ctz(changed);
        emu_irq(s->emu, FIRST_IRQ + n, bit(lines, n));
    }
}

static void update_inputs(gpiohs_t *s)
{
    uint32_t value = s->pads & *reg(s, INPUT_EN);
    *reg(s, RISE_IP) |= value & ~s->value;
    *reg(s, FALL_IP) |= ~value & s->value;
    s->value = value;
    update_interrupts(s);
}

static void pin_changed(void *opaque, bool level)
{
    pin_t *pin = opaque;
    uint32_t mask = 1u << pin->n;
    pin->gpiohs->pads = level ? pin->gpiohs->pads | mask : pin->gpiohs->pads & ~mask;
    update_inputs(pin->gpiohs);
}

static void update_outputs(gpiohs_t *s)
{
    uint32_t level = *reg(s, OUTPUT_VAL) ^ *reg(s, OUTPUT_XOR), enable = *reg(s, OUTPUT_EN);
    uint32_t changed = (level ^ s->driven_level) | (enable ^ s->driven_enable);
    s->driven_level = level;
    s->driven_enable = enable;
    for (; changed != 0; changed &= changed - 1) {
        unsigned n = (unsigned)__builtin_ctz(changed);
        emu_function_drive(s->emu, FIRST_FUNCTION + n, bit(level, n), bit(enable, n));
    }
}

static uint64_t gpiohs_read(void *opaque, uint64_t offset, unsigned size)
{
    gpiohs_t *s = opaque;
    (void)size;
    if (offset >= GPIOHS_END) {
        emu_unmodelled(s->emu, "gpiohs", offset, false, 0);
        return 0;
    }
    return offset == INPUT_VAL ? s->value : *reg(s, (unsigned)offset);
}

static void gpiohs_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    gpiohs_t *s = opaque;
    (void)size;
    switch (offset) {
    case INPUT_VAL: break;
    case RISE_IP: case FALL_IP: case HIGH_IP: case LOW_IP:
        *reg(s, (unsigned)offset) &= ~(uint32_t)value;
        update_interrupts(s);
        break;
    case OUTPUT_EN: case OUTPUT_VAL: case OUTPUT_XOR:
        *reg(s, (unsigned)offset) = (uint32_t)value;
        update_outputs(s);
        break;
    case INPUT_EN: case PULLUP_EN: case DRIVE: case RISE_IE: case FALL_IE: case HIGH_IE: case LOW_IE: case IOF_EN:
    case IOF_SEL:
        *reg(s, (unsigned)offset) = (uint32_t)value;
        update_inputs(s);
        break;
    default: emu_unmodelled(s->emu, "gpiohs", offset, true, value);
    }
}

static void gpiohs_reset(void *opaque)
{
    gpiohs_t *s = opaque;
    for (unsigned i = 0; i < GPIOHS_END / 4; i++) {
        s->reg[i] = 0;
    }
    s->value = 0;
    update_outputs(s);
    update_interrupts(s);
}

static void gpiohs_state(void *opaque, emu_json_t *json)
{
    gpiohs_t *s = opaque;
    emu_json_u64(json, "pads", s->pads);
    emu_json_u64(json, "input_val", s->value);
    emu_json_u64(json, "input_en", *reg(s, INPUT_EN));
    emu_json_u64(json, "output_en", *reg(s, OUTPUT_EN));
    emu_json_u64(json, "output_val", *reg(s, OUTPUT_VAL));
    emu_json_u64(json, "interrupts", s->lines);
}

void gpiohs_create(emu_t *emu)
{
    gpiohs_t *s = device_new(sizeof *s);
    s->emu = emu;
    for (unsigned n = 0; n < PINS; n++) {
        s->pin[n] = (pin_t){s, n};
        s->pads |= (uint32_t)emu_function_sample(emu, FIRST_FUNCTION + n) << n;
        emu_on_function_input(emu, FIRST_FUNCTION + n, pin_changed, &s->pin[n]);
    }
    emu_add_device(emu, &(emu_device_t){.name = "gpiohs", .base = 0x38001000, .size = 0x1000, .word = 4,
                                        .read = gpiohs_read, .write = gpiohs_write, .reset = gpiohs_reset,
                                        .state = gpiohs_state, .destroy = free, .opaque = s});
    gpiohs_reset(s);
}
