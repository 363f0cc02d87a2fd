// The rules are those of spec maixpy-image.md 4.1, for which models are tuned; positions and weights are exact fractions.
#include <string.h>

#include "internal.h"

// Buffers are aligned, so that this is one load and one store.
static inline void copy_pixel(uint8_t *to, const uint8_t *from)
{
    memcpy(__builtin_assume_aligned(to, 2), __builtin_assume_aligned(from, 2), 2);
}

static int nearest(const imlib_env_t *env, imlib_image_t *to, const imlib_image_t *from)
{
    for (int32_t y = 0; y < to->height; y++) {
        const uint8_t *row = from->pixels + 2 * (size_t)((int64_t)y * from->height / to->height) * (size_t)from->width;
        uint8_t *p = to->pixels + 2 * (size_t)y * (size_t)to->width;
        // floor(x * w0 / w) by its whole and fractional steps.
        int32_t whole = from->width / to->width, part = from->width % to->width, sx = 0, rest = 0;
        for (int32_t x = 0; x < to->width; x++) {
            copy_pixel(p + 2 * x, row + 2 * sx);
            sx += whole;
            rest += part;
            if (rest >= to->width) {
                rest -= to->width;
                sx++;
            }
        }
        if (imlib_stopped(env)) {
            return IMLIB_EABORTED;
        }
    }
    return IMLIB_OK;
}

// Where a destination pixel centre falls: index of the source pixel before it and the distance in 1 / (2 * to) pixels.
// Before the first centre the first pixel holds.
typedef struct {
    int32_t index;
    uint32_t part;
} position_t;

// Walks an axis. `next` is the centre's place in 1 / (2 * to) pixels, negative before the first centre.
typedef struct {
    int64_t next, step, unit;
    int32_t index;
} axis_t;

static axis_t make_axis(int32_t from, int32_t to)
{
    return (axis_t){(int64_t)from - to, 2 * (int64_t)from, 2 * (int64_t)to, 0};
}

static inline position_t advance(axis_t *axis)
{
    while (axis->next >= axis->unit) {
        axis->next -= axis->unit;
        axis->index++;
    }
    position_t at = {axis->index, axis->next < 0 ? 0 : (uint32_t)axis->next};
    axis->next += axis->step;
    return at;
}

// Weights of the four neighbours; their sum is the denominator.
typedef struct {
    uint64_t a, b, c, d;
} weights_t;

static uint64_t mix(const weights_t *w, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    return w->a * a + w->b * b + w->c * c + w->d * d;
}

// n / denominator for n < 256 * denominator: one multiplication when the reciprocal has room for an exact quotient.
typedef struct {
    uint64_t denominator, reciprocal;
} divider_t;

#define SHIFT 54

static divider_t make_divider(uint64_t denominator)
{
    // Exact as long as 256 * denominator^2 <= 2^SHIFT, and the product stays below 2^63.
    bool fits = denominator <= (uint64_t)1 << (SHIFT - 8) / 2;
    return (divider_t){denominator, fits ? ((uint64_t)1 << SHIFT) / denominator + 1 : 0};
}

static inline uint32_t divide(const divider_t *d, uint64_t n)
{
    return (uint32_t)(d->reciprocal ? n * d->reciprocal >> SHIFT : n / d->denominator);
}

static uint16_t mix565(const weights_t *w, const divider_t *divider, const uint8_t *top, size_t below)
{
    uint32_t p[4];
    for (int i = 0; i < 4; i++) {
        const uint8_t *q = top + (i & 1 ? 2 : 0) + (i & 2 ? below : 0);
        p[i] = q[0] | (uint32_t)q[1] << 8;
    }
    if (p[0] == p[1] && p[0] == p[2] && p[0] == p[3]) {
        return (uint16_t)p[0];
    }
    uint64_t r = mix(w, imlib_r5(p[0]), imlib_r5(p[1]), imlib_r5(p[2]), imlib_r5(p[3]));
    uint64_t g = mix(w, imlib_g6(p[0]), imlib_g6(p[1]), imlib_g6(p[2]), imlib_g6(p[3]));
    uint64_t b = mix(w, imlib_b5(p[0]), imlib_b5(p[1]), imlib_b5(p[2]), imlib_b5(p[3]));
    return imlib_pack565(divide(divider, r), divide(divider, g), divide(divider, b));
}

static int bilinear(const imlib_env_t *env, imlib_image_t *to, const imlib_image_t *from)
{
    size_t pixel = from->format == IMLIB_RGB565 ? 2 : 1, stride = (size_t)from->width * pixel;
    uint64_t unit_x = 2 * (uint64_t)to->width, unit_y = 2 * (uint64_t)to->height;
    divider_t divider = make_divider(unit_x * unit_y);
    axis_t down = make_axis(from->height, to->height);
    for (int32_t y = 0; y < to->height; y++) {
        position_t v = advance(&down);
        axis_t along = make_axis(from->width, to->width);
        for (int32_t x = 0; x < to->width; x++) {
            position_t u = advance(&along);
            const uint8_t *top = from->pixels + (size_t)v.index * stride + (size_t)u.index * pixel;
            uint32_t raw;
            if (u.index == from->width - 1 || v.index == from->height - 1) {
                raw = imlib_get_pixel(from, u.index, v.index);
            } else {
                weights_t w = {(unit_x - u.part) * (unit_y - v.part), u.part * (unit_y - v.part),
                               (unit_x - u.part) * v.part, (uint64_t)u.part * v.part};
                raw = pixel == 2 ? mix565(&w, &divider, top, stride)
                                 : divide(&divider, mix(&w, top[0], top[1], top[stride], top[stride + 1]));
            }
            imlib_set_pixel(to, x, y, raw);
        }
        if (imlib_stopped(env)) {
            return IMLIB_EABORTED;
        }
    }
    return IMLIB_OK;
}

// First and last source pixel, inclusive, of a destination pixel.
static void span(int32_t at, int32_t from, int32_t to, int32_t *first, int32_t *last)
{
    *first = (int32_t)((int64_t)at * from / to);
    *last = (int32_t)((int64_t)(at + 1) * from / to);
    *last = *last < from ? *last : from - 1;
}

static int box(const imlib_env_t *env, imlib_image_t *to, const imlib_image_t *from)
{
    for (int32_t y = 0; y < to->height; y++) {
        int32_t y0, y1;
        span(y, from->height, to->height, &y0, &y1);
        for (int32_t x = 0; x < to->width; x++) {
            int32_t x0, x1;
            span(x, from->width, to->width, &x0, &x1);
            uint64_t sum = 0;
            for (int32_t sy = y0; sy <= y1; sy++) {
                const uint8_t *row = from->pixels + (size_t)sy * (size_t)from->width;
                for (int32_t sx = x0; sx <= x1; sx++) {
                    sum += row[sx];
                }
            }
            uint64_t count = (uint64_t)(x1 - x0 + 1) * (uint64_t)(y1 - y0 + 1);
            to->pixels[(size_t)y * (size_t)to->width + (size_t)x] = (uint8_t)(sum / count);
        }
        if (imlib_stopped(env)) {
            return IMLIB_EABORTED;
        }
    }
    return IMLIB_OK;
}

int imlib_resize(const imlib_env_t *env, imlib_image_t *to, const imlib_image_t *from, int32_t width, int32_t height,
                 imlib_error_t *error)
{
    if (from->format != IMLIB_GRAYSCALE && from->format != IMLIB_RGB565) {
        return imlib_fail(error, IMLIB_EFORMAT, from->format, 0);
    }
    int rc = imlib_create(env, to, width, height, from->format, error);
    if (rc) {
        return rc;
    }
    int32_t w0 = from->width, h0 = from->height;
    if (w0 == width && h0 == height) {
        memcpy(to->pixels, from->pixels, to->size);
    } else if (from->format == IMLIB_RGB565) {
        rc = w0 >= width || h0 > height ? nearest(env, to, from) : bilinear(env, to, from);
    } else {
        rc = w0 > width && h0 > height ? box(env, to, from) : bilinear(env, to, from);
    }
    if (rc) {
        imlib_destroy(env, to);
        return imlib_fail(error, rc, 0, 0);
    }
    return IMLIB_OK;
}
