/* The multiply-accumulate kernels of the fast path, on 16-bit numbers in pairs: what SIMD units do best. */
#ifndef K210EMU_KPU_GEMM_H
#define K210EMU_KPU_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KPU_GEMM_OUTPUTS 4
/* Results come in vectors of up to 16, depthwise ones in two of them: result buffers hold a multiple of this, input
 * planes so much behind the last pixel. */
#define KPU_GEMM_SLACK 32

/* Takes the kernels "avx512", "avx2" or "portable", with NULL the best of the host; false if it has not those. Without a
 * call the best are taken. For tests. */
bool kpu_gemm_choose(const char *name);

static inline int32_t kpu_pair(int first, int second)
{
    return (int32_t)((uint32_t)first & 0xFFFF) | (int32_t)((uint32_t)second << 16);
}

/* Four output channels from pairs of input channels. Sums must stay within 32 bits. */
typedef struct {
    const int32_t *pixels;  /* [pairs][plane], kpu_pair() of two channels */
    size_t plane;           /* from one pair of channels to the next */
    const int32_t *weights; /* [pairs][taps][KPU_GEMM_OUTPUTS], kpu_pair() of two channels */
    int pairs, taps;
    const size_t *offset; /* [taps] where a tap reads */
    int32_t *results;     /* [KPU_GEMM_OUTPUTS][stride] */
    size_t stride, count; /* from one output channel to the next; results wanted of each */
} kpu_gemm_t;

void kpu_gemm(const kpu_gemm_t *gemm);

/* results[i] = sum of 3x3 taps of `pixels` (lines `stride` apart) from i on, for 16-bit weights. */
void kpu_gemm_3x3(const int16_t *pixels, size_t stride, const int16_t weights[9], int32_t *results, size_t count);

#endif
