/* Bands of input lines, widened to 16 bits with their padding, as the kernels of the fast path read them. */
#ifndef K210EMU_KPU_BAND_H
#define K210EMU_KPU_BAND_H

#include "kpu_layer.h"

/* Portable code compiled twice, chosen at run time. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__)
#define KPU_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define KPU_CLONES
#endif

typedef struct {
    const kpu_layer_t *layer;
    const uint8_t *ai_ram;
    int kernel, pad;
    int stride;       /* pixels from one line to the next: width + 2 * pad */
    int first, lines; /* input lines whose results are wanted */
} kpu_band_t;

/* Pixels of one plane of a band of so many lines, with the slack that kpu_gemm() needs. */
size_t kpu_band_plane(const kpu_band_t *band, int lines);

/* Fills [lines + 2 * pad][stride] from one channel. */
void kpu_band_pack(const kpu_band_t *band, int channel, int16_t *pixels);
/* Fills [lines + 2 * pad][stride][2] from channels 2 * pair and 2 * pair + 1 (zero beyond the last). */
void kpu_band_pack_pair(const kpu_band_t *band, int pair, int16_t *pixels);

/* Adds a packed pair of channels up into sums[pixels]. */
void kpu_band_add_pair(const int16_t *pixels, size_t count, int32_t *sums);
/* floor(arg_x * SX / 2^shift_x) for every result position from the sums over channels (spec kpu.md 5.1). */
void kpu_band_x_term(const kpu_band_t *band, const int32_t *sums, int64_t *term);

/* Depthwise convolution of one packed channel: results[lines][stride], values of the last 2 * pad columns void. */
void kpu_band_depthwise(const kpu_band_t *band, const int16_t *pixels, const int32_t *weights, int32_t *results);

#endif
