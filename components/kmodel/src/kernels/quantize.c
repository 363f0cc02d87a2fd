// Between f32 and 8-bit integers.

#include "kernels.h"

// NaN becomes the lowest value.
static int32_t quantize(float v, float lo, float hi)
{
    return (int32_t)lrintf(!(v > lo) ? lo : v > hi ? hi : v);
}

static void quantize_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    const kmodel_quant_t *q = ctx;
    uint8_t *out = data[0];
    const uint8_t *in = data[1];
    float scale = q->scale, bias = q->bias, lo = q->is_signed ? -128 : 0, hi = q->is_signed ? 127 : 255;
    ptrdiff_t out_step = step[0], in_step = step[1]; // stores to out may change step[] for all the compiler knows
    for (; n; n--, out += out_step, in += in_step) {
        *out = (uint8_t)quantize(*(const float *)(const void *)in * scale + bias, lo, hi);
    }
}

int kmodel_quantize_nd(const kmodel_env_t *env, const kmodel_shape_t *shape, kmodel_view_t out, kmodel_view_t in,
                       const kmodel_quant_t *q)
{
    kmodel_view_t views[] = {out, in};
    return kmodel_walk(env, shape, views, 2, quantize_row, q);
}

static void table_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    const float *table = ctx;
    uint8_t *out = data[0];
    const uint8_t *in = data[1];
    ptrdiff_t out_step = step[0], in_step = step[1];
    for (; n; n--, out += out_step, in += in_step) {
        *(float *)(void *)out = table[*in];
    }
}

int kmodel_dequantize_table(const kmodel_env_t *env, const kmodel_shape_t *shape, kmodel_view_t out, kmodel_view_t in,
                            const float table[256])
{
    kmodel_view_t views[] = {out, in};
    return kmodel_walk(env, shape, views, 2, table_row, table);
}

static void lookup_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    const uint8_t *table = ctx, *in = data[1];
    uint8_t *out = data[0];
    ptrdiff_t out_step = step[0], in_step = step[1];
    for (; n; n--, out += out_step, in += in_step) {
        *out = table[*in];
    }
}

int kmodel_lookup_nd(const kmodel_env_t *env, const kmodel_shape_t *shape, kmodel_view_t out, kmodel_view_t in,
                     const uint8_t table[256])
{
    kmodel_view_t views[] = {out, in};
    return kmodel_walk(env, shape, views, 2, lookup_row, table);
}
