// Baseline JPEG (ITU-T T.81) decoder: 8 bits, Huffman, one interleaved scan, one or three channels.
#ifndef IMLIB_JPEG_H
#define IMLIB_JPEG_H

#include "internal.h"

// Canonical Huffman code: codes of `length` bits are first[length] .. end[length] - 1.
typedef struct {
    uint8_t fast[256][2]; // by the next 8 bits: length (0: longer than 8), symbol
    int32_t end[17];      // code after the last of this length; what is below and was not shorter has this length
    int32_t offset[17];   // index of a code's symbol, minus the code
    uint8_t symbols[256];
    bool defined;
} jpeg_huffman_t;

typedef struct {
    uint8_t id, h, v, quant, dc, ac;
    uint8_t shift_x, shift_y; // of a pixel's place to the place of its sample
    int32_t predictor;
    uint8_t *samples; // of one MCU: 8h x 8v
} jpeg_component_t;

typedef struct {
    imlib_reader_t *reader;
    int32_t width, height;
    uint8_t components, h_max, v_max;
    jpeg_component_t component[3];
    uint16_t quant[4][64]; // in the file's zigzag order
    uint8_t quant_defined; // bit per table
    uint16_t restart_interval;
    jpeg_huffman_t dc[4], ac[4];
    uint64_t bits; // the next `count` bits of the scan, below bit `count`
    int32_t count, invented; // the last `invented` of them are not in the file
    uint8_t marker;          // met in the scan
    bool damaged, rgb;
    int16_t block[64];
    uint8_t samples[10 * 64];
} jpeg_t;

// jpeg_header.c: reads up to the scan, whose channels then have their tables. 0 or a code.
int jpeg_read_header(jpeg_t *jpeg, imlib_error_t *error);

// jpeg_scan.c
void jpeg_start_interval(jpeg_t *jpeg);
bool jpeg_next_interval(jpeg_t *jpeg, unsigned index);
// Decodes the samples of the next MCU; false when the data are damaged.
bool jpeg_read_mcu(jpeg_t *jpeg);

// jpeg_idct.c: coefficients in natural order to samples; `block` is spent.
void jpeg_idct(int16_t block[64], uint8_t *to, size_t stride);

#endif
