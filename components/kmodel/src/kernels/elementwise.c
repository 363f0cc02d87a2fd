// One or two numbers in, one out, with repeating of size-1 axes.

#include "kernels.h"

static float sign(float x)
{
    return x > 0 ? 1 : x < 0 ? -1 : 0;
}

float kmodel_unary_value(uint32_t op, float x)
{
    switch (op) {
    case KMODEL_ABS: return fabsf(x);
    case KMODEL_ACOS: return acosf(x);
    case KMODEL_ASIN: return asinf(x);
    case KMODEL_CEIL: return ceilf(x);
    case KMODEL_COS: return cosf(x);
    case KMODEL_EXP: return expf(x);
    case KMODEL_FLOOR: return floorf(x);
    case KMODEL_LOG: return logf(x);
    case KMODEL_NEG: return -x;
    case KMODEL_ROUND: return rintf(x);
    case KMODEL_RSQRT: return 1 / sqrtf(x);
    case KMODEL_SIGN: return sign(x);
    case KMODEL_SIN: return sinf(x);
    case KMODEL_SQRT: return sqrtf(x);
    case KMODEL_SQUARE: return x * x;
    case KMODEL_TANH: return tanhf(x);
    case KMODEL_LOGICAL_NOT: return x == 0;
    default: return erff(x);
    }
}

float kmodel_binary_value(uint32_t op, float a, float b)
{
    switch (op) {
    case KMODEL_ADD: return a + b;
    case KMODEL_SUB: return a - b;
    case KMODEL_MUL: return a * b;
    case KMODEL_DIV: return a / b;
    case KMODEL_MIN: return b < a ? b : a;
    case KMODEL_MAX: return a < b ? b : a;
    default: return powf(a, b);
    }
}

static void unary_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    uint32_t op = *(const uint32_t *)ctx;
    uint8_t *out = data[0];
    const uint8_t *in = data[1];
    for (; n; n--, out += step[0], in += step[1]) {
        *(float *)(void *)out = kmodel_unary_value(op, *(const float *)(const void *)in);
    }
}

int kmodel_unary_f32(const kmodel_env_t *env, uint32_t op, const kmodel_shape_t *shape, kmodel_view_t out,
                     kmodel_view_t in)
{
    kmodel_view_t views[] = {out, in};
    return kmodel_walk(env, shape, views, 2, unary_row, &op);
}

typedef struct {
    uint32_t op;
    float lo, hi;
} binary_t;

#define BINARY_ROW(expression)                                                                                         \
    for (; n; n--, pa += step[0], pb += step[1], out += step[2]) {                                                     \
        float a = *(const float *)(const void *)pa, b = *(const float *)(const void *)pb;                              \
        *(float *)(void *)out = kmodel_clamp(expression, lo, hi);                                                      \
    }                                                                                                                  \
    break;

static void binary_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    const binary_t *p = ctx;
    const uint8_t *pa = data[0], *pb = data[1];
    uint8_t *out = data[2];
    float lo = p->lo, hi = p->hi;
    switch (p->op) {
    case KMODEL_ADD: BINARY_ROW(a + b)
    case KMODEL_MUL: BINARY_ROW(a * b)
    default: BINARY_ROW(kmodel_binary_value(p->op, a, b))
    }
}

int kmodel_binary_f32(const kmodel_env_t *env, uint32_t op, const kmodel_shape_t *shape, const kmodel_view_t views[3],
                      float lo, float hi)
{
    binary_t p = {op, lo, hi};
    return kmodel_walk(env, shape, views, 3, binary_row, &p);
}

typedef struct {
    uint32_t op;
    const kmodel_quantized_binary_t *q;
    int32_t a[256], b[256]; // both operands on their common scale
} quantized_t;

// Division by zero gives what the divider of the K210 gives; sums and products wrap.
static int32_t binary_i32(uint32_t op, int32_t a, int32_t b)
{
    switch (op) {
    case KMODEL_ADD: return (int32_t)((uint32_t)a + (uint32_t)b);
    case KMODEL_SUB: return (int32_t)((uint32_t)a - (uint32_t)b);
    case KMODEL_MUL: return (int32_t)((uint32_t)a * (uint32_t)b);
    case KMODEL_DIV: return b ? (int32_t)(((int64_t)a + b / 2) / b) : -1;
    case KMODEL_MIN: return b < a ? b : a;
    default: return a < b ? b : a;
    }
}

static void quantized_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    const quantized_t *p = ctx;
    const uint8_t *a = data[0], *b = data[1];
    uint8_t *out = data[2];
    int32_t mul = p->q->out_mul, offset = p->q->out_offset;
    uint32_t shift = (uint32_t)p->q->out_shift;
    if (p->op == KMODEL_ADD) {
        for (; n; n--, a += step[0], b += step[1], out += step[2]) {
            int32_t v = (int32_t)((uint32_t)p->a[*a] + (uint32_t)p->b[*b]);
            *out = kmodel_sat_u8((int64_t)kmodel_mul_shift(v, mul, shift) + offset);
        }
        return;
    }
    for (; n; n--, a += step[0], b += step[1], out += step[2]) {
        *out = kmodel_sat_u8((int64_t)kmodel_mul_shift(binary_i32(p->op, p->a[*a], p->b[*b]), mul, shift) + offset);
    }
}

int kmodel_binary_u8(const kmodel_env_t *env, uint32_t op, const kmodel_shape_t *shape, const kmodel_view_t views[3],
                     const kmodel_quantized_binary_t *q)
{
    quantized_t p = {.op = op, .q = q};
    for (uint32_t i = 0; i < 256; i++) {
        p.a[i] = kmodel_mul_shift((int32_t)(i + (uint32_t)q->a_offset), q->a_mul, (uint32_t)q->a_shift);
        p.b[i] = kmodel_mul_shift((int32_t)(i + (uint32_t)q->b_offset), q->b_mul, (uint32_t)q->b_shift);
    }
    return kmodel_walk(env, shape, views, 3, quantized_row, &p);
}
