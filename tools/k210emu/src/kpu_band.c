#include "kpu_band.h"

#include "kpu_gemm.h"

#include <string.h>

#pragma GCC optimize("O3")

#define MAX_WIDTH 1024

size_t kpu_band_plane(const kpu_band_t *band, int lines)
{
    size_t pixels = (size_t)(lines + 2 * band->pad) * (size_t)band->stride + KPU_GEMM_PIXELS + 2;
    /* An odd number of 64-byte lines keeps planes off each other's cache sets. */
    return ((pixels * 4 + 63) / 64 | 1) * 16;
}

/* One line of the map, in AI RAM or, where it wraps, in `copy`; NULL outside the map. */
static const uint8_t *source_line(const kpu_band_t *band, int channel, int line, uint8_t copy[MAX_WIDTH])
{
    const kpu_layer_t *layer = band->layer;
    if (line < 0 || line >= layer->in_height) {
        return NULL;
    }
    uint32_t address = kpu_map_line(&layer->in, channel, line), width = (uint32_t)layer->in_width;
    if (address + width <= KPU_AI_RAM_BYTES) {
        return band->ai_ram + address;
    }
    uint32_t first = KPU_AI_RAM_BYTES - address;
    memcpy(copy, band->ai_ram + address, first);
    memcpy(copy + first, band->ai_ram, width - first);
    return copy;
}

void kpu_band_pack(const kpu_band_t *band, int channel, int16_t *pixels)
{
    const kpu_layer_t *layer = band->layer;
    uint8_t copy[MAX_WIDTH];
    for (int line = -band->pad; line < band->lines + band->pad; line++, pixels += band->stride) {
        const uint8_t *source = source_line(band, channel, band->first + line, copy);
        for (int x = 0; x < (source ? band->pad : band->stride); x++) {
            pixels[x] = layer->pad_value;
        }
        if (!source) {
            continue;
        }
        int16_t *inside = pixels + band->pad;
        for (int x = 0; x < layer->in_width; x++) {
            inside[x] = source[x];
        }
        for (int x = 0; x < band->pad; x++) {
            inside[layer->in_width + x] = layer->pad_value;
        }
    }
}

static void fill_pair(int16_t *pixels, int count, int16_t a, int16_t b)
{
    for (int x = 0; x < count; x++) {
        pixels[2 * x] = a;
        pixels[2 * x + 1] = b;
    }
}

void kpu_band_pack_pair(const kpu_band_t *band, int pair, int16_t *pixels)
{
    static const uint8_t zeros[MAX_WIDTH];
    const kpu_layer_t *layer = band->layer;
    bool both = 2 * pair + 1 < layer->in_channels;
    int16_t pad_a = layer->pad_value, pad_b = both ? layer->pad_value : 0;
    uint8_t copy_a[MAX_WIDTH], copy_b[MAX_WIDTH];
    for (int line = -band->pad; line < band->lines + band->pad; line++, pixels += 2 * band->stride) {
        const uint8_t *a = source_line(band, 2 * pair, band->first + line, copy_a);
        const uint8_t *b = both ? source_line(band, 2 * pair + 1, band->first + line, copy_b) : zeros;
        fill_pair(pixels, a ? band->pad : band->stride, pad_a, pad_b);
        if (!a) {
            continue;
        }
        int16_t *inside = pixels + 2 * band->pad;
        for (int x = 0; x < layer->in_width; x++) {
            inside[2 * x] = a[x];
            inside[2 * x + 1] = b[x];
        }
        fill_pair(inside + 2 * layer->in_width, band->pad, pad_a, pad_b);
    }
}

KPU_CLONES void kpu_band_add_pair(const int16_t *pixels, size_t count, int32_t *sums)
{
    for (size_t i = 0; i < count; i++) {
        sums[i] += pixels[2 * i] + pixels[2 * i + 1];
    }
}

KPU_CLONES void kpu_band_x_term(const kpu_band_t *band, const int32_t *sums, int64_t *term)
{
    size_t count = (size_t)band->lines * (size_t)band->stride, stride = (size_t)band->stride;
    int64_t arg = band->layer->arg_x;
    unsigned shift = band->layer->shift_x;
    for (size_t i = 0; i < count; i++) {
        int32_t sum = 0;
        for (int ky = 0; ky < band->kernel; ky++) {
            for (int kx = 0; kx < band->kernel; kx++) {
                sum += sums[i + (size_t)ky * stride + (size_t)kx];
            }
        }
        term[i] = arg * sum >> shift;
    }
}

KPU_CLONES static void depthwise_3x3(const int16_t *pixels, size_t stride, size_t count, const int32_t *w,
                                     int32_t *results)
{
    const int16_t *a = pixels, *b = pixels + stride, *c = pixels + 2 * stride;
    for (size_t i = 0; i < count; i++) {
        results[i] = a[i] * w[0] + a[i + 1] * w[1] + a[i + 2] * w[2] + b[i] * w[3] + b[i + 1] * w[4]
                     + b[i + 2] * w[5] + c[i] * w[6] + c[i + 1] * w[7] + c[i + 2] * w[8];
    }
}

void kpu_band_depthwise(const kpu_band_t *band, const int16_t *pixels, const int32_t *weights, int32_t *results)
{
    size_t count = (size_t)band->lines * (size_t)band->stride;
    if (band->kernel == 3) {
        depthwise_3x3(pixels, (size_t)band->stride, count, weights, results);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        results[i] = pixels[i] * weights[0];
    }
}
