#ifndef KENDRYTE_FFT_H
#define KENDRYTE_FFT_H

#include <stddef.h>
#include <stdint.h>
#include "dmac.h"
#include "platform.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    FFT_512, FFT_256, FFT_128, FFT_64,
} fft_point_t;

typedef enum {
    FFT_DIR_BACKWARD, FFT_DIR_FORWARD, FFT_DIR_MAX,
} fft_direction_t;

typedef struct {
    int16_t real;
    int16_t imag;
} complex_hard_t;

typedef struct {
    int16_t I1;
    int16_t R1;
    int16_t I2;
    int16_t R2;
} fft_data_t;

/* Blocking FFT of 64/128/256/512 points through two DMA channels; two points per 64-bit word. */
void fft_complex_uint16_dma(dmac_channel_number_t dma_send_channel_num, dmac_channel_number_t dma_receive_channel_num,
                            uint16_t shift, fft_direction_t direction, const uint64_t *input, size_t point_num,
                            uint64_t *output);

#ifdef __cplusplus
}
#endif

#endif
