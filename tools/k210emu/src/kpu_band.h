/* Bands of input lines, widened to 16 bits with their padding, as the kernels of the fast path read them. */
#ifndef K210EMU_KPU_BAND_H
#define K210EMU_KPU_BAND_H

#include "kpu_layer.h"

typedef struct {
    const kpu_layer_t *layer;
    const uint8_t *ai_ram;
    int kernel, pad;
    int stride;       /* pixels from one line to the next: width + 2 * pad */
    int first, lines; /* input lines whose results are wanted */
} kpu_band_t;

/* Elements of a plane for so many lines, with slack behind. */
size_t kpu_band_plane(const kpu_band_t *band, int lines);

/* Fills [lines + 2 * pad][stride] from one channel. */
void kpu_band_pack(const kpu_band_t *band, int channel, int16_t *pixels);
/* Fills [lines + 2 * pad][stride] pairs from channels 2 * pair and 2 * pair + 1 (zero beyond the last). */
void kpu_band_pack_pair(const kpu_band_t *band, int pair, int32_t *pixels);

/* Adds packed channels up into sums[count], for SX. */
void kpu_band_add(const int16_t *pixels, size_t count, int32_t *sums);
void kpu_band_add_pair(const int32_t *pixels, size_t count, int32_t *sums);
/* floor(arg_x * SX / 2^shift_x) of every result position from the sums over channels (spec kpu.md 5.1), which are lost. */
void kpu_band_x_term(const kpu_band_t *band, int32_t *sums, int64_t *term);

/* Depthwise convolution of one packed channel: results[lines][stride]; the last 2 * pad of a line are void. */
void kpu_band_depthwise(const kpu_band_t *band, const int16_t *pixels, const int32_t *weights, int32_t *results);

#endif
