// Element by element: what elementwise.c does not have.

#include "more.h"

typedef struct {
    uint32_t op;
    kmodel_type_t type;
    float lo, hi;
} logic_t;

static int64_t power(int64_t base, int64_t exponent)
{
    uint64_t result = 1, b = (uint64_t)base;
    if (exponent < 0) {
        return base == 1 ? 1 : base == -1 ? (exponent & 1 ? -1 : 1) : 0;
    }
    for (; exponent; exponent >>= 1, b *= b) {
        result *= exponent & 1 ? b : 1;
    }
    return (int64_t)result;
}

static int64_t integer_op(uint32_t op, int64_t a, int64_t b)
{
    switch (op) {
    case KMODEL_ADD: return (int64_t)((uint64_t)a + (uint64_t)b);
    case KMODEL_SUB: return (int64_t)((uint64_t)a - (uint64_t)b);
    case KMODEL_MUL: return (int64_t)((uint64_t)a * (uint64_t)b);
    case KMODEL_DIV: return b == 0 ? -1 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
    case KMODEL_MIN: return a < b ? a : b;
    case KMODEL_MAX: return a > b ? a : b;
    case KMODEL_POW: return power(a, b);
    default: return a && b;
    }
}

// The clamp goes through f32 (spec kmodel.md 5.6), which large integers do not survive unchanged.
static int64_t clamp_integer(int64_t v, kmodel_type_t type, float lo, float hi)
{
    v = type == KMODEL_I32 ? (int32_t)v : v;
    int64_t r = kmodel_to_int((double)kmodel_clamp((float)v, lo, hi));
    if (type == KMODEL_I32) {
        r = r > INT32_MAX ? INT32_MAX : r < INT32_MIN ? INT32_MIN : r;
    }
    return r;
}

static void binary_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    const logic_t *l = ctx;
    const uint8_t *a = data[0], *b = data[1];
    uint8_t *out = data[2];
    for (uint32_t i = 0; i < n; i++, a += step[0], b += step[1], out += step[2]) {
        if (l->type == KMODEL_F32) {
            float x = *(const float *)(const void *)a, y = *(const float *)(const void *)b;
            *(float *)(void *)out = kmodel_clamp(x != 0 && y != 0 ? 1 : 0, l->lo, l->hi);
        } else {
            int64_t v = integer_op(l->op, kmodel_load_int(a, l->type), kmodel_load_int(b, l->type));
            kmodel_store_int(out, l->type, clamp_integer(v, l->type, l->lo, l->hi));
        }
    }
}

int kmodel_binary_any(const kmodel_env_t *env, uint32_t op, const kmodel_shape_t *shape, const kmodel_view_t views[3],
                      kmodel_type_t type, float lo, float hi)
{
    logic_t l = {op, type, lo, hi};
    return kmodel_walk(env, shape, views, 3, binary_row, &l);
}

// -1, 0, 1, or 2 when a NaN is unequal to everything.
static int order(const uint8_t *a, const uint8_t *b, kmodel_type_t type)
{
    if (type == KMODEL_F32) {
        float x = *(const float *)(const void *)a, y = *(const float *)(const void *)b;
        return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
    }
    int64_t x = kmodel_load_int(a, type), y = kmodel_load_int(b, type);
    return x < y ? -1 : x > y;
}

static void compare_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    // Bit order + 1 says whether the comparison holds.
    static const uint8_t holds[] = {0x2, 0xd, 0x4, 0x6, 0x1, 0x3};
    const logic_t *l = ctx;
    const uint8_t *a = data[0], *b = data[1];
    uint8_t *out = data[2];
    for (uint32_t i = 0; i < n; i++, a += step[0], b += step[1], out += step[2]) {
        *out = holds[l->op] >> (order(a, b, l->type) + 1) & 1;
    }
}

int kmodel_compare(const kmodel_env_t *env, uint32_t op, const kmodel_shape_t *shape, const kmodel_view_t views[3],
                   kmodel_type_t type)
{
    logic_t l = {.op = op, .type = type};
    return kmodel_walk(env, shape, views, 3, compare_row, &l);
}

static void select_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    (void)ctx;
    for (uint32_t i = 0; i < n; i++) {
        const float *a = (const float *)(const void *)(data[0] + (int64_t)step[0] * i);
        const uint8_t *from = *a != 0 ? data[1] + (int64_t)step[1] * i : data[2] + (int64_t)step[2] * i;
        *(float *)(void *)(data[3] + (int64_t)step[3] * i) = *(const float *)(const void *)from;
    }
}

int kmodel_select_f32(const kmodel_env_t *env, const kmodel_shape_t *shape, const kmodel_view_t views[4])
{
    return kmodel_walk(env, shape, views, 4, select_row, NULL);
}

static void sigmoid_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    (void)ctx;
    for (uint32_t i = 0; i < n; i++) {
        float x = *(const float *)(const void *)(data[0] + (int64_t)step[0] * i);
        *(float *)(void *)(data[1] + (int64_t)step[1] * i) = 1 / (1 + expf(-x));
    }
}

int kmodel_sigmoid_f32(const kmodel_env_t *env, const kmodel_shape_t *shape, kmodel_view_t out, kmodel_view_t in)
{
    kmodel_view_t views[2] = {in, out};
    return kmodel_walk(env, shape, views, 2, sigmoid_row, NULL);
}
