/* The activation function as a staircase: a function of one number with 256 values, tabulated once per table. */
#ifndef K210EMU_KPU_STAIRS_H
#define K210EMU_KPU_STAIRS_H

#include "kpu_layer.h"

#define KPU_STAIRS_STEPS 2048
#define KPU_STAIRS_EXACT 256 /* in place of a value: several changes in the step, compute */

typedef struct {
    uint32_t change; /* offset in the step at which `after` begins */
    uint16_t before, after;
} kpu_step_t;

typedef struct {
    kpu_segment_t segments[KPU_SEGMENTS];
    kpu_profile_t profile;
    int64_t lowest;    /* values below it match no segment */
    int64_t low, high; /* between lowest and low, and from high to the end of s36, the function is constant */
    unsigned shift;    /* log2 of the width of a step */
    kpu_step_t steps[KPU_STAIRS_STEPS + 1];
} kpu_stairs_t;

/* Reads the table; `tabulate` prepares kpu_stairs_at(), worth it from some thousands of values. */
void kpu_stairs_init(kpu_stairs_t *stairs, const uint8_t *table, kpu_profile_t profile, bool tabulate);

/* The activation of any v, segment by segment; matches none: segment 0. */
uint8_t kpu_stairs_exact(const kpu_stairs_t *stairs, int64_t v);

/* The activation of a v in [lowest, 2^35) from the tabulated steps. */
static inline uint8_t kpu_stairs_at(const kpu_stairs_t *stairs, int64_t v)
{
    int64_t inside = v < stairs->low ? stairs->low : v > stairs->high ? stairs->high : v;
    uint64_t offset = (uint64_t)(inside - stairs->low);
    const kpu_step_t *step = &stairs->steps[offset >> stairs->shift];
    uint32_t position = (uint32_t)(offset & ((1ull << stairs->shift) - 1));
    unsigned value = position < step->change ? step->before : step->after;
    return value == KPU_STAIRS_EXACT ? kpu_stairs_exact(stairs, v) : (uint8_t)value;
}

#endif
