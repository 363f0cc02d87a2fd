// FULLY_CONNECTED: y = act(W x + b), f32, each sum in the order of the inputs, bias last.

#include "../ops.h"

void kmodel_fully_connected_ref(float *out, const float *in, uint32_t in_count, uint32_t out_count,
                                const float *weights, const float *bias, uint32_t act)
{
    for (uint32_t o = 0; o < out_count; o++) {
        float sum = 0;
        for (uint32_t i = 0; i < in_count; i++) {
            sum += *weights++ * in[i];
        }
        out[o] = kmodel_act(act, sum + bias[o]);
    }
}

// Four sums at a time hide the latency of the additions without changing the order of any of them.
void kmodel_fully_connected(float *out, const float *in, uint32_t in_count, uint32_t out_count, const float *weights,
                            const float *bias, uint32_t act)
{
    for (; out_count >= 4; out_count -= 4, weights += 4 * (size_t)in_count, bias += 4, out += 4) {
        const float *w0 = weights, *w1 = w0 + in_count, *w2 = w1 + in_count, *w3 = w2 + in_count;
        float a = 0, b = 0, c = 0, d = 0;
#pragma GCC unroll 4
        for (uint32_t i = 0; i < in_count; i++) {
            float x = in[i];
            a += w0[i] * x;
            b += w1[i] * x;
            c += w2[i] * x;
            d += w3[i] * x;
        }
        out[0] = kmodel_act(act, a + bias[0]);
        out[1] = kmodel_act(act, b + bias[1]);
        out[2] = kmodel_act(act, c + bias[2]);
        out[3] = kmodel_act(act, d + bias[3]);
    }
    kmodel_fully_connected_ref(out, in, in_count, out_count, weights, bias, act);
}

enum { IN = 1, OUT, IN_CHANNELS, OUT_CHANNELS, ACT, WEIGHTS };

static int prepare(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    if (f[ACT] > KMODEL_ACT_MAX) {
        return kmodel_reject(prep, "activation %u, must be 0 to %u", (unsigned)f[ACT], KMODEL_ACT_MAX);
    }
    int rc = kmodel_shaped(prep, &prep->in[0], KMODEL_F32, f[IN], 1, 1, f[IN_CHANNELS]);
    rc = rc ? rc : kmodel_shaped(prep, &prep->out, KMODEL_F32, f[OUT], 1, 1, f[OUT_CHANNELS]);
    return rc ? rc : kmodel_body(prep, 24 + 4ull * (f[IN_CHANNELS] + 1ull) * f[OUT_CHANNELS]);
}

static int eval(kmodel_t *m, const uint32_t *f)
{
    const float *weights = (const float *)(const void *)&f[WEIGHTS];
    kmodel_fully_connected(kmodel_f32_at(m, f[OUT]), kmodel_f32_at(m, f[IN]), f[IN_CHANNELS], f[OUT_CHANNELS], weights,
                           weights + (size_t)f[IN_CHANNELS] * f[OUT_CHANNELS], f[ACT]);
    return 0;
}

const kmodel_op_t kmodel_v3_fully_connected = {18, 24, "FULLY_CONNECTED", prepare, eval};
