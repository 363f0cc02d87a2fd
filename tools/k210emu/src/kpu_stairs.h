/* The activation function as a staircase: a function of one number with 256 values, tabulated once per table. */
#ifndef K210EMU_KPU_STAIRS_H
#define K210EMU_KPU_STAIRS_H

#include "kpu_layer.h"

#define KPU_STAIRS_STEPS 2048
#define KPU_STAIRS_COARSE_STEPS 256
#define KPU_STAIRS_FINE_FROM 8192 /* values from which the fine steps pay */

typedef struct {
    kpu_segment_t segments[KPU_SEGMENTS];
    kpu_profile_t profile;
    int64_t lowest;    /* values below it match no segment */
    int64_t walk_from; /* the steps serve values from here on */
    int64_t low, high; /* between walk_from and low, and from high to the end of s36, the function is constant */
    bool fine;         /* changes of value are looked for inside steps */
    unsigned shift;    /* log2 of the width of a step */
    /* Bits 31:0 the offset in the step at which a new value begins, 47:32 the value before, 63:48 from there on. */
    uint64_t steps[KPU_STAIRS_STEPS + 1];
} kpu_stairs_t;

/* Reads and tabulates the activation table for about so many values. */
void kpu_stairs_init(kpu_stairs_t *stairs, const uint8_t *table, kpu_profile_t profile, size_t values);

/* The activation of any v, segment by segment; matches none: segment 0. */
uint8_t kpu_stairs_exact(const kpu_stairs_t *stairs, int64_t v);

/* Batch norm and activation of many u by the tabulated steps, for v in [walk_from, 2^35); other v give any value. */
void kpu_stairs_walk(const kpu_stairs_t *stairs, kpu_norm_t norm, const int32_t *u, size_t count, uint8_t *out);

#endif
