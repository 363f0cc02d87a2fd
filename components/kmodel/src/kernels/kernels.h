// Arithmetic on tensors of any strides, shared by the loaders of V4 and V5. Nothing here checks anything: shapes, ranks
// and addresses were checked when the model was loaded.
//
// An axis is described by its size and its step: the bytes from one index to the next. A step of 0 repeats the element
// (broadcasting), a negative one runs backwards. Data pointers are those of index 0 on every axis.
//
// Kernels that return int return 0 or KMODEL_HOOK_INTERRUPTED: they ask the poll hook of env every KMODEL_PACE
// operations, so that no model keeps the board from its user.

#ifndef KMODEL_KERNELS_H
#define KMODEL_KERNELS_H

#include <math.h>

#include "../internal.h"

#define KMODEL_RANK 8u
#define KMODEL_OPERANDS 4u
#define KMODEL_PACE 65536u

typedef struct {
    uint32_t rank;             // up to KMODEL_RANK; 0 is a scalar
    uint32_t dim[KMODEL_RANK]; // 1 or more; the last one changes fastest
} kmodel_shape_t;

typedef struct {
    void *data;
    int32_t step[KMODEL_RANK]; // bytes
} kmodel_view_t;

// Operations counted until the next poll.
typedef struct {
    const kmodel_env_t *env;
    uint32_t done;
} kmodel_pace_t;

// walk.c
// n elements of a row; step[i] is that of operand i along it. ctx is the kernel's.
typedef void kmodel_row_t(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n);
// Calls row() until every index of `shape` was visited. What one element of operand 0 is visited with, it is visited with
// in order of the indices; the order of elements is free. Axes that lie behind each other in all operands become one row.
int kmodel_walk(const kmodel_env_t *env, const kmodel_shape_t *shape, const kmodel_view_t *views, unsigned count,
                kmodel_row_t *row, const void *ctx);
// A view of a dense tensor with elements of `size` bytes.
kmodel_view_t kmodel_dense(const void *data, const kmodel_shape_t *shape, uint32_t size);
uint64_t kmodel_elements(const kmodel_shape_t *shape);
// Steps 0 on the axes where `from` has size 1 and `to` has not. Ranks are equal; false: it cannot be repeated to `to`.
bool kmodel_broadcast(kmodel_view_t *view, const kmodel_shape_t *from, const kmodel_shape_t *to);
int kmodel_pace(kmodel_pace_t *pace, uint32_t operations);

// copy.c; elements of 1, 2, 4 or 8 bytes. Transposing, slicing, repeating and concatenating are copies between views.
int kmodel_copy_nd(const kmodel_env_t *env, const kmodel_shape_t *shape, kmodel_view_t out, kmodel_view_t in,
                   uint32_t size);
// The view whose axis i is axis perm[i] of `in`; shape becomes that of the result.
kmodel_view_t kmodel_transposed(kmodel_view_t in, kmodel_shape_t *shape, const uint32_t perm[]);
// before and after may be negative (crop); the output has in + before + after elements on each axis, at least 1.
int kmodel_pad(const kmodel_env_t *env, const kmodel_shape_t *in_shape, kmodel_view_t out, kmodel_view_t in,
               uint32_t size, const int32_t before[], const int32_t after[], const void *value);

// elementwise.c. Numbers of the operations: those of V5 since 1.1; V4's binary operations are the first six.
enum { KMODEL_ADD, KMODEL_SUB, KMODEL_MUL, KMODEL_DIV, KMODEL_MIN, KMODEL_MAX, KMODEL_POW, KMODEL_BINARY_OPS };
enum {
    KMODEL_ABS, KMODEL_ACOS, KMODEL_ASIN, KMODEL_CEIL, KMODEL_COS, KMODEL_EXP, KMODEL_FLOOR, KMODEL_LOG, KMODEL_NEG,
    KMODEL_ROUND, KMODEL_RSQRT, KMODEL_SIGN, KMODEL_SIN, KMODEL_SQRT, KMODEL_SQUARE, KMODEL_TANH, KMODEL_BITWISE_NOT,
    KMODEL_LOGICAL_NOT, KMODEL_ERF, KMODEL_UNARY_OPS // bitwise: not for f32
};
float kmodel_binary_value(uint32_t op, float a, float b);
float kmodel_unary_value(uint32_t op, float x);
// views: a, b, out; f32.
int kmodel_binary_f32(const kmodel_env_t *env, uint32_t op, const kmodel_shape_t *shape, const kmodel_view_t views[3],
                      float lo, float hi);
int kmodel_unary_f32(const kmodel_env_t *env, uint32_t op, const kmodel_shape_t *shape, kmodel_view_t out,
                     kmodel_view_t in);
// Numbers stored in V4's quantized_binary from its a_off on.
typedef struct {
    int32_t a_offset, a_mul, a_shift, b_offset, b_mul, b_shift, out_offset, out_mul, out_shift;
} kmodel_quantized_binary_t;
int kmodel_binary_u8(const kmodel_env_t *env, uint32_t op, const kmodel_shape_t *shape, const kmodel_view_t views[3],
                     const kmodel_quantized_binary_t *q);

// quantize.c: q = round half to even of x * scale + bias, saturated to u8 or i8 (spec kmodel.md 4.4, 5.6).
typedef struct {
    float scale, bias;
    bool is_signed; // i8
} kmodel_quant_t;
int kmodel_quantize_nd(const kmodel_env_t *env, const kmodel_shape_t *shape, kmodel_view_t out, kmodel_view_t in,
                       const kmodel_quant_t *q);
// x = table[q]
int kmodel_dequantize_table(const kmodel_env_t *env, const kmodel_shape_t *shape, kmodel_view_t out, kmodel_view_t in,
                            const float table[256]);
int kmodel_lookup_nd(const kmodel_env_t *env, const kmodel_shape_t *shape, kmodel_view_t out, kmodel_view_t in,
                     const uint8_t table[256]);

// reduce.c
enum { KMODEL_REDUCE_MEAN, KMODEL_REDUCE_MIN, KMODEL_REDUCE_MAX, KMODEL_REDUCE_SUM, KMODEL_REDUCE_OPS };
// out has the rank of in and size 1 on the reduced axes. Elements start at init; a mean is a sum times out / in elements.
int kmodel_reduce_f32(const kmodel_env_t *env, uint32_t op, const kmodel_shape_t *in_shape,
                      const kmodel_shape_t *out_shape, kmodel_view_t out, kmodel_view_t in, float init);

// One axis of a sliding window.
typedef struct {
    uint32_t in, out; // elements
    uint32_t filter, stride, dilation;
    int32_t before; // padding in front of index 0; negative crops
} kmodel_window_t;
// Output size floor((in + before + after - ((filter - 1) * dilation + 1) + stride) / stride); below 1: there is none.
int64_t kmodel_window_size(uint32_t in, uint32_t filter, uint32_t stride, uint32_t dilation, int32_t before,
                           int32_t after);
// The taps [*first, *last) of output `o` that lie inside; returns the index of tap 0, which may lie outside.
int64_t kmodel_taps(const kmodel_window_t *w, uint32_t o, uint32_t *first, uint32_t *last);

// Views and axes of the kernels below are N,C,H,W.
// window.c
typedef struct {
    uint32_t op, batches, channels;
    kmodel_window_t y, x;
    float init, lo, hi;
} kmodel_reduce_window_t;
int kmodel_reduce_window_f32(const kmodel_env_t *env, const kmodel_reduce_window_t *p, kmodel_view_t out,
                             kmodel_view_t in);

// conv2d.c; weights dense [oc][ic / groups][fh][fw], bias [oc]. groups = ic = oc is depthwise.
typedef struct {
    uint32_t batches, groups, ic, oc;
    kmodel_window_t y, x;
    float lo, hi; // f32 only
} kmodel_conv2d_t;
int kmodel_conv2d_f32(const kmodel_env_t *env, const kmodel_conv2d_t *p, kmodel_view_t out, kmodel_view_t in,
                      const float *weights, const float *bias);
// One pixel after the other: what the fast ones are tested against.
int kmodel_conv2d_f32_ref(const kmodel_env_t *env, const kmodel_conv2d_t *p, kmodel_view_t out, kmodel_view_t in,
                          const float *weights, const float *bias);

// out = sat8(mcs(v, mul, shift) + offset), v the sum of (in + in_offset) * (w + w_offset) and bias in 32 bits.
typedef struct {
    int32_t in_offset, w_offset, out_mul, out_shift, out_offset;
} kmodel_requant_t;
int kmodel_conv2d_u8(const kmodel_env_t *env, const kmodel_conv2d_t *p, const kmodel_requant_t *q, kmodel_view_t out,
                     kmodel_view_t in, const uint8_t *weights, const int32_t *bias);
int kmodel_conv2d_u8_ref(const kmodel_env_t *env, const kmodel_conv2d_t *p, const kmodel_requant_t *q,
                         kmodel_view_t out, kmodel_view_t in, const uint8_t *weights, const int32_t *bias);

// conv2d_transpose.c: without bias (spec kmodel.md 4.4). x and y describe the convolution that it reverses: .in is the
// size of the output, .out that of the input.
int kmodel_conv2d_transpose_f32(const kmodel_env_t *env, const kmodel_conv2d_t *p, kmodel_view_t out, kmodel_view_t in,
                                const float *weights);

// matmul.c: out[n][m] = clamp(bias[m] + a[n][k] * b[k][m]), dense.
int kmodel_matmul_f32(const kmodel_env_t *env, float *out, const float *a, const float *b, const float *bias,
                      uint32_t n, uint32_t k, uint32_t m, float lo, float hi);
int kmodel_matmul_u8(const kmodel_env_t *env, uint8_t *out, const uint8_t *a, const uint8_t *b, const int32_t *bias,
                     uint32_t n, uint32_t k, uint32_t m, const kmodel_requant_t *q);
// Rows of `count` elements at a step of `step` bytes: e = exp((x - max) * beta), out = e / sum of e.
void kmodel_softmax_row(float *out, const float *in, uint32_t count, int32_t out_step, int32_t in_step, float beta);

// resize.c; f32 or u8.
typedef struct {
    uint32_t batches, channels, in_h, in_w, out_h, out_w;
    bool nearest, align_corners, half_pixel;
    bool round; // u8 bilinear: add a half before truncating (V5)
    kmodel_type_t type;
} kmodel_resize_t;
int kmodel_resize(const kmodel_env_t *env, const kmodel_resize_t *p, kmodel_view_t out, kmodel_view_t in);

static inline float kmodel_clamp(float v, float lo, float hi)
{
    v = v < lo ? lo : v;
    return v > hi ? hi : v;
}

static inline float kmodel_reduce_step(uint32_t op, float v, float x)
{
    return op == KMODEL_REDUCE_MAX ? (v < x ? x : v) : op == KMODEL_REDUCE_MIN ? (x < v ? x : v) : v + x;
}

// v * mul / 2^shift, halves rounded up, in 64 bits; the result is taken as 32 bits (spec kmodel.md 4.4).
static inline int32_t kmodel_mul_shift(int32_t v, int32_t mul, uint32_t shift)
{
    int64_t product = (int64_t)v * mul;
    return (int32_t)(shift ? ((product >> (shift - 1)) + 1) >> 1 : product);
}

static inline uint8_t kmodel_sat_u8(int64_t v)
{
    return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v;
}

#endif
