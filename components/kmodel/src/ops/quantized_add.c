// QUANTIZED_ADD: both inputs are brought to a common scale, added, and brought to the output's scale (spec kmodel.md
// 3.6). The file's numbers may be anything: products and sums wrap at 64 bits.

#include "../ops.h"

static int64_t wrapping_mul(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

static int64_t wrapping_add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

// Halves away from zero for odd v, as the vendor's runtime does: +1 behind the floored shift, -1 for negative v.
static int64_t shift_round(int64_t v, int32_t shift)
{
    if (shift == 0) {
        return v;
    }
    v >>= shift - 1;
    return (v >> 1) + (v & 1 ? (v < 0 ? -1 : 1) : 0);
}

void kmodel_add_u8(uint8_t *out, const uint8_t *a, const uint8_t *b, uint32_t count, const kmodel_quantized_add_t *q)
{
    for (uint32_t i = 0; i < count; i++) {
        int64_t va = ((int64_t)a[i] + q->a_offset) * q->a_mul;
        int64_t vb = ((int64_t)b[i] + q->b_offset) * q->b_mul;
        int64_t v = q->a_shift == q->b_shift ? wrapping_add(va, vb) >> q->a_shift
                                             : wrapping_add(va >> q->a_shift, vb >> q->b_shift);
        v = wrapping_add(shift_round(wrapping_mul(v, q->out_mul), q->out_shift), q->out_offset);
        out[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

enum { A = 1, B, OUT, COUNT, PARAMS };

static int prepare(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    const kmodel_quantized_add_t *q = (const void *)&f[PARAMS];
    const int32_t shifts[] = {q->a_shift, q->b_shift, q->out_shift};
    for (unsigned i = 0; i < 3; i++) {
        if (shifts[i] < 0 || shifts[i] > 63) {
            return kmodel_reject(prep, "shift %d, must be 0 to 63", (int)shifts[i]);
        }
    }
    int rc = kmodel_flat(prep, &prep->in[0], KMODEL_U8, f[A], f[COUNT]);
    rc = rc ? rc : kmodel_flat(prep, &prep->in[1], KMODEL_U8, f[B], f[COUNT]);
    return rc ? rc : kmodel_flat(prep, &prep->out, KMODEL_U8, f[OUT], f[COUNT]);
}

static int eval(kmodel_t *m, const uint32_t *f)
{
    kmodel_add_u8(kmodel_u8_at(m, f[OUT]), kmodel_u8_at(m, f[A]), kmodel_u8_at(m, f[B]), f[COUNT],
                  (const void *)&f[PARAMS]);
    return 0;
}

const kmodel_op_t kmodel_v3_quantized_add = {2, 56, "QUANTIZED_ADD", prepare, eval};
