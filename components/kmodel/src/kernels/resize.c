// Resizing of maps, nearest and bilinear (spec kmodel.md 4.4, 5.6).

#include "kernels.h"

static float scale(uint32_t in, uint32_t out, bool align_corners)
{
    return align_corners && out > 1 ? (float)(in - 1) / (float)(out - 1) : (float)in / (float)out;
}

// Both neighbours of output index `o`, and the weight of the second.
typedef struct {
    uint32_t first, second;
    float part;
} place_t;

static place_t place(const kmodel_resize_t *p, uint32_t o, float ratio, uint32_t in)
{
    float half = p->half_pixel ? 0.5f : 0;
    if (p->nearest) {
        float v = ((float)o + half) * ratio;
        v = p->align_corners ? roundf(v) : v;
        uint32_t i = v < (float)in ? (uint32_t)v : in - 1;
        return (place_t){i < in ? i : in - 1, 0, 0};
    }
    float v = p->half_pixel ? ((float)o + half) * ratio - half : (float)o * ratio;
    uint32_t first = v > 0 ? (uint32_t)v : 0;
    first = first < in ? first : in - 1;
    // Before the first and behind the last element both neighbours are the same.
    return (place_t){first, v > (float)first && first + 1 < in ? first + 1 : first, v - (float)first};
}

static float value(const kmodel_resize_t *p, const uint8_t *at)
{
    return p->type == KMODEL_F32 ? *(const float *)(const void *)at : *at;
}

static void put(const kmodel_resize_t *p, uint8_t *at, float v)
{
    if (p->type == KMODEL_F32) {
        *(float *)(void *)at = v;
    } else {
        v += p->round ? 0.5f : 0;
        *at = v > 0 ? v < 255 ? (uint8_t)v : 255 : 0;
    }
}

static void resize_row(const kmodel_resize_t *p, uint8_t *out, int32_t out_step, const uint8_t *top,
                       const uint8_t *bottom, int64_t in_step, float dy)
{
    float ratio = scale(p->in_w, p->out_w, p->align_corners);
    for (uint32_t x = 0; x < p->out_w; x++, out += out_step) {
        place_t c = place(p, x, ratio, p->in_w);
        int64_t left = c.first * in_step, right = c.second * in_step;
        float dx = c.part;
        if (p->nearest) {
            memmove(out, top + left, p->type == KMODEL_F32 ? 4 : 1);
        } else {
            put(p, out,
                value(p, top + left) * ((1 - dy) * (1 - dx)) + value(p, bottom + left) * (dy * (1 - dx)) +
                    value(p, top + right) * ((1 - dy) * dx) + value(p, bottom + right) * (dy * dx));
        }
    }
}

int kmodel_resize(const kmodel_env_t *env, const kmodel_resize_t *p, kmodel_view_t out, kmodel_view_t in)
{
    kmodel_pace_t pace = {env, 0};
    float ratio = scale(p->in_h, p->out_h, p->align_corners);
    for (uint32_t plane = 0; plane < p->batches * p->channels; plane++) {
        int64_t n = plane / p->channels, c = plane % p->channels;
        const uint8_t *from = (const uint8_t *)in.data + n * in.step[0] + c * in.step[1];
        uint8_t *to = (uint8_t *)out.data + n * out.step[0] + c * out.step[1];
        for (uint32_t y = 0; y < p->out_h; y++, to += out.step[2]) {
            place_t r = place(p, y, ratio, p->in_h);
            resize_row(p, to, out.step[3], from + (int64_t)r.first * in.step[2], from + (int64_t)r.second * in.step[2],
                       in.step[3], r.part);
            int rc = kmodel_pace(&pace, p->out_w * 4);
            if (rc) {
                return rc;
            }
        }
    }
    return 0;
}
