// CONCAT and QUANTIZED_CONCAT: byte ranges copied one behind another. The two kinds differ in the element type only.

#include "../ops.h"

enum { OUT = 1, INPUTS, RANGES };

static int prepare_typed(kmodel_prep_t *prep, kmodel_type_t type)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_body(prep, 12 + 8ull * f[INPUTS]);
    if (rc) {
        return rc;
    }
    if (f[INPUTS] == 0) {
        return kmodel_reject(prep, "0 inputs, must be at least 1");
    }
    uint32_t element = type == KMODEL_F32 ? 4 : 1;
    uint64_t total = 0;
    for (uint32_t i = 0; i < f[INPUTS]; i++) {
        const uint32_t *range = &f[RANGES + 2 * i];
        if (range[1] == 0 || range[1] % element) {
            return kmodel_reject(prep, "input %u has %u bytes, must be a multiple of %u above 0", (unsigned)i,
                                 (unsigned)range[1], (unsigned)element);
        }
        if ((rc = kmodel_range(prep, "input", range[0], range[1], element))) {
            return rc;
        }
        total += range[1];
    }
    if ((rc = kmodel_range(prep, "output", f[OUT], total, element))) {
        return rc;
    }
    rc = kmodel_flat(prep, &prep->in[0], type, f[RANGES], f[RANGES + 1] / element);
    return rc ? rc : kmodel_flat(prep, &prep->out, type, f[OUT], (uint32_t)total / element);
}

static int prepare_f32(kmodel_prep_t *prep)
{
    return prepare_typed(prep, KMODEL_F32);
}

static int prepare_u8(kmodel_prep_t *prep)
{
    return prepare_typed(prep, KMODEL_U8);
}

static int eval(kmodel_t *m, const uint32_t *f)
{
    uint8_t *out = kmodel_u8_at(m, f[OUT]);
    for (uint32_t i = 0; i < f[INPUTS]; i++) {
        const uint32_t *range = &f[RANGES + 2 * i];
        memmove(out, kmodel_u8_at(m, range[0]), range[1]);
        out += range[1];
    }
    return 0;
}

const kmodel_op_t kmodel_v3_concat = {16, 12, "CONCAT", prepare_f32, eval};
const kmodel_op_t kmodel_v3_quantized_concat = {17, 12, "QUANTIZED_CONCAT", prepare_u8, eval};
