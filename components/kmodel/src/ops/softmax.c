// SOFTMAX over the whole vector, its maximum subtracted first.

#include <math.h>

#include "../ops.h"

void kmodel_softmax(float *out, const float *in, uint32_t count)
{
    float max = in[0];
    for (uint32_t i = 1; i < count; i++) {
        max = in[i] > max ? in[i] : max;
    }
    float sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        out[i] = expf(in[i] - max);
        sum += out[i];
    }
    for (uint32_t i = 0; i < count; i++) {
        out[i] /= sum;
    }
}

enum { IN = 1, OUT, CHANNELS };

static int eval(kmodel_t *m, const uint32_t *f)
{
    kmodel_softmax(kmodel_f32_at(m, f[OUT]), kmodel_f32_at(m, f[IN]), f[CHANNELS]);
    return 0;
}

const kmodel_op_t kmodel_v3_softmax = {15, 16, "SOFTMAX", kmodel_prepare_f32_vector, eval};
