/* Body of one kernel variant, included by kpu_gemm.c with TILE_NAME, TILE_TARGET and MADD(a, b) defined: MADD multiplies
 * 16-bit lanes and adds neighbours to 32 bits. */
TILE_TARGET static void TILE_NAME(const kpu_gemm_t *gemm, size_t first)
{
    lanes_t sum[KPU_GEMM_OUTPUTS][3] = {0};
    const int16_t *weights = gemm->weights;
    for (int pair = 0; pair < gemm->pairs; pair++) {
        const int16_t *pixels = gemm->pixels + 2 * ((size_t)pair * gemm->plane + first);
        for (int tap = 0; tap < gemm->taps; tap++, weights += 2 * KPU_GEMM_OUTPUTS) {
            lanes_t x[3];
            memcpy(x, pixels + 2 * gemm->offset[tap], sizeof x);
            for (int o = 0; o < KPU_GEMM_OUTPUTS; o++) {
                int32_t both;
                memcpy(&both, weights + 2 * o, sizeof both);
                lanes_t w = (lanes_t){0} + both;
                for (int i = 0; i < 3; i++) {
                    sum[o][i] += MADD(x[i], w);
                }
            }
        }
    }
    for (int o = 0; o < KPU_GEMM_OUTPUTS; o++) {
        memcpy(gemm->results + o * gemm->stride + first, sum[o], sizeof sum[o]);
    }
}

#undef TILE_NAME
#undef TILE_TARGET
#undef MADD
