// Products of matrices, and softmax. Every sum starts with the bias and runs over k in order.

#include "kernels.h"

// `width` neighbouring sums, at most four.
static inline __attribute__((always_inline)) void sums(float *out, const float *a, const float *b, const float *bias,
                                                       uint32_t k, uint32_t m, uint32_t width, float lo, float hi)
{
    float v[4] = {0};
    for (uint32_t i = 0; i < width; i++) {
        v[i] = bias[i];
    }
    for (uint32_t j = 0; j < k; j++, b += m) {
        for (uint32_t i = 0; i < width; i++) {
            v[i] += a[j] * b[i];
        }
    }
    for (uint32_t i = 0; i < width; i++) {
        out[i] = kmodel_clamp(v[i], lo, hi);
    }
}

int kmodel_matmul_f32(const kmodel_env_t *env, float *out, const float *a, const float *b, const float *bias,
                      uint32_t n, uint32_t k, uint32_t m, float lo, float hi)
{
    kmodel_pace_t pace = {env, 0};
    for (uint32_t row = 0; row < n; row++, a += k, out += m) {
        for (uint32_t c = 0; c < m; c += 4) {
            if (m - c >= 4) {
                sums(out + c, a, b + c, bias + c, k, m, 4, lo, hi);
            } else {
                sums(out + c, a, b + c, bias + c, k, m, m - c, lo, hi);
            }
            int rc = kmodel_pace(&pace, 4 * k + 16);
            if (rc) {
                return rc;
            }
        }
    }
    return 0;
}

int kmodel_matmul_u8(const kmodel_env_t *env, uint8_t *out, const uint8_t *a, const uint8_t *b, const int32_t *bias,
                     uint32_t n, uint32_t k, uint32_t m, const kmodel_requant_t *q)
{
    kmodel_pace_t pace = {env, 0};
    for (uint32_t row = 0; row < n; row++, a += k) {
        for (uint32_t c = 0; c < m; c++) {
            const uint8_t *column = b + c;
            uint32_t v = (uint32_t)bias[c];
            for (uint32_t j = 0; j < k; j++, column += m) {
                v += (a[j] + (uint32_t)q->in_offset) * (*column + (uint32_t)q->w_offset);
            }
            int32_t scaled = kmodel_mul_shift((int32_t)v, q->out_mul, (uint32_t)q->out_shift);
            *out++ = kmodel_sat_u8((int64_t)scaled + q->out_offset);
            int rc = kmodel_pace(&pace, k + 16);
            if (rc) {
                return rc;
            }
        }
    }
    return 0;
}

static float f32_at(const float *p, uint32_t i, int32_t step)
{
    return *(const float *)(const void *)((const uint8_t *)p + (int64_t)i * step);
}

void kmodel_softmax_row(float *out, const float *in, uint32_t count, int32_t out_step, int32_t in_step, float beta)
{
    float max = *in, sum = 0;
    for (uint32_t i = 1; i < count; i++) {
        float x = f32_at(in, i, in_step);
        max = max < x ? x : max;
    }
    for (uint32_t i = 0; i < count; i++) {
        float *y = (float *)(void *)((uint8_t *)out + (int64_t)i * out_step);
        *y = expf((f32_at(in, i, in_step) - max) * beta);
        sum += *y;
    }
    for (uint32_t i = 0; i < count; i++) {
        float *y = (float *)(void *)((uint8_t *)out + (int64_t)i * out_step);
        *y = *y / sum;
    }
}
