// Convolutions of any size on the CPU. Each sum starts with the bias and runs over channel, row and column of the taps
// that lie inside the image. Four neighbouring pixels share the weights where all their taps do.

#include "kernels.h"

// One row of one output channel.
typedef struct {
    const kmodel_conv2d_t *p;
    const kmodel_requant_t *q;
    const uint8_t *in;  // first channel of the group
    const void *weights;
    const int32_t *step; // of in
    uint32_t channels;   // of a group
    int64_t y;
    uint32_t y0, y1; // rows of taps inside
    union {
        float f;
        int32_t i;
    } bias;
} row_t;

// The taps of channel c in row ky from column x0 on, for the pixel whose tap 0 is in column x.
static const uint8_t *tap(const row_t *r, uint32_t c, uint32_t ky, int64_t x, uint32_t x0)
{
    return r->in + (int64_t)c * r->step[1] + (r->y + (int64_t)ky * r->p->y.dilation) * r->step[2] +
           (x + (int64_t)x0 * r->p->x.dilation) * r->step[3];
}

static size_t weight(const row_t *r, uint32_t c, uint32_t ky)
{
    return ((size_t)c * r->p->y.filter + ky) * r->p->x.filter;
}

static float f32_at(const uint8_t *p)
{
    return *(const float *)(const void *)p;
}

static void one_f32(const row_t *r, uint8_t *out, int64_t x, uint32_t x0, uint32_t x1)
{
    int64_t next = (int64_t)r->p->x.dilation * r->step[3];
    float v = r->bias.f;
    for (uint32_t c = 0; c < r->channels; c++) {
        for (uint32_t ky = r->y0; ky < r->y1; ky++) {
            const float *w = (const float *)r->weights + weight(r, c, ky);
            const uint8_t *at = tap(r, c, ky, x, x0);
            for (uint32_t kx = x0; kx < x1; kx++, at += next) {
                v += w[kx] * f32_at(at);
            }
        }
    }
    *(float *)(void *)out = kmodel_clamp(v, r->p->lo, r->p->hi);
}

static void four_f32(const row_t *r, uint8_t *out, int32_t out_step, int64_t x)
{
    int64_t next = (int64_t)r->p->x.dilation * r->step[3], pixel = (int64_t)r->p->x.stride * r->step[3];
    float v[4] = {r->bias.f, r->bias.f, r->bias.f, r->bias.f};
    for (uint32_t c = 0; c < r->channels; c++) {
        for (uint32_t ky = r->y0; ky < r->y1; ky++) {
            const float *w = (const float *)r->weights + weight(r, c, ky);
            const uint8_t *at = tap(r, c, ky, x, 0);
            for (uint32_t kx = 0; kx < r->p->x.filter; kx++, at += next) {
                float a = f32_at(at), b = f32_at(at + pixel), d = f32_at(at + 2 * pixel), e = f32_at(at + 3 * pixel);
                v[0] += w[kx] * a, v[1] += w[kx] * b, v[2] += w[kx] * d, v[3] += w[kx] * e;
            }
        }
    }
    for (unsigned i = 0; i < 4; i++, out += out_step) {
        *(float *)(void *)out = kmodel_clamp(v[i], r->p->lo, r->p->hi);
    }
}

static uint8_t requantize(uint32_t v, const kmodel_requant_t *q)
{
    return kmodel_sat_u8((int64_t)kmodel_mul_shift((int32_t)v, q->out_mul, (uint32_t)q->out_shift) + q->out_offset);
}

// Sums are taken modulo 2^32, so unsigned.
static void one_u8(const row_t *r, uint8_t *out, int64_t x, uint32_t x0, uint32_t x1)
{
    int64_t next = (int64_t)r->p->x.dilation * r->step[3];
    uint32_t v = (uint32_t)r->bias.i, in_offset = (uint32_t)r->q->in_offset, w_offset = (uint32_t)r->q->w_offset;
    for (uint32_t c = 0; c < r->channels; c++) {
        for (uint32_t ky = r->y0; ky < r->y1; ky++) {
            const uint8_t *w = (const uint8_t *)r->weights + weight(r, c, ky), *at = tap(r, c, ky, x, x0);
            for (uint32_t kx = x0; kx < x1; kx++, at += next) {
                v += (*at + in_offset) * (w[kx] + w_offset);
            }
        }
    }
    *out = requantize(v, r->q);
}

static void four_u8(const row_t *r, uint8_t *out, int32_t out_step, int64_t x)
{
    int64_t next = (int64_t)r->p->x.dilation * r->step[3], pixel = (int64_t)r->p->x.stride * r->step[3];
    uint32_t in_offset = (uint32_t)r->q->in_offset, w_offset = (uint32_t)r->q->w_offset, bias = (uint32_t)r->bias.i;
    uint32_t v[4] = {bias, bias, bias, bias};
    for (uint32_t c = 0; c < r->channels; c++) {
        for (uint32_t ky = r->y0; ky < r->y1; ky++) {
            const uint8_t *w = (const uint8_t *)r->weights + weight(r, c, ky), *at = tap(r, c, ky, x, 0);
            for (uint32_t kx = 0; kx < r->p->x.filter; kx++, at += next) {
                uint32_t k = w[kx] + w_offset;
                v[0] += (at[0] + in_offset) * k;
                v[1] += (at[pixel] + in_offset) * k;
                v[2] += (at[2 * pixel] + in_offset) * k;
                v[3] += (at[3 * pixel] + in_offset) * k;
            }
        }
    }
    for (unsigned i = 0; i < 4; i++, out += out_step) {
        *out = requantize(v[i], r->q);
    }
}

static int run_row(const row_t *r, kmodel_pace_t *pace, uint8_t *out, int32_t out_step, bool fast)
{
    const kmodel_window_t *w = &r->p->x;
    uint32_t taps = r->channels * (r->y1 - r->y0);
    for (uint32_t x = 0; x < w->out;) {
        uint32_t x0, x1, x0_last = 1, x1_last = 0, n = 1;
        int64_t at = kmodel_taps(w, x, &x0, &x1);
        if (fast && x + 4 <= w->out) {
            kmodel_taps(w, x + 3, &x0_last, &x1_last);
        }
        if (x0 == 0 && x0_last == 0 && x1 == w->filter && x1_last == w->filter) {
            n = 4;
            (r->q ? four_u8 : four_f32)(r, out, out_step, at);
        } else {
            (r->q ? one_u8 : one_f32)(r, out, at, x0, x1);
        }
        x += n;
        out += (int64_t)n * out_step;
        int rc = kmodel_pace(pace, n * (x1 - x0) * taps + 16);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

static int run(const kmodel_env_t *env, row_t *r, kmodel_view_t out, kmodel_view_t in, const void *bias, bool fast)
{
    const kmodel_conv2d_t *p = r->p;
    const uint8_t *weights = r->weights;
    kmodel_pace_t pace = {env, 0};
    r->step = in.step;
    r->channels = p->ic / p->groups;
    size_t channel = (size_t)r->channels * p->y.filter * p->x.filter * (r->q ? 1 : 4);
    for (uint32_t i = 0; i < p->batches * p->oc; i++) {
        uint32_t n = i / p->oc, o = i % p->oc, group = o / (p->oc / p->groups);
        uint8_t *to = (uint8_t *)out.data + (int64_t)n * out.step[0] + (int64_t)o * out.step[1];
        r->in = (const uint8_t *)in.data + (int64_t)n * in.step[0] + (int64_t)group * r->channels * in.step[1];
        r->weights = weights + o * channel;
        memcpy(&r->bias, (const uint8_t *)bias + 4 * (size_t)o, 4);
        for (uint32_t y = 0; y < p->y.out; y++, to += out.step[2]) {
            r->y = kmodel_taps(&p->y, y, &r->y0, &r->y1);
            int rc = run_row(r, &pace, to, out.step[3], fast);
            if (rc) {
                return rc;
            }
        }
    }
    return 0;
}

int kmodel_conv2d_f32(const kmodel_env_t *env, const kmodel_conv2d_t *p, kmodel_view_t out, kmodel_view_t in,
                      const float *weights, const float *bias)
{
    row_t r = {.p = p, .weights = weights};
    return run(env, &r, out, in, bias, true);
}

int kmodel_conv2d_f32_ref(const kmodel_env_t *env, const kmodel_conv2d_t *p, kmodel_view_t out, kmodel_view_t in,
                          const float *weights, const float *bias)
{
    row_t r = {.p = p, .weights = weights};
    return run(env, &r, out, in, bias, false);
}

int kmodel_conv2d_u8(const kmodel_env_t *env, const kmodel_conv2d_t *p, const kmodel_requant_t *q, kmodel_view_t out,
                     kmodel_view_t in, const uint8_t *weights, const int32_t *bias)
{
    row_t r = {.p = p, .q = q, .weights = weights};
    return run(env, &r, out, in, bias, true);
}

int kmodel_conv2d_u8_ref(const kmodel_env_t *env, const kmodel_conv2d_t *p, const kmodel_requant_t *q,
                         kmodel_view_t out, kmodel_view_t in, const uint8_t *weights, const int32_t *bias)
{
    row_t r = {.p = p, .q = q, .weights = weights};
    return run(env, &r, out, in, bias, false);
}
