// Operands of kmodel V4 (spec kmodel.md 4.1): ranges of memory and shapes N,C,H,W, as they are stored.

#ifndef KMODEL_V4_H
#define KMODEL_V4_H

#include "kernels/kernels.h"
#include "kpu_layer.h"

#define KMODEL_V4_KPU_CONV2D 0x2002u

enum { KMODEL_V4_CONSTANT, KMODEL_V4_MAIN, KMODEL_V4_KPU };
#define KMODEL_V4_ANY (-1) // any datatype

typedef struct {
    uint32_t memory, type, start, size; // start and size in bytes, of AI RAM too
} kmodel_v4_range_t;

static inline const kmodel_v4_range_t *kmodel_v4_range(const uint32_t *words)
{
    return (const kmodel_v4_range_t *)(const void *)words;
}

// Spec kmodel.md 7.4 4.2. `what` names it in the error. 0 or a code.
int kmodel_v4_check_range(kmodel_prep_t *prep, const char *what, const kmodel_v4_range_t *range);
// Declare in[0], in[1] or out of a node, in main memory (inputs: or constant), and check that it fits its range.
// A flat operand is the whole range; `shape` has four numbers.
int kmodel_v4_flat(kmodel_prep_t *prep, kmodel_tensor_t *t, const uint32_t *range, int type);
int kmodel_v4_shaped(kmodel_prep_t *prep, kmodel_tensor_t *t, const uint32_t *range, int type, const uint32_t *shape);
// An output of `bytes`, whose shape is not known.
int kmodel_v4_sized(kmodel_prep_t *prep, kmodel_tensor_t *t, const uint32_t *range, int type, uint64_t bytes);
// A u8 tensor in AI RAM; `images` of t's size one behind the other, in a range of `size` bytes.
int kmodel_v4_in_kpu(kmodel_prep_t *prep, kmodel_tensor_t *t, const uint32_t *range, const uint32_t *shape);
int kmodel_v4_images(kmodel_prep_t *prep, kmodel_tensor_t *t, uint32_t images, uint32_t size);
int kmodel_v4_shift(kmodel_prep_t *prep, uint32_t shift);
int kmodel_v4_op(kmodel_prep_t *prep, uint32_t op, uint32_t count);
// The shape of a concat: that of its first part, as far as it is known, with one axis longer; otherwise 1, outer, sum of
// the sizes, inner.
void kmodel_v4_joined_shape(const uint32_t *field, const kmodel_tensor_t *part, kmodel_tensor_t *t);
int kmodel_v4_overlap_of(kmodel_prep_t *prep, const kmodel_tensor_t *in, const kmodel_tensor_t *out);

// Bytes of an element; in the file f32 is 0 and u8 is 1.
static inline uint32_t kmodel_v4_size(const uint32_t *range)
{
    return kmodel_v4_range(range)->type == 0 ? 4 : 1;
}

static inline uint8_t *kmodel_v4_data(const kmodel_t *m, const uint32_t *range)
{
    const kmodel_v4_range_t *r = kmodel_v4_range(range);
    return r->memory == KMODEL_V4_CONSTANT ? (uint8_t *)m->constants + r->start : m->main + r->start;
}

static inline kmodel_shape_t kmodel_v4_shape(const uint32_t *dim)
{
    return (kmodel_shape_t){4, {dim[0], dim[1], dim[2], dim[3]}};
}

static inline kmodel_view_t kmodel_v4_view(const kmodel_t *m, const uint32_t *range, const kmodel_shape_t *shape)
{
    return kmodel_dense(kmodel_v4_data(m, range), shape, kmodel_v4_size(range));
}

extern const kmodel_op_t kmodel_v4_binary, kmodel_v4_quantized_binary, kmodel_v4_unary, kmodel_v4_nnil;
extern const kmodel_op_t kmodel_v4_quantize, kmodel_v4_dequantize, kmodel_v4_table_lookup1d;
extern const kmodel_op_t kmodel_v4_concat, kmodel_v4_memory_copy, kmodel_v4_pad, kmodel_v4_transpose;
extern const kmodel_op_t kmodel_v4_strided_slice, kmodel_v4_resize_image;
extern const kmodel_op_t kmodel_v4_conv2d, kmodel_v4_quantized_conv2d, kmodel_v4_conv2d_transpose;
extern const kmodel_op_t kmodel_v4_reduce, kmodel_v4_reduce_window2d;
extern const kmodel_op_t kmodel_v4_matmul, kmodel_v4_quantized_matmul, kmodel_v4_softmax;
extern const kmodel_op_t kmodel_v4_kpu_upload, kmodel_v4_kpu_conv2d;

#endif
