// Operations on dense rows, and reductions of integers.

#include "more.h"

int kmodel_layer_normalize(const kmodel_env_t *env, float *out, const float *in, uint32_t rows, uint32_t count,
                           const float *scale, const float *bias, float epsilon)
{
    kmodel_pace_t pace = {.env = env};
    int rc = 0;
    for (uint32_t r = 0; !rc && r < rows; r++, in += count, out += count) {
        float mean = 0, variance = 0;
        for (uint32_t i = 0; i < count; i++) {
            mean += in[i];
        }
        mean /= (float)count;
        for (uint32_t i = 0; i < count; i++) {
            variance += (in[i] - mean) * (in[i] - mean);
        }
        float root = sqrtf(variance / (float)count + epsilon);
        for (uint32_t i = 0; i < count; i++) {
            out[i] = (in[i] - mean) / root * scale[i] + bias[i];
        }
        rc = kmodel_pace(&pace, 3 * count);
    }
    return rc;
}

int kmodel_cumsum(const kmodel_env_t *env, void *out, const void *in, const uint32_t dims[3], bool is_float,
                  bool exclusive, bool reverse)
{
    kmodel_pace_t pace = {.env = env};
    uint32_t outer = dims[0], n = dims[1], inner = dims[2];
    int rc = 0;
    for (uint32_t row = 0; !rc && row < outer * inner; row++) {
        size_t first = (size_t)(row / inner) * n * inner + row % inner;
        float sum = 0;
        uint32_t integer = 0;
        for (uint32_t k = 0; k < n; k++) {
            size_t i = first + (size_t)(reverse ? n - 1 - k : k) * inner;
            float f = is_float ? ((const float *)in)[i] : 0;
            uint32_t u = is_float ? 0 : ((const uint32_t *)in)[i];
            if (is_float) {
                ((float *)out)[i] = exclusive ? sum : sum + f;
            } else {
                ((uint32_t *)out)[i] = exclusive ? integer : integer + u;
            }
            sum += f;
            integer += u;
        }
        rc = kmodel_pace(&pace, n);
    }
    return rc;
}

int kmodel_trilu(const kmodel_env_t *env, float *out, const float *in, uint32_t batches, uint32_t h, uint32_t w,
                 bool upper, int64_t k)
{
    kmodel_pace_t pace = {.env = env};
    int rc = 0;
    // Beyond the matrix one diagonal is like the other.
    k = k > (int64_t)w ? w : k < -(int64_t)h ? -(int64_t)h : k;
    for (uint32_t row = 0; !rc && row < batches * h; row++) {
        int64_t diagonal = (int64_t)(row % h) + k;
        for (uint32_t x = 0; x < w; x++, in++, out++) {
            *out = upper ? (x < diagonal ? 0 : *in) : x > diagonal ? 0 : *in;
        }
        rc = kmodel_pace(&pace, w);
    }
    return rc;
}

typedef struct {
    uint32_t op;
    kmodel_type_t type;
} reduce_t;

static void reduce_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    const reduce_t *r = ctx;
    const uint8_t *in = data[0];
    uint8_t *out = data[1];
    for (uint32_t i = 0; i < n; i++, in += step[0], out += step[1]) {
        if (r->type == KMODEL_F32) {
            *(float *)(void *)out *= *(const float *)(const void *)in;
            continue;
        }
        int64_t a = kmodel_load_int(out, r->type), b = kmodel_load_int(in, r->type);
        int64_t v = r->op == KMODEL_REDUCE_MIN    ? (b < a ? b : a)
                    : r->op == KMODEL_REDUCE_MAX  ? (b > a ? b : a)
                    : r->op == KMODEL_REDUCE_PROD ? (int64_t)((uint64_t)a * (uint64_t)b)
                                                  : (int64_t)((uint64_t)a + (uint64_t)b);
        kmodel_store_int(out, r->type, v);
    }
}

static void divide_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    const int64_t *divisor = ctx;
    kmodel_type_t type = divisor[1] ? KMODEL_I64 : KMODEL_I32;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *p = data[0] + (int64_t)step[0] * i;
        kmodel_store_int(p, type, kmodel_load_int(p, type) / divisor[0]);
    }
}

int kmodel_reduce_any(const kmodel_env_t *env, uint32_t op, kmodel_type_t type, const kmodel_shape_t *in_shape,
                      const kmodel_shape_t *out_shape, kmodel_view_t out, kmodel_view_t in, double init)
{
    int64_t value = kmodel_to_int(init);
    float one = (float)init;
    if (type == KMODEL_I32) {
        value = value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : value;
    }
    const void *start = type == KMODEL_F32 ? (const void *)&one : (const void *)&value;
    int rc = kmodel_copy_nd(env, out_shape, out, (kmodel_view_t){.data = (void *)(uintptr_t)start},
                            type == KMODEL_I64 ? 8 : 4);
    kmodel_view_t views[2] = {in, out};
    for (uint32_t i = 0; i < in_shape->rank; i++) {
        views[1].step[i] = out_shape->dim[i] == in_shape->dim[i] ? out.step[i] : 0;
    }
    reduce_t r = {op, type};
    rc = rc ? rc : kmodel_walk(env, in_shape, views, 2, reduce_row, &r);
    int64_t divisor[2] = {(int64_t)(kmodel_elements(in_shape) / kmodel_elements(out_shape)), type == KMODEL_I64};
    return rc || op != KMODEL_REDUCE_MEAN ? rc : kmodel_walk(env, out_shape, &out, 1, divide_row, divisor);
}
