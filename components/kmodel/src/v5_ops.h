// What the files of V5's operators share. An operator checks everything, also when the model runs, and then computes if
// it runs.

#ifndef KMODEL_V5_OPS_H
#define KMODEL_V5_OPS_H

#include "kernels/more.h"
#include "v5_stackvm.h"

#define V5_TRY(call)                                                                                                   \
    do {                                                                                                               \
        int rc_ = (call);                                                                                              \
        if (rc_) {                                                                                                     \
            return rc_;                                                                                                \
        }                                                                                                              \
    } while (0)

static inline const kmodel_env_t *v5_env(const kmodel_v5_vm_t *vm)
{
    return &vm->call->model->env;
}

// Register that a field of the record names.
static inline kmodel_shape_t *v5_shape(kmodel_v5_vm_t *vm, unsigned field)
{
    return &vm->shape[vm->field[field]];
}

static inline float v5_float(uint64_t bits)
{
    return kmodel_f32((uint32_t)bits);
}

static inline int32_t v5_int(uint64_t value)
{
    return (int32_t)(uint32_t)value;
}

static inline bool v5_same(const kmodel_shape_t *a, const kmodel_shape_t *b)
{
    return a->rank == b->rank && !memcmp(a->dim, b->dim, 4 * a->rank);
}

// v5_ops.c
// The datatype must be one of `allowed`, a set of 1 << V5_*.
int v5_check_type(kmodel_v5_vm_t *vm, uint32_t type, uint32_t allowed);
int v5_in(kmodel_v5_vm_t *vm, unsigned arg, uint32_t type, unsigned shape_field, unsigned stride_field,
          kmodel_v5_operand_t *out);
int v5_out(kmodel_v5_vm_t *vm, unsigned arg, uint32_t type, const kmodel_shape_t *shape, unsigned stride_field,
           kmodel_v5_operand_t *out);
// A negative axis counts from the end. 0 or a code.
int v5_axis(kmodel_v5_vm_t *vm, int32_t stored, uint32_t rank, uint32_t *axis);
// Axes of size 1 in front until the rank is reached.
void v5_expand(kmodel_v5_operand_t *operand, uint32_t rank);
// The steps are those of a dense tensor, where they matter.
bool v5_is_dense(const kmodel_v5_operand_t *operand);
// Repeat n operands to their common shape.
int v5_broadcast(kmodel_v5_vm_t *vm, kmodel_v5_operand_t *operands, unsigned n, kmodel_shape_t *shape);
// Tell a listing what goes in and comes out.
void v5_describe(const kmodel_v5_vm_t *vm, const kmodel_shape_t *in, const kmodel_shape_t *out);
// The operation is known, but not carried out here.
int v5_not_implemented(kmodel_v5_vm_t *vm, const char *what, uint32_t number);
// Data in the model say where to read or write, and they point outside.
int v5_bad_index(kmodel_v5_vm_t *vm, int64_t index, uint32_t limit);

// Operators.
int v5_quantize(kmodel_v5_vm_t *vm);
int v5_dequantize(kmodel_v5_vm_t *vm);
int v5_lut1d(kmodel_v5_vm_t *vm);
int v5_binary(kmodel_v5_vm_t *vm);
int v5_compare(kmodel_v5_vm_t *vm);
int v5_ternary(kmodel_v5_vm_t *vm);
int v5_unary(kmodel_v5_vm_t *vm);
int v5_sigmoid(kmodel_v5_vm_t *vm);
int v5_convert(kmodel_v5_vm_t *vm);
int v5_copy(kmodel_v5_vm_t *vm);
int v5_transpose(kmodel_v5_vm_t *vm);
int v5_broadcast_to(kmodel_v5_vm_t *vm);
int v5_slice(kmodel_v5_vm_t *vm);
int v5_pad(kmodel_v5_vm_t *vm);
int v5_batch_space(kmodel_v5_vm_t *vm);
int v5_conv2d(kmodel_v5_vm_t *vm);
int v5_reduce_window2d(kmodel_v5_vm_t *vm);
int v5_resize_image(kmodel_v5_vm_t *vm);
int v5_matmul(kmodel_v5_vm_t *vm);
int v5_softmax(kmodel_v5_vm_t *vm);
int v5_layer_normalization(kmodel_v5_vm_t *vm);
int v5_reduce(kmodel_v5_vm_t *vm);
int v5_reduce_arg(kmodel_v5_vm_t *vm);
int v5_hardmax(kmodel_v5_vm_t *vm);
int v5_cumsum(kmodel_v5_vm_t *vm);
int v5_topk(kmodel_v5_vm_t *vm);
int v5_trilu(kmodel_v5_vm_t *vm);
int v5_gather(kmodel_v5_vm_t *vm);
int v5_gather_nd(kmodel_v5_vm_t *vm);
int v5_gather_elements(kmodel_v5_vm_t *vm);
int v5_onehot(kmodel_v5_vm_t *vm);
int v5_call(kmodel_v5_vm_t *vm);

#endif
