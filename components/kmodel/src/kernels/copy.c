// Moving elements: transpose, slice, pad, repeat and concatenate are copies between views.

#include "kernels.h"

#define COPY_ROW(type)                                                                                                 \
    for (; n; n--, from += step[1], to += step[0]) {                                                                   \
        type value;                                                                                                    \
        memcpy(&value, __builtin_assume_aligned(from, sizeof(type)), sizeof(type));                                    \
        memcpy(__builtin_assume_aligned(to, sizeof(type)), &value, sizeof(type));                                      \
    }

static void copy_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    uint32_t size = *(const uint32_t *)ctx;
    uint8_t *to = data[0];
    const uint8_t *from = data[1];
    if (step[0] == (int32_t)size && step[1] == (int32_t)size) {
        memmove(to, from, (size_t)n * size); // operands of V5 may overlap
    } else if (size == 1 && step[0] == 1 && step[1] == 0) {
        memset(to, *from, n);
    } else if (size == 1) {
        COPY_ROW(uint8_t)
    } else if (size == 2) {
        COPY_ROW(uint16_t)
    } else if (size == 4) {
        COPY_ROW(uint32_t)
    } else {
        COPY_ROW(uint64_t)
    }
}

int kmodel_copy_nd(const kmodel_env_t *env, const kmodel_shape_t *shape, kmodel_view_t out, kmodel_view_t in,
                   uint32_t size)
{
    kmodel_view_t views[] = {out, in};
    return kmodel_walk(env, shape, views, 2, copy_row, &size);
}

kmodel_view_t kmodel_transposed(kmodel_view_t in, kmodel_shape_t *shape, const uint32_t perm[])
{
    kmodel_shape_t from = *shape;
    kmodel_view_t view = {.data = in.data};
    for (uint32_t i = 0; i < shape->rank; i++) {
        shape->dim[i] = from.dim[perm[i]];
        view.step[i] = in.step[perm[i]];
    }
    return view;
}

int kmodel_pad(const kmodel_env_t *env, const kmodel_shape_t *in_shape, kmodel_view_t out, kmodel_view_t in,
               uint32_t size, const int32_t before[], const int32_t after[], const void *value)
{
    kmodel_shape_t whole = *in_shape, inner = *in_shape;
    kmodel_view_t to = out, from = in;
    bool grows = false, meets = true;
    for (uint32_t i = 0; i < in_shape->rank; i++) {
        int64_t dim = (int64_t)in_shape->dim[i] + before[i] + after[i];
        // Input indices [first, last) are kept.
        int64_t first = before[i] < 0 ? -(int64_t)before[i] : 0;
        int64_t last = (int64_t)in_shape->dim[i] + (after[i] < 0 ? after[i] : 0);
        whole.dim[i] = (uint32_t)dim;
        grows |= before[i] > 0 || after[i] > 0;
        meets &= first < last;
        inner.dim[i] = meets ? (uint32_t)(last - first) : 0;
        from.data = (uint8_t *)from.data + first * in.step[i];
        to.data = (uint8_t *)to.data + (first + before[i]) * out.step[i];
    }
    int rc = grows ? kmodel_copy_nd(env, &whole, out, (kmodel_view_t){.data = (void *)value}, size) : 0;
    return rc || !meets ? rc : kmodel_copy_nd(env, &inner, to, from, size);
}
