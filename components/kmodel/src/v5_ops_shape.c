// TENSOR operations of kmodel V5 that move elements: copies between views, and paddings.

#include "v5_ops.h"

int v5_copy(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    uint32_t type = vm->field[0];
    V5_TRY(v5_in(vm, 0, type, 1, 2, &in));
    V5_TRY(v5_out(vm, 1, type, &in.shape, 3, &out));
    v5_describe(vm, &in.shape, &out.shape);
    return vm->call->run ? kmodel_copy_nd(v5_env(vm), &in.shape, out.view, in.view, kmodel_v5_type_bytes(type)) : 0;
}

int v5_transpose(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    uint32_t type = vm->field[0], seen = 0;
    const kmodel_shape_t *perm = v5_shape(vm, 4);
    V5_TRY(v5_in(vm, 0, type, 1, 2, &in));
    for (uint32_t i = 0; i < perm->rank; i++) {
        seen |= perm->dim[i] < KMODEL_RANK ? 1u << perm->dim[i] : 0;
    }
    if (perm->rank != in.shape.rank || seen != (1u << in.shape.rank) - 1) {
        return kmodel_v5_refuse(vm, "not a permutation of %u axes", (unsigned)in.shape.rank);
    }
    kmodel_shape_t shape = in.shape;
    kmodel_view_t view = kmodel_transposed(in.view, &shape, perm->dim);
    V5_TRY(v5_out(vm, 1, type, &shape, 3, &out));
    v5_describe(vm, &in.shape, &shape);
    return vm->call->run ? kmodel_copy_nd(v5_env(vm), &shape, out.view, view, kmodel_v5_type_bytes(type)) : 0;
}

int v5_broadcast_to(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    uint32_t type = vm->field[0];
    const kmodel_shape_t *shape = v5_shape(vm, 3);
    V5_TRY(v5_in(vm, 0, type, 1, 2, &in));
    V5_TRY(v5_out(vm, 1, type, shape, 4, &out));
    v5_describe(vm, &in.shape, shape);
    v5_expand(&in, shape->rank);
    if (in.shape.rank != shape->rank || !kmodel_broadcast(&in.view, &in.shape, shape)) {
        return kmodel_v5_refuse(vm, "the input cannot be repeated to the shape of the result");
    }
    return vm->call->run ? kmodel_copy_nd(v5_env(vm), shape, out.view, in.view, kmodel_v5_type_bytes(type)) : 0;
}

// Indices begin, begin + step, ... of one axis: how many there are.
static int64_t slice_count(int64_t dim, int64_t begin, int64_t end, int64_t step)
{
    if (step > 0) {
        end = end < dim ? end : dim;
        return end > begin ? (end - begin + step - 1) / step : 0;
    }
    end = end < -1 ? -1 : end;
    return begin > end ? (begin - end - step - 1) / -step : 0;
}

int v5_slice(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    uint32_t type = vm->field[0];
    const kmodel_shape_t *begin = v5_shape(vm, 4), *end = v5_shape(vm, 5), *step = v5_shape(vm, 6);
    V5_TRY(v5_in(vm, 0, type, 1, 2, &in));
    kmodel_shape_t shape = in.shape;
    kmodel_view_t view = in.view;
    if (begin->rank != shape.rank || end->rank != shape.rank || step->rank != shape.rank) {
        return kmodel_v5_refuse(vm, "begin, end and step have ranks %u, %u, %u, the input %u", (unsigned)begin->rank,
                                (unsigned)end->rank, (unsigned)step->rank, (unsigned)shape.rank);
    }
    for (uint32_t i = 0; i < shape.rank; i++) {
        int32_t s = v5_int(step->dim[i]);
        int64_t n = s ? slice_count(in.shape.dim[i], begin->dim[i], v5_int(end->dim[i]), s) : 0;
        if (n <= 0 || begin->dim[i] >= in.shape.dim[i]) {
            return kmodel_v5_refuse(vm, "axis %u of %u: nothing from %u to %d in steps of %d", (unsigned)i,
                                    (unsigned)in.shape.dim[i], (unsigned)begin->dim[i], v5_int(end->dim[i]), (int)s);
        }
        shape.dim[i] = (uint32_t)n;
        if (view.data) {
            view.data = (uint8_t *)view.data + (int64_t)view.step[i] * begin->dim[i];
        }
        // A step beyond the axis is never made.
        view.step[i] = n > 1 ? view.step[i] * s : 0;
    }
    V5_TRY(v5_out(vm, 1, type, &shape, 3, &out));
    v5_describe(vm, &in.shape, &shape);
    return vm->call->run ? kmodel_copy_nd(v5_env(vm), &shape, out.view, view, kmodel_v5_type_bytes(type)) : 0;
}

// Size of an axis behind its padding: gaps of `interior` between neighbours, then before and after (negative: crop).
static int64_t padded(uint32_t dim, const kmodel_v5_padding_t *p)
{
    return (int64_t)p->before + (int64_t)(dim - 1) * ((int64_t)p->interior + 1) + 1 + p->after;
}

static int pad_shape(kmodel_v5_vm_t *vm, const kmodel_shape_t *in, const kmodel_v5_padding_t *p, uint32_t mode,
                     kmodel_shape_t *out)
{
    out->rank = in->rank;
    for (uint32_t i = 0; i < in->rank; i++) {
        int64_t n = p[i].interior < 0 ? 0 : padded(in->dim[i], &p[i]);
        if (n < 1 || n > KMODEL_MAX_ELEMENTS || (mode && p[i].interior)) {
            return kmodel_v5_refuse(vm, "axis %u of %u with padding %d, %d, %d in mode %u", (unsigned)i,
                                    (unsigned)in->dim[i], (int)p[i].before, (int)p[i].after, (int)p[i].interior,
                                    (unsigned)mode);
        }
        // Mirrored pixels must exist.
        int64_t reach = (int64_t)in->dim[i] - (mode == KMODEL_PAD_REFLECT);
        if ((mode == KMODEL_PAD_REFLECT || mode == KMODEL_PAD_SYMMETRIC) && (p[i].before > reach || p[i].after > reach)) {
            return kmodel_v5_refuse(vm, "axis %u of %u cannot be mirrored by %d and %d", (unsigned)i,
                                    (unsigned)in->dim[i], (int)p[i].before, (int)p[i].after);
        }
        out->dim[i] = (uint32_t)n;
    }
    return 0;
}

static uint64_t pad_value(const kmodel_v5_entry_t *e, uint32_t type)
{
    // Integers are sign-extended to the datatype; a float given for an integer is converted.
    if (e->kind == V5_INTEGER) {
        float f = (float)v5_int(e->value);
        uint32_t bits;
        memcpy(&bits, &f, 4);
        return type == V5_F32 ? bits : (uint64_t)(int64_t)v5_int(e->value);
    }
    float f = v5_float(e->value);
    return type == V5_F32 ? e->value : (uint64_t)(int64_t)(f > -2147483648.0f && f < 2147483648.0f ? f : 0);
}

int v5_pad(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    kmodel_shape_t shape;
    uint32_t type = vm->field[0], reg = vm->field[4], mode = vm->field[5], size = kmodel_v5_type_bytes(type);
    const kmodel_v5_padding_t *p = vm->padding[reg];
    V5_TRY(v5_in(vm, 0, type, 1, 2, &in));
    if (vm->padding_rank[reg] != in.shape.rank) {
        return kmodel_v5_refuse(vm, "padding of %u axes, the input has %u", vm->padding_rank[reg],
                                (unsigned)in.shape.rank);
    }
    V5_TRY(pad_shape(vm, &in.shape, p, mode, &shape));
    V5_TRY(v5_out(vm, 1, type, &shape, 3, &out));
    v5_describe(vm, &in.shape, &shape);
    if (!vm->call->run) {
        return 0;
    }
    kmodel_gap_t gaps[KMODEL_RANK];
    for (uint32_t i = 0; i < in.shape.rank; i++) {
        gaps[i] = (kmodel_gap_t){p[i].before, p[i].interior};
    }
    uint64_t value = pad_value(&vm->arg[2], type);
    if (mode == KMODEL_PAD_CONSTANT) {
        return kmodel_pad_gaps(v5_env(vm), &in.shape, &shape, out.view, in.view, size, gaps, &value);
    }
    return kmodel_pad_mirror(v5_env(vm), mode, &in.shape, &shape, out.view, in.view, size, gaps);
}

// BATCH_TO_SPACE and SPACE_TO_BATCH: axes 1 .. m of the input are the blocked ones; the batch axis is 0.
int v5_batch_space(kmodel_v5_vm_t *vm)
{
    bool to_space = vm->id == V5_BATCH_TO_SPACE;
    uint32_t type = vm->field[0], reg = vm->field[5], size = kmodel_v5_type_bytes(type), blocks = 1;
    const kmodel_shape_t *block = v5_shape(vm, 4);
    const kmodel_v5_padding_t *p = vm->padding[reg];
    kmodel_v5_operand_t in, out;
    V5_TRY(v5_in(vm, 0, type, 1, 2, &in));
    uint32_t m = block->rank, rank = in.shape.rank;
    if (rank < m + 1 || vm->padding_rank[reg] != m) {
        return kmodel_v5_refuse(vm, "%u block axes and %u paddings for an input of rank %u", (unsigned)m,
                                vm->padding_rank[reg], (unsigned)rank);
    }
    kmodel_shape_t shape = in.shape;
    for (uint32_t i = 0; i < m; i++) {
        uint64_t b = block->dim[i], dim = in.shape.dim[1 + i];
        int64_t before = p[i].before, after = p[i].after;
        int64_t n = to_space ? (int64_t)(dim * b) - before - after : (int64_t)dim + before + after;
        if (b == 0 || b > KMODEL_MAX_ELEMENTS || before < 0 || after < 0 || n < 1 || n > KMODEL_MAX_ELEMENTS ||
            blocks * b > KMODEL_MAX_ELEMENTS || (!to_space && (uint64_t)n % b)) {
            return kmodel_v5_refuse(vm, "block of %u with padding %d, %d on an axis of %u", (unsigned)b, (int)before,
                                    (int)after, (unsigned)dim);
        }
        blocks *= (uint32_t)b;
        shape.dim[1 + i] = to_space ? (uint32_t)n : (uint32_t)((uint64_t)n / b);
    }
    uint64_t batch = to_space ? shape.dim[0] / blocks : (uint64_t)shape.dim[0] * blocks;
    if (batch == 0 || batch > KMODEL_MAX_ELEMENTS || (to_space && shape.dim[0] % blocks)) {
        return kmodel_v5_refuse(vm, "%u images, %u blocks", (unsigned)shape.dim[0], (unsigned)blocks);
    }
    shape.dim[0] = (uint32_t)batch;
    V5_TRY(v5_out(vm, 1, type, &shape, 3, &out));
    if (!vm->call->run) {
        return 0;
    }
    int32_t before[KMODEL_RANK];
    for (uint32_t i = 0; i < m; i++) {
        before[i] = p[i].before;
    }
    kmodel_blocks_t k = {.axes = m, .block = block->dim, .before = before, .size = size};
    return to_space ? kmodel_batch_to_space(v5_env(vm), &k, &in.shape, &shape, out.view, in.view)
                    : kmodel_space_to_batch(v5_env(vm), &k, &in.shape, &shape, out.view, in.view);
}

int v5_convert(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    uint32_t from = vm->field[0], to = vm->field[1];
    V5_TRY(v5_check_type(vm, from, ~(1u << V5_F16)));
    V5_TRY(v5_check_type(vm, to, ~(1u << V5_F16)));
    V5_TRY(v5_in(vm, 0, from, 2, 3, &in));
    V5_TRY(v5_out(vm, 1, to, &in.shape, 4, &out));
    v5_describe(vm, &in.shape, &out.shape);
    return vm->call->run ? kmodel_v5_convert(v5_env(vm), &in.shape, out.view, in.view, from, to) : 0;
}
