#ifndef KENDRYTE_APU_H
#define KENDRYTE_APU_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DIRECTION_RES 16
#define I2S_FS 44100
#define SOUND_SPEED 340

typedef enum {
    APU_DIR0, APU_DIR1, APU_DIR2, APU_DIR3, APU_DIR4, APU_DIR5, APU_DIR6, APU_DIR7, APU_DIR8, APU_DIR9, APU_DIR10,
    APU_DIR11, APU_DIR12, APU_DIR13, APU_DIR14, APU_DIR15,
} en_bf_dir_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t bf_sound_ch_en : 8;
    uint32_t bf_target_dir : 4;
    uint32_t audio_gain : 11;
    uint32_t reserved1 : 1;
    uint32_t data_src_mode : 1;
    uint32_t reserved2 : 3;
    uint32_t we_bf_sound_ch_en : 1;
    uint32_t we_bf_target_dir : 1;
    uint32_t we_audio_gain : 1;
    uint32_t we_data_src_mode : 1;
} apu_ch_cfg_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t bf_dir_search_en : 1;
    uint32_t search_path_reset : 1;
    uint32_t reserved : 2;
    uint32_t bf_stream_gen_en : 1;
    uint32_t voice_gen_path_reset : 1;
    uint32_t update_voice_dir : 1;
    uint32_t reserved1 : 1;
    uint32_t we_bf_dir_search_en : 1;
    uint32_t we_search_path_rst : 1;
    uint32_t we_bf_stream_gen : 1;
    uint32_t we_voice_gen_path_rst : 1;
    uint32_t we_update_voice_dir : 1;
    uint32_t reserved2 : 19;
} apu_ctl_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t dir_rd_idx0 : 6;
    uint32_t reserved : 2;
    uint32_t dir_rd_idx1 : 6;
    uint32_t reserved1 : 2;
    uint32_t dir_rd_idx2 : 6;
    uint32_t reserved2 : 2;
    uint32_t dir_rd_idx3 : 6;
    uint32_t reserved3 : 2;
} apu_dir_bidx_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t fir_tap0 : 16;
    uint32_t fir_tap1 : 16;
} apu_fir_coef_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t dir_dwn_siz_rate : 4;
    uint32_t voc_dwn_siz_rate : 4;
    uint32_t smpl_shift_bits : 5;
    uint32_t reserved : 19;
} apu_dwsz_cfg_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t fft_shift_factor : 9;
    uint32_t reserved1 : 3;
    uint32_t fft_enable : 1;
    uint32_t reserved2 : 19;
} apu_fft_cfg_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t dir_search_data_rdy : 1;
    uint32_t voc_buf_data_rdy : 1;
    uint32_t reserved : 30;
} apu_int_stat_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t dir_data_rdy_msk : 1;
    uint32_t voc_buf_rdy_msk : 1;
    uint32_t reserved : 30;
} apu_int_mask_t;

typedef struct __attribute__((packed, aligned(4))) {
    apu_ch_cfg_t bf_ch_cfg_reg;
    apu_ctl_t bf_ctl_reg;
    apu_dir_bidx_t bf_dir_bidx[16][2];
    apu_fir_coef_t bf_pre_fir0_coef[9];
    apu_fir_coef_t bf_post_fir0_coef[9];
    apu_fir_coef_t bf_pre_fir1_coef[9];
    apu_fir_coef_t bf_post_fir1_coef[9];
    apu_dwsz_cfg_t bf_dwsz_cfg_reg;
    apu_fft_cfg_t bf_fft_cfg_reg;
    uint32_t sobuf_dma_rdata;
    uint32_t vobuf_dma_rdata;
    apu_int_stat_t bf_int_stat_reg;
    apu_int_mask_t bf_int_mask_reg;
    uint32_t saturation_counter;
    uint32_t saturation_limits;
} apu_reg_t;

extern volatile apu_reg_t *const apu;

/* 11-bit gain. */
void apu_set_audio_gain(uint16_t gain);

/* Sample right shift. */
void apu_set_smpl_shift(uint8_t smpl_shift);

/* Read it. */
uint8_t apu_get_smpl_shift(void);

/* Bit mask of 8 microphones. */
void apu_set_channel_enabled(uint8_t channel_bit);

/* Eight delay indices for one of 16 directions. */
void apu_set_direction_delay(uint8_t dir_num, uint8_t *dir_bidx);

/* Compute delays for a circular array (radius cm, microphones on the circle, 1 if one in the centre). */
void apu_set_delay(float radius, uint8_t mic_num_a_circle, uint8_t center);

/* FFT of the direction path on/off and shift; also sets the data source bit. */
void apu_set_fft_shift_factor(uint8_t enable_flag, uint16_t shift_factor);

/* Down-sampling of both paths. */
void apu_set_down_size(uint8_t dir_dwn_siz, uint8_t voc_dwn_siz);

/* Mask bits (1 = masked). */
void apu_set_interrupt_mask(uint8_t dir_int_mask, uint8_t voc_int_mask);

/* Start a direction search. */
void apu_dir_enable(void);

/* Reset the search path. */
void apu_dir_reset(void);

/* 17 taps before down-sampling. */
void apu_dir_set_prev_fir(uint16_t *fir_coef);

/* 17 taps after. */
void apu_dir_set_post_fir(uint16_t *fir_coef);

/* Search path down-sampling. */
void apu_dir_set_down_size(uint8_t dir_dwn_size);

/* Mask search interrupt. */
void apu_dir_set_interrupt_mask(uint8_t dir_int_mask);

/* Acknowledge. */
void apu_dir_clear_int_state(void);

/* Voice stream on/off. */
void apu_voc_enable(uint8_t enable_flag);

/* Reset the voice path. */
void apu_voc_reset(void);

/* Choose one of 16 directions. */
void apu_voc_set_direction(en_bf_dir_t direction);

/* 17 taps. */
void apu_voc_set_prev_fir(uint16_t *fir_coef);

/* 17 taps. */
void apu_voc_set_post_fir(uint16_t *fir_coef);

/* Voice path down-sampling. */
void apu_voc_set_down_size(uint8_t voc_dwn_size);

/* Mask voice interrupt. */
void apu_voc_set_interrupt_mask(uint8_t voc_int_mask);

/* Acknowledge. */
void apu_voc_clear_int_state(void);

/* Clear. */
void apu_voc_reset_saturation_counter(void);

/* Raw register. */
uint32_t apu_voc_get_saturation_counter(void);

/* Upper and lower limit. */
void apu_voc_set_saturation_limit(uint16_t upper, uint16_t bottom);

/* Raw register. */
uint32_t apu_voc_get_saturation_limit(void);

/* Print the registers as C source. */
void apu_print_setting(void);

#ifdef __cplusplus
}
#endif

#endif
