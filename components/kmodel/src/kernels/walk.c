// Visiting every element of one to four tensors of the same shape, row by row.

#include "kernels.h"

#define LONG_ROW 64u

typedef struct {
    uint32_t rank; // axis 0 is the innermost
    uint32_t dim[KMODEL_RANK];
    int32_t step[KMODEL_RANK][KMODEL_OPERANDS];
} loops_t;

int kmodel_pace(kmodel_pace_t *pace, uint32_t operations)
{
    pace->done += operations;
    if (pace->done < KMODEL_PACE) {
        return 0;
    }
    pace->done = 0;
    return pace->env->poll && pace->env->poll(pace->env->ctx) ? KMODEL_HOOK_INTERRUPTED : 0;
}

uint64_t kmodel_elements(const kmodel_shape_t *shape)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < shape->rank; i++) {
        n *= shape->dim[i];
    }
    return n;
}

kmodel_view_t kmodel_dense(const void *data, const kmodel_shape_t *shape, uint32_t size)
{
    kmodel_view_t view = {.data = (void *)data};
    uint32_t step = size;
    for (uint32_t i = shape->rank; i--;) {
        view.step[i] = (int32_t)step;
        step *= shape->dim[i];
    }
    return view;
}

bool kmodel_broadcast(kmodel_view_t *view, const kmodel_shape_t *from, const kmodel_shape_t *to)
{
    for (uint32_t i = 0; i < to->rank; i++) {
        if (from->dim[i] != to->dim[i]) {
            if (from->dim[i] != 1) {
                return false;
            }
            view->step[i] = 0;
        }
    }
    return true;
}

static bool continues(const loops_t *l, const kmodel_view_t *views, unsigned count, uint32_t axis)
{
    for (unsigned v = 0; v < count; v++) {
        if ((int64_t)views[v].step[axis] != (int64_t)l->step[l->rank - 1][v] * l->dim[l->rank - 1]) {
            return false;
        }
    }
    return true;
}

// A row has a price of its own, so a long axis is better than a short one. Axes along which operand 0 repeats stay where
// they are: sums over them keep their order.
static void prefer_long_rows(loops_t *l)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < l->rank; i++) {
        if (l->step[i][0] && l->dim[i] / 2 > l->dim[best]) {
            best = i;
        }
    }
    loops_t from = *l;
    for (uint32_t i = 0; i <= best; i++) {
        uint32_t source = i ? i - 1 : best;
        l->dim[i] = from.dim[source];
        memcpy(l->step[i], from.step[source], sizeof(l->step[i]));
    }
}

static void plan(loops_t *l, const kmodel_shape_t *shape, const kmodel_view_t *views, unsigned count)
{
    *l = (loops_t){0};
    for (uint32_t i = shape->rank; i--;) {
        if (shape->dim[i] == 1) {
            continue;
        }
        if (l->rank && continues(l, views, count, i)) {
            l->dim[l->rank - 1] *= shape->dim[i];
            continue;
        }
        l->dim[l->rank] = shape->dim[i];
        for (unsigned v = 0; v < count; v++) {
            l->step[l->rank][v] = views[v].step[i];
        }
        l->rank++;
    }
    if (l->rank == 0) {
        l->rank = l->dim[0] = 1;
    }
    bool alike = count > 1 && l->step[0][0] == l->step[0][1]; // copied in one piece
    if (l->dim[0] < (alike ? LONG_ROW / 8 : LONG_ROW)) {
        prefer_long_rows(l);
    }
}

int kmodel_walk(const kmodel_env_t *env, const kmodel_shape_t *shape, const kmodel_view_t *views, unsigned count,
                kmodel_row_t *row, const void *ctx)
{
    loops_t l;
    uint32_t index[KMODEL_RANK] = {0};
    int64_t at[KMODEL_OPERANDS] = {0};
    kmodel_pace_t pace = {env, 0};
    plan(&l, shape, views, count);
    for (;;) {
        for (uint32_t done = 0; done < l.dim[0]; done += KMODEL_PACE) {
            uint8_t *data[KMODEL_OPERANDS];
            uint32_t n = l.dim[0] - done < KMODEL_PACE ? l.dim[0] - done : KMODEL_PACE;
            for (unsigned v = 0; v < count; v++) {
                data[v] = (uint8_t *)views[v].data + at[v] + (int64_t)l.step[0][v] * done;
            }
            row(ctx, data, l.step[0], n);
            pace.done += n + 16;
            if (pace.done >= KMODEL_PACE && kmodel_pace(&pace, 0)) {
                return KMODEL_HOOK_INTERRUPTED;
            }
        }
        uint32_t axis = 1;
        for (; axis < l.rank && ++index[axis] == l.dim[axis]; axis++) {
            index[axis] = 0;
            for (unsigned v = 0; v < count; v++) {
                at[v] -= (int64_t)l.step[axis][v] * (l.dim[axis] - 1);
            }
        }
        if (axis >= l.rank) {
            return 0;
        }
        for (unsigned v = 0; v < count; v++) {
            at[v] += l.step[axis][v];
        }
    }
}
