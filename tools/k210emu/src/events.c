/* Event queue: a binary heap ordered by time, then by the order of scheduling. */
#include "machine.h"

#include <stdlib.h>

static bool before(const emu_event_t *a, const emu_event_t *b) {
    return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void place(emu_t *emu, emu_event_t *event, int index) {
    emu->heap[index] = event;
    event->index = index;
}

static void sift_up(emu_t *emu, emu_event_t *event, int index) {
    while (index > 0 && before(event, emu->heap[(index - 1) / 2])) {
        place(emu, emu->heap[(index - 1) / 2], index);
        index = (index - 1) / 2;
    }
    place(emu, event, index);
}

static void sift_down(emu_t *emu, emu_event_t *event, int index) {
    for (;;) {
        int child = 2 * index + 1;
        if (child >= emu->heap_count)
            break;
        if (child + 1 < emu->heap_count && before(emu->heap[child + 1], emu->heap[child]))
            child++;
        if (!before(emu->heap[child], event))
            break;
        place(emu, emu->heap[child], index);
        index = child;
    }
    place(emu, event, index);
}

void emu_event_cancel(emu_t *emu, emu_event_t *event) {
    if (event->index < 0)
        return;
    int index = event->index;
    emu_event_t *last = emu->heap[--emu->heap_count];
    if (last != event) {
        if (before(last, event))
            sift_up(emu, last, index);
        else
            sift_down(emu, last, index);
    }
    event->index = -1;
    event->when = EMU_NEVER;
}

void emu_event_at(emu_t *emu, emu_event_t *event, emu_time_t when) {
    emu_event_cancel(emu, event);
    if (when == EMU_NEVER)
        return;
    if (emu->heap_count == emu->heap_capacity) {
        emu->heap_capacity = emu->heap_capacity ? 2 * emu->heap_capacity : 64;
        emu->heap = realloc(emu->heap, (size_t)emu->heap_capacity * sizeof *emu->heap);
    }
    event->when = when;
    event->order = emu->event_order++;
    sift_up(emu, event, emu->heap_count++);
    if (emu->running) { /* the turn must not run past it */
        uint64_t end = emu_cycle_at(emu, when);
        if (end < emu->turn_end) {
            emu->turn_end = end;
            uint64_t start = emu->running->cycle;
            cpu_limit(emu->running->cpu, end > start ? end - start : 0);
        }
    }
}

emu_time_t events_next(const emu_t *emu) {
    return emu->heap_count ? emu->heap[0]->when : EMU_NEVER;
}

void events_run_due(emu_t *emu, emu_time_t now) {
    while (emu->heap_count && emu->heap[0]->when <= now) {
        emu_event_t *event = emu->heap[0];
        emu_event_cancel(emu, event);
        event->fire(event->opaque);
    }
}
