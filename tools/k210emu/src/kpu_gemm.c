#include "kpu_gemm.h"

#include <string.h>

#pragma GCC optimize("O3")

typedef int32_t lanes_t __attribute__((vector_size(32)));

#define TILE_NAME tile_portable
#define TILE_TARGET
/* Little and big end differ in which half is which, and a sum does not care. */
#define MADD(a, b) (((a) << 16 >> 16) * ((b) << 16 >> 16) + ((a) >> 16) * ((b) >> 16))
#include "kpu_gemm_tile.h"

#ifdef __x86_64__
#include <immintrin.h>
#define TILE_NAME tile_avx2
#define TILE_TARGET __attribute__((target("avx2")))
#define MADD(a, b) ((lanes_t)_mm256_madd_epi16((__m256i)(a), (__m256i)(b)))
#include "kpu_gemm_tile.h"
#endif

void kpu_gemm(const kpu_gemm_t *gemm)
{
    void (*tile)(const kpu_gemm_t *, size_t) = tile_portable;
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) {
        tile = tile_avx2;
    }
#endif
    for (size_t first = 0; first < gemm->count; first += KPU_GEMM_PIXELS) {
        tile(gemm, first);
    }
}
