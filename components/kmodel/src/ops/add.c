// ADD: out = a + b, f32.

#include "../ops.h"

void kmodel_add_f32(float *out, const float *a, const float *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = a[i] + b[i];
    }
}

enum { A = 1, B, OUT, COUNT };

static int prepare(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_flat(prep, &prep->in[0], KMODEL_F32, f[A], f[COUNT]);
    rc = rc ? rc : kmodel_flat(prep, &prep->in[1], KMODEL_F32, f[B], f[COUNT]);
    return rc ? rc : kmodel_flat(prep, &prep->out, KMODEL_F32, f[OUT], f[COUNT]);
}

static int eval(kmodel_t *m, const uint32_t *f)
{
    kmodel_add_f32(kmodel_f32_at(m, f[OUT]), kmodel_f32_at(m, f[A]), kmodel_f32_at(m, f[B]), f[COUNT]);
    return 0;
}

const kmodel_op_t kmodel_v3_add = {1, 20, "ADD", prepare, eval};
