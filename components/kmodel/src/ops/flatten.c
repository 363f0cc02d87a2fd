// TENSORFLOW_FLATTEN: f32 C,H,W to H,W,C.

#include "../ops.h"

void kmodel_chw_to_hwc(float *out, const float *in, uint32_t w, uint32_t h, uint32_t c)
{
    uint32_t plane = w * h;
    for (uint32_t i = 0; i < plane; i++) {
        for (uint32_t ch = 0; ch < c; ch++) {
            *out++ = in[(size_t)ch * plane + i];
        }
    }
}

enum { IN = 1, OUT, WIDTH, HEIGHT, CHANNELS };

static int prepare(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_shaped(prep, &prep->in[0], KMODEL_F32, f[IN], f[WIDTH], f[HEIGHT], f[CHANNELS]);
    return rc ? rc : kmodel_shaped(prep, &prep->out, KMODEL_F32, f[OUT], 1, 1, f[WIDTH] * f[HEIGHT] * f[CHANNELS]);
}

static int eval(kmodel_t *m, const uint32_t *f)
{
    kmodel_chw_to_hwc(kmodel_f32_at(m, f[OUT]), kmodel_f32_at(m, f[IN]), f[WIDTH], f[HEIGHT], f[CHANNELS]);
    return 0;
}

const kmodel_op_t kmodel_v3_flatten = {20, 24, "TENSORFLOW_FLATTEN", prepare, eval};
