#include "kpu_band.h"

#include "kpu_gemm.h"
#include "kpu_simd.h"

#include <string.h>

#pragma GCC optimize("O3")

#define MAX_WIDTH 1024

size_t kpu_band_plane(const kpu_band_t *band, int lines)
{
    size_t pixels = (size_t)(lines + 2 * band->pad) * (size_t)band->stride + 2 * KPU_GEMM_SLACK;
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

KPU_CLONES static void widen(const uint8_t *line, int count, int16_t *pixels)
{
    for (int x = 0; x < count; x++) {
        pixels[x] = line[x];
    }
}

KPU_CLONES static void widen_pair(const uint8_t *a, const uint8_t *b, int count, int32_t *pixels)
{
    for (int x = 0; x < count; x++) {
        pixels[x] = a[x] | b[x] << 16;
    }
}

void kpu_band_pack(const kpu_band_t *band, int channel, int16_t *pixels)
{
    const kpu_layer_t *layer = band->layer;
    uint8_t copy[MAX_WIDTH];
    for (int line = -band->pad; line < band->lines + band->pad; line++, pixels += band->stride) {
        const uint8_t *source = source_line(band, channel, band->first + line, copy);
        if (source) {
            widen(source, layer->in_width, pixels + band->pad);
        }
        for (int x = 0; x < (source ? band->pad : band->stride); x++) {
            pixels[x] = pixels[band->stride - 1 - x] = layer->pad_value;
        }
    }
}

void kpu_band_pack_pair(const kpu_band_t *band, int pair, int32_t *pixels)
{
    static const uint8_t zeros[MAX_WIDTH];
    const kpu_layer_t *layer = band->layer;
    bool both = 2 * pair + 1 < layer->in_channels;
    int32_t outside = kpu_pair(layer->pad_value, both ? layer->pad_value : 0);
    uint8_t copy_a[MAX_WIDTH], copy_b[MAX_WIDTH];
    for (int line = -band->pad; line < band->lines + band->pad; line++, pixels += band->stride) {
        const uint8_t *a = source_line(band, 2 * pair, band->first + line, copy_a);
        const uint8_t *b = both ? source_line(band, 2 * pair + 1, band->first + line, copy_b) : zeros;
        if (a) {
            widen_pair(a, b, layer->in_width, pixels + band->pad);
        }
        for (int x = 0; x < (a ? band->pad : band->stride); x++) {
            pixels[x] = pixels[band->stride - 1 - x] = outside;
        }
    }
}

KPU_CLONES void kpu_band_add(const int16_t *pixels, size_t count, int32_t *sums)
{
    for (size_t i = 0; i < count; i++) {
        sums[i] += pixels[i];
    }
}

KPU_CLONES void kpu_band_add_pair(const int32_t *pixels, size_t count, int32_t *sums)
{
    for (size_t i = 0; i < count; i++) {
        sums[i] += (pixels[i] & 0xFFFF) + (pixels[i] >> 16);
    }
}

/* Sums of 3 neighbours, in place from the left. */
static void box_3(const int32_t *from, size_t step, size_t count, int32_t *to)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = from[i] + from[i + step] + from[i + 2 * step];
    }
}

void kpu_band_x_term(const kpu_band_t *band, int32_t *sums, int64_t *term)
{
    size_t count = (size_t)band->lines * (size_t)band->stride, stride = (size_t)band->stride;
    int64_t arg = band->layer->arg_x;
    unsigned shift = band->layer->shift_x;
    if (band->kernel == 3) {
        box_3(sums, 1, count + 2 * stride, sums);
        box_3(sums, stride, count, sums);
    }
    for (size_t i = 0; i < count; i++) {
        term[i] = arg * sums[i] >> shift;
    }
}

/* For weights beyond 16 bits. */
KPU_CLONES static void depthwise_3x3(const int16_t *pixels, size_t stride, const int32_t *w, int32_t *results,
                                     size_t count)
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
    int16_t narrow[9];
    bool fits = band->kernel == 3;
    for (int tap = 0; tap < 9 && fits; tap++) {
        narrow[tap] = (int16_t)weights[tap];
        fits = narrow[tap] == weights[tap];
    }
    if (fits) {
        kpu_gemm_3x3(pixels, (size_t)band->stride, narrow, results, count);
    } else if (band->kernel == 3) {
        depthwise_3x3(pixels, (size_t)band->stride, weights, results, count);
    } else {
        for (size_t i = 0; i < count; i++) {
            results[i] = pixels[i] * weights[0];
        }
    }
}
