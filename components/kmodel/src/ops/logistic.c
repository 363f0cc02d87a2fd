// LOGISTIC: 1 / (1 + exp(-x)).

#include <math.h>

#include "../ops.h"

void kmodel_logistic(float *out, const float *in, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = 1 / (1 + expf(-in[i]));
    }
}

enum { IN = 1, OUT, COUNT };

static int eval(kmodel_t *m, const uint32_t *f)
{
    kmodel_logistic(kmodel_f32_at(m, f[OUT]), kmodel_f32_at(m, f[IN]), f[COUNT]);
    return 0;
}

const kmodel_op_t kmodel_v3_logistic = {25, 16, "LOGISTIC", kmodel_prepare_f32_vector, eval};
