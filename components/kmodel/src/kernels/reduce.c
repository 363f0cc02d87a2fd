// Reductions over any axes of f32: the input is walked in order of its indices, the output with step 0 on those axes.

#include "kernels.h"

typedef struct {
    uint32_t op;
    float value;
} reduce_t;

static void reduce_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    const reduce_t *p = ctx;
    uint8_t *out = data[0];
    const uint8_t *in = data[1];
    for (; n; n--, out += step[0], in += step[1]) {
        float *v = (float *)(void *)out;
        *v = kmodel_reduce_step(p->op, *v, *(const float *)(const void *)in);
    }
}

static void scale_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    const reduce_t *p = ctx;
    for (uint8_t *out = data[0]; n; n--, out += step[0]) {
        *(float *)(void *)out *= p->value;
    }
}

int kmodel_reduce_f32(const kmodel_env_t *env, uint32_t op, const kmodel_shape_t *in_shape,
                      const kmodel_shape_t *out_shape, kmodel_view_t out, kmodel_view_t in, float init)
{
    reduce_t p = {.op = op, .value = (float)kmodel_elements(out_shape) / (float)kmodel_elements(in_shape)};
    int rc = kmodel_copy_nd(env, out_shape, out, (kmodel_view_t){.data = &init}, sizeof(init));
    if (!rc) {
        kmodel_view_t views[] = {out, in};
        kmodel_broadcast(&views[0], out_shape, in_shape);
        rc = kmodel_walk(env, in_shape, views, 2, reduce_row, &p);
    }
    return rc || op != KMODEL_REDUCE_MEAN ? rc : kmodel_walk(env, out_shape, &out, 1, scale_row, &p);
}
