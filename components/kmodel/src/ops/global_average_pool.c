// GLOBAL_AVERAGE_POOL2D: mean of each channel, f32, summed in order.

#include "../ops.h"

enum { IN = 1, OUT, KERNEL_SIZE, CHANNELS };

static int prepare(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_shaped(prep, &prep->in[0], KMODEL_F32, f[IN], f[KERNEL_SIZE], 1, f[CHANNELS]);
    return rc ? rc : kmodel_shaped(prep, &prep->out, KMODEL_F32, f[OUT], 1, 1, f[CHANNELS]);
}

static int eval(kmodel_t *m, const uint32_t *f)
{
    const float *in = kmodel_f32_at(m, f[IN]);
    float *out = kmodel_f32_at(m, f[OUT]);
    for (uint32_t c = 0; c < f[CHANNELS]; c++) {
        float sum = 0;
        for (uint32_t i = 0; i < f[KERNEL_SIZE]; i++) {
            sum += *in++;
        }
        out[c] = sum / (float)f[KERNEL_SIZE];
    }
    return 0;
}

const kmodel_op_t kmodel_v3_global_average_pool2d = {5, 20, "GLOBAL_AVERAGE_POOL2D", prepare, eval};
