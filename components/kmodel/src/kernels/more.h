// Kernels of operations that only V5 has; see kernels.h.

#ifndef KMODEL_KERNELS_MORE_H
#define KMODEL_KERNELS_MORE_H

#include "kernels.h"

// logic.c
enum { KMODEL_LOGICAL_AND = 12 };
// Binary operations 0 to 6 and KMODEL_LOGICAL_AND on f32, i32 or i64. Integers wrap; a result that the clamp moves is
// what the limit converts to. Division by 0 gives -1.
int kmodel_binary_any(const kmodel_env_t *env, uint32_t op, const kmodel_shape_t *shape, const kmodel_view_t views[3],
                      kmodel_type_t type, float lo, float hi);
// a OP b as bytes 0 and 1; op: equal, not equal, greater, greater or equal, less, less or equal.
int kmodel_compare(const kmodel_env_t *env, uint32_t op, const kmodel_shape_t *shape, const kmodel_view_t views[3],
                   kmodel_type_t type);
// a != 0 ? b : c
int kmodel_select_f32(const kmodel_env_t *env, const kmodel_shape_t *shape, const kmodel_view_t views[4]);
int kmodel_sigmoid_f32(const kmodel_env_t *env, const kmodel_shape_t *shape, kmodel_view_t out, kmodel_view_t in);

// gaps.c
enum { KMODEL_PAD_CONSTANT, KMODEL_PAD_REFLECT, KMODEL_PAD_SYMMETRIC, KMODEL_PAD_EDGE };
typedef struct {
    int32_t before;   // elements in front; negative: cropped
    int32_t interior; // between neighbours
} kmodel_gap_t;
int kmodel_pad_gaps(const kmodel_env_t *env, const kmodel_shape_t *in_shape, const kmodel_shape_t *out_shape,
                    kmodel_view_t out, kmodel_view_t in, uint32_t size, const kmodel_gap_t gaps[], const void *value);
int kmodel_pad_mirror(const kmodel_env_t *env, uint32_t mode, const kmodel_shape_t *in_shape,
                      const kmodel_shape_t *out_shape, kmodel_view_t out, kmodel_view_t in, uint32_t size,
                      const kmodel_gap_t gaps[]);

// Axes 1 to `axes` in blocks, which are images of axis 0; `before` is padding in front, or cropped.
typedef struct {
    uint32_t axes;
    const uint32_t *block;
    const int32_t *before;
    uint32_t size;
} kmodel_blocks_t;
int kmodel_batch_to_space(const kmodel_env_t *env, const kmodel_blocks_t *p, const kmodel_shape_t *in_shape,
                          const kmodel_shape_t *out_shape, kmodel_view_t out, kmodel_view_t in);
int kmodel_space_to_batch(const kmodel_env_t *env, const kmodel_blocks_t *p, const kmodel_shape_t *in_shape,
                          const kmodel_shape_t *out_shape, kmodel_view_t out, kmodel_view_t in);

// along.c: shape has size 1 on the axis that the kernel works along.
typedef struct {
    uint32_t count;
    int32_t in_step, out_step;
    bool largest; // the maximum, or the minimum
    bool last;    // of equal ones, within 1e-6, the last
    bool wide;    // indices are i64, or i32
} kmodel_along_t;
// 1 at the first maximum, 0 elsewhere.
int kmodel_hardmax(const kmodel_env_t *env, const kmodel_shape_t *shape, kmodel_view_t out, kmodel_view_t in,
                   const kmodel_along_t *p);
int kmodel_arg(const kmodel_env_t *env, const kmodel_shape_t *shape, kmodel_view_t out, kmodel_view_t in,
               const kmodel_along_t *p);
typedef struct {
    uint32_t count, k;
    int32_t in_step, value_step, index_step;
    bool largest;
} kmodel_topk_t;
// views: in, values (f32), indices (i64); in order, of equal ones the first comes first.
int kmodel_topk(const kmodel_env_t *env, const kmodel_shape_t *shape, const kmodel_view_t views[3],
                const kmodel_topk_t *p);

// rows.c; dense.
int kmodel_layer_normalize(const kmodel_env_t *env, float *out, const float *in, uint32_t rows, uint32_t count,
                           const float *scale, const float *bias, float epsilon);
// dims: outer, axis, inner. f32 or i32.
int kmodel_cumsum(const kmodel_env_t *env, void *out, const void *in, const uint32_t dims[3], bool is_float,
                  bool exclusive, bool reverse);
// upper: zero where x < y + k; else where x > y + k.
int kmodel_trilu(const kmodel_env_t *env, float *out, const float *in, uint32_t batches, uint32_t h, uint32_t w,
                 bool upper, int64_t k);


enum { KMODEL_REDUCE_PROD = KMODEL_REDUCE_OPS };
// As kmodel_reduce_f32, for f32 (product), i32 and i64.
int kmodel_reduce_any(const kmodel_env_t *env, uint32_t op, kmodel_type_t type, const kmodel_shape_t *in_shape,
                      const kmodel_shape_t *out_shape, kmodel_view_t out, kmodel_view_t in, double init);

// Datatypes by their numbers in V5; all but f16. Floats become integers by truncation, saturated; NaN is 0.
int kmodel_v5_convert(const kmodel_env_t *env, const kmodel_shape_t *shape, kmodel_view_t out, kmodel_view_t in,
                      uint32_t from, uint32_t to);

static inline int64_t kmodel_load_int(const void *p, kmodel_type_t type)
{
    int64_t wide;
    int32_t narrow;
    if (type == KMODEL_I64) {
        memcpy(&wide, p, 8);
        return wide;
    }
    if (type == KMODEL_I32) {
        memcpy(&narrow, p, 4);
        return narrow;
    }
    return type == KMODEL_I8 ? *(const int8_t *)p : *(const uint8_t *)p;
}

static inline void kmodel_store_int(void *p, kmodel_type_t type, int64_t v)
{
    int32_t narrow = (int32_t)v;
    if (type == KMODEL_I64) {
        memcpy(p, &v, 8);
    } else {
        memcpy(p, &narrow, 4);
    }
}

// 2^63 and above saturate; NaN is 0.
static inline int64_t kmodel_to_int(double v)
{
    return !(v == v) ? 0 : v >= 9223372036854775808.0 ? INT64_MAX : v <= -9223372036854775808.0 ? INT64_MIN : (int64_t)v;
}

#endif
