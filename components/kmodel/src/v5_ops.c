// TENSOR operations of kmodel V5 on single elements, and what all operators share.

#include "v5_ops.h"

int v5_check_type(kmodel_v5_vm_t *vm, uint32_t type, uint32_t allowed)
{
    return allowed >> type & 1 ? 0 : kmodel_v5_refuse(vm, "datatype %s", kmodel_v5_type_name(type));
}

int v5_in(kmodel_v5_vm_t *vm, unsigned arg, uint32_t type, unsigned shape_field, unsigned stride_field,
          kmodel_v5_operand_t *out)
{
    return kmodel_v5_operand(vm, arg, type, v5_shape(vm, shape_field), v5_shape(vm, stride_field), false, out);
}

int v5_out(kmodel_v5_vm_t *vm, unsigned arg, uint32_t type, const kmodel_shape_t *shape, unsigned stride_field,
           kmodel_v5_operand_t *out)
{
    return kmodel_v5_operand(vm, arg, type, shape, v5_shape(vm, stride_field), true, out);
}

int v5_axis(kmodel_v5_vm_t *vm, int32_t stored, uint32_t rank, uint32_t *axis)
{
    int64_t a = stored < 0 ? (int64_t)stored + rank : stored;
    if (a < 0 || a >= rank) {
        return kmodel_v5_refuse(vm, "axis %d of rank %u", (int)stored, (unsigned)rank);
    }
    *axis = (uint32_t)a;
    return 0;
}

void v5_expand(kmodel_v5_operand_t *o, uint32_t rank)
{
    uint32_t more = rank > o->shape.rank ? rank - o->shape.rank : 0;
    for (uint32_t i = o->shape.rank; i-- > 0;) {
        o->shape.dim[i + more] = o->shape.dim[i];
        o->view.step[i + more] = o->view.step[i];
    }
    for (uint32_t i = 0; i < more; i++) {
        o->shape.dim[i] = 1;
        o->view.step[i] = 0;
    }
    o->shape.rank += more;
}

int v5_broadcast(kmodel_v5_vm_t *vm, kmodel_v5_operand_t *o, unsigned n, kmodel_shape_t *shape)
{
    shape->rank = 0;
    for (unsigned i = 0; i < n; i++) {
        shape->rank = o[i].shape.rank > shape->rank ? o[i].shape.rank : shape->rank;
    }
    for (uint32_t axis = 0; axis < shape->rank; axis++) {
        shape->dim[axis] = 1;
    }
    for (unsigned i = 0; i < n; i++) {
        v5_expand(&o[i], shape->rank);
        for (uint32_t axis = 0; axis < shape->rank; axis++) {
            shape->dim[axis] = o[i].shape.dim[axis] > 1 ? o[i].shape.dim[axis] : shape->dim[axis];
        }
    }
    for (unsigned i = 0; i < n; i++) {
        if (!kmodel_broadcast(&o[i].view, &o[i].shape, shape)) {
            return kmodel_v5_refuse(vm, "argument %u cannot be repeated to the shape of the result", i);
        }
    }
    return 0;
}

static void last_axes(const kmodel_shape_t *s, uint32_t *w, uint32_t *h, uint32_t *c)
{
    *w = s->rank > 0 ? s->dim[s->rank - 1] : 1;
    *h = s->rank > 1 ? s->dim[s->rank - 2] : 1;
    *c = s->rank > 2 ? s->dim[s->rank - 3] : 1;
}

void v5_describe(const kmodel_v5_vm_t *vm, const kmodel_shape_t *in, const kmodel_shape_t *out)
{
    kmodel_layer_t *l = vm->call->layer;
    if (l && vm->op_index == vm->call->layer_index + 1) {
        last_axes(in, &l->wi, &l->hi, &l->ci);
        last_axes(out, &l->wo, &l->ho, &l->co);
    }
}

int v5_not_implemented(kmodel_v5_vm_t *vm, const char *what, uint32_t number)
{
    kmodel_v5_refuse(vm, "%s %u is not implemented", what, (unsigned)number);
    vm->call->error->code = KMODEL_ERR_NOT_IMPLEMENTED;
    return KMODEL_ERR_NOT_IMPLEMENTED;
}

int v5_bad_index(kmodel_v5_vm_t *vm, int64_t index, uint32_t limit)
{
    kmodel_v5_refuse(vm, "index %s%u outside 0 to %u", index < 0 ? "-" : "",
                     (unsigned)(index < 0 ? 0 - (uint64_t)index : (uint64_t)index), (unsigned)limit - 1);
    vm->call->error->code = KMODEL_ERR_RUN;
    return KMODEL_ERR_RUN;
}

bool v5_is_dense(const kmodel_v5_operand_t *o)
{
    int64_t step = kmodel_v5_type_bytes(o->type);
    for (uint32_t i = o->shape.rank; i-- > 0;) {
        if (o->shape.dim[i] > 1 && o->view.step[i] != step) {
            return false;
        }
        step *= o->shape.dim[i];
    }
    return true;
}

// ---- quantisation ----

int v5_quantize(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    kmodel_quant_t q = {v5_float(vm->arg[2].value), v5_float(vm->arg[3].value), vm->field[1] == V5_I8};
    V5_TRY(v5_check_type(vm, vm->field[0], 1 << V5_F32));
    V5_TRY(v5_check_type(vm, vm->field[1], 1 << V5_U8 | 1 << V5_I8));
    V5_TRY(v5_in(vm, 0, vm->field[0], 2, 3, &in));
    V5_TRY(v5_out(vm, 1, vm->field[1], &in.shape, 4, &out));
    v5_describe(vm, &in.shape, &out.shape);
    return vm->call->run ? kmodel_quantize_nd(v5_env(vm), &in.shape, out.view, in.view, &q) : 0;
}

// x = q * scale + bias, of which there are only 256.
int v5_dequantize(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    float scale = v5_float(vm->arg[2].value), bias = v5_float(vm->arg[3].value), table[256];
    V5_TRY(v5_check_type(vm, vm->field[0], 1 << V5_U8 | 1 << V5_I8));
    V5_TRY(v5_check_type(vm, vm->field[1], 1 << V5_F32));
    V5_TRY(v5_in(vm, 0, vm->field[0], 2, 3, &in));
    V5_TRY(v5_out(vm, 1, vm->field[1], &in.shape, 4, &out));
    v5_describe(vm, &in.shape, &out.shape);
    if (!vm->call->run) {
        return 0;
    }
    for (int32_t q = 0; q < 256; q++) {
        table[q] = (float)(vm->field[0] == V5_I8 ? (int8_t)q : q) * scale + bias;
    }
    return kmodel_dequantize_table(v5_env(vm), &in.shape, out.view, in.view, table);
}

int v5_lut1d(kmodel_v5_vm_t *vm)
{
    static const kmodel_shape_t table_shape = {1, {256}};
    kmodel_v5_operand_t in, table, out;
    V5_TRY(v5_check_type(vm, vm->field[0], 1 << V5_U8));
    if (vm->field[4] != 256) {
        return kmodel_v5_refuse(vm, "table of %u entries, must be 256", (unsigned)vm->field[4]);
    }
    V5_TRY(v5_in(vm, 0, V5_U8, 1, 2, &in));
    V5_TRY(kmodel_v5_operand(vm, 1, V5_U8, &table_shape, NULL, false, &table));
    V5_TRY(v5_out(vm, 2, V5_U8, &in.shape, 3, &out));
    v5_describe(vm, &in.shape, &out.shape);
    return vm->call->run ? kmodel_lookup_nd(v5_env(vm), &in.shape, out.view, in.view, table.view.data) : 0;
}

// ---- arithmetic ----

int v5_binary(kmodel_v5_vm_t *vm)
{
    bool with_shape = vm->dialect >= V5_1_4;
    unsigned at = with_shape ? 6 : 5; // field of the output's strides
    uint32_t type = vm->field[0], op = vm->field[at + 1];
    kmodel_v5_operand_t o[3];
    kmodel_shape_t shape;
    V5_TRY(v5_check_type(vm, type, 1 << V5_F32 | 1 << V5_I32 | 1 << V5_I64));
    V5_TRY(v5_in(vm, 0, type, 1, 2, &o[0]));
    V5_TRY(v5_in(vm, 1, type, 3, 4, &o[1]));
    if (op >= KMODEL_BINARY_OPS && op != KMODEL_LOGICAL_AND) {
        return v5_not_implemented(vm, "binary operation", op);
    }
    v5_describe(vm, &o[0].shape, &o[0].shape);
    V5_TRY(v5_broadcast(vm, o, 2, &shape));
    if (with_shape && !v5_same(v5_shape(vm, 5), &shape)) {
        return kmodel_v5_refuse(vm, "the result's shape is not that of its operands");
    }
    V5_TRY(v5_out(vm, 2, type, &shape, at, &o[2]));
    if (!vm->call->run) {
        return 0;
    }
    kmodel_view_t views[3] = {o[0].view, o[1].view, o[2].view};
    float lo = v5_float(vm->field[at + 2]), hi = v5_float(vm->field[at + 3]);
    if (type == V5_F32 && op < KMODEL_BINARY_OPS) {
        return kmodel_binary_f32(v5_env(vm), op, &shape, views, lo, hi);
    }
    return kmodel_binary_any(v5_env(vm), op, &shape, views,
                             type == V5_F32   ? KMODEL_F32
                             : type == V5_I32 ? KMODEL_I32
                                              : KMODEL_I64,
                             lo, hi);
}

static kmodel_type_t kernel_type(uint32_t type)
{
    return type == V5_U8 ? KMODEL_U8 : type == V5_I8 ? KMODEL_I8 : type == V5_F32 ? KMODEL_F32
           : type == V5_I32                                                       ? KMODEL_I32
                                                                                  : KMODEL_I64;
}

// COMPARE, and EQUAL of the releases before it.
int v5_compare(kmodel_v5_vm_t *vm)
{
    bool equal = vm->id == V5_EQUAL;
    uint32_t type = vm->field[0], op = equal ? 0 : (uint32_t)vm->field[7];
    kmodel_v5_operand_t o[3];
    kmodel_shape_t shape;
    V5_TRY(v5_check_type(vm, type, 1 << V5_U8 | 1 << V5_F32 | 1 << V5_I32 | 1 << V5_I64));
    V5_TRY(v5_in(vm, 0, type, 1, 2, &o[0]));
    V5_TRY(v5_in(vm, 1, type, 3, 4, &o[1]));
    V5_TRY(v5_broadcast(vm, o, 2, &shape));
    if (!equal && !v5_same(v5_shape(vm, 5), &shape)) {
        return kmodel_v5_refuse(vm, "the result's shape is not that of its operands");
    }
    V5_TRY(v5_out(vm, 2, V5_U8, &shape, equal ? 5 : 6, &o[2]));
    kmodel_view_t views[3] = {o[0].view, o[1].view, o[2].view};
    return vm->call->run ? kmodel_compare(v5_env(vm), op, &shape, views, kernel_type(type)) : 0;
}

int v5_ternary(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t o[4];
    kmodel_shape_t shape;
    V5_TRY(v5_check_type(vm, vm->field[0], 1 << V5_F32));
    for (unsigned i = 0; i < 3; i++) {
        V5_TRY(v5_in(vm, i, V5_F32, 1 + 2 * i, 2 + 2 * i, &o[i]));
    }
    V5_TRY(v5_broadcast(vm, o, 3, &shape));
    V5_TRY(v5_out(vm, 3, V5_F32, &shape, 7, &o[3]));
    kmodel_view_t views[4] = {o[0].view, o[1].view, o[2].view, o[3].view};
    return vm->call->run ? kmodel_select_f32(v5_env(vm), &shape, views) : 0;
}

int v5_unary(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    uint32_t op = vm->field[4];
    // SIGN came with 1.1.
    op += vm->dialect <= V5_1_0 && op >= KMODEL_SIGN;
    V5_TRY(v5_check_type(vm, vm->field[0], 1 << V5_F32));
    V5_TRY(v5_in(vm, 0, V5_F32, 1, 2, &in));
    V5_TRY(v5_out(vm, 1, V5_F32, &in.shape, 3, &out));
    if (op == KMODEL_BITWISE_NOT || op >= KMODEL_UNARY_OPS) {
        return v5_not_implemented(vm, "unary operation", op);
    }
    v5_describe(vm, &in.shape, &out.shape);
    return vm->call->run ? kmodel_unary_f32(v5_env(vm), op, &in.shape, out.view, in.view) : 0;
}

int v5_sigmoid(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    V5_TRY(v5_check_type(vm, vm->field[0], 1 << V5_F32));
    V5_TRY(v5_in(vm, 0, V5_F32, 1, 2, &in));
    V5_TRY(v5_out(vm, 1, V5_F32, &in.shape, vm->dialect >= V5_1_3 ? 3 : 2, &out));
    v5_describe(vm, &in.shape, &out.shape);
    return vm->call->run ? kmodel_sigmoid_f32(v5_env(vm), &in.shape, out.view, in.view) : 0;
}

int kmodel_v5_op(kmodel_v5_vm_t *vm)
{
    static int (*const ops[V5_FUNCTIONS])(kmodel_v5_vm_t *) = {
        [V5_BATCH_TO_SPACE] = v5_batch_space,
        [V5_BINARY] = v5_binary,
        [V5_BROADCAST] = v5_broadcast_to,
        [V5_CALL] = v5_call,
        [V5_COMPARE] = v5_compare,
        [V5_CONV2D] = v5_conv2d,
        [V5_CONVERT] = v5_convert,
        [V5_COPY] = v5_copy,
        [V5_CUMSUM] = v5_cumsum,
        [V5_DEQUANTIZE] = v5_dequantize,
        [V5_GATHER] = v5_gather,
        [V5_GATHER_ND] = v5_gather_nd,
        [V5_HARDMAX] = v5_hardmax,
        [V5_LUT1D] = v5_lut1d,
        [V5_MATMUL] = v5_matmul,
        [V5_ONEHOT] = v5_onehot,
        [V5_PAD] = v5_pad,
        [V5_QUANTIZE] = v5_quantize,
        [V5_REDUCE] = v5_reduce,
        [V5_REDUCE_ARG] = v5_reduce_arg,
        [V5_REDUCE_PROD] = v5_reduce,
        [V5_REDUCE_WINDOW2D] = v5_reduce_window2d,
        [V5_RESIZE_IMAGE] = v5_resize_image,
        [V5_SIGMOID] = v5_sigmoid,
        [V5_SLICE] = v5_slice,
        [V5_SOFTMAX] = v5_softmax,
        [V5_SPACE_TO_BATCH] = v5_batch_space,
        [V5_TERNARY] = v5_ternary,
        [V5_TOPK] = v5_topk,
        [V5_TRANSPOSE] = v5_transpose,
        [V5_TRILU] = v5_trilu,
        [V5_UNARY] = v5_unary,
        [V5_LAYER_NORMALIZATION] = v5_layer_normalization,
        [V5_GATHER_ELEMENTS] = v5_gather_elements,
        [V5_EQUAL] = v5_compare,
    };
    if (!ops[vm->id]) {
        return v5_not_implemented(vm, "operation", (uint32_t)vm->id);
    }
    return ops[vm->id](vm);
}
