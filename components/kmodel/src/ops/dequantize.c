// DEQUANTIZE: x = q * scale + bias, product and sum rounded separately. CHANNELWISE_DEQUANTIZE: the same with a pair of
// numbers for each channel.

#include "../ops.h"

void kmodel_dequantize_ref(float *out, const uint8_t *in, uint32_t count, float scale, float bias)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = (float)in[i] * scale + bias;
    }
}

// Four at a time, because a conversion takes several clocks before its result can be used.
void kmodel_dequantize(float *out, const uint8_t *in, uint32_t count, float scale, float bias)
{
    for (; count >= 4; count -= 4, in += 4, out += 4) {
        float a = in[0], b = in[1], c = in[2], d = in[3];
        a = a * scale, b = b * scale, c = c * scale, d = d * scale;
        out[0] = a + bias, out[1] = b + bias, out[2] = c + bias, out[3] = d + bias;
    }
    kmodel_dequantize_ref(out, in, count, scale, bias);
}

enum { IN = 1, OUT, COUNT, SCALE, BIAS };

static int prepare(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_flat(prep, &prep->in[0], KMODEL_U8, f[IN], f[COUNT]);
    return rc ? rc : kmodel_flat(prep, &prep->out, KMODEL_F32, f[OUT], f[COUNT]);
}

static int eval(kmodel_t *m, const uint32_t *f)
{
    kmodel_dequantize(kmodel_f32_at(m, f[OUT]), kmodel_u8_at(m, f[IN]), f[COUNT], kmodel_f32(f[SCALE]),
                      kmodel_f32(f[BIAS]));
    return 0;
}

enum { CHANNELS = 3, CHANNEL_SIZE, PAIRS };

static int prepare_channelwise(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_body(prep, 20 + 8ull * f[CHANNELS]);
    rc = rc ? rc : kmodel_shaped(prep, &prep->in[0], KMODEL_U8, f[IN], f[CHANNEL_SIZE], 1, f[CHANNELS]);
    rc = rc ? rc : kmodel_shaped(prep, &prep->out, KMODEL_F32, f[OUT], f[CHANNEL_SIZE], 1, f[CHANNELS]);
    // Only the product of width and height is stored: the shape comes from the layer before.
    prep->out.w = prep->out.h = prep->out.c = 0;
    return rc;
}

static int eval_channelwise(kmodel_t *m, const uint32_t *f)
{
    for (uint32_t c = 0; c < f[CHANNELS]; c++) {
        uint32_t at = c * f[CHANNEL_SIZE];
        kmodel_dequantize(kmodel_f32_at(m, f[OUT]) + at, kmodel_u8_at(m, f[IN]) + at, f[CHANNEL_SIZE],
                          kmodel_f32(f[PAIRS + 2 * c]), kmodel_f32(f[PAIRS + 2 * c + 1]));
    }
    return 0;
}

const kmodel_op_t kmodel_v3_dequantize = {12, 24, "DEQUANTIZE", prepare, eval};
const kmodel_op_t kmodel_v3_channelwise_dequantize = {24, 20, "CHANNELWISE_DEQUANTIZE", prepare_channelwise,
                                                      eval_channelwise};
