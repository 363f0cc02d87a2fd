// V4: operations that only move elements, and resizing (spec kmodel.md 4.4). Ranges in, out, shape of in, parameters.

#include "v4.h"

enum { OUT = 4, SHAPE = 8, PARAM = 12 };

static int prepare_in_out(kmodel_prep_t *prep, const uint32_t out[4])
{
    const uint32_t *f = prep->field;
    int rc = kmodel_v4_shaped(prep, &prep->in[0], f, KMODEL_V4_ANY, f + SHAPE);
    return rc ? rc : kmodel_v4_shaped(prep, &prep->out, f + OUT, prep->in[0].type, out);
}

// concat: range out, inner in bytes, outer, n, ranges in[n], sizes[n].
enum { INNER = 4, OUTER, COUNT, RANGES };

static int prepare_concat(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    uint64_t block = (uint64_t)f[INNER] * f[OUTER], sum = 0, n = f[COUNT];
    int rc = kmodel_body(prep, 28 + 20 * n);
    if (!rc && (n == 0 || block == 0 || block > UINT32_MAX)) {
        rc = kmodel_reject(prep, "%u inputs, inner %u, outer %u", (unsigned)n, (unsigned)f[INNER], (unsigned)f[OUTER]);
    }
    for (uint32_t i = 0; i < n && !rc; i++) {
        sum += f[RANGES + 4 * n + i];
    }
    if (!rc && (sum > UINT32_MAX || block * sum != f[3])) {
        rc = kmodel_reject(prep, "inputs have %llu times %llu bytes, the output range has %u", (unsigned long long)sum,
                           (unsigned long long)block, (unsigned)f[3]);
    }
    rc = rc ? rc : kmodel_v4_sized(prep, &prep->out, f, KMODEL_V4_ANY, block * sum);
    // The first input stays in in[0].
    for (uint32_t i = 0; i < n && !rc; i++) {
        kmodel_tensor_t *t = &prep->in[i ? 1 : 0];
        rc = kmodel_v4_sized(prep, t, f + RANGES + 4 * i, KMODEL_V4_ANY, block * f[RANGES + 4 * n + i]);
        rc = rc ? rc : kmodel_v4_overlap_of(prep, t, &prep->out);
    }
    return rc;
}

static int eval_concat(kmodel_t *m, const uint32_t *f)
{
    uint8_t *out = kmodel_v4_data(m, f);
    const uint32_t *sizes = f + RANGES + 4 * f[COUNT];
    for (uint32_t o = 0; o < f[OUTER]; o++) {
        for (uint32_t i = 0; i < f[COUNT]; i++) {
            size_t bytes = (size_t)f[INNER] * sizes[i];
            memcpy(out, kmodel_v4_data(m, f + RANGES + 4 * i) + o * bytes, bytes);
            out += bytes;
        }
    }
    return 0;
}

void kmodel_v4_joined_shape(const uint32_t *f, const kmodel_tensor_t *part, kmodel_tensor_t *t)
{
    const uint32_t *sizes = f + RANGES + 4 * f[COUNT];
    uint32_t shape[] = {part->n, part->c, part->h, part->w}, sum = 0;
    uint32_t element = kmodel_type_bytes(t->type);
    for (uint32_t i = 0; i < f[COUNT]; i++) {
        sum += sizes[i];
    }
    uint64_t inside = part->w ? element : 0;
    unsigned axis = 4;
    while (axis-- && (inside != f[INNER] || shape[axis] != sizes[0])) {
        inside *= shape[axis];
    }
    if (axis < 4) {
        shape[axis] = sum;
    } else if (f[INNER] % element == 0) {
        memcpy(shape, (uint32_t[]){1, f[OUTER], sum, f[INNER] / element}, sizeof(shape));
    } else {
        return;
    }
    t->n = shape[0];
    t->c = shape[1];
    t->h = shape[2];
    t->w = shape[3];
}

static int prepare_memory_copy(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field, *in = f, *out = f + OUT;
    uint32_t bytes = in[3] < out[3] ? in[3] : out[3];
    int rc = kmodel_v4_sized(prep, &prep->in[0], in, KMODEL_V4_ANY, bytes);
    return rc ? rc : kmodel_v4_sized(prep, &prep->out, out, KMODEL_V4_ANY, bytes);
}

static int eval_memory_copy(kmodel_t *m, const uint32_t *f)
{
    memcpy(kmodel_v4_data(m, f + OUT), kmodel_v4_data(m, f), f[3] < f[OUT + 3] ? f[3] : f[OUT + 3]);
    return 0;
}

// pad: pairs of before and after for N, C, H, W; datatype and bytes of the value.
enum { VALUE = PARAM + 9 };

static uint32_t padded(const uint32_t *f, unsigned axis)
{
    int64_t size = (int64_t)f[SHAPE + axis] + (int32_t)f[PARAM + 2 * axis] + (int32_t)f[PARAM + 2 * axis + 1];
    return size < 1 || size > KMODEL_MAX_ELEMENTS ? 0 : (uint32_t)size;
}

static int prepare_pad(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    uint32_t out[4] = {padded(f, 0), padded(f, 1), padded(f, 2), padded(f, 3)};
    return prepare_in_out(prep, out);
}

static int eval_pad(kmodel_t *m, const uint32_t *f)
{
    kmodel_shape_t in = kmodel_v4_shape(f + SHAPE), out = {4, {padded(f, 0), padded(f, 1), padded(f, 2), padded(f, 3)}};
    int32_t before[4], after[4];
    for (unsigned i = 0; i < 4; i++) {
        before[i] = (int32_t)f[PARAM + 2 * i];
        after[i] = (int32_t)f[PARAM + 2 * i + 1];
    }
    return kmodel_pad(&m->env, &in, kmodel_v4_view(m, f + OUT, &out), kmodel_v4_view(m, f, &in), kmodel_v4_size(f),
                      before, after, &f[VALUE]);
}

static int prepare_transpose(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field, *perm = f + PARAM;
    uint32_t out[4], seen = 0;
    for (unsigned i = 0; i < 4; i++) {
        seen |= perm[i] < 4 ? 1u << perm[i] : 0;
    }
    if (seen != 15) {
        return kmodel_reject(prep, "axes %d, %d, %d, %d, must be a permutation of 0 to 3", (int)perm[0], (int)perm[1],
                             (int)perm[2], (int)perm[3]);
    }
    for (unsigned i = 0; i < 4; i++) {
        out[i] = f[SHAPE + perm[i]];
    }
    return prepare_in_out(prep, out);
}

static int eval_transpose(kmodel_t *m, const uint32_t *f)
{
    kmodel_shape_t shape = kmodel_v4_shape(f + SHAPE);
    kmodel_view_t in = kmodel_v4_view(m, f, &shape);
    in = kmodel_transposed(in, &shape, f + PARAM);
    return kmodel_copy_nd(&m->env, &shape, kmodel_v4_view(m, f + OUT, &shape), in, kmodel_v4_size(f));
}

// strided_slice: begin[4], end[4], stride[4]; the masks behind them are folded into these already.
enum { BEGIN = PARAM, END = PARAM + 4, STRIDE = PARAM + 8 };

// 0: the numbers of this axis are wrong.
static uint32_t sliced(const uint32_t *f, unsigned axis)
{
    int64_t begin = (int32_t)f[BEGIN + axis], end = (int32_t)f[END + axis], stride = (int32_t)f[STRIDE + axis];
    int64_t dim = f[SHAPE + axis];
    if (stride == 0 || begin < 0 || begin >= dim || end < -1 || end > dim) {
        return 0;
    }
    int64_t way = stride > 0 ? end - begin : begin - end, step = stride > 0 ? stride : -stride;
    return way > 0 ? (uint32_t)((way + step - 1) / step) : 0;
}

static int prepare_strided_slice(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    uint32_t out[4];
    for (unsigned i = 0; i < 4; i++) {
        out[i] = sliced(f, i);
        if (out[i] == 0) {
            return kmodel_reject(prep, "axis %u of size %u: from %d to %d in steps of %d", i, (unsigned)f[SHAPE + i],
                                 (int)f[BEGIN + i], (int)f[END + i], (int)f[STRIDE + i]);
        }
    }
    return prepare_in_out(prep, out);
}

static int eval_strided_slice(kmodel_t *m, const uint32_t *f)
{
    kmodel_shape_t in = kmodel_v4_shape(f + SHAPE), out = {4, {0}};
    kmodel_view_t view = kmodel_v4_view(m, f, &in);
    for (unsigned i = 0; i < 4; i++) {
        out.dim[i] = sliced(f, i);
        view.data = (uint8_t *)view.data + (int64_t)f[BEGIN + i] * view.step[i];
        view.step[i] = out.dim[i] > 1 ? view.step[i] * (int32_t)f[STRIDE + i] : 0;
    }
    return kmodel_copy_nd(&m->env, &out, kmodel_v4_view(m, f + OUT, &out), view, kmodel_v4_size(f));
}

// resize_image: output height and width, mode, align_corners (a byte).
enum { OUT_H = PARAM, OUT_W, MODE, ALIGN };

static int prepare_resize(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    uint32_t out[4] = {f[SHAPE], f[SHAPE + 1], f[OUT_H], f[OUT_W]};
    int rc = kmodel_v4_op(prep, f[MODE], 2);
    return rc ? rc : prepare_in_out(prep, out);
}

static int eval_resize(kmodel_t *m, const uint32_t *f)
{
    bool nearest = f[MODE] == 1;
    kmodel_shape_t in = kmodel_v4_shape(f + SHAPE), out = {4, {f[SHAPE], f[SHAPE + 1], f[OUT_H], f[OUT_W]}};
    kmodel_resize_t p = {
        .batches = f[SHAPE],
        .channels = f[SHAPE + 1],
        .in_h = f[SHAPE + 2],
        .in_w = f[SHAPE + 3],
        .out_h = f[OUT_H],
        .out_w = f[OUT_W],
        .nearest = nearest,
        .align_corners = !nearest && (f[ALIGN] & 0xff), // nearest ignores it
        .type = kmodel_v4_size(f) == 4 ? KMODEL_F32 : KMODEL_U8,
    };
    return kmodel_resize(&m->env, &p, kmodel_v4_view(m, f + OUT, &out), kmodel_v4_view(m, f, &in));
}

const kmodel_op_t kmodel_v4_concat = {0x01, 28, "concat", prepare_concat, eval_concat};
const kmodel_op_t kmodel_v4_memory_copy = {0x09, 32, "memory_copy", prepare_memory_copy, eval_memory_copy};
const kmodel_op_t kmodel_v4_pad = {0x05, 88, "pad", prepare_pad, eval_pad};
const kmodel_op_t kmodel_v4_transpose = {0x0c, 64, "transpose", prepare_transpose, eval_transpose};
const kmodel_op_t kmodel_v4_strided_slice = {0x0d, 116, "strided_slice", prepare_strided_slice, eval_strided_slice};
const kmodel_op_t kmodel_v4_resize_image = {0x0a, 64, "resize_image", prepare_resize, eval_resize};
