// V4: products of matrices, and softmax (spec kmodel.md 4.4).

#include "v4.h"

// Both products: ranges a, b, out, n, k, m, parameters, bias.
enum { B = 4, OUT2 = 8, N = 12, K, M, PARAMS };

static int prepare_matmul(kmodel_prep_t *prep, kmodel_type_t type)
{
    const uint32_t *f = prep->field;
    const uint32_t a[] = {1, 1, f[N], f[K]}, b[] = {1, 1, f[K], f[M]}, out[] = {1, 1, f[N], f[M]};
    int rc = kmodel_v4_shaped(prep, &prep->in[0], f, type, a);
    rc = rc ? rc : kmodel_v4_shaped(prep, &prep->in[1], f + B, type, b);
    rc = rc ? rc : kmodel_v4_shaped(prep, &prep->out, f + OUT2, type, out);
    return rc ? rc : kmodel_body(prep, prep->node->op->fixed + 4ull * f[M]);
}

static int prepare_f32(kmodel_prep_t *prep)
{
    return prepare_matmul(prep, KMODEL_F32);
}

static const float *floats(const void *p)
{
    return p;
}

static int eval_f32(kmodel_t *m, const uint32_t *f)
{
    return kmodel_matmul_f32(&m->env, (float *)(void *)kmodel_v4_data(m, f + OUT2), floats(kmodel_v4_data(m, f)),
                             floats(kmodel_v4_data(m, f + B)), floats(f + PARAMS + 2), f[N], f[K], f[M],
                             kmodel_f32(f[PARAMS]), kmodel_f32(f[PARAMS + 1]));
}

static int prepare_u8(kmodel_prep_t *prep)
{
    int rc = kmodel_v4_shift(prep, prep->field[PARAMS + 3]);
    return rc ? rc : prepare_matmul(prep, KMODEL_U8);
}

static int eval_u8(kmodel_t *m, const uint32_t *f)
{
    kmodel_requant_t q;
    memcpy(&q, f + PARAMS, sizeof(q));
    return kmodel_matmul_u8(&m->env, kmodel_v4_data(m, f + OUT2), kmodel_v4_data(m, f), kmodel_v4_data(m, f + B),
                            (const int32_t *)(const void *)(f + PARAMS + 5), f[N], f[K], f[M], &q);
}

// softmax: ranges in, out, elements of a row, rows, beta.
enum { OUT = 4, INNER = 8, OUTER, BETA };

static int prepare_softmax(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    const uint32_t shape[] = {1, 1, f[OUTER], f[INNER]};
    int rc = kmodel_v4_shaped(prep, &prep->in[0], f, KMODEL_F32, shape);
    rc = rc ? rc : kmodel_v4_shaped(prep, &prep->out, f + OUT, KMODEL_F32, shape);
    // The rows are what is left of a shape: the layer before tells it.
    prep->out.w = prep->out.h = prep->out.c = prep->out.n = 0;
    return rc;
}

static int eval_softmax(kmodel_t *m, const uint32_t *f)
{
    const float *in = floats(kmodel_v4_data(m, f));
    float *out = (float *)(void *)kmodel_v4_data(m, f + OUT);
    kmodel_pace_t pace = {&m->env, 0};
    for (uint32_t i = 0; i < f[OUTER]; i++, in += f[INNER], out += f[INNER]) {
        kmodel_softmax_row(out, in, f[INNER], 4, 4, kmodel_f32(f[BETA]));
        int rc = kmodel_pace(&pace, 8 * f[INNER]);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

const kmodel_op_t kmodel_v4_matmul = {0x04, 68, "matmul", prepare_f32, eval_f32};
const kmodel_op_t kmodel_v4_quantized_matmul = {0x10, 80, "quantized_matmul", prepare_u8, eval_u8};
const kmodel_op_t kmodel_v4_softmax = {0x0b, 44, "softmax", prepare_softmax, eval_softmax};
