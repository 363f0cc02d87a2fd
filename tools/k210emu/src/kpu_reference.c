#include "kpu_reference.h"

#include <stdlib.h>

/* Products and sums wrap at 64 bits, as the diagnostics report values that come near. */
static int64_t mul64(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

static int64_t add64(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static bool fits_s36(int64_t value)
{
    return value >= -(1ll << 35) && value < 1ll << 35;
}

static int64_t pixel(const kpu_layer_t *layer, const uint8_t *ai_ram, int c, int y, int x)
{
    if (y < 0 || y >= layer->in_height || x < 0 || x >= layer->in_width) {
        return layer->pad_value;
    }
    return ai_ram[(kpu_map_line(&layer->in, c, y) + (uint32_t)x) % KPU_AI_RAM_BYTES];
}

static int64_t weight(const kpu_parameters_t *parameters, size_t index)
{
    if (parameters->eight_bit) {
        return parameters->weights[index];
    }
    return parameters->weights[2 * index] | parameters->weights[2 * index + 1] << 8;
}

/* u of spec kpu.md 5.1. */
static int64_t convolve(const kpu_layer_t *layer, const kpu_parameters_t *parameters, const uint8_t *ai_ram, int o,
                        int y, int x)
{
    int k = kpu_layer_kernel(layer), p = (k - 1) / 2;
    int first = layer->depthwise ? o : 0;
    int count = layer->depthwise ? 1 : layer->in_channels;
    int64_t acc = 0, sum_x = 0, sum_w = 0;
    for (int c = 0; c < count; c++) {
        for (int ky = 0; ky < k; ky++) {
            for (int kx = 0; kx < k; kx++) {
                int64_t value = pixel(layer, ai_ram, first + c, y + ky - p, x + kx - p);
                int64_t w = weight(parameters, (((size_t)o * count + c) * k + ky) * k + kx);
                acc += value * w;
                sum_x += value;
                sum_w += w;
            }
        }
    }
    return acc + (layer->arg_x * sum_x >> layer->shift_x) + (layer->arg_w * sum_w >> layer->shift_w)
           + layer->arg_add * count;
}

/* Rnd of spec kpu.md 5.4. */
static int64_t round_b(int64_t t, unsigned s)
{
    if (s >= 64) { /* h exceeds every t: floor is 0 or -1, and a negative t is always above or at the odd half */
        return t < 0 ? -2 : 0;
    }
    int64_t q = t >> s;
    uint64_t f = (uint64_t)t - ((uint64_t)q << s), h = 1ull << (s - 1);
    int64_t sign = t < 0 ? -1 : 1;
    if (f < h || (f == h && q % 2 == 0)) {
        return q;
    }
    return q + sign;
}

static int64_t round_a(int64_t t, unsigned s)
{
    int64_t p = t >> (s > 64 ? 63 : s - 1);
    if (p % 2 == 0) {
        return p / 2;
    }
    return p >= 0 ? (p >> 1) + 1 : (p >> 1) - 1;
}

static int64_t rounded(int64_t t, unsigned s, kpu_profile_t profile)
{
    if (s == 0) {
        return t;
    }
    switch (profile) {
    case KPU_PROFILE_A:
        return round_a(t, s);
    case KPU_PROFILE_B:
        return round_b(t, s);
    default:
        return t >> (s > 63 ? 63 : s);
    }
}

static uint8_t activate(const kpu_segment_t *segments, int64_t v, kpu_profile_t profile, unsigned *events)
{
    int i = KPU_SEGMENTS - 1;
    while (i >= 0 && !(profile == KPU_PROFILE_A ? v >= segments[i].start : v > segments[i].start)) {
        i--;
    }
    if (i < 0) {
        *events |= KPU_EVENT_NO_SEGMENT;
        i = 0;
    }
    int64_t t = mul64(add64(v, -segments[i].start), segments[i].mul);
    int64_t out = add64(rounded(t, segments[i].shift, profile), segments[i].bias);
    return out < 0 ? 0 : out > 255 ? 255 : (uint8_t)out;
}

/* One channel before pooling: convolution, batch norm, activation. */
static void channel_map(const kpu_layer_t *layer, const kpu_parameters_t *parameters, const uint8_t *ai_ram,
                        kpu_profile_t profile, int o, uint8_t *map, unsigned *events)
{
    kpu_norm_t norm = kpu_norm_at(parameters->norm, o);
    kpu_segment_t segments[KPU_SEGMENTS];
    kpu_segments(parameters->activation, segments);
    for (int y = 0; y < layer->in_height; y++) {
        for (int x = 0; x < layer->in_width; x++) {
            int64_t u = convolve(layer, parameters, ai_ram, o, y, x);
            int64_t v = add64(mul64(u, norm.mul) >> norm.shift, norm.add);
            *events |= fits_s36(u) ? 0 : KPU_EVENT_U_RANGE;
            *events |= fits_s36(v) ? 0 : KPU_EVENT_V_RANGE;
            *map++ = activate(segments, v, profile, events);
        }
    }
}

/* Largest or sum of a window; pixels outside are those of the edge. */
static unsigned window(const uint8_t *map, int width, int height, int y0, int x0, int size, bool maximum)
{
    unsigned largest = 0, sum = 0;
    for (int y = y0; y < y0 + size; y++) {
        for (int x = x0; x < x0 + size; x++) {
            unsigned value = map[(y < height ? y : height - 1) * width + (x < width ? x : width - 1)];
            largest = value > largest ? value : largest;
            sum += value;
        }
    }
    return maximum ? largest : sum;
}

/* One output pixel of spec kpu.md 5.5. */
static unsigned pooled(const uint8_t *map, int w, int h, unsigned code, int y, int x)
{
    switch (code) {
    case 1:
        return window(map, w, h, 2 * y, 2 * x, 2, true);
    case 2:
        return window(map, w, h, 2 * y, 2 * x, 2, false) / 4;
    case 3:
        return window(map, w, h, 4 * y, 4 * x, 4, true);
    case 4:
        return window(map, w, h, 4 * y, 4 * x, 4, false) / 16;
    case 5:
        return map[2 * y * w + 2 * x];
    case 6:
        return map[2 * y * w + 2 * x + 1];
    case 7:
        return map[4 * y * w + 4 * x];
    case 8:
        return window(map, w, h, y, x, 2, false) / 4;
    case 9:
        return window(map, w, h, y, x, 2, true);
    default:
        return map[y * w + x];
    }
}

bool kpu_reference_run(const kpu_layer_t *layer, const kpu_parameters_t *parameters, const uint8_t *ai_ram,
                       kpu_profile_t profile, uint8_t *out, unsigned *events)
{
    int width, height;
    uint8_t *map = malloc((size_t)layer->in_width * layer->in_height);
    if (!map) {
        return false;
    }
    *events = 0;
    kpu_layer_pooled(layer, &width, &height);
    for (int o = 0; o < layer->out_channels; o++) {
        channel_map(layer, parameters, ai_ram, profile, o, map, events);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                *out++ = (uint8_t)pooled(map, layer->in_width, layer->in_height, layer->pool_type, y, x);
            }
        }
    }
    free(map);
    return true;
}
