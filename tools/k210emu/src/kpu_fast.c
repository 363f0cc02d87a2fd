#include "kpu_fast.h"

#include "kpu_band.h"
#include "kpu_gemm.h"
#include "kpu_pool.h"
#include "kpu_stairs.h"

#include <stdlib.h>
#include <string.h>

#pragma GCC optimize("O3")

#define TAPS 9
#define BAND_PIXELS 4096         /* results per channel in flight, */
#define BAND_BYTES (384 * 1024)  /* and bytes of input, to stay in the second-level cache */
#define TABULATE_FROM 8192       /* outputs from which a staircase pays */

/* Everything one run works with. Sizes are for the largest band. */
typedef struct {
    kpu_band_t band;
    const kpu_parameters_t *parameters;
    uint8_t *out;
    int out_width, out_height, pool_stride;
    int pairs, taps, max_lines;
    size_t plane, results; /* pixels per packed plane, results per channel */
    int16_t *pixels, *weights;
    int32_t *low, *high, *sums; /* results by low and high byte of the weights; sums over channels */
    int64_t *x_term, x_lowest, x_highest;
    uint8_t *map;
    kpu_stairs_t *stairs;
    bool tabulated;
    unsigned events;
} run_t;

/* What turns the sums of one output channel into pixels. */
typedef struct {
    const int32_t *low, *high; /* high is NULL with 8-bit weights */
    const int64_t *x_term;
    int64_t constant; /* weight sum term and arg_add */
    int64_t largest;  /* of ACC */
    kpu_norm_t norm;
} channel_t;

static bool fits_s36(int64_t value)
{
    return value >= -(1ll << 35) && value < 1ll << 35;
}

static int64_t normalised(kpu_norm_t norm, int64_t u)
{
    int64_t product = (int64_t)((uint64_t)u * (uint64_t)(int64_t)norm.mul);
    return (int64_t)((uint64_t)(product >> norm.shift) + (uint64_t)(int64_t)norm.add);
}

static inline int64_t u_at(const channel_t *channel, size_t i, bool wide)
{
    int64_t acc = channel->low[i];
    if (wide) {
        acc += (int64_t)channel->high[i] * 256;
    }
    return acc + channel->x_term[i] + channel->constant;
}

/* Whether every u in [lowest, highest] stays in s36 and meets a segment. */
static bool in_range(const run_t *run, kpu_norm_t norm, int64_t lowest, int64_t highest)
{
    if (!fits_s36(lowest) || !fits_s36(highest)) {
        return false;
    }
    int64_t a = normalised(norm, lowest), b = normalised(norm, highest);
    return fits_s36(a) && fits_s36(b) && a >= run->stairs->lowest && b >= run->stairs->lowest;
}

static bool measured_in_range(const run_t *run, const channel_t *channel)
{
    int64_t lowest = INT64_MAX, highest = INT64_MIN;
    for (int y = 0; y < run->band.lines; y++) {
        size_t line = (size_t)y * (size_t)run->band.stride;
        for (size_t x = 0; x < (size_t)run->band.layer->in_width; x++) {
            int64_t u = u_at(channel, line + x, channel->high != NULL);
            lowest = u < lowest ? u : lowest;
            highest = u > highest ? u : highest;
        }
    }
    return in_range(run, channel->norm, lowest, highest);
}

static inline __attribute__((always_inline)) void walk_stairs(const run_t *run, const channel_t *channel, size_t from,
                                                              size_t step, size_t count, uint8_t *out, bool wide)
{
    const kpu_stairs_t *stairs = run->stairs;
    const channel_t local = *channel;
    for (size_t x = 0; x < count; x++) {
        int64_t u = u_at(&local, from + step * x, wide);
        out[x] = kpu_stairs_at(stairs, (u * local.norm.mul >> local.norm.shift) + local.norm.add);
    }
}

/* Activates every step-th pixel of a line from result `from` on. */
static void activate_line(const run_t *run, const channel_t *channel, size_t from, size_t step, size_t count,
                          uint8_t *out)
{
    if (channel->high) {
        walk_stairs(run, channel, from, step, count, out, true);
    } else if (step == 1) {
        walk_stairs(run, channel, from, 1, count, out, false);
    } else {
        walk_stairs(run, channel, from, step, count, out, false);
    }
}

/* Activates all pixels of a band one by one, noting what leaves the specified ranges. */
static void activate_exactly(run_t *run, const channel_t *channel)
{
    uint8_t *map = run->map;
    for (int y = 0; y < run->band.lines; y++) {
        size_t line = (size_t)y * (size_t)run->band.stride;
        for (size_t x = 0; x < (size_t)run->band.layer->in_width; x++) {
            int64_t u = u_at(channel, line + x, channel->high != NULL);
            int64_t v = normalised(channel->norm, u);
            run->events |= fits_s36(u) ? 0 : KPU_EVENT_U_RANGE;
            run->events |= fits_s36(v) ? 0 : KPU_EVENT_V_RANGE;
            run->events |= v >= run->stairs->lowest ? 0 : KPU_EVENT_NO_SEGMENT;
            *map++ = kpu_stairs_exact(run->stairs, v);
        }
    }
}

/* Output lines [first, first + count) of channel `o` from the results of a band. */
static void finish_channel(run_t *run, const channel_t *channel, int o, int first, int count)
{
    const kpu_layer_t *layer = run->band.layer;
    size_t width = (size_t)layer->in_width, stride = (size_t)run->band.stride, out_width = (size_t)run->out_width;
    unsigned code = layer->pool_type;
    uint8_t *out = run->out + ((size_t)o * (size_t)run->out_height + (size_t)first) * out_width;
    bool picks = code == 0 || (code >= 5 && code <= 7);
    bool walk = run->tabulated
                && (in_range(run, channel->norm, run->x_lowest + channel->constant,
                             run->x_highest + channel->constant + channel->largest)
                    || measured_in_range(run, channel));
    if (!walk) {
        activate_exactly(run, channel);
    } else if (picks) {
        size_t step = (size_t)run->pool_stride;
        for (int y = 0; y < count; y++) {
            activate_line(run, channel, (size_t)y * step * stride + (code == 6), step, out_width,
                          out + (size_t)y * out_width);
        }
        return;
    } else {
        for (int y = 0; y < run->band.lines; y++) {
            activate_line(run, channel, (size_t)y * stride, 1, width, run->map + (size_t)y * width);
        }
    }
    kpu_pool(code, run->map, layer->in_width, run->band.lines, out, count);
}

/* ---- weights ---- */

static unsigned weight_at(const kpu_parameters_t *parameters, size_t index)
{
    const uint8_t *w = parameters->weights;
    return parameters->eight_bit ? w[index] : (unsigned)w[2 * index] | (unsigned)w[2 * index + 1] << 8;
}

static channel_t channel_of(const run_t *run, int o, size_t weights)
{
    const kpu_layer_t *layer = run->band.layer;
    int64_t sum = 0;
    for (size_t i = 0; i < weights; i++) {
        sum += weight_at(run->parameters, (size_t)o * weights + i);
    }
    int64_t add = layer->arg_add * (layer->depthwise ? 1 : layer->in_channels);
    return (channel_t){.low = run->low,
                       .high = run->parameters->eight_bit ? NULL : run->high,
                       .x_term = run->x_term,
                       .constant = (layer->arg_w * sum >> layer->shift_w) + add,
                       .largest = 255 * sum,
                       .norm = kpu_norm_at(run->parameters->norm, o)};
}

/* Packs one byte of the weights of four output channels, [pairs][taps][4][2]; `byte` of `size` bytes a weight. */
static void pack_weights(const run_t *run, int first, int byte, int size, int16_t *packed)
{
    const kpu_layer_t *layer = run->band.layer;
    int taps = run->taps;
    memset(packed, 0, (size_t)run->pairs * (size_t)taps * KPU_GEMM_OUTPUTS * 2 * sizeof *packed);
    for (int o = 0; o < KPU_GEMM_OUTPUTS && first + o < layer->out_channels; o++) {
        const uint8_t *source = run->parameters->weights
                                + (size_t)(first + o) * (size_t)layer->in_channels * (size_t)taps * (size_t)size + byte;
        for (int c = 0; c < layer->in_channels; c++) {
            int16_t *to = packed + (size_t)(c / 2) * (size_t)taps * KPU_GEMM_OUTPUTS * 2 + 2 * o + c % 2;
            for (int tap = 0; tap < taps; tap++, source += size, to += KPU_GEMM_OUTPUTS * 2) {
                *to = *source;
            }
        }
    }
}

/* ---- bands ---- */

static void find_x_term(run_t *run)
{
    kpu_band_x_term(&run->band, run->sums, run->x_term);
    run->x_lowest = INT64_MAX;
    run->x_highest = INT64_MIN;
    for (int y = 0; y < run->band.lines; y++) {
        const int64_t *line = run->x_term + (size_t)y * (size_t)run->band.stride;
        for (int x = 0; x < run->band.layer->in_width; x++) {
            run->x_lowest = line[x] < run->x_lowest ? line[x] : run->x_lowest;
            run->x_highest = line[x] > run->x_highest ? line[x] : run->x_highest;
        }
    }
}

static void full_band(run_t *run, int first, int count)
{
    const kpu_layer_t *layer = run->band.layer;
    size_t used = (size_t)(run->band.lines + 2 * run->band.pad) * (size_t)run->band.stride;
    size_t offset[TAPS];
    for (int tap = 0; tap < run->taps; tap++) {
        offset[tap] = (size_t)(tap / run->band.kernel) * (size_t)run->band.stride + (size_t)(tap % run->band.kernel);
    }
    memset(run->sums, 0, run->plane * sizeof *run->sums);
    for (int pair = 0; pair < run->pairs; pair++) {
        int16_t *pixels = run->pixels + 2 * (size_t)pair * run->plane;
        kpu_band_pack_pair(&run->band, pair, pixels);
        kpu_band_add_pair(pixels, used, run->sums);
    }
    find_x_term(run);
    int size = run->parameters->eight_bit ? 1 : 2;
    size_t weights = (size_t)layer->in_channels * (size_t)run->taps;
    for (int o = 0; o < layer->out_channels; o += KPU_GEMM_OUTPUTS) {
        for (int byte = 0; byte < size; byte++) {
            pack_weights(run, o, byte, size, run->weights);
            kpu_gemm(&(kpu_gemm_t){.pixels = run->pixels,
                                   .plane = run->plane,
                                   .weights = run->weights,
                                   .pairs = run->pairs,
                                   .taps = run->taps,
                                   .offset = offset,
                                   .results = byte ? run->high : run->low,
                                   .stride = run->results,
                                   .count = (size_t)run->band.lines * (size_t)run->band.stride});
        }
        for (int i = 0; i < KPU_GEMM_OUTPUTS && o + i < layer->out_channels; i++) {
            channel_t channel = channel_of(run, o + i, weights);
            channel.low += (size_t)i * run->results;
            channel.high += channel.high ? (size_t)i * run->results : 0;
            finish_channel(run, &channel, o + i, first, count);
        }
    }
}

static void depthwise_band(run_t *run, int first, int count)
{
    const kpu_layer_t *layer = run->band.layer;
    size_t used = (size_t)(run->band.lines + 2 * run->band.pad) * (size_t)run->band.stride;
    memset(run->sums, 0, run->plane * sizeof *run->sums);
    memset(run->pixels, 0, run->plane * sizeof *run->pixels);
    for (int o = 0; o < layer->out_channels; o++) {
        int32_t weights[TAPS];
        for (int tap = 0; tap < run->taps; tap++) {
            weights[tap] = (int32_t)weight_at(run->parameters, (size_t)o * (size_t)run->taps + (size_t)tap);
        }
        kpu_band_pack(&run->band, o, run->pixels);
        for (size_t i = 0; i < used; i++) {
            run->sums[i] = run->pixels[i];
        }
        find_x_term(run);
        kpu_band_depthwise(&run->band, run->pixels, weights, run->low);
        channel_t channel = channel_of(run, o, (size_t)run->taps);
        channel.high = NULL; /* 9 * 255 * 65535 fits 32 bits */
        finish_channel(run, &channel, o, first, count);
    }
}

static void run_bands(run_t *run)
{
    const kpu_layer_t *layer = run->band.layer;
    bool looks_below = layer->pool_type == 8 || layer->pool_type == 9;
    for (int first = 0; first < layer->in_height; first += run->max_lines) {
        int lines = layer->in_height - first < run->max_lines ? layer->in_height - first : run->max_lines;
        run->band.first = first;
        run->band.lines = lines + (looks_below && first + lines < layer->in_height);
        int out_first = first / run->pool_stride, out_end = (first + lines) / run->pool_stride;
        (layer->depthwise ? depthwise_band : full_band)(run, out_first, out_end - out_first);
    }
}

/* ---- set-up ---- */

static void plan(run_t *run, const kpu_layer_t *layer, const uint8_t *ai_ram)
{
    int kernel = kpu_layer_kernel(layer);
    run->band = (kpu_band_t){.layer = layer,
                             .ai_ram = ai_ram,
                             .kernel = kernel,
                             .pad = kernel / 2,
                             .stride = layer->in_width + kernel / 2 * 2};
    run->taps = kernel * kernel;
    run->pairs = layer->depthwise ? 1 : (layer->in_channels + 1) / 2;
    kpu_layer_pooled(layer, &run->out_width, &run->out_height);
    run->pool_stride = layer->pool_type == 3 || layer->pool_type == 4 || layer->pool_type == 7   ? 4
                       : layer->pool_type == 0 || layer->pool_type == 8 || layer->pool_type == 9 ? 1
                                                                                                 : 2;
    int by_results = BAND_PIXELS / run->band.stride;
    int by_input = BAND_BYTES / (4 * run->pairs * run->band.stride) - 2 * run->band.pad;
    int lines = (by_results < by_input ? by_results : by_input) / 4 * 4; /* pooling windows stay in one band */
    run->max_lines = lines > 4 ? lines : 4;
    run->plane = kpu_band_plane(&run->band, run->max_lines + 1);
    run->results = ((size_t)(run->max_lines + 1) * (size_t)run->band.stride + KPU_GEMM_PIXELS - 1) / KPU_GEMM_PIXELS
                   * KPU_GEMM_PIXELS;
}

static void *carve(size_t *used, uint8_t *base, size_t bytes)
{
    void *block = base ? base + *used : NULL;
    *used += (bytes + 63) / 64 * 64;
    return block;
}

/* Lays the buffers out from `base`; with NULL only counts. Returns the bytes. */
static size_t lay_out(run_t *run, uint8_t *base)
{
    size_t used = 0, planes = (size_t)run->pairs * run->plane;
    run->pixels = carve(&used, base, planes * 2 * sizeof(int16_t));
    run->weights = carve(&used, base, (size_t)run->pairs * (size_t)run->taps * KPU_GEMM_OUTPUTS * 2 * sizeof(int16_t));
    run->low = carve(&used, base, KPU_GEMM_OUTPUTS * run->results * sizeof(int32_t));
    run->high = carve(&used, base, KPU_GEMM_OUTPUTS * run->results * sizeof(int32_t));
    run->sums = carve(&used, base, run->plane * sizeof(int32_t));
    run->x_term = carve(&used, base, run->results * sizeof(int64_t));
    run->map = carve(&used, base, (size_t)(run->max_lines + 1) * (size_t)run->band.layer->in_width);
    run->stairs = carve(&used, base, sizeof(kpu_stairs_t));
    return used;
}

bool kpu_fast_run(const kpu_layer_t *layer, const kpu_parameters_t *parameters, const uint8_t *ai_ram,
                  kpu_profile_t profile, uint8_t *out, unsigned *events)
{
    run_t run = {.parameters = parameters, .out = out};
    plan(&run, layer, ai_ram);
    size_t bytes = lay_out(&run, NULL);
    uint8_t *base = aligned_alloc(64, bytes);
    if (!base) {
        return false;
    }
    lay_out(&run, base);
    size_t values = (size_t)layer->out_channels * (size_t)layer->in_width * (size_t)layer->in_height;
    run.tabulated = values >= TABULATE_FROM;
    kpu_stairs_init(run.stairs, parameters->activation, profile, run.tabulated);
    run_bands(&run);
    *events = run.events;
    free(base);
    return true;
}
