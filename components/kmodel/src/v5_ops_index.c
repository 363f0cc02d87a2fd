// TENSOR operations of kmodel V5 that find elements by indices in memory. Those are checked when they are used.

#include "v5_ops.h"

// Elements of the axes [first, last).
static uint32_t span(const kmodel_shape_t *s, uint32_t first, uint32_t last)
{
    uint32_t n = 1;
    for (uint32_t i = first; i < last; i++) {
        n *= s->dim[i];
    }
    return n;
}

// shape = in[:axis] + idx + in[axis + 1:]; false: too many axes.
static bool gathered(kmodel_shape_t *shape, const kmodel_shape_t *in, const kmodel_shape_t *idx, uint32_t axis)
{
    if (in->rank + idx->rank > KMODEL_RANK + 1) {
        return false;
    }
    shape->rank = 0;
    for (uint32_t i = 0; i < in->rank; i++) {
        if (i != axis) {
            shape->dim[shape->rank++] = in->dim[i];
            continue;
        }
        for (uint32_t j = 0; j < idx->rank; j++) {
            shape->dim[shape->rank++] = idx->dim[j];
        }
    }
    return true;
}

int v5_gather(kmodel_v5_vm_t *vm)
{
    uint32_t type = vm->field[0], axis, size = kmodel_v5_type_bytes(type);
    kmodel_v5_operand_t in, out, idx;
    kmodel_shape_t shape;
    V5_TRY(v5_in(vm, 0, type, 1, 3, &in));
    V5_TRY(kmodel_v5_operand(vm, 2, V5_I32, v5_shape(vm, 5), NULL, false, &idx));
    V5_TRY(v5_axis(vm, (int32_t)vm->field[6], in.shape.rank, &axis));
    if (!gathered(&shape, &in.shape, &idx.shape, axis) || !v5_same(&shape, v5_shape(vm, 2))) {
        return kmodel_v5_refuse(vm, "the shape of the result is not that of axis %u replaced by the indices",
                                (unsigned)axis);
    }
    V5_TRY(v5_out(vm, 1, type, &shape, 4, &out));
    v5_describe(vm, &in.shape, &shape);
    if (!vm->call->run) {
        return 0;
    }
    // One copy for each index: the axes of the indices stay at a fixed place.
    uint32_t n = span(&idx.shape, 0, idx.shape.rank), limit = in.shape.dim[axis], in_step = (uint32_t)in.view.step[axis];
    const int32_t *index = idx.view.data;
    kmodel_shape_t rest = shape;
    int32_t steps[KMODEL_RANK];
    kmodel_view_t from = {.data = in.view.data}, to = out.view;
    for (uint32_t i = 0; i < shape.rank; i++) {
        bool inside = i >= axis && i < axis + idx.shape.rank;
        steps[i] = out.view.step[i];
        rest.dim[i] = inside ? 1 : shape.dim[i];
        from.step[i] = inside ? 0 : in.view.step[i < axis ? i : i - idx.shape.rank + 1];
    }
    for (uint32_t i = 0; i < n; i++) {
        if (index[i] < 0 || (uint32_t)index[i] >= limit) {
            return v5_bad_index(vm, index[i], limit);
        }
        uint64_t at = 0;
        for (uint32_t k = idx.shape.rank, left = i; k-- > 0; left /= idx.shape.dim[k]) {
            at += (uint64_t)(left % idx.shape.dim[k]) * (uint32_t)steps[axis + k];
        }
        from.data = (uint8_t *)in.view.data + (uint64_t)in_step * (uint32_t)index[i];
        to.data = (uint8_t *)out.view.data + at;
        V5_TRY(kmodel_copy_nd(v5_env(vm), &rest, to, from, size));
    }
    return 0;
}

// idx has shape batch + outer + [depth]; the result batch + outer + in[batch_dims + depth:].
int v5_gather_nd(kmodel_v5_vm_t *vm)
{
    uint32_t type = vm->field[0], size = kmodel_v5_type_bytes(type), batch = (uint32_t)vm->field[6];
    kmodel_v5_operand_t in, out, idx;
    V5_TRY(kmodel_v5_operand(vm, 0, type, v5_shape(vm, 1), v5_shape(vm, 3), false, &in));
    V5_TRY(kmodel_v5_operand(vm, 2, V5_I32, v5_shape(vm, 5), NULL, false, &idx));
    uint32_t rank = in.shape.rank, last = idx.shape.rank - 1, depth = idx.shape.rank ? idx.shape.dim[last] : 0;
    if (idx.shape.rank == 0 || batch > last || depth > rank || batch + depth > rank ||
        last + rank - batch - depth > KMODEL_RANK || memcmp(in.shape.dim, idx.shape.dim, 4 * batch)) {
        return kmodel_v5_refuse(vm, "%u batch axes, indices of %u axes into %u", (unsigned)batch, (unsigned)depth,
                                (unsigned)rank);
    }
    kmodel_shape_t shape = {last, {0}};
    memcpy(shape.dim, idx.shape.dim, 4 * last);
    for (uint32_t i = batch + depth; i < rank; i++) {
        shape.dim[shape.rank++] = in.shape.dim[i];
    }
    if (!v5_same(&shape, v5_shape(vm, 2))) {
        return kmodel_v5_refuse(vm, "the shape of the result does not follow from the indices");
    }
    V5_TRY(v5_out(vm, 1, type, &shape, 4, &out));
    v5_describe(vm, &in.shape, &shape);
    if (!vm->call->run) {
        return 0;
    }
    uint32_t count = span(&idx.shape, 0, last);
    kmodel_shape_t rest = {rank - batch - depth, {0}};
    kmodel_view_t from = {0}, to = {0};
    for (uint32_t i = 0; i < rest.rank; i++) {
        rest.dim[i] = in.shape.dim[batch + depth + i];
        from.step[i] = in.view.step[batch + depth + i];
        to.step[i] = out.view.step[last + i];
    }
    const int32_t *index = idx.view.data;
    for (uint32_t i = 0; i < count; i++, index += depth) {
        uint64_t in_at = 0, out_at = 0;
        for (uint32_t k = last, left = i; k-- > 0; left /= idx.shape.dim[k]) {
            uint32_t at = left % idx.shape.dim[k];
            out_at += (uint64_t)at * (uint32_t)out.view.step[k];
            in_at += k < batch ? (uint64_t)at * (uint32_t)in.view.step[k] : 0;
        }
        for (uint32_t k = 0; k < depth; k++) {
            if (index[k] < 0 || (uint32_t)index[k] >= in.shape.dim[batch + k]) {
                return v5_bad_index(vm, index[k], in.shape.dim[batch + k]);
            }
            in_at += (uint64_t)(uint32_t)index[k] * (uint32_t)in.view.step[batch + k];
        }
        from.data = (uint8_t *)in.view.data + in_at;
        to.data = (uint8_t *)out.view.data + out_at;
        V5_TRY(kmodel_copy_nd(v5_env(vm), &rest, to, from, size));
    }
    return 0;
}

int v5_gather_elements(kmodel_v5_vm_t *vm)
{
    const kmodel_shape_t *s = v5_shape(vm, 0), *si = v5_shape(vm, 1);
    kmodel_v5_operand_t in, out, idx;
    uint32_t axis;
    V5_TRY(kmodel_v5_operand(vm, 0, V5_F32, s, NULL, false, &in));
    V5_TRY(kmodel_v5_operand(vm, 1, V5_I64, si, NULL, false, &idx));
    V5_TRY(kmodel_v5_operand(vm, 2, V5_F32, si, NULL, true, &out));
    V5_TRY(v5_axis(vm, v5_int(vm->field[2]), s->rank, &axis));
    v5_describe(vm, s, si);
    bool fits = s->rank == si->rank;
    for (uint32_t i = 0; fits && i < s->rank; i++) {
        fits = i == axis || si->dim[i] <= s->dim[i];
    }
    if (!fits) {
        return kmodel_v5_refuse(vm, "the indices have more axes or elements than the input");
    }
    if (!vm->call->run) {
        return 0;
    }
    uint32_t count = span(si, 0, si->rank), limit = s->dim[axis];
    const int64_t *index = idx.view.data;
    const float *from = in.view.data;
    float *to = out.view.data;
    for (uint32_t i = 0; i < count; i++) {
        int64_t at = index[i] < 0 ? (int64_t)((uint64_t)index[i] + limit) : index[i];
        if (at < 0 || at >= limit) {
            return v5_bad_index(vm, index[i], limit);
        }
        uint64_t offset = 0;
        for (uint32_t k = s->rank, left = i, stride = 1; k-- > 0; left /= si->dim[k], stride *= s->dim[k]) {
            offset += (uint64_t)stride * (k == axis ? (uint32_t)at : left % si->dim[k]);
        }
        to[i] = from[offset];
    }
    return 0;
}

// The depth in memory is not looked at: the shape of the result says it.
int v5_onehot(kmodel_v5_vm_t *vm)
{
    static const kmodel_shape_t scalar = {0, {0}};
    uint32_t type = vm->field[0], size = kmodel_v5_type_bytes(type), axis;
    const kmodel_shape_t *so = v5_shape(vm, 2);
    kmodel_v5_operand_t idx, on, off, out;
    V5_TRY(kmodel_v5_operand(vm, 0, V5_I32, v5_shape(vm, 1), NULL, false, &idx));
    V5_TRY(kmodel_v5_operand(vm, 2, type, &scalar, NULL, false, &on));
    V5_TRY(kmodel_v5_operand(vm, 3, type, &scalar, NULL, false, &off));
    V5_TRY(v5_out(vm, 4, type, so, 3, &out));
    V5_TRY(v5_axis(vm, (int8_t)vm->field[4], so->rank, &axis));
    kmodel_shape_t rest = {0, {0}};
    for (uint32_t i = 0; i < so->rank; i++) {
        if (i != axis) {
            rest.dim[rest.rank++] = so->dim[i];
        }
    }
    if (!v5_same(&rest, &idx.shape)) {
        return kmodel_v5_refuse(vm, "the shape of the result is not that of the indices with an axis %u",
                                (unsigned)axis);
    }
    v5_describe(vm, &idx.shape, so);
    if (!vm->call->run) {
        return 0;
    }
    V5_TRY(kmodel_copy_nd(v5_env(vm), so, out.view, (kmodel_view_t){.data = off.view.data}, size));
    uint32_t count = span(&idx.shape, 0, idx.shape.rank), depth = so->dim[axis];
    const int32_t *index = idx.view.data;
    for (uint32_t i = 0; i < count; i++) {
        int64_t at = index[i] < 0 && vm->field[5] ? (int64_t)index[i] + depth : index[i];
        if (at < 0 || at >= depth) {
            continue; // no coordinate is equal
        }
        uint64_t offset = (uint64_t)at * (uint32_t)out.view.step[axis];
        for (uint32_t k = rest.rank, left = i; k-- > 0; left /= rest.dim[k]) {
            offset += (uint64_t)(left % rest.dim[k]) * (uint32_t)out.view.step[k < axis ? k : k + 1];
        }
        memmove((uint8_t *)out.view.data + offset, on.view.data, size);
    }
    return 0;
}
