#include "kpu_fast.h"

#include "kpu_band.h"
#include "kpu_gemm.h"
#include "kpu_pool.h"
#include "kpu_simd.h"
#include "kpu_stairs.h"

#include <stdlib.h>
#include <string.h>

#pragma GCC optimize("O3")

#define TAPS 9
#define BAND_RESULTS 4096       /* results per channel in flight, */
#define BAND_BYTES (384 * 1024) /* and bytes of input, to stay in the second-level cache */

/* Everything one run works with. Sizes are for the largest band. */
typedef struct {
    kpu_band_t band;
    const kpu_parameters_t *parameters;
    uint8_t *out;
    int out_width, out_height, pool_stride;
    int pairs, taps, max_lines;
    size_t plane, results; /* elements per packed plane, results per channel */
    int fold;              /* zero point added to every weight in place of the x term */
    bool folded;
    int32_t *pixels, *weights;
    int32_t *low, *high, *sums; /* results by low and high byte of the weights; sums over channels */
    int64_t *x_term, x_lowest, x_highest;
    int32_t *u;
    uint8_t *map;
    kpu_stairs_t *stairs;
    unsigned events;
} run_t;

/* What turns the sums of one output channel into pixels. */
typedef struct {
    const int32_t *low, *high; /* high is NULL with 8-bit weights */
    int64_t constant;          /* weight sum term and arg_add */
    int64_t lowest, highest;   /* bounds of ACC */
    kpu_norm_t norm;
} channel_t;

typedef struct {
    int64_t lowest, highest;
} range_t;

static bool fits_s36(int64_t value)
{
    return value >= -(1ll << 35) && value < 1ll << 35;
}

static int64_t normalised(kpu_norm_t norm, int64_t u)
{
    int64_t product = (int64_t)((uint64_t)u * (uint64_t)(int64_t)norm.mul);
    return (int64_t)((uint64_t)(product >> norm.shift) + (uint64_t)(int64_t)norm.add);
}

/* ---- u of spec kpu.md 5.1 ---- */

static int64_t u_at(const run_t *run, const channel_t *channel, size_t i)
{
    int64_t acc = channel->low[i] + (channel->high ? (int64_t)channel->high[i] * 256 : 0);
    return acc + run->x_term[i] + channel->constant;
}

KPU_CLONES static void add_terms(const int32_t *low, const int64_t *x_term, uint32_t constant, size_t count, int32_t *u)
{
    for (size_t i = 0; i < count; i++) {
        u[i] = (int32_t)((uint32_t)low[i] + (uint32_t)x_term[i] + constant);
    }
}

KPU_CLONES static void add_constant(const int32_t *low, uint32_t constant, size_t count, int32_t *u)
{
    for (size_t i = 0; i < count; i++) {
        u[i] = (int32_t)((uint32_t)low[i] + constant);
    }
}

KPU_CLONES static void add_high(const int32_t *high, size_t count, int32_t *u)
{
    for (size_t i = 0; i < count; i++) {
        u[i] = (int32_t)((uint32_t)u[i] + ((uint32_t)high[i] << 8));
    }
}

/* u of `count` results in a row, known to fit 32 bits. */
static void find_u(const run_t *run, const channel_t *channel, size_t count, int32_t *u)
{
    if (run->folded) {
        add_constant(channel->low, (uint32_t)channel->constant, count, u);
    } else {
        add_terms(channel->low, run->x_term, (uint32_t)channel->constant, count, u);
    }
    if (channel->high) {
        add_high(channel->high, count, u);
    }
}

/* The same of every step-th result of lines step apart, packed. */
static void pick_u(const run_t *run, const channel_t *channel, size_t from, int lines, int32_t *u)
{
    size_t step = (size_t)run->pool_stride, stride = (size_t)run->band.stride;
    for (int y = 0; y < lines; y++) {
        size_t line = (size_t)y * step * stride + from;
        for (size_t x = 0; x < (size_t)run->out_width; x++) {
            *u++ = (int32_t)u_at(run, channel, line + step * x);
        }
    }
}

KPU_CLONES static range_t measure_line(const int32_t *low, const int32_t *high, const int64_t *x_term, size_t count,
                                       range_t range)
{
    for (size_t i = 0; i < count; i++) {
        int64_t acc = low[i] + (high ? (int64_t)high[i] * 256 : 0) + x_term[i];
        range.lowest = acc < range.lowest ? acc : range.lowest;
        range.highest = acc > range.highest ? acc : range.highest;
    }
    return range;
}

static range_t measure(const run_t *run, const channel_t *channel)
{
    range_t range = {INT64_MAX, INT64_MIN};
    for (int y = 0; y < run->band.lines; y++) {
        size_t line = (size_t)y * (size_t)run->band.stride;
        range = measure_line(channel->low + line, channel->high ? channel->high + line : NULL, run->x_term + line,
                             (size_t)run->band.layer->in_width, range);
    }
    return (range_t){range.lowest + channel->constant, range.highest + channel->constant};
}

/* Whether every u of a range fits 32 bits, and every v the staircase. */
static bool can_walk(const run_t *run, kpu_norm_t norm, range_t range)
{
    if (range.lowest < INT32_MIN || range.highest > INT32_MAX) {
        return false;
    }
    int64_t a = normalised(norm, range.lowest), b = normalised(norm, range.highest);
    return fits_s36(a) && fits_s36(b) && a >= run->stairs->walk_from && b >= run->stairs->walk_from;
}

/* ---- from sums to pixels ---- */

/* Activates all pixels of a band one by one, noting what leaves the specified ranges. */
static void activate_exactly(run_t *run, const channel_t *channel)
{
    for (int y = 0; y < run->band.lines; y++) {
        size_t line = (size_t)y * (size_t)run->band.stride;
        for (size_t i = line; i < line + (size_t)run->band.layer->in_width; i++) {
            int64_t u = u_at(run, channel, i), v = normalised(channel->norm, u);
            run->events |= fits_s36(u) ? 0 : KPU_EVENT_U_RANGE;
            run->events |= fits_s36(v) ? 0 : KPU_EVENT_V_RANGE;
            run->events |= v >= run->stairs->lowest ? 0 : KPU_EVENT_NO_SEGMENT;
            run->map[i] = kpu_stairs_exact(run->stairs, v);
        }
    }
}

static void pick_pixels(const run_t *run, size_t from, int lines, uint8_t *out)
{
    size_t step = (size_t)run->pool_stride;
    for (int y = 0; y < lines; y++) {
        const uint8_t *line = run->map + (size_t)y * step * (size_t)run->band.stride + from;
        for (size_t x = 0; x < (size_t)run->out_width; x++) {
            *out++ = line[step * x];
        }
    }
}

/* Output lines [first, first + count) of channel `o` from the results of a band. */
static void finish_channel(run_t *run, const channel_t *channel, int o, int first, int count)
{
    const kpu_layer_t *layer = run->band.layer;
    unsigned code = layer->pool_type;
    bool picks = code >= 5 && code <= 7;
    size_t from = code == 6, results = (size_t)run->band.lines * (size_t)run->band.stride;
    uint8_t *out = run->out + ((size_t)o * (size_t)run->out_height + (size_t)first) * (size_t)run->out_width;
    range_t bounds = {run->x_lowest + channel->constant + channel->lowest,
                      run->x_highest + channel->constant + channel->highest};
    if (!can_walk(run, channel->norm, bounds) && !can_walk(run, channel->norm, measure(run, channel))) {
        activate_exactly(run, channel);
    } else if (picks) {
        pick_u(run, channel, from, count, run->u);
        kpu_stairs_walk(run->stairs, channel->norm, run->u, (size_t)count * (size_t)run->out_width, out);
        return;
    } else {
        bool direct = code == 0 && run->band.pad == 0;
        find_u(run, channel, results, run->u);
        kpu_stairs_walk(run->stairs, channel->norm, run->u, results, direct ? out : run->map);
        if (direct) {
            return;
        }
    }
    if (picks) {
        pick_pixels(run, from, count, out);
    } else {
        kpu_pool(code, run->map, layer->in_width, run->band.stride, run->band.lines, out, count);
    }
}

/* ---- weights ---- */

static int weight_at(const kpu_parameters_t *parameters, size_t index)
{
    const uint8_t *w = parameters->weights;
    return parameters->eight_bit ? w[index] : w[2 * index] | w[2 * index + 1] << 8;
}

/* Sum, and sum of what is above zero, of weights with the folded zero point; together they bound ACC. */
KPU_CLONES static range_t sum_bytes(const uint8_t *weights, size_t count, int fold)
{
    int32_t sum = 0, above = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t w = weights[i] + fold;
        sum += weights[i];
        above += w > 0 ? w : 0;
    }
    return (range_t){sum, above};
}

static channel_t channel_of(const run_t *run, int o, size_t weights)
{
    const kpu_layer_t *layer = run->band.layer;
    size_t first = (size_t)o * weights;
    range_t sums = {0, 0};
    if (run->parameters->eight_bit) {
        sums = sum_bytes(run->parameters->weights + first, weights, run->fold);
    } else {
        for (size_t i = first; i < first + weights; i++) {
            int w = weight_at(run->parameters, i) + run->fold;
            sums.lowest += w - run->fold;
            sums.highest += w > 0 ? w : 0;
        }
    }
    int64_t add = layer->arg_add * (layer->depthwise ? 1 : layer->in_channels);
    int64_t below = sums.lowest + (int64_t)weights * run->fold - sums.highest;
    return (channel_t){.low = run->low,
                       .constant = (layer->arg_w * sums.lowest >> layer->shift_w) + add,
                       .lowest = 255 * below,
                       .highest = 255 * sums.highest,
                       .norm = kpu_norm_at(run->parameters->norm, o)};
}

/* Packs the weights of one output channel for kpu_gemm(); those of a channel are `size` bytes apart. */
static inline __attribute__((always_inline)) void pack_channel(const uint8_t *source, int channels, int taps, int size,
                                                               int fold, int32_t *to)
{
    int next = taps * size;
    for (int c = 0; c < channels - 1; c += 2, source += 2 * next) {
        for (int tap = 0; tap < taps; tap++, to += KPU_GEMM_OUTPUTS) {
            *to = kpu_pair(source[tap * size] + fold, source[next + tap * size] + fold);
        }
    }
    for (int tap = 0; channels % 2 && tap < taps; tap++, to += KPU_GEMM_OUTPUTS) {
        *to = kpu_pair(source[tap * size] + fold, 0);
    }
}

/* Packs byte `byte` of the weights of four output channels. */
static void pack_weights(const run_t *run, int first, int byte)
{
    const kpu_layer_t *layer = run->band.layer;
    int channels = layer->in_channels, size = run->parameters->eight_bit ? 1 : 2;
    size_t stride = (size_t)channels * (size_t)run->taps * (size_t)size;
    for (int o = 0; o < KPU_GEMM_OUTPUTS; o++) {
        const uint8_t *source = run->parameters->weights + (size_t)(first + o) * stride + byte;
        if (first + o >= layer->out_channels) {
            source = run->parameters->weights + byte; /* results that nobody reads */
        }
        if (run->taps == 1 && size == 1) {
            pack_channel(source, channels, 1, 1, run->fold, run->weights + o);
        } else if (size == 1) {
            pack_channel(source, channels, TAPS, 1, run->fold, run->weights + o);
        } else {
            pack_channel(source, channels, run->taps, 2, run->fold, run->weights + o);
        }
    }
}

/* ---- bands ---- */

static void find_x_term(run_t *run)
{
    kpu_band_x_term(&run->band, run->sums, run->x_term);
    range_t range = {INT64_MAX, INT64_MIN};
    for (int y = 0; y < run->band.lines; y++) {
        const int64_t *line = run->x_term + (size_t)y * (size_t)run->band.stride;
        for (int x = 0; x < run->band.layer->in_width; x++) {
            range.lowest = line[x] < range.lowest ? line[x] : range.lowest;
            range.highest = line[x] > range.highest ? line[x] : range.highest;
        }
    }
    run->x_lowest = range.lowest;
    run->x_highest = range.highest;
}

/* Packs all channels of a band and finds its x term. */
static void load_band(run_t *run)
{
    size_t used = (size_t)(run->band.lines + 2 * run->band.pad) * (size_t)run->band.stride;
    memset(run->sums, 0, run->plane * sizeof *run->sums);
    for (int pair = 0; pair < run->pairs; pair++) {
        int32_t *pixels = run->pixels + (size_t)pair * run->plane;
        kpu_band_pack_pair(&run->band, pair, pixels);
        if (!run->folded) {
            kpu_band_add_pair(pixels, used, run->sums);
        }
    }
    if (!run->folded) {
        find_x_term(run);
    }
}

static void full_band(run_t *run, int first, int count)
{
    const kpu_layer_t *layer = run->band.layer;
    size_t offset[TAPS], weights = (size_t)layer->in_channels * (size_t)run->taps;
    bool eight_bit = run->parameters->eight_bit;
    load_band(run);
    for (int tap = 0; tap < run->taps; tap++) {
        offset[tap] = (size_t)(tap / run->band.kernel) * (size_t)run->band.stride + (size_t)(tap % run->band.kernel);
    }
    for (int o = 0; o < layer->out_channels; o += KPU_GEMM_OUTPUTS) {
        for (int byte = 0; byte < (eight_bit ? 1 : 2); byte++) {
            pack_weights(run, o, byte);
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
            channel.low = run->low + (size_t)i * run->results;
            channel.high = eight_bit ? NULL : run->high + (size_t)i * run->results;
            finish_channel(run, &channel, o + i, first, count);
        }
    }
}

static void depthwise_band(run_t *run, int first, int count)
{
    const kpu_layer_t *layer = run->band.layer;
    size_t used = (size_t)(run->band.lines + 2 * run->band.pad) * (size_t)run->band.stride;
    int16_t *pixels = (int16_t *)run->pixels;
    memset(pixels, 0, run->plane * sizeof *pixels);
    for (int o = 0; o < layer->out_channels; o++) {
        int32_t weights[TAPS];
        for (int tap = 0; tap < run->taps; tap++) {
            weights[tap] = weight_at(run->parameters, (size_t)o * (size_t)run->taps + (size_t)tap) + run->fold;
        }
        kpu_band_pack(&run->band, o, pixels);
        if (!run->folded) {
            memset(run->sums, 0, run->plane * sizeof *run->sums);
            kpu_band_add(pixels, used, run->sums);
            find_x_term(run);
        }
        kpu_band_depthwise(&run->band, pixels, weights, run->low);
        channel_t channel = channel_of(run, o, (size_t)run->taps);
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

/* Sum X·W + floor(arg_x·SX / 2^shift_x) is Sum X·(W + z) when arg_x = z·2^shift_x, and the sums still fit the kernels. */
static void try_to_fold(run_t *run)
{
    const kpu_layer_t *layer = run->band.layer;
    int z = layer->arg_x >> layer->shift_x;
    int largest = run->parameters->eight_bit ? 255 : 65535;
    int64_t reach = z < 0 && -z > largest + z ? -z : largest + z;
    int64_t terms = (int64_t)run->taps * (layer->depthwise ? 1 : layer->in_channels);
    bool exact = z * (1 << layer->shift_x) == layer->arg_x;
    bool narrow = layer->depthwise || (run->parameters->eight_bit && reach <= INT16_MAX);
    run->folded = exact && narrow && reach * 255 * terms <= INT32_MAX;
    run->fold = run->folded ? z : 0;
}

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
    int by_results = BAND_RESULTS / run->band.stride;
    int by_input = BAND_BYTES / (4 * run->pairs * run->band.stride) - 2 * run->band.pad;
    int lines = (by_results < by_input ? by_results : by_input) / 4 * 4; /* pooling windows stay in one band */
    lines = lines > 4 ? lines : 4;
    run->max_lines = lines < layer->in_height ? lines : layer->in_height;
    run->plane = kpu_band_plane(&run->band, run->max_lines + 1);
    run->results = ((size_t)(run->max_lines + 1) * (size_t)run->band.stride / KPU_GEMM_SLACK + 1) * KPU_GEMM_SLACK;
    try_to_fold(run);
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
    size_t used = 0, pairs = (size_t)run->pairs;
    run->pixels = carve(&used, base, pairs * run->plane * sizeof *run->pixels);
    run->weights = carve(&used, base, pairs * (size_t)run->taps * KPU_GEMM_OUTPUTS * sizeof *run->weights);
    run->low = carve(&used, base, KPU_GEMM_OUTPUTS * run->results * sizeof *run->low);
    run->high = carve(&used, base, KPU_GEMM_OUTPUTS * run->results * sizeof *run->high);
    run->sums = carve(&used, base, run->plane * sizeof *run->sums);
    run->x_term = carve(&used, base, run->results * sizeof *run->x_term);
    run->u = carve(&used, base, run->results * sizeof *run->u);
    run->map = carve(&used, base, run->results);
    run->stairs = carve(&used, base, sizeof *run->stairs);
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
    memset(run.x_term, 0, run.results * sizeof *run.x_term);
    size_t values = (size_t)layer->out_channels * (size_t)layer->in_width * (size_t)layer->in_height;
    kpu_stairs_init(run.stairs, parameters->activation, profile, values);
    run_bands(&run);
    *events = run.events;
    free(base);
    return true;
}
