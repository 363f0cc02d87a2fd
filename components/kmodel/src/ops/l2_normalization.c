// L2_NORMALIZATION: out = x / sqrt(max(sum of x^2, 1e-10)).

#include <math.h>

#include "../ops.h"

void kmodel_l2_normalize(float *out, const float *in, uint32_t count)
{
    float sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += in[i] * in[i];
    }
    float factor = 1 / sqrtf(sum > 1e-10f ? sum : 1e-10f);
    for (uint32_t i = 0; i < count; i++) {
        out[i] = in[i] * factor;
    }
}

enum { IN = 1, OUT, CHANNELS };

static int eval(kmodel_t *m, const uint32_t *f)
{
    kmodel_l2_normalize(kmodel_f32_at(m, f[OUT]), kmodel_f32_at(m, f[IN]), f[CHANNELS]);
    return 0;
}

const kmodel_op_t kmodel_v3_l2_normalization = {14, 16, "L2_NORMALIZATION", kmodel_prepare_f32_vector, eval};
