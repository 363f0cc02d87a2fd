// V4: operations from one or two numbers to one (spec kmodel.md 4.4).

#include "v4.h"

// binary and quantized_binary: ranges a, b, out, operation, shapes a, b, out, parameters.
enum { B = 4, OUT2 = 8, OP2 = 12, SHAPE_A = 13, SHAPE_B = 17, SHAPE_OUT = 21, PARAMS = 25 };

static int prepare_two(kmodel_prep_t *prep, kmodel_type_t type)
{
    const uint32_t *f = prep->field, *a = f + SHAPE_A, *b = f + SHAPE_B, *out = f + SHAPE_OUT;
    int rc = kmodel_v4_op(prep, f[OP2], KMODEL_MAX + 1);
    rc = rc ? rc : kmodel_v4_shaped(prep, &prep->in[0], f, type, a);
    rc = rc ? rc : kmodel_v4_shaped(prep, &prep->in[1], f + B, type, b);
    rc = rc ? rc : kmodel_v4_shaped(prep, &prep->out, f + OUT2, type, out);
    for (unsigned i = 0; i < 4 && !rc; i++) {
        if (out[i] != (a[i] == 1 ? b[i] : a[i]) || (b[i] != 1 && b[i] != out[i])) {
            rc = kmodel_reject(prep, "axis %u: sizes %u and %u cannot make %u", i, (unsigned)a[i], (unsigned)b[i],
                               (unsigned)out[i]);
        }
    }
    return rc;
}

static kmodel_shape_t views_of_two(kmodel_t *m, const uint32_t *f, kmodel_view_t views[3])
{
    kmodel_shape_t a = kmodel_v4_shape(f + SHAPE_A), b = kmodel_v4_shape(f + SHAPE_B);
    kmodel_shape_t out = kmodel_v4_shape(f + SHAPE_OUT);
    views[0] = kmodel_v4_view(m, f, &a);
    views[1] = kmodel_v4_view(m, f + B, &b);
    views[2] = kmodel_v4_view(m, f + OUT2, &out);
    kmodel_broadcast(&views[0], &a, &out);
    kmodel_broadcast(&views[1], &b, &out);
    return out;
}

static int prepare_binary(kmodel_prep_t *prep)
{
    return prepare_two(prep, KMODEL_F32);
}

static int eval_binary(kmodel_t *m, const uint32_t *f)
{
    kmodel_view_t views[3];
    kmodel_shape_t shape = views_of_two(m, f, views);
    return kmodel_binary_f32(&m->env, f[OP2], &shape, views, kmodel_f32(f[PARAMS]), kmodel_f32(f[PARAMS + 1]));
}

static int prepare_quantized_binary(kmodel_prep_t *prep)
{
    int rc = prepare_two(prep, KMODEL_U8);
    for (unsigned i = 2; i < 9 && !rc; i += 3) {
        rc = kmodel_v4_shift(prep, prep->field[PARAMS + i]);
    }
    return rc;
}

static int eval_quantized_binary(kmodel_t *m, const uint32_t *f)
{
    kmodel_view_t views[3];
    kmodel_quantized_binary_t q;
    kmodel_shape_t shape = views_of_two(m, f, views);
    memcpy(&q, f + PARAMS, sizeof(q));
    return kmodel_binary_u8(&m->env, f[OP2], &shape, views, &q);
}

// The others: ranges in, out, parameters. Every element is taken, so the shape does not matter.
enum { OUT = 4, PARAM = 8, SCALE = 9 };

static int prepare_one(kmodel_prep_t *prep, kmodel_type_t in, kmodel_type_t out)
{
    int rc = kmodel_v4_flat(prep, &prep->in[0], prep->field, in);
    uint64_t count = prep->in[0].bytes >> (in == KMODEL_F32 ? 2 : 0);
    return rc ? rc : kmodel_v4_sized(prep, &prep->out, prep->field + OUT, out, count << (out == KMODEL_F32 ? 2 : 0));
}

static kmodel_shape_t views_of_one(kmodel_t *m, const uint32_t *f, const uint32_t *out, kmodel_view_t views[2])
{
    kmodel_shape_t shape = {1, {kmodel_v4_range(f)->size / kmodel_v4_size(f)}};
    views[0] = kmodel_v4_view(m, out, &shape);
    views[1] = kmodel_v4_view(m, f, &shape);
    return shape;
}

static const uint8_t unary_ops[] = {KMODEL_ABS, KMODEL_CEIL, KMODEL_COS,   KMODEL_EXP, KMODEL_FLOOR,
                                    KMODEL_LOG, KMODEL_NEG,  KMODEL_RSQRT, KMODEL_SIN, KMODEL_SQUARE};

static int prepare_unary(kmodel_prep_t *prep)
{
    int rc = kmodel_v4_op(prep, prep->field[PARAM], sizeof(unary_ops));
    return rc ? rc : prepare_one(prep, KMODEL_F32, KMODEL_F32);
}

static int eval_unary(kmodel_t *m, const uint32_t *f)
{
    kmodel_view_t views[2];
    kmodel_shape_t shape = views_of_one(m, f, f + OUT, views);
    return kmodel_unary_f32(&m->env, unary_ops[f[PARAM]], &shape, views[0], views[1]);
}

static int prepare_quantize(kmodel_prep_t *prep)
{
    int rc = kmodel_scale(prep, kmodel_f32(prep->field[SCALE]));
    return rc ? rc : prepare_one(prep, KMODEL_F32, KMODEL_U8);
}

static int eval_quantize(kmodel_t *m, const uint32_t *f)
{
    kmodel_view_t views[2];
    kmodel_shape_t shape = views_of_one(m, f, f + OUT, views);
    kmodel_quant_t q = {.scale = kmodel_f32(f[SCALE]), .bias = (float)(int32_t)f[PARAM]};
    return kmodel_quantize_nd(&m->env, &shape, views[0], views[1], &q);
}

static int prepare_dequantize(kmodel_prep_t *prep)
{
    int rc = kmodel_scale(prep, kmodel_f32(prep->field[SCALE]));
    return rc ? rc : prepare_one(prep, KMODEL_U8, KMODEL_F32);
}

// x = (q - zero) * (1 / scale), of which there are only 256.
static int eval_dequantize(kmodel_t *m, const uint32_t *f)
{
    float table[256], inverse = 1 / kmodel_f32(f[SCALE]);
    for (int32_t q = 0; q < 256; q++) {
        table[q] = (float)((int64_t)q - (int32_t)f[PARAM]) * inverse;
    }
    kmodel_view_t views[2];
    kmodel_shape_t shape = views_of_one(m, f, f + OUT, views);
    return kmodel_dequantize_table(&m->env, &shape, views[0], views[1], table);
}

// table_lookup1d: ranges in, table, out.
enum { TABLE = 4, OUT3 = 8 };

static int prepare_lookup(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_v4_flat(prep, &prep->in[0], f, KMODEL_U8);
    rc = rc ? rc : kmodel_v4_sized(prep, &prep->in[1], f + TABLE, KMODEL_U8, 256);
    return rc ? rc : kmodel_v4_sized(prep, &prep->out, f + OUT3, KMODEL_U8, prep->in[0].bytes);
}

static int eval_lookup(kmodel_t *m, const uint32_t *f)
{
    kmodel_view_t views[2];
    kmodel_shape_t shape = views_of_one(m, f, f + OUT3, views);
    return kmodel_lookup_nd(&m->env, &shape, views[0], views[1], kmodel_v4_data(m, f + TABLE));
}

const kmodel_op_t kmodel_v4_binary = {0x00, 108, "binary", prepare_binary, eval_binary};
const kmodel_op_t kmodel_v4_quantized_binary = {0x11, 136, "quantized_binary", prepare_quantized_binary,
                                                eval_quantized_binary};
const kmodel_op_t kmodel_v4_unary = {0x0e, 36, "unary", prepare_unary, eval_unary};
const kmodel_op_t kmodel_v4_quantize = {0x06, 40, "quantize", prepare_quantize, eval_quantize};
const kmodel_op_t kmodel_v4_dequantize = {0x03, 40, "dequantize", prepare_dequantize, eval_dequantize};
const kmodel_op_t kmodel_v4_table_lookup1d = {0x12, 48, "table_lookup1d", prepare_lookup, eval_lookup};
