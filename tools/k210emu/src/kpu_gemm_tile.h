/* The kernels for one width of vectors; kpu_gemm.c includes this with these defined:
 *   TILE(name)             the name of this variant
 *   TILE_TARGET            function attribute
 *   TILE_LANES             32-bit lanes of a vector
 *   TILE_VECTORS           vectors of results in flight per output, at most 4
 *   TILE_LOW, TILE_HIGH    lane numbers that interleave the halves of two vectors
 *   TILE_MADD(sum, a, b)   sum + products of 16-bit neighbours added up */
typedef int32_t TILE(lanes) __attribute__((vector_size(4 * TILE_LANES)));
typedef int32_t TILE(loose) __attribute__((vector_size(4 * TILE_LANES), aligned(2), may_alias));

#define LANES TILE(lanes)
#define SUMS(o) LANES s##o##0 = {0}, s##o##1 = {0}, s##o##2 = {0}, s##o##3 = {0}
#define STEP(o)                                                                                                        \
    do {                                                                                                               \
        LANES w = (LANES){0} + weights[o];                                                                             \
        s##o##0 = TILE_MADD(s##o##0, x0, w);                                                                           \
        s##o##1 = n > 1 ? TILE_MADD(s##o##1, x1, w) : s##o##1;                                                         \
        s##o##2 = n > 2 ? TILE_MADD(s##o##2, x2, w) : s##o##2;                                                         \
        s##o##3 = n > 3 ? TILE_MADD(s##o##3, x3, w) : s##o##3;                                                         \
    } while (0)
#define STORE(o)                                                                                                       \
    do {                                                                                                               \
        TILE(loose) *to = (TILE(loose) *)(gemm->results + (o)*gemm->stride + first);                                   \
        to[0] = s##o##0;                                                                                               \
        if (n > 1) {                                                                                                   \
            to[1] = s##o##1;                                                                                           \
        }                                                                                                              \
        if (n > 2) {                                                                                                   \
            to[2] = s##o##2;                                                                                           \
        }                                                                                                              \
        if (n > 3) {                                                                                                   \
            to[3] = s##o##3;                                                                                           \
        }                                                                                                              \
    } while (0)

/* n vectors of results of four outputs, from result `first` on. */
TILE_TARGET static inline __attribute__((always_inline)) void TILE(tile)(const kpu_gemm_t *gemm, size_t first, int n)
{
    SUMS(0);
    SUMS(1);
    SUMS(2);
    SUMS(3);
    const int32_t *weights = gemm->weights;
    int taps = gemm->taps;
    for (int pair = 0; pair < gemm->pairs; pair++) {
        const int32_t *pixels = gemm->pixels + (size_t)pair * gemm->plane + first;
        for (int tap = 0; tap < taps; tap++, weights += KPU_GEMM_OUTPUTS) {
            const TILE(loose) *x = (const TILE(loose) *)(pixels + gemm->offset[tap]);
            LANES x0 = x[0], x1 = x[n > 1 ? 1 : 0], x2 = x[n > 2 ? 2 : 0], x3 = x[n > 3 ? 3 : 0];
            STEP(0);
            STEP(1);
            STEP(2);
            STEP(3);
        }
    }
    STORE(0);
    STORE(1);
    STORE(2);
    STORE(3);
}

TILE_TARGET static void TILE(gemm)(const kpu_gemm_t *gemm)
{
    size_t first = 0, block = TILE_LANES * TILE_VECTORS;
    for (; first + block <= gemm->count; first += block) {
        TILE(tile)(gemm, first, TILE_VECTORS);
    }
    if (first >= gemm->count) {
        return;
    }
    switch ((gemm->count - first + TILE_LANES - 1) / TILE_LANES) {
    case 1:
        TILE(tile)(gemm, first, 1);
        break;
    case 2:
        TILE(tile)(gemm, first, 2);
        break;
    case 3:
        TILE(tile)(gemm, first, 3);
        break;
    default:
        TILE(tile)(gemm, first, TILE_VECTORS);
    }
}

/* A vector loaded at an even position holds the pairs of the even results, one position on those of the odd ones. */
TILE_TARGET static void TILE(gemm_3x3)(const int16_t *pixels, size_t stride, const int16_t weights[9],
                                       int32_t *results, size_t count)
{
    for (size_t i = 0; i < count; i += 2 * TILE_LANES) {
        LANES even = {0}, odd = {0};
        for (int line = 0; line < 3; line++) {
            const int16_t *x = pixels + (size_t)line * stride + i;
            LANES w01 = (LANES){0} + kpu_pair(weights[3 * line], weights[3 * line + 1]);
            LANES w2 = (LANES){0} + kpu_pair(weights[3 * line + 2], 0);
            even = TILE_MADD(even, *(const TILE(loose) *)x, w01);
            even = TILE_MADD(even, *(const TILE(loose) *)(x + 2), w2);
            odd = TILE_MADD(odd, *(const TILE(loose) *)(x + 1), w01);
            odd = TILE_MADD(odd, *(const TILE(loose) *)(x + 3), w2);
        }
        *(TILE(loose) *)(results + i) = __builtin_shufflevector(even, odd, TILE_LOW);
        *(TILE(loose) *)(results + i + TILE_LANES) = __builtin_shufflevector(even, odd, TILE_HIGH);
    }
}

#undef LANES
#undef SUMS
#undef STEP
#undef STORE
#undef TILE
#undef TILE_TARGET
#undef TILE_LANES
#undef TILE_VECTORS
#undef TILE_LOW
#undef TILE_HIGH
#undef TILE_MADD
