// QUANTIZE: q = sat8(round((x - bias) * (1 / scale))), halves away from zero.

#include "../ops.h"

void kmodel_quantize(uint8_t *out, const float *in, uint32_t count, float scale, float bias)
{
    float inverse = 1 / scale;
    for (uint32_t i = 0; i < count; i++) {
        out[i] = kmodel_sat8((in[i] - bias) * inverse);
    }
}

enum { IN = 1, OUT, COUNT, SCALE, BIAS };

static int prepare(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_scale(prep, kmodel_f32(f[SCALE]));
    rc = rc ? rc : kmodel_flat(prep, &prep->in[0], KMODEL_F32, f[IN], f[COUNT]);
    return rc ? rc : kmodel_flat(prep, &prep->out, KMODEL_U8, f[OUT], f[COUNT]);
}

static int eval(kmodel_t *m, const uint32_t *f)
{
    kmodel_quantize(kmodel_u8_at(m, f[OUT]), kmodel_f32_at(m, f[IN]), f[COUNT], kmodel_f32(f[SCALE]),
                    kmodel_f32(f[BIAS]));
    return 0;
}

const kmodel_op_t kmodel_v3_quantize = {11, 24, "QUANTIZE", prepare, eval};
