/* FFT accelerator (spec soc.md 10.8): 64 to 512 complex points of 16 bits, 64-bit registers.
 *
 * Radix-2 layers on 16-bit values with twiddle factors of 15 fraction bits. A butterfly is computed exactly, halved
 * where the layer's shift bit is set, rounded once and saturated. How the block itself rounds is not public. */
#include "peripherals.h"

#include <math.h>
#include <string.h>

enum {
    INPUT_FIFO = 0x00, CTRL = 0x08, FIFO_CTRL = 0x10, INTR_MASK = 0x18, INTR_CLEAR = 0x20, STATUS = 0x28,
    STATUS_RAW = 0x30, OUTPUT_FIFO = 0x38, FFT_END = 0x40
};
enum { RIRI, REAL_ONLY, REALS_THEN_IMAGINARIES };
enum { FORWARD_BIT = 3, SHIFT_LOW = 4, ENABLE_BIT = 13, DMA_BIT = 14, INPUT_MODE = 15, DATA_MODE_BIT = 17 };

#define MOST_POINTS 512
#define TWIDDLE_BITS 15
#define TWIDDLE_ONE (1 << TWIDDLE_BITS)
#define IRQ 26
#define DMA_RX 23
#define DMA_TX 24

typedef struct {
    int16_t real, imaginary;
} sample_t;

typedef struct {
    emu_t *emu;
    uint32_t ctrl, fifo_ctrl, intr_mask;
    sample_t data[MOST_POINTS];
    unsigned values_in; /* 16-bit values received */
    unsigned words_out; /* output words read */
    uint32_t half;      /* of a 64-bit access made in two */
    bool working, ready, done, irq, tx_request, rx_request;
    emu_event_t finished;
} fft_t;

static unsigned points(const fft_t *s)
{
    unsigned code = field(s->ctrl, 0, 3);
    return MOST_POINTS >> (code < 3 ? code : 3);
}

static unsigned input_mode(const fft_t *s)
{
    return field(s->ctrl, INPUT_MODE, 2);
}

static unsigned values_wanted(const fft_t *s)
{
    return input_mode(s) == REAL_ONLY ? points(s) : 2 * points(s);
}

static unsigned output_words(const fft_t *s)
{
    return bit(s->ctrl, DATA_MODE_BIT) ? points(s) : points(s) / 2;
}

static void update(fft_t *s)
{
    bool irq = s->done && !bit(s->intr_mask, 0);
    if (irq != s->irq) {
        s->irq = irq;
        emu_irq(s->emu, IRQ, irq);
    }
    bool dma = bit(s->ctrl, ENABLE_BIT) && bit(s->ctrl, DMA_BIT);
    bool tx = dma && !s->working && !s->ready, rx = dma && s->ready;
    if (tx != s->tx_request) {
        s->tx_request = tx;
        emu_dma_request(s->emu, DMA_TX, tx);
    }
    if (rx != s->rx_request) {
        s->rx_request = rx;
        emu_dma_request(s->emu, DMA_RX, rx);
    }
}

/* ---- arithmetic -------------------------------------------------------------------------------------------------- */

/* To the nearest, ties to even: halving in every layer must not shift the mean. */
static int32_t rounded_shift(int64_t value, unsigned bits)
{
    int64_t half = 1ll << (bits - 1), rest = value & (2 * half - 1);
    int64_t whole = value >> bits;
    return (int32_t)(whole + (rest > half || (rest == half && (whole & 1))));
}

static int16_t saturated(fft_t *s, int32_t value)
{
    if (value < INT16_MIN || value > INT16_MAX) {
        emu_warn(s->emu, "fft", "a value leaves 16 bits: set more bits of shift");
        return value < 0 ? INT16_MIN : INT16_MAX;
    }
    return (int16_t)value;
}

static void butterfly(fft_t *s, sample_t *a, sample_t *b, int32_t cosine, int32_t sine, bool halve)
{
    int64_t real = (int64_t)b->real * cosine - (int64_t)b->imaginary * sine;
    int64_t imaginary = (int64_t)b->real * sine + (int64_t)b->imaginary * cosine;
    int64_t ar = (int64_t)a->real * TWIDDLE_ONE, ai = (int64_t)a->imaginary * TWIDDLE_ONE;
    unsigned bits = TWIDDLE_BITS + halve;
    *a = (sample_t){saturated(s, rounded_shift(ar + real, bits)), saturated(s, rounded_shift(ai + imaginary, bits))};
    *b = (sample_t){saturated(s, rounded_shift(ar - real, bits)), saturated(s, rounded_shift(ai - imaginary, bits))};
}

static void reverse_order(sample_t *data, unsigned n)
{
    for (unsigned i = 1, j = 0; i < n; i++) {
        unsigned bit_value = n >> 1;
        for (; j & bit_value; bit_value >>= 1) {
            j ^= bit_value;
        }
        j ^= bit_value;
        if (i < j) {
            sample_t other = data[i];
            data[i] = data[j];
            data[j] = other;
        }
    }
}

static void transform(fft_t *s)
{
    unsigned n = points(s), layer = 0;
    double turn = bit(s->ctrl, FORWARD_BIT) ? -2 * M_PI : 2 * M_PI;
    reverse_order(s->data, n);
    for (unsigned half = 1; half < n; half *= 2, layer++) {
        bool halve = bit(s->ctrl, SHIFT_LOW + layer);
        for (unsigned k = 0; k < half; k++) {
            double angle = turn * k / (2 * half);
            int32_t cosine = (int32_t)lrint(TWIDDLE_ONE * cos(angle)), sine = (int32_t)lrint(TWIDDLE_ONE * sin(angle));
            for (unsigned i = k; i < n; i += 2 * half) {
                butterfly(s, &s->data[i], &s->data[i + half], cosine, sine, halve);
            }
        }
    }
}

/* ---- data -------------------------------------------------------------------------------------------------------- */

static void flush(fft_t *s)
{
    emu_event_cancel(s->emu, &s->finished);
    s->values_in = s->words_out = 0;
    s->working = s->ready = false;
}

static void finished(void *opaque)
{
    fft_t *s = opaque;
    transform(s);
    s->working = false;
    s->ready = s->done = true;
    s->words_out = 0;
    update(s);
}

/* A butterfly a cycle. */
static void start(fft_t *s)
{
    unsigned layers = (unsigned)__builtin_ctz(points(s));
    s->working = true;
    emu_event_at(s->emu, &s->finished,
                 emu_now(s->emu) + cycles_to_time(points(s) / 2 * layers, emu_clock_hz(s->emu, EMU_CLOCK_CPU)));
}

/* 16-bit values in the order of their arrival, low half first: imaginary before real in RIRI. */
static void take_value(fft_t *s, int16_t value)
{
    unsigned n = points(s), at = s->values_in++;
    switch (input_mode(s)) {
    case REAL_ONLY: s->data[at] = (sample_t){value, 0}; break;
    case REALS_THEN_IMAGINARIES:
        if (at < n) {
            s->data[at].real = value;
        } else {
            s->data[at - n].imaginary = value;
        }
        break;
    default:
        if (at % 2 == 0) {
            s->data[at / 2].imaginary = value;
        } else {
            s->data[at / 2].real = value;
        }
    }
}

static void write_input(fft_t *s, uint64_t word)
{
    if (!bit(s->ctrl, ENABLE_BIT) || s->working || s->ready) {
        emu_warn(s->emu, "fft", bit(s->ctrl, ENABLE_BIT) ? "input written before the last results were read"
                                                         : "input written while the block is disabled");
        return;
    }
    unsigned values = bit(s->ctrl, DATA_MODE_BIT) ? 2 : 4;
    for (unsigned i = 0; i < values && s->values_in < values_wanted(s); i++) {
        take_value(s, (int16_t)(word >> (16 * i)));
    }
    if (s->values_in == values_wanted(s)) {
        start(s);
    }
}

static uint32_t packed(sample_t sample)
{
    return (uint16_t)sample.imaginary | (uint32_t)(uint16_t)sample.real << 16;
}

static uint64_t output_word(const fft_t *s)
{
    if (!s->ready) {
        return 0;
    }
    if (bit(s->ctrl, DATA_MODE_BIT)) {
        return packed(s->data[s->words_out]);
    }
    return packed(s->data[2 * s->words_out]) | (uint64_t)packed(s->data[2 * s->words_out + 1]) << 32;
}

static void output_read(fft_t *s)
{
    if (!s->ready) {
        emu_warn(s->emu, "fft", "output read while there are no results");
    } else if (++s->words_out == output_words(s)) {
        s->ready = false;
        s->values_in = 0;
    }
}

/* ---- registers: 64 bits, or two halves of which the upper one completes the access ------------------------------- */

static uint64_t fft_read(void *opaque, uint64_t offset, unsigned size)
{
    fft_t *s = opaque;
    unsigned lane = (unsigned)(offset & 7);
    uint64_t value = 0;
    switch (offset - lane) {
    case INPUT_FIFO: break;
    case CTRL: value = s->ctrl; break;
    case FIFO_CTRL: value = s->fifo_ctrl; break;
    case INTR_MASK: value = s->intr_mask; break;
    case INTR_CLEAR: break;
    case STATUS: value = s->done && !bit(s->intr_mask, 0); break;
    case STATUS_RAW: value = (uint64_t)s->done | (uint64_t)s->working << 1; break;
    case OUTPUT_FIFO:
        value = output_word(s);
        if (size == 8 || lane + size == 8 || bit(s->ctrl, DATA_MODE_BIT)) {
            output_read(s);
        }
        break;
    default: emu_unmodelled(s->emu, "fft", offset, false, 0);
    }
    update(s);
    value >>= 8 * lane;
    return size == 8 ? value : value & ((1ull << 8 * size) - 1);
}

static void write_ctrl(fft_t *s, uint32_t value)
{
    bool was = bit(s->ctrl, ENABLE_BIT);
    s->ctrl = value & 0x3ffff;
    if (!bit(value, ENABLE_BIT) || !was) {
        flush(s);
        s->done = false;
    }
}

static void fft_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    fft_t *s = opaque;
    unsigned lane = (unsigned)(offset & 7);
    if (offset >= FFT_END) {
        emu_unmodelled(s->emu, "fft", offset, true, value);
        return;
    }
    if (offset - lane == INPUT_FIFO) {
        if (size == 8 || bit(s->ctrl, DATA_MODE_BIT)) {
            write_input(s, value);
        } else if (lane == 0) {
            s->half = (uint32_t)value;
        } else {
            write_input(s, s->half | value << 32);
        }
        update(s);
        return;
    }
    if (lane != 0) {
        return; /* nothing in the upper halves */
    }
    switch (offset) {
    case CTRL: write_ctrl(s, (uint32_t)value); break;
    case FIFO_CTRL:
        if ((s->fifo_ctrl & ~value & 7) != 0) {
            flush(s);
        }
        s->fifo_ctrl = value & 7;
        break;
    case INTR_MASK: s->intr_mask = value & 1; break;
    case INTR_CLEAR: s->done = s->done && !bit(value, 0); break;
    default: break;
    }
    update(s);
}

static void fft_reset(void *opaque)
{
    fft_t *s = opaque;
    flush(s);
    memset(s->data, 0, sizeof s->data);
    s->ctrl = s->fifo_ctrl = s->half = s->intr_mask = 0;
    s->done = false;
    update(s);
}

static void fft_state(void *opaque, emu_json_t *json)
{
    fft_t *s = opaque;
    emu_json_u64(json, "ctrl", s->ctrl);
    emu_json_u64(json, "points", points(s));
    emu_json_u64(json, "values_in", s->values_in);
    emu_json_u64(json, "words_out", s->words_out);
    emu_json_u64(json, "status_raw", (uint64_t)s->done | (uint64_t)s->working << 1);
    emu_json_u64(json, "intr_mask", s->intr_mask);
}

void fft_create(emu_t *emu)
{
    fft_t *s = device_new(sizeof *s);
    s->emu = emu;
    s->finished = EMU_EVENT(finished, s);
    emu_add_device(emu, &(emu_device_t){.name = "fft", .base = 0x42000000, .size = 0x400000, .word = 0,
                                        .read = fft_read, .write = fft_write, .reset = fft_reset, .state = fft_state,
                                        .destroy = free, .opaque = s});
    fft_reset(s);
}
