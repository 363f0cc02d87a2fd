// REQUANTIZE: out = table[in], u8.

#include "../ops.h"

void kmodel_lookup(uint8_t *out, const uint8_t *in, uint32_t count, const uint8_t table[256])
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = table[in[i]];
    }
}

enum { IN = 1, OUT, COUNT, TABLE };

static int prepare(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_flat(prep, &prep->in[0], KMODEL_U8, f[IN], f[COUNT]);
    return rc ? rc : kmodel_flat(prep, &prep->out, KMODEL_U8, f[OUT], f[COUNT]);
}

static int eval(kmodel_t *m, const uint32_t *f)
{
    kmodel_lookup(kmodel_u8_at(m, f[OUT]), kmodel_u8_at(m, f[IN]), f[COUNT], (const uint8_t *)&f[TABLE]);
    return 0;
}

const kmodel_op_t kmodel_v3_requantize = {13, 272, "REQUANTIZE", prepare, eval};
