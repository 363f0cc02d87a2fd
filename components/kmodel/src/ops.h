// The operators. Each file of ops/ holds one kind: the arithmetic as a function of plain pointers, and the layers of
// the formats that use it.

#ifndef KMODEL_OPS_H
#define KMODEL_OPS_H

#include "internal.h"

// Activations of V3 (spec kmodel.md 3.6): 0 linear, 1 ReLU, 2 ReLU6.
#define KMODEL_ACT_MAX 2u

static inline float kmodel_act(uint32_t act, float x)
{
    if (act && x < 0) {
        return 0;
    }
    return act == 2 && x > 6 ? 6 : x;
}

// Round half away from zero and saturate to 0..255; NaN becomes 0.
static inline uint8_t kmodel_sat8(float x)
{
    if (!(x > 0)) {
        return 0;
    }
    if (x >= 255) {
        return 255;
    }
    uint32_t whole = (uint32_t)x;
    return (uint8_t)(whole + (x - (float)whole >= 0.5f));
}

// V3 by type number; NULL for kinds without an implementation. Names in both cases; NULL for numbers that mean nothing.
const kmodel_op_t *kmodel_v3_op(uint32_t type);
const char *kmodel_v3_name(uint32_t type);

extern const kmodel_op_t kmodel_v3_add, kmodel_v3_quantized_add, kmodel_v3_global_average_pool2d;
extern const kmodel_op_t kmodel_v3_max_pool2d, kmodel_v3_quantized_max_pool2d, kmodel_v3_average_pool2d;
extern const kmodel_op_t kmodel_v3_quantize, kmodel_v3_dequantize, kmodel_v3_requantize, kmodel_v3_l2_normalization;
extern const kmodel_op_t kmodel_v3_softmax, kmodel_v3_concat, kmodel_v3_quantized_concat, kmodel_v3_fully_connected;
extern const kmodel_op_t kmodel_v3_flatten, kmodel_v3_resize, kmodel_v3_quantized_resize;
extern const kmodel_op_t kmodel_v3_channelwise_dequantize, kmodel_v3_logistic, kmodel_v3_k210_conv;
extern const kmodel_op_t kmodel_v3_add_padding, kmodel_v3_remove_padding, kmodel_v3_upload;

// Arithmetic, shared by the formats.
void kmodel_add_f32(float *out, const float *a, const float *b, uint32_t count);

typedef struct {
    int32_t a_offset, a_mul, a_shift, b_offset, b_mul, b_shift, out_offset, out_mul, out_shift;
} kmodel_quantized_add_t;
void kmodel_add_u8(uint8_t *out, const uint8_t *a, const uint8_t *b, uint32_t count, const kmodel_quantized_add_t *q);

void kmodel_quantize(uint8_t *out, const float *in, uint32_t count, float scale, float bias);
void kmodel_dequantize(float *out, const uint8_t *in, uint32_t count, float scale, float bias);
void kmodel_lookup(uint8_t *out, const uint8_t *in, uint32_t count, const uint8_t table[256]);
void kmodel_softmax(float *out, const float *in, uint32_t count);
void kmodel_logistic(float *out, const float *in, uint32_t count);
void kmodel_l2_normalize(float *out, const float *in, uint32_t count);
void kmodel_fully_connected(float *out, const float *in, uint32_t in_count, uint32_t out_count, const float *weights,
                            const float *bias, uint32_t act);
void kmodel_chw_to_hwc(float *out, const float *in, uint32_t w, uint32_t h, uint32_t c);

// The kernels below are what the fast ones of the same name without _ref are tested against.
void kmodel_fully_connected_ref(float *out, const float *in, uint32_t in_count, uint32_t out_count,
                                const float *weights, const float *bias, uint32_t act);
void kmodel_dequantize_ref(float *out, const uint8_t *in, uint32_t count, float scale, float bias);

#endif
