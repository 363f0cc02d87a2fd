// Transposed convolution: every input pixel adds to the output pixels that a convolution would have made it from. An
// output pixel receives its terms in order of channel, row and column of the input.

#include "kernels.h"

static void clear(uint8_t *plane, const kmodel_conv2d_t *p, const int32_t step[])
{
    for (uint32_t y = 0; y < p->y.in; y++) {
        uint8_t *pixel = plane + (int64_t)y * step[2];
        for (uint32_t x = 0; x < p->x.in; x++, pixel += step[3]) {
            *(float *)(void *)pixel = 0;
        }
    }
}

static void clamp(uint8_t *plane, const kmodel_conv2d_t *p, const int32_t step[])
{
    for (uint32_t y = 0; y < p->y.in; y++) {
        uint8_t *pixel = plane + (int64_t)y * step[2];
        for (uint32_t x = 0; x < p->x.in; x++, pixel += step[3]) {
            float *v = (float *)(void *)pixel;
            *v = kmodel_clamp(*v, p->lo, p->hi);
        }
    }
}

// One input plane into one output plane.
static int scatter(kmodel_pace_t *pace, const kmodel_conv2d_t *p, uint8_t *out, const int32_t out_step[],
                   const uint8_t *in, const int32_t in_step[], const float *weights)
{
    int64_t next = (int64_t)p->x.dilation * out_step[3];
    for (uint32_t y = 0; y < p->y.out; y++) {
        uint32_t y0, y1;
        int64_t row = kmodel_taps(&p->y, y, &y0, &y1);
        const uint8_t *pixel = in + (int64_t)y * in_step[2];
        for (uint32_t x = 0; x < p->x.out; x++, pixel += in_step[3]) {
            uint32_t x0, x1;
            int64_t column = kmodel_taps(&p->x, x, &x0, &x1);
            float v = *(const float *)(const void *)pixel;
            for (uint32_t ky = y0; ky < y1 && x0 < x1; ky++) {
                const float *w = weights + (size_t)ky * p->x.filter;
                uint8_t *at = out + (row + (int64_t)ky * p->y.dilation) * out_step[2] +
                              (column + (int64_t)x0 * p->x.dilation) * out_step[3];
                for (uint32_t kx = x0; kx < x1; kx++, at += next) {
                    *(float *)(void *)at += v * w[kx];
                }
            }
            int rc = kmodel_pace(pace, (y1 - y0) * (x1 - x0) + 16);
            if (rc) {
                return rc;
            }
        }
    }
    return 0;
}

int kmodel_conv2d_transpose_f32(const kmodel_env_t *env, const kmodel_conv2d_t *p, kmodel_view_t out, kmodel_view_t in,
                                const float *weights)
{
    kmodel_pace_t pace = {env, 0};
    uint32_t channels = p->ic / p->groups;
    size_t taps = (size_t)p->y.filter * p->x.filter;
    for (uint32_t i = 0; i < p->batches * p->oc; i++) {
        uint32_t n = i / p->oc, o = i % p->oc, group = o / (p->oc / p->groups);
        uint8_t *to = (uint8_t *)out.data + (int64_t)n * out.step[0] + (int64_t)o * out.step[1];
        const uint8_t *from = (const uint8_t *)in.data + (int64_t)n * in.step[0] +
                              (int64_t)group * channels * in.step[1];
        clear(to, p, out.step);
        for (uint32_t c = 0; c < channels; c++, from += in.step[1]) {
            int rc = scatter(&pace, p, to, out.step, from, in.step, weights + ((size_t)o * channels + c) * taps);
            if (rc) {
                return rc;
            }
        }
        clamp(to, p, out.step);
    }
    return 0;
}
