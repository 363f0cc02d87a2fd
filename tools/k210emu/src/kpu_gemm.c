#include "kpu_gemm.h"

#include <string.h>

#pragma GCC optimize("O3")

/* clang-format off */
#define LOW_8 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_8 4, 12, 5, 13, 6, 14, 7, 15
#define LOW_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
/* clang-format on */

#define TILE(name) portable_##name
#define TILE_TARGET
#define TILE_LANES 8
#define TILE_VECTORS 1
#define TILE_LOW LOW_8
#define TILE_HIGH HIGH_8
#define TILE_MADD(sum, a, b) ((sum) + ((a) << 16 >> 16) * ((b) << 16 >> 16) + ((a) >> 16) * ((b) >> 16))
#include "kpu_gemm_tile.h"

#ifdef __x86_64__
#include <immintrin.h>

#define TILE(name) avx2_##name
#define TILE_TARGET __attribute__((target("avx2")))
#define TILE_LANES 8
#define TILE_VECTORS 3
#define TILE_LOW LOW_8
#define TILE_HIGH HIGH_8
#define TILE_MADD(sum, a, b) ((sum) + (avx2_lanes)_mm256_madd_epi16((__m256i)(a), (__m256i)(b)))
#include "kpu_gemm_tile.h"

#define TILE(name) avx512_##name
#define TILE_TARGET __attribute__((target("avx512f,avx512bw,avx512vnni")))
#define TILE_LANES 16
#define TILE_VECTORS 4
#define TILE_LOW LOW_16
#define TILE_HIGH HIGH_16
#define TILE_MADD(sum, a, b) ((avx512_lanes)_mm512_dpwssd_epi32((__m512i)(sum), (__m512i)(a), (__m512i)(b)))
#include "kpu_gemm_tile.h"
#endif

typedef struct {
    const char *name;
    void (*gemm)(const kpu_gemm_t *gemm);
    void (*gemm_3x3)(const int16_t *pixels, size_t stride, const int16_t weights[9], int32_t *results, size_t count);
} kernels_t;

/* The best first. */
static const kernels_t variants[] = {
#ifdef __x86_64__
    {"avx512", avx512_gemm, avx512_gemm_3x3},
    {"avx2", avx2_gemm, avx2_gemm_3x3},
#endif
    {"portable", portable_gemm, portable_gemm_3x3},
};

static const kernels_t *chosen;

static bool host_has(const char *name)
{
#ifdef __x86_64__
    if (strcmp(name, "avx512") == 0) {
        return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni");
    }
    if (strcmp(name, "avx2") == 0) {
        return __builtin_cpu_supports("avx2");
    }
#endif
    return strcmp(name, "portable") == 0;
}

bool kpu_gemm_choose(const char *name)
{
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        if ((name == NULL || strcmp(name, variants[i].name) == 0) && host_has(variants[i].name)) {
            chosen = &variants[i];
            return true;
        }
    }
    return false;
}

static const kernels_t *kernels(void)
{
    if (chosen == NULL) {
        kpu_gemm_choose(NULL);
    }
    return chosen;
}

void kpu_gemm(const kpu_gemm_t *gemm)
{
    kernels()->gemm(gemm);
}

void kpu_gemm_3x3(const int16_t *pixels, size_t stride, const int16_t weights[9], int32_t *results, size_t count)
{
    kernels()->gemm_3x3(pixels, stride, weights, results, count);
}
