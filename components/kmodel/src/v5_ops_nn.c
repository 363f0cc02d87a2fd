// TENSOR operations of kmodel V5 that are layers of networks: windows, matrices, soft maximum.

#include "v5_ops.h"

// An axis of a window operation, from fields of the record.
static int window(kmodel_v5_vm_t *vm, kmodel_window_t *w, const char *axis, uint32_t in, uint32_t filter,
                  unsigned stride_field, unsigned dilation_field, const kmodel_v5_padding_t *p)
{
    *w = (kmodel_window_t){.in = in, .filter = filter, .stride = (uint32_t)vm->field[stride_field],
                           .dilation = (uint32_t)vm->field[dilation_field], .before = p->before};
    bool bad = !w->filter || !w->stride || !w->dilation || p->interior || w->filter > 32768 || p->before < -32768 ||
               p->before > 32768 || p->after < -32768 || p->after > 32768;
    int64_t out = bad ? 0 : kmodel_window_size(in, w->filter, w->stride, w->dilation, p->before, p->after);
    if (out < 1 || out > KMODEL_MAX_ELEMENTS) {
        return kmodel_v5_refuse(vm, "%s of %u: filter %u, stride %u, dilation %u, padding %d, %d, %d", axis,
                                (unsigned)in, (unsigned)w->filter, (unsigned)w->stride, (unsigned)w->dilation,
                                (int)p->before, (int)p->after, (int)p->interior);
    }
    w->out = (uint32_t)out;
    return 0;
}

int v5_conv2d(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, weights, bias, out;
    const kmodel_shape_t *s = v5_shape(vm, 1), *sw = v5_shape(vm, 3);
    uint32_t groups = (uint32_t)vm->field[7];
    V5_TRY(v5_check_type(vm, vm->field[0], 1 << V5_F32));
    if (s->rank != 4 || sw->rank != 4) {
        return kmodel_v5_refuse(vm, "input of rank %u, weights of rank %u, must be 4", (unsigned)s->rank,
                                (unsigned)sw->rank);
    }
    V5_TRY(v5_in(vm, 0, V5_F32, 1, 2, &in));
    V5_TRY(v5_in(vm, 1, V5_F32, 3, 4, &weights));
    if (!groups || s->dim[1] % groups || sw->dim[0] % groups || s->dim[1] / groups != sw->dim[1]) {
        return kmodel_v5_refuse(vm, "%u groups of %u input and %u output channels, weights for %u", (unsigned)groups,
                                (unsigned)s->dim[1], (unsigned)sw->dim[0], (unsigned)sw->dim[1]);
    }
    kmodel_shape_t bias_shape = {1, {sw->dim[0]}}, shape = {4, {s->dim[0], sw->dim[0], 0, 0}};
    V5_TRY(kmodel_v5_operand(vm, 2, V5_F32, &bias_shape, v5_shape(vm, 5), false, &bias));
    if (!v5_is_dense(&weights) || !v5_is_dense(&bias)) {
        return kmodel_v5_refuse(vm, "weights must lie densely");
    }
    kmodel_conv2d_t p = {.batches = s->dim[0], .groups = groups, .ic = s->dim[1], .oc = sw->dim[0],
                         .lo = v5_float(vm->field[12]), .hi = v5_float(vm->field[13])};
    V5_TRY(window(vm, &p.y, "height", s->dim[2], sw->dim[2], 8, 10, &vm->pad[0]));
    V5_TRY(window(vm, &p.x, "width", s->dim[3], sw->dim[3], 9, 11, &vm->pad[1]));
    shape.dim[2] = p.y.out;
    shape.dim[3] = p.x.out;
    V5_TRY(v5_out(vm, 3, V5_F32, &shape, 6, &out));
    v5_describe(vm, s, &shape);
    return vm->call->run ? kmodel_conv2d_f32(v5_env(vm), &p, out.view, in.view, weights.view.data, bias.view.data) : 0;
}

// Every window must hold a pixel, or a mean would divide by 0: the first, the last, and none may step over the image.
static int touches(kmodel_v5_vm_t *vm, const kmodel_window_t *w)
{
    int64_t last = (int64_t)(w->out - 1) * w->stride - w->before;
    int64_t first_tap = w->before > 0 ? ((int64_t)w->before + w->dilation - 1) / w->dilation : 0;
    if (last >= w->in || first_tap >= w->filter || (w->before > 0 && w->in < w->dilation)) {
        return kmodel_v5_refuse(vm, "a window of %u lies outside the %u elements", (unsigned)w->filter,
                                (unsigned)w->in);
    }
    return 0;
}

int v5_reduce_window2d(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    const kmodel_shape_t *s = v5_shape(vm, 2);
    V5_TRY(v5_check_type(vm, vm->field[0], 1 << V5_F32));
    if (s->rank != 4) {
        return kmodel_v5_refuse(vm, "input of rank %u, must be 4", (unsigned)s->rank);
    }
    V5_TRY(v5_in(vm, 0, V5_F32, 2, 3, &in));
    kmodel_reduce_window_t p = {.op = (uint32_t)vm->field[1], .batches = s->dim[0], .channels = s->dim[1],
                                .init = v5_float(vm->arg[1].value), .lo = v5_float(vm->field[11]),
                                .hi = v5_float(vm->field[12])};
    V5_TRY(window(vm, &p.y, "height", s->dim[2], (uint32_t)vm->field[5], 7, 9, &vm->pad[0]));
    V5_TRY(window(vm, &p.x, "width", s->dim[3], (uint32_t)vm->field[6], 8, 10, &vm->pad[1]));
    if (p.op == KMODEL_REDUCE_MEAN) {
        V5_TRY(touches(vm, &p.y));
        V5_TRY(touches(vm, &p.x));
    }
    kmodel_shape_t shape = {4, {s->dim[0], s->dim[1], p.y.out, p.x.out}};
    V5_TRY(v5_out(vm, 2, V5_F32, &shape, 4, &out));
    v5_describe(vm, s, &shape);
    return vm->call->run ? kmodel_reduce_window_f32(v5_env(vm), &p, out.view, in.view) : 0;
}

int v5_resize_image(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    uint32_t type = vm->field[0];
    const kmodel_shape_t *s = v5_shape(vm, 1);
    V5_TRY(v5_check_type(vm, type, 1 << V5_F32 | 1 << V5_U8));
    if (s->rank != 4) {
        return kmodel_v5_refuse(vm, "input of rank %u, must be 4", (unsigned)s->rank);
    }
    kmodel_shape_t shape = {4, {s->dim[0], s->dim[1], vm->arg[0].value, vm->arg[1].value}};
    V5_TRY(v5_in(vm, 2, type, 1, 2, &in));
    V5_TRY(v5_out(vm, 3, type, &shape, 3, &out));
    v5_describe(vm, s, &shape);
    kmodel_resize_t p = {.batches = s->dim[0], .channels = s->dim[1], .in_h = s->dim[2], .in_w = s->dim[3],
                         .out_h = shape.dim[2], .out_w = shape.dim[3], .nearest = vm->field[6],
                         .align_corners = vm->field[4], .half_pixel = vm->field[5], .round = true,
                         .type = type == V5_F32 ? KMODEL_F32 : KMODEL_U8};
    return vm->call->run ? kmodel_resize(v5_env(vm), &p, out.view, in.view) : 0;
}

// Matrices in the leading axes.
static uint32_t batches_of(const kmodel_shape_t *s)
{
    uint32_t n = 1;
    for (uint32_t i = 0; i + 2 < s->rank; i++) {
        n *= s->dim[i];
    }
    return n;
}

int v5_matmul(kmodel_v5_vm_t *vm)
{
    bool strides = vm->dialect >= V5_1_4;
    const kmodel_shape_t *a = v5_shape(vm, 0), *b = v5_shape(vm, strides ? 2 : 1);
    kmodel_v5_operand_t in[2], bias, out;
    if (a->rank < 2 || b->rank < 2) {
        return kmodel_v5_refuse(vm, "operands of rank %u and %u, must be 2 or more", (unsigned)a->rank,
                                (unsigned)b->rank);
    }
    uint32_t n = a->dim[a->rank - 2], k = a->dim[a->rank - 1], m = b->dim[b->rank - 1];
    V5_TRY(kmodel_v5_operand(vm, 0, V5_F32, a, NULL, false, &in[0]));
    V5_TRY(kmodel_v5_operand(vm, 1, V5_F32, b, NULL, false, &in[1]));
    uint32_t na = batches_of(a), nb = batches_of(b), count = na > nb ? na : nb;
    if (b->dim[b->rank - 2] != k || (na != count && na != 1) || (nb != count && nb != 1)) {
        return kmodel_v5_refuse(vm, "%u matrices %ux%u by %u matrices %ux%u", (unsigned)na, (unsigned)n, (unsigned)k,
                                (unsigned)nb, (unsigned)b->dim[b->rank - 2], (unsigned)m);
    }
    kmodel_shape_t bias_shape = {1, {m}}, shape = {3, {count, n, m}};
    V5_TRY(kmodel_v5_operand(vm, 2, V5_F32, &bias_shape, NULL, false, &bias));
    V5_TRY(kmodel_v5_operand(vm, 3, V5_F32, &shape, NULL, true, &out));
    v5_describe(vm, a, &shape);
    unsigned at = strides ? 6 : 2;
    int rc = 0;
    for (uint32_t i = 0; vm->call->run && !rc && i < count; i++) {
        rc = kmodel_matmul_f32(v5_env(vm), (float *)out.view.data + (size_t)i * n * m,
                               (const float *)in[0].view.data + (na > 1 ? (size_t)i * n * k : 0),
                               (const float *)in[1].view.data + (nb > 1 ? (size_t)i * k * m : 0), bias.view.data, n, k,
                               m, v5_float(vm->field[at]), v5_float(vm->field[at + 1]));
    }
    return rc;
}

// Rows along an axis: its size and steps go to *axis, which then has size 1 in the shapes.
static void take_axis(kmodel_v5_operand_t *o, uint32_t axis, uint32_t *count, int32_t *step)
{
    *count = o->shape.dim[axis];
    *step = o->view.step[axis];
    o->shape.dim[axis] = 1;
    o->view.step[axis] = 0;
}

typedef struct {
    uint32_t count;
    int32_t in_step, out_step;
    float beta;
} softmax_t;

static void softmax_rows(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    const softmax_t *s = ctx;
    for (uint32_t i = 0; i < n; i++) {
        kmodel_softmax_row((float *)(void *)(data[1] + (int64_t)step[1] * i),
                           (const float *)(const void *)(data[0] + (int64_t)step[0] * i), s->count, s->out_step,
                           s->in_step, s->beta);
    }
}

int v5_softmax(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    uint32_t axis, count;
    V5_TRY(v5_check_type(vm, vm->field[0], 1 << V5_F32));
    V5_TRY(v5_in(vm, 0, V5_F32, 1, 2, &in));
    V5_TRY(v5_out(vm, 1, V5_F32, &in.shape, 3, &out));
    V5_TRY(v5_axis(vm, v5_int(vm->field[4]), in.shape.rank, &axis));
    v5_describe(vm, &in.shape, &out.shape);
    softmax_t s = {.beta = v5_float(vm->field[5])};
    take_axis(&in, axis, &count, &s.in_step);
    take_axis(&out, axis, &s.count, &s.out_step);
    kmodel_view_t views[2] = {in.view, out.view};
    return vm->call->run ? kmodel_walk(v5_env(vm), &in.shape, views, 2, softmax_rows, &s) : 0;
}

// Dense f32 (or what `allowed` says) operand and result of the same shape, with an axis.
static int dense_pair(kmodel_v5_vm_t *vm, uint32_t type, unsigned in_arg, unsigned out_arg, unsigned shape_field,
                      kmodel_v5_operand_t *in, kmodel_v5_operand_t *out)
{
    V5_TRY(kmodel_v5_operand(vm, in_arg, type, v5_shape(vm, shape_field), NULL, false, in));
    V5_TRY(kmodel_v5_operand(vm, out_arg, type, &in->shape, NULL, true, out));
    v5_describe(vm, &in->shape, &out->shape);
    return 0;
}

static uint32_t elements_of(const kmodel_shape_t *s, uint32_t first, uint32_t last)
{
    uint32_t n = 1;
    for (uint32_t i = first; i < last; i++) {
        n *= s->dim[i];
    }
    return n;
}

int v5_layer_normalization(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out, scale, bias;
    uint32_t axis;
    V5_TRY(v5_check_type(vm, vm->field[0], 1 << V5_F32));
    V5_TRY(dense_pair(vm, V5_F32, 0, 3, 1, &in, &out));
    V5_TRY(v5_axis(vm, v5_int(vm->field[2]), in.shape.rank, &axis));
    uint32_t outer = elements_of(&in.shape, 0, axis), inner = elements_of(&in.shape, axis, in.shape.rank);
    kmodel_shape_t row = {1, {inner}};
    V5_TRY(kmodel_v5_operand(vm, 1, V5_F32, &row, NULL, false, &scale));
    V5_TRY(kmodel_v5_operand(vm, 2, V5_F32, &row, NULL, false, &bias));
    return vm->call->run ? kmodel_layer_normalize(v5_env(vm), out.view.data, in.view.data, outer, inner, scale.view.data,
                                                  bias.view.data, v5_float(vm->field[3]))
                         : 0;
}

int v5_cumsum(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    uint32_t axis, type = vm->field[0];
    V5_TRY(v5_check_type(vm, type, 1 << V5_F32 | 1 << V5_I32));
    V5_TRY(dense_pair(vm, type, 0, 1, 1, &in, &out));
    V5_TRY(v5_axis(vm, v5_int(vm->field[2]), in.shape.rank, &axis));
    uint32_t dims[3] = {elements_of(&in.shape, 0, axis), in.shape.dim[axis],
                        elements_of(&in.shape, axis + 1, in.shape.rank)};
    return vm->call->run ? kmodel_cumsum(v5_env(vm), out.view.data, in.view.data, dims, type == V5_F32, vm->field[3],
                                         vm->field[4])
                         : 0;
}

int v5_hardmax(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    uint32_t axis, count;
    int32_t step;
    V5_TRY(v5_check_type(vm, vm->field[0], 1 << V5_F32));
    V5_TRY(v5_in(vm, 0, V5_F32, 1, 2, &in));
    V5_TRY(kmodel_v5_operand(vm, 1, V5_F32, &in.shape, NULL, true, &out));
    V5_TRY(v5_axis(vm, v5_int(vm->field[3]), in.shape.rank, &axis));
    v5_describe(vm, &in.shape, &out.shape);
    kmodel_along_t along = {0};
    take_axis(&in, axis, &along.count, &along.in_step);
    take_axis(&out, axis, &count, &step);
    along.out_step = step;
    return vm->call->run ? kmodel_hardmax(v5_env(vm), &in.shape, out.view, in.view, &along) : 0;
}

int v5_topk(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, values, indices;
    uint32_t axis, unused;
    V5_TRY(v5_check_type(vm, vm->field[0], 1 << V5_F32));
    V5_TRY(v5_in(vm, 0, V5_F32, 1, 2, &in));
    V5_TRY(v5_axis(vm, v5_int(vm->field[8]), in.shape.rank, &axis));
    uint64_t k = vm->field[7];
    kmodel_shape_t shape = in.shape;
    shape.dim[axis] = (uint32_t)k;
    if (k == 0 || k > in.shape.dim[axis] || !v5_same(v5_shape(vm, 3), &shape) || !v5_same(v5_shape(vm, 5), &shape)) {
        return kmodel_v5_refuse(vm, "the best %llu of %u on axis %u do not fit the shape of the result",
                                (unsigned long long)k, (unsigned)in.shape.dim[axis], (unsigned)axis);
    }
    V5_TRY(v5_out(vm, 1, V5_F32, &shape, 4, &values));
    V5_TRY(v5_out(vm, 2, V5_I64, &shape, 6, &indices));
    v5_describe(vm, &in.shape, &shape);
    kmodel_topk_t p = {.k = (uint32_t)k, .largest = vm->field[9]};
    take_axis(&in, axis, &p.count, &p.in_step);
    take_axis(&values, axis, &unused, &p.value_step);
    take_axis(&indices, axis, &unused, &p.index_step);
    kmodel_view_t views[3] = {in.view, values.view, indices.view};
    return vm->call->run ? kmodel_topk(v5_env(vm), &in.shape, views, &p) : 0;
}

int v5_trilu(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    V5_TRY(v5_check_type(vm, vm->field[0], 1 << V5_F32));
    V5_TRY(dense_pair(vm, V5_F32, 0, 1, 1, &in, &out));
    if (in.shape.rank < 2) {
        return kmodel_v5_refuse(vm, "input of rank %u, must be 2 or more", (unsigned)in.shape.rank);
    }
    uint32_t w = in.shape.dim[in.shape.rank - 1], h = in.shape.dim[in.shape.rank - 2];
    return vm->call->run ? kmodel_trilu(v5_env(vm), out.view.data, in.view.data, batches_of(&in.shape), h, w,
                                        vm->field[2], (int64_t)vm->field[3])
                         : 0;
}

// ---- reductions ----

// The axes named by a register, as a set.
static int read_axes(kmodel_v5_vm_t *vm, const kmodel_shape_t *axes, uint32_t rank, uint32_t *set)
{
    *set = 0;
    for (uint32_t i = 0; i < axes->rank; i++) {
        uint32_t axis;
        V5_TRY(v5_axis(vm, v5_int(axes->dim[i]), rank, &axis));
        if (*set >> axis & 1) {
            return kmodel_v5_refuse(vm, "axis %u is there twice", (unsigned)axis);
        }
        *set |= 1u << axis;
    }
    return 0;
}

// The result as a tensor of the input's rank, size 1 on the reduced axes, whatever of them its shape keeps.
static int reduced_out(kmodel_v5_vm_t *vm, uint32_t type, const kmodel_shape_t *in, uint32_t set, bool keep,
                       unsigned stride_field, kmodel_v5_operand_t *out)
{
    kmodel_shape_t shape = {0, {0}};
    for (uint32_t i = 0; i < in->rank; i++) {
        if (keep || !(set >> i & 1)) {
            shape.dim[shape.rank++] = set >> i & 1 ? 1 : in->dim[i];
        }
    }
    V5_TRY(v5_out(vm, 1, type, &shape, stride_field, out));
    v5_describe(vm, in, &shape);
    for (uint32_t i = in->rank, from = shape.rank; !keep && i-- > 0;) {
        bool gone = set >> i & 1;
        out->shape.dim[i] = gone ? 1 : out->shape.dim[--from];
        out->view.step[i] = gone ? 0 : out->view.step[from];
    }
    out->shape.rank = in->rank;
    return 0;
}

static float reduce_init(const kmodel_v5_vm_t *vm, uint32_t op, double *any)
{
    const kmodel_v5_entry_t *e = &vm->arg[2];
    *any = e->kind == V5_FLOAT ? (double)v5_float(e->value) : v5_int(e->value);
    if (vm->dialect >= V5_1_6 && (op == KMODEL_REDUCE_MIN || op == KMODEL_REDUCE_MAX)) {
        *any = op == KMODEL_REDUCE_MIN ? INFINITY : -INFINITY;
    }
    return (float)*any;
}

// REDUCE and REDUCE_PROD.
int v5_reduce(kmodel_v5_vm_t *vm)
{
    bool product = vm->id == V5_REDUCE_PROD;
    unsigned first = product && vm->dialect < V5_1_6 ? 0 : 1; // field of S
    uint32_t type = first ? (uint32_t)vm->field[0] : V5_F32, op = product ? KMODEL_REDUCE_PROD : (uint32_t)vm->field[4];
    unsigned axes_field = product ? first + 3 : first + 4;
    kmodel_v5_operand_t in, out;
    uint32_t set;
    V5_TRY(v5_check_type(vm, type, 1 << V5_F32 | 1 << V5_I32 | (product ? 0 : 1 << V5_I64)));
    V5_TRY(v5_in(vm, 0, type, first, first + 1, &in));
    V5_TRY(read_axes(vm, v5_shape(vm, axes_field), in.shape.rank, &set));
    V5_TRY(reduced_out(vm, type, &in.shape, set, vm->field[axes_field + 1], first + 2, &out));
    if (!vm->call->run) {
        return 0;
    }
    double any = 1;
    float init = product ? 1 : reduce_init(vm, op, &any);
    if (type == V5_F32 && !product) {
        return kmodel_reduce_f32(v5_env(vm), op, &in.shape, &out.shape, out.view, in.view, init);
    }
    kmodel_type_t kind = type == V5_F32 ? KMODEL_F32 : type == V5_I32 ? KMODEL_I32 : KMODEL_I64;
    return kmodel_reduce_any(v5_env(vm), op, kind, &in.shape, &out.shape, out.view, in.view, any);
}

int v5_reduce_arg(kmodel_v5_vm_t *vm)
{
    kmodel_v5_operand_t in, out;
    uint32_t set, type = vm->field[3];
    V5_TRY(v5_check_type(vm, vm->field[0], 1 << V5_F32));
    V5_TRY(v5_check_type(vm, type, 1 << V5_I32 | 1 << V5_I64));
    V5_TRY(v5_in(vm, 0, V5_F32, 1, 2, &in));
    const kmodel_shape_t *axes = v5_shape(vm, 6);
    V5_TRY(read_axes(vm, axes, in.shape.rank, &set));
    if (axes->rank != 1) {
        return kmodel_v5_refuse(vm, "%u axes, must be 1", (unsigned)axes->rank);
    }
    V5_TRY(reduced_out(vm, type, &in.shape, set, vm->field[7], 4, &out));
    uint32_t axis;
    V5_TRY(v5_axis(vm, v5_int(axes->dim[0]), in.shape.rank, &axis));
    kmodel_along_t along = {.largest = vm->field[5], .last = vm->field[8], .wide = type == V5_I64};
    take_axis(&in, axis, &along.count, &along.in_step);
    return vm->call->run ? kmodel_arg(v5_env(vm), &in.shape, out.view, in.view, &along) : 0;
}
