// RESIZE_NEAREST_NEIGHBOR and its quantised form; align_corners is ignored, as in the vendor's runtime.

#include "../ops.h"

enum { IN = 1, OUT, IN_W, IN_H, CHANNELS, OUT_W, OUT_H };

static int prepare_typed(kmodel_prep_t *prep, kmodel_type_t type)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_shaped(prep, &prep->in[0], type, f[IN], f[IN_W], f[IN_H], f[CHANNELS]);
    return rc ? rc : kmodel_shaped(prep, &prep->out, type, f[OUT], f[OUT_W], f[OUT_H], f[CHANNELS]);
}

static int prepare_f32(kmodel_prep_t *prep)
{
    return prepare_typed(prep, KMODEL_F32);
}

static int prepare_u8(kmodel_prep_t *prep)
{
    return prepare_typed(prep, KMODEL_U8);
}

static uint32_t nearest(uint32_t out, float ratio, uint32_t limit)
{
    uint32_t in = (uint32_t)((float)out * ratio);
    return in < limit ? in : limit - 1;
}

static int eval_u8(kmodel_t *m, const uint32_t *f)
{
    float ratio_h = (float)f[IN_H] / (float)f[OUT_H], ratio_w = (float)f[IN_W] / (float)f[OUT_W];
    const uint8_t *plane = kmodel_u8_at(m, f[IN]);
    uint8_t *out = kmodel_u8_at(m, f[OUT]);
    for (uint32_t c = 0; c < f[CHANNELS]; c++, plane += (size_t)f[IN_W] * f[IN_H]) {
        for (uint32_t y = 0; y < f[OUT_H]; y++) {
            const uint8_t *line = plane + (size_t)nearest(y, ratio_h, f[IN_H]) * f[IN_W];
            for (uint32_t x = 0; x < f[OUT_W]; x++) {
                *out++ = line[nearest(x, ratio_w, f[IN_W])];
            }
        }
    }
    return 0;
}

static int eval_f32(kmodel_t *m, const uint32_t *f)
{
    float ratio_h = (float)f[IN_H] / (float)f[OUT_H], ratio_w = (float)f[IN_W] / (float)f[OUT_W];
    const float *plane = kmodel_f32_at(m, f[IN]);
    float *out = kmodel_f32_at(m, f[OUT]);
    for (uint32_t c = 0; c < f[CHANNELS]; c++, plane += (size_t)f[IN_W] * f[IN_H]) {
        for (uint32_t y = 0; y < f[OUT_H]; y++) {
            const float *line = plane + (size_t)nearest(y, ratio_h, f[IN_H]) * f[IN_W];
            for (uint32_t x = 0; x < f[OUT_W]; x++) {
                *out++ = line[nearest(x, ratio_w, f[IN_W])];
            }
        }
    }
    return 0;
}

const kmodel_op_t kmodel_v3_resize = {22, 36, "RESIZE_NEAREST_NEIGHBOR", prepare_f32, eval_f32};
const kmodel_op_t kmodel_v3_quantized_resize = {23, 36, "QUANTIZED_RESIZE_NEAREST_NEIGHBOR", prepare_u8, eval_u8};
