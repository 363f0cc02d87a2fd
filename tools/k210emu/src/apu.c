/* APU, the beam-forming part of I2S0 (spec soc.md 10.10): its registers. The audio paths are not computed: starting one
 * is reported, and its results do not come. */
#include "peripherals.h"

#include <string.h>

enum {
    CH_CFG = 0x000, CTL = 0x004, DIR_BIDX = 0x008, DWSZ_CFG = 0x118, FFT_CFG = 0x11c, DIRECTION_PORT = 0x120,
    VOICE_PORT = 0x124, INT_STATUS = 0x128, INT_MASK = 0x12c, SATURATION_COUNTER = 0x130, SATURATION_LIMITS = 0x134,
    APU_END = 0x138
};
enum { SEARCH_ENABLE = 1, STREAM_ENABLE = 1 << 4, SELF_CLEARING = 1 << 1 | 1 << 5 | 1 << 6 };

typedef struct {
    emu_t *emu;
    uint32_t reg[APU_END / 4];
} apu_t;

static uint64_t apu_read(void *opaque, uint64_t offset, unsigned size)
{
    apu_t *s = opaque;
    (void)size;
    if (offset < APU_END) {
        return s->reg[offset / 4];
    }
    emu_unmodelled(s->emu, "apu", offset, false, 0);
    return 0;
}

/* Fields with write enables: {low, width, write enable}. */
static uint32_t guarded(uint32_t old, uint32_t value, const uint8_t (*fields)[3], unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t mask = ((1u << fields[i][1]) - 1) << fields[i][0];
        if (bit(value, fields[i][2])) {
            old = (old & ~mask) | (value & mask);
        }
    }
    return old;
}

static void apu_write(void *opaque, uint64_t offset, unsigned size, uint64_t wide)
{
    static const uint8_t channels[4][3] = {{0, 8, 28}, {8, 4, 29}, {12, 11, 30}, {24, 1, 31}};
    static const uint8_t control[5][3] = {{0, 1, 8}, {1, 1, 9}, {4, 1, 10}, {5, 1, 11}, {6, 1, 12}};
    apu_t *s = opaque;
    uint32_t value = (uint32_t)wide, *reg = offset < APU_END ? &s->reg[offset / 4] : NULL;
    (void)size;
    switch (offset) {
    case CH_CFG: *reg = guarded(*reg, value, channels, 4); break;
    case CTL:
        *reg = guarded(*reg, value, control, 5) & ~(uint32_t)SELF_CLEARING;
        if (*reg & (SEARCH_ENABLE | STREAM_ENABLE)) {
            emu_warn(s->emu, "apu", "beam-forming is not modelled: no direction or voice data will come");
        }
        break;
    case DIRECTION_PORT: case VOICE_PORT: break;
    case INT_STATUS: *reg &= ~value; break;
    case SATURATION_COUNTER: *reg = 0; break;
    default:
        if (reg == NULL) {
            emu_unmodelled(s->emu, "apu", offset, true, value);
        } else {
            *reg = value;
        }
    }
}

static void apu_reset(void *opaque)
{
    apu_t *s = opaque;
    memset(s->reg, 0, sizeof s->reg);
}

static void apu_state(void *opaque, emu_json_t *json)
{
    apu_t *s = opaque;
    emu_json_u64(json, "ch_cfg", s->reg[CH_CFG / 4]);
    emu_json_u64(json, "ctl", s->reg[CTL / 4]);
    emu_json_u64(json, "int_mask", s->reg[INT_MASK / 4]);
}

void apu_create(emu_t *emu)
{
    apu_t *s = device_new(sizeof *s);
    s->emu = emu;
    emu_add_device(emu, &(emu_device_t){.name = "apu", .base = 0x50250200, .size = 0x200, .word = 4, .read = apu_read,
                                        .write = apu_write, .reset = apu_reset, .state = apu_state, .destroy = free,
                                        .opaque = s});
}
