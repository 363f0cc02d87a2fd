// K210_ADD_PADDING and K210_REMOVE_PADDING: a vector as pixel (0,0) of 4x4 maps, the smallest that the KPU takes.

#include "../kpu_layer.h"
#include "../ops.h"

enum { IN = 1, OUT, CHANNELS };

static int prepare_add(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_flat(prep, &prep->in[0], KMODEL_U8, f[IN], f[CHANNELS]);
    return rc ? rc : kmodel_in_kpu(prep, &prep->out, f[OUT], 4, 4, f[CHANNELS]);
}

static int eval_add(kmodel_t *m, const uint32_t *f)
{
    const uint8_t *in = kmodel_u8_at(m, f[IN]);
    uint8_t *map = kmodel_kpu_at(m, f[OUT]);
    for (uint32_t c = 0; c < f[CHANNELS]; c++) {
        // The other pixels may hold anything.
        *(kmodel_word_t *)(void *)(map + 256 * (c / 4) + 16 * (c % 4)) = in[c];
    }
    return 0;
}

static int prepare_remove(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_shaped(prep, &prep->in[0], KMODEL_U8, f[IN], 4, 4, f[CHANNELS]);
    return rc ? rc : kmodel_shaped(prep, &prep->out, KMODEL_U8, f[OUT], 1, 1, f[CHANNELS]);
}

static int eval_remove(kmodel_t *m, const uint32_t *f)
{
    const uint8_t *in = kmodel_u8_at(m, f[IN]);
    uint8_t *out = kmodel_u8_at(m, f[OUT]);
    for (uint32_t c = 0; c < f[CHANNELS]; c++) {
        out[c] = in[16 * (size_t)c];
    }
    return 0;
}

const kmodel_op_t kmodel_v3_add_padding = {10241, 16, "K210_ADD_PADDING", prepare_add, eval_add};
const kmodel_op_t kmodel_v3_remove_padding = {10242, 16, "K210_REMOVE_PADDING", prepare_remove, eval_remove};
