/* The multiply-accumulate kernel of the fast path: four output channels at a time over pairs of input channels. */
#ifndef K210EMU_KPU_GEMM_H
#define K210EMU_KPU_GEMM_H

#include <stddef.h>
#include <stdint.h>

#define KPU_GEMM_OUTPUTS 4
#define KPU_GEMM_PIXELS 24 /* results are computed in blocks of so many: the buffers need that slack */

typedef struct {
    const int16_t *pixels;  /* [pairs][plane][2]: two channels interleaved, values 0..255 */
    size_t plane;           /* pixels from one pair of channels to the next */
    const int16_t *weights; /* [pairs][taps][KPU_GEMM_OUTPUTS][2], values 0..255 */
    int pairs, taps;        /* sums over at most 512 * 9 * 2 products stay below 2^31 */
    const size_t *offset;   /* [taps] where a tap reads, in pixels */
    int32_t *results;       /* [KPU_GEMM_OUTPUTS][stride] */
    size_t stride;          /* a multiple of KPU_GEMM_PIXELS */
    size_t count;           /* results wanted per output */
} kpu_gemm_t;

void kpu_gemm(const kpu_gemm_t *gemm);

#endif
