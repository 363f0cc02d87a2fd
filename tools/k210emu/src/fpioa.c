/* FPIOA: 48 pads, each carrying one of 256 functions (spec soc.md 5). */
#include "device.h"

#include <stdio.h>

enum { IO = 0x00, TIE_EN = 0xc0, TIE_VAL = 0xe0, FPIOA_END = 0x100 };

#define PADS 48
#define FUNCTIONS 256
#define RESV0 120

/* io[n] bits, spec 5.1 */
enum { OE_EN = 12, OE_INV = 13, DO_SEL = 14, DO_INV = 15, PU = 16, PD = 17, IE_EN = 20, IE_INV = 21, DI_INV = 22 };
#define PAD_DI 0x80000000u

/* What a function is (spec 5.4), one letter each: i input, o output, g GPIO, s SPI data, c I2C, x SCCB, r reserved;
 * p and q are INTERNAL13 and 14, alone with their defaults. */
static const char function_class[FUNCTIONS + 1] =
    "iiiossssssssooooioioiioogggggggggggggggggggggggggggggggggggggggg"
    "ioioiossssssssooooiosiioooiiiioooooooiiiioooooooiiiioooorrrrrrcc"
    "ccccoooiiiiiiiiiiixxiiiiioooooooooiiiiioooooooooiiiiiooooooooooo"
    "oooooooooooooooooooooiiiipqiiirioooooooooooooooooooooooooooooooo";

typedef struct {
    bool level, output_enable; /* what the peripheral puts out */
    bool input;                /* what it sees */
    int8_t pad;                /* lowest pad that carries the function, -1: none */
} function_t;

typedef struct {
    emu_t *emu;
    uint32_t io[PADS], tie_en[8], tie_val[8];
    bool driven[PADS], outside[PADS], level[PADS];
    function_t function[FUNCTIONS];
} fpioa_t;

static uint32_t default_word(unsigned f)
{
    switch (function_class[f]) {
    case 'i': return 0x00900000 | f;
    case 'o': return 0x00001f00 | f;
    case 'g': return 0x00901f00 | f;
    case 's': return 0x00b03f00 | f;
    case 'c': return 0x00991000 | f;
    case 'x': return 0x00993000 | f;
    case 'p': return 0x00910000 | f;
    case 'q': return 0x00991f00 | f;
    default: return f;
    }
}

static bool is_output(const fpioa_t *s, unsigned pad)
{
    uint32_t io = s->io[pad];
    return bit(io, OE_EN) && (bit(io, OE_INV) ^ s->function[io & 0xff].output_enable);
}

static bool pad_level(const fpioa_t *s, unsigned pad)
{
    uint32_t io = s->io[pad];
    const function_t *f = &s->function[io & 0xff];
    if (is_output(s, pad)) {
        return bit(io, DO_INV) ^ (bit(io, DO_SEL) ? f->output_enable : f->level);
    }
    return s->driven[pad] ? s->outside[pad] : bit(io, PU);
}

static bool function_input(const fpioa_t *s, unsigned f)
{
    if (bit(s->tie_en[f / 32], f % 32)) {
        return bit(s->tie_val[f / 32], f % 32);
    }
    if (s->function[f].pad < 0) {
        return false;
    }
    unsigned pad = (unsigned)s->function[f].pad;
    uint32_t io = s->io[pad];
    bool input_enable = function_class[f] != 's'; /* active low for SPI data, spec 5.1 */
    return bit(io, IE_EN) && (bit(io, IE_INV) ^ input_enable) && (bit(io, DI_INV) ^ s->level[pad]);
}

static void update_function(fpioa_t *s, unsigned f)
{
    bool input = function_input(s, f);
    if (input != s->function[f].input) {
        s->function[f].input = input;
        emu_notify_function_input(s->emu, f, input);
    }
}

static void drive_pad(void *opaque, unsigned pad, bool level, bool release);

/* What the chip drives on one end of a jumper comes in at the other. */
static void update_jumper(fpioa_t *s, unsigned pad)
{
    int other = emu_jumper_of(s->emu, pad);
    bool drives = is_output(s, pad);
    if (other >= 0 && (drives != s->driven[other] || (drives && s->level[pad] != s->outside[other]))) {
        drive_pad(s, (unsigned)other, s->level[pad], !drives);
    }
}

static void update_pad(fpioa_t *s, unsigned pad)
{
    bool level = pad_level(s, pad), changed = level != s->level[pad];
    s->level[pad] = level;
    update_function(s, s->io[pad] & 0xff);
    if (changed) {
        emu_notify_pad(s->emu, pad, level);
    }
    update_jumper(s, pad);
}

/* The pad of an input function that is on several pads is unspecified; the lowest is taken. */
static void find_pad(fpioa_t *s, unsigned f)
{
    s->function[f].pad = -1;
    for (int pad = PADS - 1; pad >= 0; pad--) {
        if ((s->io[pad] & 0xff) == f) {
            s->function[f].pad = (int8_t)pad;
        }
    }
}

static void write_io(fpioa_t *s, unsigned pad, uint32_t value)
{
    unsigned old = s->io[pad] & 0xff, new = value & 0xff;
    s->io[pad] = value & ~PAD_DI;
    if (old != new) {
        find_pad(s, old);
        find_pad(s, new);
    }
    update_pad(s, pad);
    update_function(s, old);
    if (old != new) {
        emu_pads_rerouted(s->emu);
    }
}

static uint64_t fpioa_read(void *opaque, uint64_t offset, unsigned size)
{
    fpioa_t *s = opaque;
    (void)size;
    if (offset < TIE_EN) {
        return s->io[offset / 4] | (s->level[offset / 4] ? PAD_DI : 0);
    }
    if (offset < TIE_VAL) {
        return s->tie_en[(offset - TIE_EN) / 4];
    }
    if (offset < FPIOA_END) {
        return s->tie_val[(offset - TIE_VAL) / 4];
    }
    emu_unmodelled(s->emu, "fpioa", offset, false, 0);
    return 0;
}

static void fpioa_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    fpioa_t *s = opaque;
    (void)size;
    if (offset < TIE_EN) {
        write_io(s, (unsigned)offset / 4, (uint32_t)value);
        return;
    }
    if (offset >= FPIOA_END) {
        emu_unmodelled(s->emu, "fpioa", offset, true, value);
        return;
    }
    (offset < TIE_VAL ? s->tie_en : s->tie_val)[offset / 4 % 8] = (uint32_t)value;
    for (unsigned i = 0; i < 32; i++) {
        update_function(s, (unsigned)(offset / 4 % 8) * 32 + i);
    }
}

static void drive(void *opaque, unsigned f, bool level, bool output_enable)
{
    fpioa_t *s = opaque;
    s->function[f].level = level;
    s->function[f].output_enable = output_enable;
    for (int pad = s->function[f].pad; pad >= 0 && pad < PADS; pad++) {
        if ((s->io[pad] & 0xff) == f) {
            update_pad(s, (unsigned)pad);
        }
    }
}

static bool sample(void *opaque, unsigned f)
{
    return ((fpioa_t *)opaque)->function[f].input;
}

static void drive_pad(void *opaque, unsigned pad, bool level, bool release)
{
    fpioa_t *s = opaque;
    s->driven[pad] = !release;
    s->outside[pad] = level;
    update_pad(s, pad);
}

static void pad_rewired(void *opaque, unsigned pad)
{
    update_pad(opaque, pad);
}

static bool sample_pad(void *opaque, unsigned pad)
{
    return ((fpioa_t *)opaque)->level[pad];
}

static int function_of(void *opaque, unsigned pad)
{
    return (int)(((fpioa_t *)opaque)->io[pad] & 0xff);
}

static int pad_of(void *opaque, unsigned f)
{
    return ((fpioa_t *)opaque)->function[f].pad;
}

/* Pads after reset, spec 5.5. */
static unsigned reset_function(unsigned pad)
{
    static const uint8_t low[8] = {0, 1, 2, 3 /* JTAG */, 18, 19 /* UARTHS */, RESV0, RESV0};
    return pad < 8 ? low[pad] : pad < 16 ? 56 + (pad - 8) /* GPIO */ : 24 + (pad - 16) /* GPIOHS */;
}

static void fpioa_reset(void *opaque)
{
    fpioa_t *s = opaque;
    for (unsigned w = 0; w < 8; w++) {
        s->tie_en[w] = s->tie_val[w] = 0;
    }
    for (unsigned pad = 0; pad < PADS; pad++) {
        s->io[pad] = default_word(reset_function(pad));
    }
    for (unsigned f = 0; f < FUNCTIONS; f++) {
        find_pad(s, f);
    }
    for (unsigned pad = 0; pad < PADS; pad++) {
        update_pad(s, pad);
    }
    for (unsigned f = 0; f < FUNCTIONS; f++) {
        update_function(s, f);
    }
}

static void fpioa_state(void *opaque, emu_json_t *json)
{
    fpioa_t *s = opaque;
    char name[8];
    for (unsigned pad = 0; pad < PADS; pad++) {
        snprintf(name, sizeof name, "io%u", pad);
        emu_json_begin(json, name);
        emu_json_u64(json, "function", s->io[pad] & 0xff);
        emu_json_u64(json, "register", fpioa_read(s, 4 * pad, 4));
        emu_json_bool(json, "level", s->level[pad]);
        emu_json_bool(json, "driven_outside", s->driven[pad]);
        emu_json_end(json);
    }
}

void fpioa_create(emu_t *emu)
{
    fpioa_t *s = device_new(sizeof *s);
    s->emu = emu;
    for (unsigned f = 0; f < FUNCTIONS; f++) {
        /* Until its peripheral says otherwise: outputs are enabled, the active-low enables of SPI data and SCCB off. */
        s->function[f].output_enable = function_class[f] == 'o' || function_class[f] == 's' ||
                                       function_class[f] == 'x' || function_class[f] == 'r';
    }
    emu_set_pins(emu, &(emu_pins_t){.drive = drive, .sample = sample, .pad_drive = drive_pad, .pad_level = sample_pad,
                                    .pad_of = pad_of, .function_of = function_of, .rewired = pad_rewired,
                                    .opaque = s});
    emu_add_device(emu, &(emu_device_t){.name = "fpioa", .base = 0x502b0000, .size = 0x10000, .word = 4,
                                        .read = fpioa_read, .write = fpioa_write, .reset = fpioa_reset,
                                        .state = fpioa_state, .destroy = free, .opaque = s});
    fpioa_reset(s);
}
