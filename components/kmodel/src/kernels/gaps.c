// Padding with gaps between elements, mirrored padding, and blocks that become images.

#include "more.h"

static uint8_t *forward(void *p, int64_t bytes)
{
    return (uint8_t *)p + bytes;
}

// The constant everywhere, then the input at a multiple of the output's steps.
int kmodel_pad_gaps(const kmodel_env_t *env, const kmodel_shape_t *in_shape, const kmodel_shape_t *out_shape,
                    kmodel_view_t out, kmodel_view_t in, uint32_t size, const kmodel_gap_t gaps[], const void *value)
{
    int rc = kmodel_copy_nd(env, out_shape, out, (kmodel_view_t){.data = (void *)(uintptr_t)value}, size);
    kmodel_shape_t shape = *in_shape;
    for (uint32_t i = 0; !rc && i < shape.rank; i++) {
        int64_t pitch = (int64_t)gaps[i].interior + 1, before = gaps[i].before;
        int64_t first = before < 0 ? (-before + pitch - 1) / pitch : 0;
        int64_t room = (int64_t)out_shape->dim[i] - 1 - before;
        int64_t last = room < 0 ? -1 : room / pitch;
        last = last < shape.dim[i] ? last : (int64_t)shape.dim[i] - 1;
        if (first > last) {
            return 0;
        }
        in.data = forward(in.data, first * in.step[i]);
        out.data = forward(out.data, (before + first * pitch) * out.step[i]);
        shape.dim[i] = (uint32_t)(last - first + 1);
        out.step[i] = last > first ? (int32_t)(out.step[i] * pitch) : 0;
    }
    return rc ? rc : kmodel_copy_nd(env, &shape, out, in, size);
}

// Index of the input that stands at index i of the padded axis.
static uint32_t mirrored(uint32_t mode, int64_t i, int64_t n)
{
    if (mode == KMODEL_PAD_EDGE || n == 1) {
        return (uint32_t)(i < 0 ? 0 : i >= n ? n - 1 : i);
    }
    int64_t skip = mode == KMODEL_PAD_REFLECT; // the edge is not repeated
    i = i < 0 ? -i - 1 + skip : i;
    return (uint32_t)(i >= n ? 2 * n - 1 - skip - i : i);
}

static int mirror_axis(const kmodel_env_t *env, uint32_t mode, const kmodel_shape_t *in_shape,
                       const kmodel_shape_t *out_shape, uint32_t axis, kmodel_view_t out, kmodel_view_t in,
                       uint32_t size, const kmodel_gap_t gaps[])
{
    if (axis == in_shape->rank) {
        memmove(out.data, in.data, size);
        return 0;
    }
    int rc = env->poll && axis + 1 == in_shape->rank && env->poll(env->ctx) ? KMODEL_HOOK_INTERRUPTED : 0;
    for (uint32_t o = 0; !rc && o < out_shape->dim[axis]; o++) {
        kmodel_view_t to = out, from = in;
        uint32_t i = mirrored(mode, (int64_t)o - gaps[axis].before, in_shape->dim[axis]);
        to.data = forward(out.data, (int64_t)o * out.step[axis]);
        from.data = forward(in.data, (int64_t)i * in.step[axis]);
        rc = mirror_axis(env, mode, in_shape, out_shape, axis + 1, to, from, size, gaps);
    }
    return rc;
}

int kmodel_pad_mirror(const kmodel_env_t *env, uint32_t mode, const kmodel_shape_t *in_shape,
                      const kmodel_shape_t *out_shape, kmodel_view_t out, kmodel_view_t in, uint32_t size,
                      const kmodel_gap_t gaps[])
{
    return mirror_axis(env, mode, in_shape, out_shape, 0, out, in, size, gaps);
}

// The pixels of one block position b along an axis of `n` pixels, of which those at b, b + block, ... belong to its image:
// *first is the image's index of the first inside, the result their number.
static uint32_t inside(uint32_t n, uint32_t block, int64_t b, uint32_t image, int64_t *first)
{
    // pixel = b + index * block
    *first = b < 0 ? (-b + block - 1) / block : 0;
    int64_t last = b > (int64_t)n - 1 ? -1 : ((int64_t)n - 1 - b) / block;
    last = last < image ? last : (int64_t)image - 1;
    return last < *first ? 0 : (uint32_t)(last - *first + 1);
}

// Both ways: `space` has the pixels, `batch` their blocks as images.
static int blocks(const kmodel_env_t *env, const kmodel_blocks_t *p, const kmodel_shape_t *space_shape,
                  const kmodel_shape_t *batch_shape, kmodel_view_t space, kmodel_view_t batch, bool to_space)
{
    uint32_t count = batch_shape->dim[0] / space_shape->dim[0];
    for (uint32_t i = 0; i < count; i++) {
        kmodel_view_t s = space, b = batch;
        kmodel_shape_t shape = *batch_shape;
        bool empty = false;
        shape.dim[0] = space_shape->dim[0];
        b.data = forward(b.data, (int64_t)batch.step[0] * i * shape.dim[0]);
        for (uint32_t axis = p->axes, left = i; axis-- > 0; left /= p->block[axis]) {
            int64_t first, at = (int64_t)(left % p->block[axis]) - p->before[axis];
            uint32_t n = inside(space_shape->dim[axis + 1], p->block[axis], at, batch_shape->dim[axis + 1], &first);
            empty |= n == 0;
            shape.dim[axis + 1] = n;
            if (n) {
                s.data = forward(s.data, (at + first * p->block[axis]) * space.step[axis + 1]);
                b.data = forward(b.data, first * batch.step[axis + 1]);
                s.step[axis + 1] = n > 1 ? (int32_t)((int64_t)space.step[axis + 1] * p->block[axis]) : 0;
            }
        }
        int rc = empty ? 0 : kmodel_copy_nd(env, &shape, to_space ? s : b, to_space ? b : s, p->size);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

int kmodel_batch_to_space(const kmodel_env_t *env, const kmodel_blocks_t *p, const kmodel_shape_t *in_shape,
                          const kmodel_shape_t *out_shape, kmodel_view_t out, kmodel_view_t in)
{
    return blocks(env, p, out_shape, in_shape, out, in, true);
}

int kmodel_space_to_batch(const kmodel_env_t *env, const kmodel_blocks_t *p, const kmodel_shape_t *in_shape,
                          const kmodel_shape_t *out_shape, kmodel_view_t out, kmodel_view_t in)
{
    static const uint64_t zero;
    int rc = kmodel_copy_nd(env, out_shape, out, (kmodel_view_t){.data = (void *)(uintptr_t)&zero}, p->size);
    return rc ? rc : blocks(env, p, in_shape, out_shape, in, out, false);
}
