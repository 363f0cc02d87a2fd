// V4: convolutions on the CPU, pooling and reductions (spec kmodel.md 4.4).

#include "v4.h"

#define MAX_PADDING (1 << 15)

enum { OUT = 4 };

// Numbers of a window as stored: padding of h and w (before and after each), filter, stride and dilation (h and w each).
enum { PAD, FILTER = 4, STRIDE = 6, DILATION = 8 };

static kmodel_window_t window(const uint32_t *w, unsigned axis, uint32_t in, uint32_t out)
{
    return (kmodel_window_t){in, out, w[FILTER + axis], w[STRIDE + axis], w[DILATION + axis],
                             (int32_t)w[PAD + 2 * axis]};
}

static int check_window(kmodel_prep_t *prep, const uint32_t *w)
{
    for (unsigned i = 0; i < 4; i++) {
        int32_t pad = (int32_t)w[PAD + i];
        if (pad < -MAX_PADDING || pad > MAX_PADDING) {
            return kmodel_reject(prep, "padding %d, must be -%d to %d", (int)pad, MAX_PADDING, MAX_PADDING);
        }
    }
    for (unsigned i = FILTER; i < DILATION + 2; i++) {
        if (w[i] == 0 || w[i] > INT32_MAX) {
            return kmodel_reject(prep, "%s %d, must be 1 or more",
                                 i < STRIDE     ? "filter size"
                                 : i < DILATION ? "stride"
                                                : "dilation",
                                 (int)w[i]);
        }
    }
    return 0;
}

// Sizes of the output; of an input that was checked.
static int output_size(kmodel_prep_t *prep, const uint32_t *w, const uint32_t *in_shape, uint32_t out[4])
{
    out[0] = in_shape[0];
    for (unsigned axis = 0; axis < 2; axis++) {
        int64_t n = kmodel_window_size(in_shape[2 + axis], w[FILTER + axis], w[STRIDE + axis], w[DILATION + axis],
                                       (int32_t)w[PAD + 2 * axis], (int32_t)w[PAD + 2 * axis + 1]);
        if (n < 1) {
            return kmodel_reject(prep, "a filter of %u does not fit %u pixels and their padding",
                                 (unsigned)w[FILTER + axis], (unsigned)in_shape[2 + axis]);
        }
        out[2 + axis] = (uint32_t)n;
    }
    return 0;
}

static uint32_t sized(const uint32_t *w, const uint32_t *in_shape, unsigned axis)
{
    return (uint32_t)kmodel_window_size(in_shape[2 + axis], w[FILTER + axis], w[STRIDE + axis], w[DILATION + axis],
                                        (int32_t)w[PAD + 2 * axis], (int32_t)w[PAD + 2 * axis + 1]);
}

// Weights of oc channels are in the body behind `fixed` bytes, with oc numbers of bias.
static int check_weights(kmodel_prep_t *prep, const uint32_t *w, uint32_t ic, uint32_t oc, uint32_t groups,
                         uint32_t fixed, uint32_t size)
{
    if (groups == 0 || oc == 0 || oc > KMODEL_MAX_ELEMENTS || ic % groups || oc % groups) {
        return kmodel_reject(prep, "%d groups of %u input and %d output channels", (int)groups, (unsigned)ic, (int)oc);
    }
    uint64_t count = kmodel_volume(w[FILTER + 1], w[FILTER], ic / groups);
    if (count > KMODEL_MAX_ELEMENTS || count * oc > KMODEL_MAX_ELEMENTS) {
        return kmodel_reject(prep, "more than %u weights", KMODEL_MAX_ELEMENTS);
    }
    return kmodel_body(prep, fixed + count * oc * size + 4ull * oc);
}

// conv2d and quantized_conv2d: ranges in, out, shape of in, groups, output channels, window, parameters, tables.
enum { SHAPE = 8, GROUPS = 12, CHANNELS, WINDOW, PARAMS = WINDOW + 10 };

static int prepare_conv(kmodel_prep_t *prep, kmodel_type_t type)
{
    const uint32_t *f = prep->field, *w = f + WINDOW;
    uint32_t out[4] = {0, f[CHANNELS], 0, 0}, size = type == KMODEL_F32 ? 4 : 1;
    int rc = kmodel_v4_shaped(prep, &prep->in[0], f, type, f + SHAPE);
    rc = rc ? rc : check_window(prep, w);
    rc = rc ? rc : check_weights(prep, w, f[SHAPE + 1], f[CHANNELS], f[GROUPS], prep->node->op->fixed, size);
    rc = rc ? rc : output_size(prep, w, f + SHAPE, out);
    return rc ? rc : kmodel_v4_shaped(prep, &prep->out, f + OUT, type, out);
}

static kmodel_conv2d_t conv(kmodel_t *m, const uint32_t *f, kmodel_view_t *out, kmodel_view_t *in)
{
    const uint32_t *w = f + WINDOW;
    kmodel_shape_t from = kmodel_v4_shape(f + SHAPE), to = from;
    to.dim[1] = f[CHANNELS];
    to.dim[2] = sized(w, f + SHAPE, 0);
    to.dim[3] = sized(w, f + SHAPE, 1);
    *in = kmodel_v4_view(m, f, &from);
    *out = kmodel_v4_view(m, f + OUT, &to);
    return (kmodel_conv2d_t){
        .batches = from.dim[0],
        .groups = f[GROUPS],
        .ic = from.dim[1],
        .oc = to.dim[1],
        .y = window(w, 0, from.dim[2], to.dim[2]),
        .x = window(w, 1, from.dim[3], to.dim[3]),
    };
}

static int prepare_conv2d(kmodel_prep_t *prep)
{
    return prepare_conv(prep, KMODEL_F32);
}

static int eval_conv2d(kmodel_t *m, const uint32_t *f)
{
    kmodel_view_t out, in;
    kmodel_conv2d_t p = conv(m, f, &out, &in);
    const float *weights = (const float *)(const void *)(f + PARAMS + 2);
    p.lo = kmodel_f32(f[PARAMS]);
    p.hi = kmodel_f32(f[PARAMS + 1]);
    return kmodel_conv2d_f32(&m->env, &p, out, in, weights,
                             weights + (size_t)p.oc * (p.ic / p.groups) * p.y.filter * p.x.filter);
}

static int prepare_quantized_conv2d(kmodel_prep_t *prep)
{
    int rc = kmodel_v4_shift(prep, prep->field[PARAMS + 3]);
    return rc ? rc : prepare_conv(prep, KMODEL_U8);
}

static int eval_quantized_conv2d(kmodel_t *m, const uint32_t *f)
{
    kmodel_view_t out, in;
    kmodel_requant_t q;
    kmodel_conv2d_t p = conv(m, f, &out, &in);
    memcpy(&q, f + PARAMS, sizeof(q));
    // Here the bias comes first.
    const int32_t *bias = (const int32_t *)(const void *)(f + PARAMS + 5);
    return kmodel_conv2d_u8(&m->env, &p, &q, out, in, (const uint8_t *)(bias + p.oc), bias);
}

// conv2d_transpose: ranges in, out, shapes in, out, groups, window, clamp, weights, bias.
enum { T_OUT_SHAPE = 12, T_GROUPS = 16, T_WINDOW, T_PARAMS = T_WINDOW + 10 };

static int prepare_transpose(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field, *in = f + SHAPE, *out = f + T_OUT_SHAPE;
    int rc = kmodel_v4_shaped(prep, &prep->in[0], f, KMODEL_F32, in);
    rc = rc ? rc : kmodel_v4_shaped(prep, &prep->out, f + OUT, KMODEL_F32, out);
    rc = rc ? rc : check_window(prep, f + T_WINDOW);
    if (!rc && in[0] != out[0]) {
        return kmodel_reject(prep, "%u images in, %u out", (unsigned)in[0], (unsigned)out[0]);
    }
    return rc ? rc : check_weights(prep, f + T_WINDOW, in[1], out[1], f[T_GROUPS], prep->node->op->fixed, 4);
}

static int eval_transpose(kmodel_t *m, const uint32_t *f)
{
    kmodel_shape_t in = kmodel_v4_shape(f + SHAPE), out = kmodel_v4_shape(f + T_OUT_SHAPE);
    kmodel_conv2d_t p = {
        .batches = in.dim[0],
        .groups = f[T_GROUPS],
        .ic = in.dim[1],
        .oc = out.dim[1],
        .y = window(f + T_WINDOW, 0, out.dim[2], in.dim[2]),
        .x = window(f + T_WINDOW, 1, out.dim[3], in.dim[3]),
        .lo = kmodel_f32(f[T_PARAMS]),
        .hi = kmodel_f32(f[T_PARAMS + 1]),
    };
    return kmodel_conv2d_transpose_f32(&m->env, &p, kmodel_v4_view(m, f + OUT, &out), kmodel_v4_view(m, f, &in),
                                       (const float *)(const void *)(f + T_PARAMS + 2));
}

// reduce: ranges in, out, operation, shapes in, out, init.
enum { OP = 8, R_IN = 9, R_OUT = 13, R_INIT = 17 };

static int prepare_reduce(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_v4_op(prep, f[OP], KMODEL_REDUCE_OPS);
    rc = rc ? rc : kmodel_v4_shaped(prep, &prep->in[0], f, KMODEL_F32, f + R_IN);
    rc = rc ? rc : kmodel_v4_shaped(prep, &prep->out, f + OUT, KMODEL_F32, f + R_OUT);
    for (unsigned i = 0; i < 4 && !rc; i++) {
        if (f[R_OUT + i] != 1 && f[R_OUT + i] != f[R_IN + i]) {
            rc = kmodel_reject(prep, "axis %u: size %u cannot become %u", i, (unsigned)f[R_IN + i],
                               (unsigned)f[R_OUT + i]);
        }
    }
    return rc;
}

static int eval_reduce(kmodel_t *m, const uint32_t *f)
{
    kmodel_shape_t in = kmodel_v4_shape(f + R_IN), out = kmodel_v4_shape(f + R_OUT);
    return kmodel_reduce_f32(&m->env, f[OP], &in, &out, kmodel_v4_view(m, f + OUT, &out), kmodel_v4_view(m, f, &in),
                             kmodel_f32(f[R_INIT]));
}

// reduce_window2d: ranges in, out, operation, shape of in, window, init, clamp.
enum { W_SHAPE = 9, W_WINDOW = 13, W_INIT = W_WINDOW + 10 };

static int every_window_touches(kmodel_prep_t *prep, const kmodel_window_t *w)
{
    for (uint32_t o = 0; o < w->out; o++) {
        uint32_t first, last;
        kmodel_taps(w, o, &first, &last);
        if (first >= last) {
            return kmodel_reject(prep, "the mean of output row or column %u has no pixel", (unsigned)o);
        }
    }
    return 0;
}

static kmodel_reduce_window_t reduce_window(const uint32_t *f)
{
    const uint32_t *w = f + W_WINDOW, *in = f + W_SHAPE;
    return (kmodel_reduce_window_t){
        .op = f[OP],
        .batches = in[0],
        .channels = in[1],
        .y = window(w, 0, in[2], sized(w, in, 0)),
        .x = window(w, 1, in[3], sized(w, in, 1)),
        .init = kmodel_f32(f[W_INIT]),
        .lo = kmodel_f32(f[W_INIT + 1]),
        .hi = kmodel_f32(f[W_INIT + 2]),
    };
}

static int prepare_reduce_window(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    uint32_t out[4] = {0, f[W_SHAPE + 1], 0, 0};
    int rc = kmodel_v4_op(prep, f[OP], KMODEL_REDUCE_OPS);
    rc = rc ? rc : kmodel_v4_shaped(prep, &prep->in[0], f, KMODEL_F32, f + W_SHAPE);
    rc = rc ? rc : check_window(prep, f + W_WINDOW);
    rc = rc ? rc : output_size(prep, f + W_WINDOW, f + W_SHAPE, out);
    rc = rc ? rc : kmodel_v4_shaped(prep, &prep->out, f + OUT, KMODEL_F32, out);
    if (!rc && f[OP] == KMODEL_REDUCE_MEAN) {
        kmodel_reduce_window_t p = reduce_window(f);
        rc = every_window_touches(prep, &p.y);
        rc = rc ? rc : every_window_touches(prep, &p.x);
    }
    return rc;
}

static int eval_reduce_window(kmodel_t *m, const uint32_t *f)
{
    kmodel_reduce_window_t p = reduce_window(f);
    kmodel_shape_t in = kmodel_v4_shape(f + W_SHAPE), out = {4, {p.batches, p.channels, p.y.out, p.x.out}};
    return kmodel_reduce_window_f32(&m->env, &p, kmodel_v4_view(m, f + OUT, &out), kmodel_v4_view(m, f, &in));
}

const kmodel_op_t kmodel_v4_conv2d = {0x02, 104, "conv2d", prepare_conv2d, eval_conv2d};
const kmodel_op_t kmodel_v4_quantized_conv2d = {0x0f, 116, "quantized_conv2d", prepare_quantized_conv2d,
                                                eval_quantized_conv2d};
const kmodel_op_t kmodel_v4_conv2d_transpose = {0x13, 116, "conv2d_transpose", prepare_transpose, eval_transpose};
const kmodel_op_t kmodel_v4_reduce = {0x07, 72, "reduce", prepare_reduce, eval_reduce};
const kmodel_op_t kmodel_v4_reduce_window2d = {0x08, 104, "reduce_window2d", prepare_reduce_window,
                                               eval_reduce_window};
