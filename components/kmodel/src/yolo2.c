// The region layer (spec maixpy-kpu.md 4.4). Only boxes that can pass the threshold are looked at closely: most cells
// of most pictures show nothing.

#include "kmodel_yolo2.h"

#include <math.h>
#include <string.h>

enum { X, Y, W, H, OBJECTNESS, CLASSES }; // entries of an anchor

typedef struct {
    float cx, cy, w, h; // relative to the picture
    bool done;          // in the class that is being suppressed
    float p[];          // of each class; 0: dropped
} candidate_t;

typedef struct {
    const kmodel_env_t *env;
    const kmodel_yolo2_t *net;
    const float *map;
    uint32_t classes, cells;
    char *candidates;
    uint32_t count;
} work_t;

static size_t stride(const work_t *work)
{
    return sizeof(candidate_t) + work->classes * sizeof(float);
}

static candidate_t *candidate(const work_t *work, uint32_t i)
{
    return (candidate_t *)(void *)(work->candidates + i * stride(work));
}

static float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

static float entry(const work_t *work, uint32_t anchor, uint32_t e, uint32_t cell)
{
    return work->map[(size_t)(anchor * (CLASSES + work->classes) + e) * work->cells + cell];
}

uint32_t kmodel_yolo2_classes(const kmodel_yolo2_t *net)
{
    uint32_t entries = net->anchors ? net->channels / net->anchors : 0;
    return entries > CLASSES ? entries - CLASSES : 0;
}

// Objectness alone bounds every class's probability.
static bool promising(const work_t *work, uint32_t anchor, uint32_t cell)
{
    return sigmoid(entry(work, anchor, OBJECTNESS, cell)) > work->net->threshold;
}

// Soft-max over the classes, times objectness; what is not above the threshold is dropped.
static void probabilities(const work_t *work, uint32_t anchor, uint32_t cell, float *p)
{
    float largest = entry(work, anchor, CLASSES, cell), sum = 0;
    for (uint32_t j = 1; j < work->classes; j++) {
        largest = fmaxf(largest, entry(work, anchor, CLASSES + j, cell));
    }
    for (uint32_t j = 0; j < work->classes; j++) {
        p[j] = expf(entry(work, anchor, CLASSES + j, cell) - largest);
        sum += p[j];
    }
    float objectness = sigmoid(entry(work, anchor, OBJECTNESS, cell));
    for (uint32_t j = 0; j < work->classes; j++) {
        float value = objectness * (p[j] / sum);
        p[j] = value > work->net->threshold ? value : 0;
    }
}

static void fill(const work_t *work, uint32_t anchor, uint32_t cell, candidate_t *c)
{
    const kmodel_yolo2_t *net = work->net;
    float columns = (float)net->lw, rows = (float)net->lh;
    c->cx = ((float)(cell % net->lw) + sigmoid(entry(work, anchor, X, cell))) / columns;
    c->cy = ((float)(cell / net->lw) + sigmoid(entry(work, anchor, Y, cell))) / rows;
    c->w = expf(entry(work, anchor, W, cell)) * net->anchor[2 * anchor] / columns;
    c->h = expf(entry(work, anchor, H, cell)) * net->anchor[2 * anchor + 1] / rows;
    probabilities(work, anchor, cell, c->p);
}

static void collect(work_t *work)
{
    uint32_t n = 0;
    for (uint32_t anchor = 0; anchor < work->net->anchors; anchor++) {
        for (uint32_t cell = 0; cell < work->cells; cell++) {
            if (promising(work, anchor, cell)) {
                fill(work, anchor, cell, candidate(work, n++));
            }
        }
    }
}

static uint32_t count_candidates(const work_t *work)
{
    uint32_t n = 0;
    for (uint32_t anchor = 0; anchor < work->net->anchors; anchor++) {
        for (uint32_t cell = 0; cell < work->cells; cell++) {
            n += promising(work, anchor, cell);
        }
    }
    return n;
}

static float overlap(float c1, float w1, float c2, float w2)
{
    return fminf(c1 + w1 / 2, c2 + w2 / 2) - fmaxf(c1 - w1 / 2, c2 - w2 / 2);
}

static float intersection_over_union(const candidate_t *a, const candidate_t *b)
{
    float w = overlap(a->cx, a->w, b->cx, b->w), h = overlap(a->cy, a->h, b->cy, b->h);
    float shared = w < 0 || h < 0 ? 0 : w * h;
    return shared / (a->w * a->h + b->w * b->h - shared);
}

// The most probable box of a class that has not been looked at; the first one of equals. NULL: none is left.
static candidate_t *next_best(const work_t *work, uint32_t class_id)
{
    candidate_t *best = NULL;
    for (uint32_t i = 0; i < work->count; i++) {
        candidate_t *c = candidate(work, i);
        if (!c->done && c->p[class_id] > (best ? best->p[class_id] : 0)) {
            best = c;
        }
    }
    return best;
}

// Non-maximum suppression. Every box meets only less probable ones, so no order has to be kept.
static int suppress(const work_t *work, uint32_t class_id)
{
    for (uint32_t i = 0; i < work->count; i++) {
        candidate(work, i)->done = false;
    }
    for (candidate_t *best; (best = next_best(work, class_id));) {
        best->done = true;
        for (uint32_t i = 0; i < work->count; i++) {
            candidate_t *c = candidate(work, i);
            if (!c->done && c->p[class_id] > 0 && intersection_over_union(best, c) > work->net->nms) {
                c->p[class_id] = 0;
            }
        }
        if (work->env->poll && work->env->poll(work->env->ctx)) {
            return KMODEL_ERR_INTERRUPTED;
        }
    }
    return 0;
}

// Truncated, as an unsigned 16-bit number; NaN gives 0.
static uint16_t pixel(float x)
{
    return x > 0 ? x < 65535 ? (uint16_t)x : 65535 : 0;
}

// The class that is left with the largest probability; classes when all have been dropped.
static uint32_t best_class(const work_t *work, const candidate_t *c)
{
    uint32_t best = work->classes;
    for (uint32_t j = 0; j < work->classes; j++) {
        if (c->p[j] > (best < work->classes ? c->p[best] : 0)) {
            best = j;
        }
    }
    return best;
}

static kmodel_yolo2_box_t to_pixels(const kmodel_yolo2_t *net, const candidate_t *c, uint32_t class_id)
{
    float w = (float)net->w, h = (float)net->h;
    uint16_t x1 = pixel(c->cx * w - c->w * w / 2), x2 = pixel(c->cx * w + c->w * w / 2);
    uint16_t y1 = pixel(c->cy * h - c->h * h / 2), y2 = pixel(c->cy * h + c->h * h / 2);
    return (kmodel_yolo2_box_t){.x = x1, .y = y1, .w = (uint16_t)(x2 - x1), .h = (uint16_t)(y2 - y1),
                                .class_id = class_id, .value = c->p[class_id]};
}

static int emit(const work_t *work, kmodel_yolo2_box_t **boxes, uint32_t *count)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < work->count; i++) {
        n += best_class(work, candidate(work, i)) < work->classes;
    }
    if (n == 0) {
        return 0;
    }
    *boxes = work->env->alloc(work->env->ctx, 8, n * sizeof(**boxes));
    if (!*boxes) {
        return KMODEL_ERR_MEMORY;
    }
    for (uint32_t i = 0; i < work->count; i++) {
        uint32_t class_id = best_class(work, candidate(work, i));
        if (class_id < work->classes) {
            (*boxes)[(*count)++] = to_pixels(work->net, candidate(work, i), class_id);
        }
    }
    return 0;
}

int kmodel_yolo2_find(const kmodel_env_t *env, const kmodel_yolo2_t *net, const float *map, kmodel_yolo2_box_t **boxes,
                      uint32_t *count)
{
    work_t work = {.env = env, .net = net, .map = map, .cells = net->lw * net->lh};
    work.classes = kmodel_yolo2_classes(net);
    *boxes = NULL;
    *count = 0;
    if (work.classes == 0) {
        return KMODEL_ERR_SIZE;
    }
    work.count = count_candidates(&work);
    if (work.count == 0) {
        return 0;
    }
    work.candidates = env->alloc(env->ctx, 8, work.count * stride(&work));
    if (!work.candidates) {
        return KMODEL_ERR_MEMORY;
    }
    collect(&work);
    int rc = 0;
    for (uint32_t j = 0; j < work.classes && rc == 0; j++) {
        rc = suppress(&work, j);
    }
    rc = rc ? rc : emit(&work, boxes, count);
    env->free(env->ctx, work.candidates);
    return rc;
}
