/* The KPU: registers, layer FIFO, interrupts, output stream and time (spec kpu.md 2, 7, 8.2). What a layer computes is
 * kpu_run(). A layer's input and parameters are read, and its output appears, at the moment it completes. */
#include "device.h"
#include "kpu_run.h"

#include <string.h>

#define KPU_BASE 0x40800000u
#define KPU_WINDOW 0xC00000u
#define AI_RAM_BASE 0x40600000u
#define PLIC_KPU 25
#define DMA_KPU 22

enum {
    LAYER_ARGUMENT_FIFO = 0x00,
    INTERRUPT_STATUS = 0x08,
    INTERRUPT_RAW = 0x10,
    INTERRUPT_MASK = 0x18,
    INTERRUPT_CLEAR = 0x20,
    FIFO_THRESHOLD = 0x28,
    FIFO_DATA_OUT = 0x30,
    FIFO_CTRL = 0x38,
    EIGHT_BIT_MODE = 0x40,
};

enum { CALC_DONE = 1, ALMOST_EMPTY = 2, ALMOST_FULL = 4, CAUSES = 7 };
enum { FLUSH_N_DMA = 1, FLUSH_N_CONFIG = 4, FLUSH_N_ALL = 0x1F };

#define FIFO_LAYERS 16
/* From the twelfth word to the layer leaving the FIFO: not zero, as drivers count on a later interrupt. */
#define FETCH_CLOCKS 16

typedef enum { IDLE, FETCHING, COMPUTING, DRAINING } phase_t;

typedef struct {
    emu_t *emu;
    kpu_profile_t profile;
    unsigned raw, mask, threshold, fifo_ctrl;
    bool eight_bit;
    uint64_t words[KPU_WORDS];
    unsigned word_count;
    uint32_t low_half; /* of a layer word written in two halves */
    uint64_t queue[FIFO_LAYERS][KPU_WORDS];
    unsigned first, queued;
    phase_t phase;
    kpu_layer_t layer;
    uint64_t clocks_left; /* of the phase, at `since` */
    emu_time_t since;
    uint64_t hz; /* 0 while the clock stands */
    emu_event_t event;
    kpu_output_t stream;
    size_t streamed;
    uint64_t layers_done, busy_clocks;
} kpu_t;

static void update_lines(kpu_t *kpu)
{
    emu_irq(kpu->emu, PLIC_KPU, kpu->raw & ~kpu->mask & CAUSES);
    emu_dma_request(kpu->emu, DMA_KPU, kpu->streamed < kpu->stream.size);
}

/* ---- time ---- */

static void schedule(kpu_t *kpu)
{
    kpu->since = emu_now(kpu->emu);
    kpu->hz = emu_clock_hz(kpu->emu, EMU_CLOCK_AI);
    if ((kpu->phase != FETCHING && kpu->phase != COMPUTING) || kpu->hz == 0) {
        emu_event_cancel(kpu->emu, &kpu->event);
        return;
    }
    emu_event_at(kpu->emu, &kpu->event, kpu->since + cycles_to_time(kpu->clocks_left, kpu->hz));
}

static void enter(kpu_t *kpu, phase_t phase, uint64_t clocks)
{
    kpu->phase = phase;
    kpu->clocks_left = clocks;
    schedule(kpu);
}

static void clocks_changed(void *opaque)
{
    kpu_t *kpu = opaque;
    uint64_t elapsed = (uint64_t)((double)(emu_now(kpu->emu) - kpu->since) * (double)kpu->hz / 1e12);
    kpu->clocks_left -= elapsed < kpu->clocks_left ? elapsed : kpu->clocks_left;
    schedule(kpu);
}

/* ---- layers ---- */

static void drop_stream(kpu_t *kpu)
{
    free(kpu->stream.bytes);
    kpu->stream = (kpu_output_t){0};
    kpu->streamed = 0;
}

static void fetch_next(kpu_t *kpu)
{
    if (kpu->queued) {
        enter(kpu, FETCHING, FETCH_CLOCKS);
    } else {
        enter(kpu, IDLE, 0);
    }
}

static void finish_layer(kpu_t *kpu)
{
    kpu->layers_done++;
    if (kpu->layer.int_en) {
        kpu->raw |= CALC_DONE;
    }
    drop_stream(kpu);
    fetch_next(kpu);
    update_lines(kpu);
}

static void warn(void *opaque, const char *format, va_list arguments)
{
    emu_vwarn(((kpu_t *)opaque)->emu, "kpu", format, arguments);
}

/* Takes a layer out of the FIFO. */
static void start_layer(kpu_t *kpu)
{
    kpu_layer_decode(&kpu->layer, kpu->queue[kpu->first]);
    kpu->first = (kpu->first + 1) % FIFO_LAYERS;
    kpu->queued--;
    if (kpu->queued <= kpu->threshold >> 4) {
        kpu->raw |= ALMOST_EMPTY;
    }
    kpu_layer_check(&kpu->layer, kpu->eight_bit,
                    emu_ram(kpu->emu, kpu->layer.activation_address, KPU_ACTIVATION_BYTES), warn, kpu);
    uint64_t clocks = kpu_layer_clocks(&kpu->layer, kpu->eight_bit);
    kpu->busy_clocks += clocks;
    enter(kpu, COMPUTING, clocks);
    update_lines(kpu);
}

static const uint8_t *table(kpu_t *kpu, const char *name, uint32_t address, uint32_t length)
{
    const uint8_t *bytes = emu_ram(kpu->emu, address, length);
    if (!bytes) {
        emu_warn(kpu->emu, "kpu", "%s at 0x%08x, %u bytes, are not in memory: no output", name, address, length);
    }
    return bytes;
}

static void compute(kpu_t *kpu, kpu_output_t *output)
{
    const kpu_layer_t *layer = &kpu->layer;
    unsigned events;
    *output = (kpu_output_t){0};
    kpu_parameters_t parameters = {
        .weights = table(kpu, "weights", layer->weight_address, kpu_layer_weight_bytes(layer, kpu->eight_bit)),
        .norm = table(kpu, "batch norm", layer->norm_address, (uint32_t)layer->out_channels * KPU_NORM_BYTES),
        .activation = table(kpu, "activation", layer->activation_address, KPU_ACTIVATION_BYTES),
        .eight_bit = kpu->eight_bit};
    if (!parameters.weights || !parameters.norm || !parameters.activation) {
        return;
    }
    if (!kpu_run(layer, &parameters, emu_ram(kpu->emu, AI_RAM_BASE, KPU_AI_RAM_BYTES), kpu->profile, KPU_FAST, output,
                 &events)) {
        emu_warn(kpu->emu, "kpu", "the host has no memory for a layer of %d channels of %dx%d: no output",
                 layer->out_channels, layer->in_width, layer->in_height);
    }
    if (events & KPU_EVENT_U_RANGE) {
        emu_warn(kpu->emu, "kpu", "a convolution result exceeds 36 bits");
    }
    if (events & KPU_EVENT_V_RANGE) {
        emu_warn(kpu->emu, "kpu", "a batch norm result exceeds 36 bits");
    }
    if (events & KPU_EVENT_NO_SEGMENT) {
        emu_warn(kpu->emu, "kpu", "a batch norm result lies below every activation segment");
    }
}

/* Replaces a map by the sums of its channels, 64 bits each. */
static void sum_channels(kpu_output_t *output, int channels)
{
    size_t plane = output->size / (size_t)channels;
    uint8_t *sums = calloc((size_t)channels, 8);
    for (int channel = 0; sums && channel < channels; channel++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < plane; i++) {
            sum += output->bytes[(size_t)channel * plane + i];
        }
        for (int i = 0; i < 8; i++) {
            sums[8 * channel + i] = (uint8_t)(sum >> 8 * i);
        }
    }
    free(output->bytes);
    *output = (kpu_output_t){sums, sums ? 8 * (size_t)channels : 0};
}

static void complete_layer(kpu_t *kpu)
{
    kpu_output_t output;
    compute(kpu, &output);
    if (kpu->layer.full_add && output.size) {
        sum_channels(&output, kpu->layer.out_channels);
    } else if (!kpu->layer.send_data_out) {
        free(output.bytes);
        output = (kpu_output_t){0};
    }
    kpu->stream = output;
    kpu->streamed = 0;
    if (output.size == 0) {
        finish_layer(kpu);
        return;
    }
    enter(kpu, DRAINING, 0);
    update_lines(kpu);
}

static void step(void *opaque)
{
    kpu_t *kpu = opaque;
    if (kpu->phase == FETCHING) {
        start_layer(kpu);
    } else {
        complete_layer(kpu);
    }
}

/* ---- FIFOs ---- */

static void push_word(kpu_t *kpu, uint64_t word)
{
    if (!(kpu->fifo_ctrl & FLUSH_N_CONFIG)) {
        emu_warn(kpu->emu, "kpu", "layer word written while fifo_ctrl flushes the layer FIFO: lost");
        return;
    }
    kpu->words[kpu->word_count++] = word;
    if (kpu->word_count < KPU_WORDS) {
        return;
    }
    kpu->word_count = 0;
    if (kpu->queued == FIFO_LAYERS) {
        emu_warn(kpu->emu, "kpu", "layer FIFO overflow: %d layers wait already, this one is lost", FIFO_LAYERS);
        return;
    }
    memcpy(kpu->queue[(kpu->first + kpu->queued) % FIFO_LAYERS], kpu->words, sizeof kpu->words);
    kpu->queued++;
    if (kpu->queued >= (kpu->threshold & 15)) {
        kpu->raw |= ALMOST_FULL;
    }
    if (kpu->phase == IDLE) {
        fetch_next(kpu);
    }
    update_lines(kpu);
}

static uint64_t peek_stream(const kpu_t *kpu)
{
    uint64_t beat = 0;
    for (size_t i = 0; i < 8 && kpu->streamed + i < kpu->stream.size; i++) {
        beat |= (uint64_t)kpu->stream.bytes[kpu->streamed + i] << 8 * i;
    }
    return beat;
}

static void pop_stream(kpu_t *kpu)
{
    if (kpu->phase != DRAINING) {
        emu_warn(kpu->emu, "kpu", "fifo_data_out read while no output is streamed: 0");
        return;
    }
    kpu->streamed += 8;
    if (kpu->streamed >= kpu->stream.size) {
        finish_layer(kpu);
    }
}

static void write_fifo_ctrl(kpu_t *kpu, unsigned value)
{
    kpu->fifo_ctrl = value & FLUSH_N_ALL;
    if ((value | FLUSH_N_DMA | FLUSH_N_CONFIG) != (value | FLUSH_N_ALL)) {
        emu_unmodelled(kpu->emu, "kpu", FIFO_CTRL, true, value);
    }
    if (!(value & FLUSH_N_CONFIG)) {
        kpu->queued = 0;
        kpu->word_count = 0;
        if (kpu->phase == FETCHING) {
            enter(kpu, IDLE, 0);
        }
    }
    if (!(value & FLUSH_N_DMA) && kpu->phase == DRAINING) {
        finish_layer(kpu);
    }
}

/* ---- registers ---- */

static uint64_t read_register(kpu_t *kpu, unsigned offset)
{
    switch (offset) {
    case INTERRUPT_STATUS:
        return kpu->raw & ~kpu->mask & CAUSES;
    case INTERRUPT_RAW:
        return kpu->raw;
    case INTERRUPT_MASK:
        return kpu->mask;
    case INTERRUPT_CLEAR:
        return 0;
    case FIFO_THRESHOLD:
        return kpu->threshold;
    case FIFO_DATA_OUT:
        return peek_stream(kpu);
    case FIFO_CTRL:
        return kpu->fifo_ctrl;
    case EIGHT_BIT_MODE:
        return kpu->eight_bit;
    default:
        emu_unmodelled(kpu->emu, "kpu", offset, false, 0);
        return 0;
    }
}

static void write_register(kpu_t *kpu, unsigned offset, uint64_t value)
{
    switch (offset) {
    case LAYER_ARGUMENT_FIFO:
        push_word(kpu, value);
        break;
    case INTERRUPT_MASK:
        kpu->mask = value & CAUSES;
        break;
    case INTERRUPT_CLEAR:
        kpu->raw &= ~(unsigned)value;
        break;
    case FIFO_THRESHOLD:
        kpu->threshold = value & 0xFF;
        break;
    case FIFO_CTRL:
        write_fifo_ctrl(kpu, (unsigned)value);
        break;
    case EIGHT_BIT_MODE:
        if (kpu->phase != IDLE && kpu->eight_bit != (value & 1)) {
            emu_warn(kpu->emu, "kpu", "eight_bit_mode changed while layers are queued or running");
        }
        kpu->eight_bit = value & 1;
        break;
    default:
        emu_unmodelled(kpu->emu, "kpu", offset, true, value);
    }
    update_lines(kpu);
}

static bool accessible(kpu_t *kpu, uint64_t offset, unsigned size, bool write, uint64_t value)
{
    if (emu_clock_hz(kpu->emu, EMU_CLOCK_AI) == 0) {
        emu_warn(kpu->emu, "kpu", "register 0x%02x accessed without clock: PLL1, the AI clock gate or the reset is off",
                 (unsigned)offset);
        return false;
    }
    if (size < 4 || offset % size != 0) {
        emu_unmodelled(kpu->emu, "kpu", offset, write, value);
        return false;
    }
    return true;
}

static uint64_t kpu_read(void *opaque, uint64_t offset, unsigned size)
{
    kpu_t *kpu = opaque;
    if (!accessible(kpu, offset, size, false, 0)) {
        return 0;
    }
    uint64_t value = read_register(kpu, (unsigned)(offset & ~7ull));
    bool high = offset % 8 == 4;
    if ((offset & ~7ull) == FIFO_DATA_OUT && (size == 8 || high)) {
        pop_stream(kpu);
    }
    return size == 8 ? value : high ? value >> 32 : (uint32_t)value;
}

static void kpu_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    kpu_t *kpu = opaque;
    if (!accessible(kpu, offset, size, true, value)) {
        return;
    }
    if (size == 8) {
        write_register(kpu, (unsigned)offset, value);
    } else if (offset == LAYER_ARGUMENT_FIFO) {
        kpu->low_half = (uint32_t)value;
    } else if (offset == LAYER_ARGUMENT_FIFO + 4) {
        write_register(kpu, LAYER_ARGUMENT_FIFO, value << 32 | kpu->low_half);
    } else if (offset % 8 == 0) { /* high halves of the other registers hold nothing */
        write_register(kpu, (unsigned)offset, (uint32_t)value);
    }
}

static void kpu_reset(void *opaque)
{
    kpu_t *kpu = opaque;
    drop_stream(kpu);
    kpu->raw = 0;
    kpu->mask = CAUSES;
    kpu->threshold = 0;
    kpu->fifo_ctrl = FLUSH_N_ALL;
    kpu->eight_bit = false;
    kpu->word_count = 0;
    kpu->low_half = 0;
    kpu->first = 0;
    kpu->queued = 0;
    enter(kpu, IDLE, 0);
    update_lines(kpu);
}

static void kpu_state(void *opaque, emu_json_t *json)
{
    static const char *const phases[] = {"idle", "fetching", "computing", "draining"};
    const kpu_t *kpu = opaque;
    emu_json_u64(json, "interrupt_raw", kpu->raw);
    emu_json_u64(json, "interrupt_mask", kpu->mask);
    emu_json_u64(json, "fifo_threshold", kpu->threshold);
    emu_json_u64(json, "fifo_ctrl", kpu->fifo_ctrl);
    emu_json_bool(json, "eight_bit_mode", kpu->eight_bit);
    emu_json_text(json, "phase", phases[kpu->phase]);
    emu_json_u64(json, "layers_queued", kpu->queued);
    emu_json_u64(json, "words_pending", kpu->word_count);
    emu_json_u64(json, "stream_bytes_left", kpu->stream.size > kpu->streamed ? kpu->stream.size - kpu->streamed : 0);
    emu_json_u64(json, "layers_done", kpu->layers_done);
    emu_json_u64(json, "busy_clocks", kpu->busy_clocks);
    emu_json_text(json, "profile", (const char[]){(char)kpu->profile, 0});
}

static void kpu_destroy(void *opaque)
{
    kpu_t *kpu = opaque;
    emu_event_cancel(kpu->emu, &kpu->event);
    drop_stream(kpu);
    free(kpu);
}

void kpu_create(emu_t *emu, int rounding_profile)
{
    kpu_t *kpu = device_new(sizeof *kpu);
    kpu->emu = emu;
    kpu->profile = (kpu_profile_t)rounding_profile;
    kpu->event = EMU_EVENT(step, kpu);
    kpu->mask = CAUSES;
    kpu->fifo_ctrl = FLUSH_N_ALL;
    emu_on_clocks_changed(emu, clocks_changed, kpu);
    emu_add_device(emu, &(emu_device_t){.name = "kpu",
                                        .base = KPU_BASE,
                                        .size = KPU_WINDOW,
                                        .read = kpu_read,
                                        .write = kpu_write,
                                        .reset = kpu_reset,
                                        .state = kpu_state,
                                        .destroy = kpu_destroy,
                                        .opaque = kpu});
}
