// K210_UPLOAD: a u8 tensor of main memory into AI RAM.

#include "../kpu_layer.h"
#include "../ops.h"

enum { IN = 1, OUT, WIDTH, HEIGHT, CHANNELS };

static int prepare(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_shaped(prep, &prep->in[0], KMODEL_U8, f[IN], f[WIDTH], f[HEIGHT], f[CHANNELS]);
    return rc ? rc : kmodel_in_kpu(prep, &prep->out, f[OUT], f[WIDTH], f[HEIGHT], f[CHANNELS]);
}

static int eval(kmodel_t *m, const uint32_t *f)
{
    kmodel_kpu_upload(kmodel_kpu_at(m, f[OUT]), kmodel_u8_at(m, f[IN]), f[WIDTH], f[HEIGHT], f[CHANNELS]);
    return 0;
}

const kmodel_op_t kmodel_v3_upload = {10243, 24, "K210_UPLOAD", prepare, eval};
