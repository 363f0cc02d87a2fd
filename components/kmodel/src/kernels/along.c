// Finding extremes along one axis.

#include "more.h"

static float at(const uint8_t *p, int32_t step, uint32_t i)
{
    return *(const float *)(const void *)(p + (int64_t)step * i);
}

static void hardmax_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    const kmodel_along_t *p = ctx;
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *in = data[0] + (int64_t)step[0] * i;
        uint8_t *out = data[1] + (int64_t)step[1] * i;
        uint32_t best = 0;
        for (uint32_t k = 1; k < p->count; k++) {
            best = at(in, p->in_step, k) > at(in, p->in_step, best) ? k : best;
        }
        for (uint32_t k = 0; k < p->count; k++) {
            *(float *)(void *)(out + (int64_t)p->out_step * k) = k == best;
        }
    }
}

int kmodel_hardmax(const kmodel_env_t *env, const kmodel_shape_t *shape, kmodel_view_t out, kmodel_view_t in,
                   const kmodel_along_t *p)
{
    kmodel_view_t views[2] = {in, out};
    return kmodel_walk(env, shape, views, 2, hardmax_row, p);
}

// Ties are what lies within this of the best (spec kmodel.md 5.6).
#define TIE 1e-6f

static void arg_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    const kmodel_along_t *p = ctx;
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *in = data[0] + (int64_t)step[0] * i;
        float best = at(in, p->in_step, 0);
        for (uint32_t k = 1; k < p->count; k++) {
            float v = at(in, p->in_step, k);
            best = p->largest ? (v > best ? v : best) : v < best ? v : best;
        }
        uint32_t found = 0;
        for (uint32_t k = 0; k < p->count; k++) {
            uint32_t index = p->last ? p->count - 1 - k : k;
            if (fabsf(at(in, p->in_step, index) - best) < TIE || at(in, p->in_step, index) == best) {
                found = index;
                break;
            }
        }
        kmodel_store_int(data[1] + (int64_t)step[1] * i, p->wide ? KMODEL_I64 : KMODEL_I32, found);
    }
}

int kmodel_arg(const kmodel_env_t *env, const kmodel_shape_t *shape, kmodel_view_t out, kmodel_view_t in,
               const kmodel_along_t *p)
{
    kmodel_view_t views[2] = {in, out};
    return kmodel_walk(env, shape, views, 2, arg_row, p);
}

// Each winner is the best of those that come after the winner before it in (value, index) order: no memory, O(k * n).
static void topk_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    const kmodel_topk_t *p = ctx;
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *in = data[0] + (int64_t)step[0] * i;
        int64_t before = -1;
        float limit = 0;
        for (uint32_t k = 0; k < p->k; k++) {
            int64_t best = -1;
            float top = 0;
            for (uint32_t j = 0; j < p->count; j++) {
                float v = at(in, p->in_step, j);
                v = p->largest ? v : -v;
                bool later = before < 0 || v < limit || (v == limit && j > before);
                if (later && (best < 0 || v > top)) {
                    best = j;
                    top = v;
                }
            }
            best = best < 0 ? 0 : best; // NaNs only
            *(float *)(void *)(data[1] + (int64_t)step[1] * i + (int64_t)p->value_step * k) =
                at(in, p->in_step, (uint32_t)best);
            kmodel_store_int(data[2] + (int64_t)step[2] * i + (int64_t)p->index_step * k, KMODEL_I64, best);
            before = best;
            limit = top;
        }
    }
}

int kmodel_topk(const kmodel_env_t *env, const kmodel_shape_t *shape, const kmodel_view_t views[3],
                const kmodel_topk_t *p)
{
    return kmodel_walk(env, shape, views, 3, topk_row, p);
}
