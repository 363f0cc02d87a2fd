// Sliding windows: sizes, taps, and reductions over them.

#include "kernels.h"

int64_t kmodel_window_size(uint32_t in, uint32_t filter, uint32_t stride, uint32_t dilation, int32_t before,
                           int32_t after)
{
    int64_t reach = ((int64_t)filter - 1) * dilation + 1;
    int64_t room = (int64_t)in + before + after - reach;
    return room < 0 ? 0 : room / stride + 1;
}

int64_t kmodel_taps(const kmodel_window_t *w, uint32_t o, uint32_t *first, uint32_t *last)
{
    int64_t at = (int64_t)o * w->stride - w->before, d = w->dilation;
    *first = 0;
    *last = w->filter;
    if (at < 0) {
        int64_t n = (-at + d - 1) / d;
        *first = n < w->filter ? (uint32_t)n : w->filter;
    }
    if (at + (int64_t)(w->filter - 1) * d >= w->in) {
        int64_t n = at < w->in ? (w->in - at + d - 1) / d : 0;
        *last = n > *first ? (uint32_t)n : *first;
    }
    return at;
}

static float reduce(const kmodel_reduce_window_t *p, const uint8_t *plane, const int32_t step[], uint32_t oy,
                    uint32_t ox, uint32_t *count)
{
    uint32_t y0, y1, x0, x1;
    int64_t y = kmodel_taps(&p->y, oy, &y0, &y1), x = kmodel_taps(&p->x, ox, &x0, &x1);
    float v = p->init;
    for (uint32_t ky = y0; ky < y1; ky++) {
        const uint8_t *at = plane + (y + (int64_t)ky * p->y.dilation) * step[2] +
                            (x + (int64_t)x0 * p->x.dilation) * step[3];
        int64_t next = (int64_t)p->x.dilation * step[3];
        for (uint32_t kx = x0; kx < x1; kx++, at += next) {
            v = kmodel_reduce_step(p->op, v, *(const float *)(const void *)at);
        }
    }
    *count = (y1 - y0) * (x1 - x0);
    return p->op == KMODEL_REDUCE_MEAN ? v / (float)*count : v;
}

int kmodel_reduce_window_f32(const kmodel_env_t *env, const kmodel_reduce_window_t *p, kmodel_view_t out,
                             kmodel_view_t in)
{
    kmodel_pace_t pace = {env, 0};
    for (uint32_t plane = 0; plane < p->batches * p->channels; plane++) {
        int64_t n = plane / p->channels, c = plane % p->channels;
        const uint8_t *from = (const uint8_t *)in.data + n * in.step[0] + c * in.step[1];
        uint8_t *to = (uint8_t *)out.data + n * out.step[0] + c * out.step[1];
        for (uint32_t y = 0; y < p->y.out; y++) {
            uint8_t *pixel = to + (int64_t)y * out.step[2];
            for (uint32_t x = 0; x < p->x.out; x++, pixel += out.step[3]) {
                uint32_t count;
                *(float *)(void *)pixel = kmodel_clamp(reduce(p, from, in.step, y, x, &count), p->lo, p->hi);
                int rc = kmodel_pace(&pace, count + 16);
                if (rc) {
                    return rc;
                }
            }
        }
    }
    return 0;
}
