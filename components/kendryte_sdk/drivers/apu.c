/* Audio processor: beam former over up to eight microphones on I2S0 (spec soc.md 10.10). */

#include "apu.h"
#include <math.h>
#include "bsp.h"
#include "mmio.h"

#define APU_BASE (I2S0_BASE_ADDR + 0x200)
#define REG(offset) (APU_BASE + (offset))
#define CH_CFG REG(0x00)
#define CTL REG(0x04)
#define DIR_BIDX REG(0x08)
#define DIR_PREV_FIR REG(0x88)
#define DIR_POST_FIR REG(0xAC)
#define VOC_PREV_FIR REG(0xD0)
#define VOC_POST_FIR REG(0xF4)
#define DWSZ_CFG REG(0x118)
#define FFT_CFG REG(0x11C)
#define INT_STAT REG(0x128)
#define INT_MASK REG(0x12C)
#define SATURATION_COUNTER REG(0x130)
#define SATURATION_LIMITS REG(0x134)

/* Fields of ch_cfg and ctl are written with their own write-enable bit; the others stay. */
#define CH_WE(n) (1u << (28 + (n))) /* channels, direction, gain, source mode */
#define CTL_WE(bit) (1u << ((bit) < 4 ? (bit) + 8 : (bit) + 6))
#define CTL_DIR_SEARCH 0
#define CTL_SEARCH_RESET 1
#define CTL_STREAM 4
#define CTL_VOICE_RESET 5
#define CTL_UPDATE_DIRECTION 6

#define DIR_READY 1u
#define VOC_READY 2u

#define MICROPHONES 8
#define TAPS 17
#define MAX_DELAY 63

volatile apu_reg_t *const apu = (volatile apu_reg_t *)APU_BASE;

static void control(unsigned bit, bool value) {
    mmio_write(CTL, CTL_WE(bit) | (uint32_t)value << bit);
}

void apu_set_audio_gain(uint16_t gain) {
    mmio_write(CH_CFG, CH_WE(2) | (gain & 0x7FFu) << 12);
}

void apu_set_channel_enabled(uint8_t channel_bit) {
    mmio_write(CH_CFG, CH_WE(0) | channel_bit);
}

void apu_channel_enable(uint8_t channel_bit) {
    apu_set_channel_enabled(channel_bit);
}

void apu_set_src_mode(uint8_t src_mode) {
    mmio_write(CH_CFG, CH_WE(3) | (src_mode & 1u) << 24);
}

void apu_set_smpl_shift(uint8_t smpl_shift) {
    mmio_update(DWSZ_CFG, 31u << 8, (uint32_t)smpl_shift << 8);
}

uint8_t apu_get_smpl_shift(void) {
    return mmio_read(DWSZ_CFG) >> 8 & 31;
}

void apu_set_down_size(uint8_t dir_dwn_siz, uint8_t voc_dwn_siz) {
    apu_dir_set_down_size(dir_dwn_siz);
    apu_voc_set_down_size(voc_dwn_siz);
}

void apu_dir_set_down_size(uint8_t dir_dwn_size) {
    mmio_update(DWSZ_CFG, 15u, dir_dwn_size);
}

void apu_voc_set_down_size(uint8_t voc_dwn_size) {
    mmio_update(DWSZ_CFG, 15u << 4, (uint32_t)voc_dwn_size << 4);
}

void apu_set_fft_shift_factor(uint8_t enable_flag, uint16_t shift_factor) {
    mmio_write(FFT_CFG, (shift_factor & 0x1FFu) | (enable_flag ? 1u << 12 : 0));
    apu_set_src_mode(enable_flag);
}

/* ---- delays ---- */

void apu_set_direction_delay(uint8_t dir_num, uint8_t *dir_bidx) {
    if (dir_num >= DIRECTION_RES) {
        return;
    }
    for (unsigned half = 0; half < 2; half++, dir_bidx += 4) {
        uint32_t word = 0;
        for (unsigned i = 0; i < 4; i++) {
            word |= (dir_bidx[i] & 63u) << (8 * i);
        }
        mmio_write(DIR_BIDX + 8ul * dir_num + 4 * half, word);
    }
}

static uint8_t delay(float centimetres) {
    float samples = centimetres * I2S_FS / (SOUND_SPEED * 100) + 0.5f;
    return samples > MAX_DELAY ? MAX_DELAY : (uint8_t)samples;
}

/* A wave from direction d reaches microphone m the earlier the more m lies towards d: m waits until the farthest has
 * it. The one in the centre, if any, comes after those of the circle. */
void apu_set_delay(float radius, uint8_t mic_num_a_circle, uint8_t center) {
    if (mic_num_a_circle + (center != 0) > MICROPHONES || !(radius >= 0)) {
        printk("apu: %d microphones on a circle and %d in its centre: at most 8\r\n", mic_num_a_circle, center);
        return;
    }
    const float turn = 6.28318531f;
    for (unsigned direction = 0; direction < DIRECTION_RES; direction++) {
        uint8_t delays[MICROPHONES] = {0};
        for (unsigned m = 0; m < mic_num_a_circle; m++) {
            float angle = turn * ((float)m / (float)mic_num_a_circle - (float)direction / DIRECTION_RES);
            delays[m] = delay(radius * (1 + cosf(angle)));
        }
        if (center) {
            delays[mic_num_a_circle] = delay(radius);
        }
        apu_set_direction_delay((uint8_t)direction, delays);
    }
}

/* ---- filters: 17 taps in 9 words ---- */

static void set_fir(uintptr_t first, const uint16_t *taps) {
    for (unsigned i = 0; i < TAPS; i += 2) {
        mmio_write(first + 2 * i, taps[i] | (i + 1 < TAPS ? (uint32_t)taps[i + 1] << 16 : 0));
    }
}

void apu_dir_set_prev_fir(uint16_t *fir_coef) {
    set_fir(DIR_PREV_FIR, fir_coef);
}

void apu_dir_set_post_fir(uint16_t *fir_coef) {
    set_fir(DIR_POST_FIR, fir_coef);
}

void apu_voc_set_prev_fir(uint16_t *fir_coef) {
    set_fir(VOC_PREV_FIR, fir_coef);
}

void apu_voc_set_post_fir(uint16_t *fir_coef) {
    set_fir(VOC_POST_FIR, fir_coef);
}

/* ---- paths ---- */

void apu_dir_enable(void) {
    control(CTL_DIR_SEARCH, true);
}

void apu_dir_reset(void) {
    control(CTL_SEARCH_RESET, true);
}

void apu_voc_enable(uint8_t enable_flag) {
    control(CTL_STREAM, enable_flag != 0);
}

void apu_voc_reset(void) {
    control(CTL_VOICE_RESET, true);
}

void apu_voc_set_direction(en_bf_dir_t direction) {
    mmio_write(CH_CFG, CH_WE(1) | ((uint32_t)direction & 15) << 8);
    control(CTL_UPDATE_DIRECTION, true);
}

/* ---- interrupts ---- */

void apu_set_interrupt_mask(uint8_t dir_int_mask, uint8_t voc_int_mask) {
    mmio_write(INT_MASK, (dir_int_mask ? DIR_READY : 0) | (voc_int_mask ? VOC_READY : 0));
}

void apu_dir_set_interrupt_mask(uint8_t dir_int_mask) {
    mmio_update(INT_MASK, DIR_READY, dir_int_mask ? DIR_READY : 0);
}

void apu_voc_set_interrupt_mask(uint8_t voc_int_mask) {
    mmio_update(INT_MASK, VOC_READY, voc_int_mask ? VOC_READY : 0);
}

void apu_dir_clear_int_state(void) {
    mmio_write(INT_STAT, DIR_READY);
}

void apu_voc_clear_int_state(void) {
    mmio_write(INT_STAT, VOC_READY);
}

/* ---- saturation ---- */

void apu_voc_reset_saturation_counter(void) {
    mmio_write(SATURATION_COUNTER, 0);
}

uint32_t apu_voc_get_saturation_counter(void) {
    return mmio_read(SATURATION_COUNTER);
}

void apu_voc_set_saturation_limit(uint16_t upper, uint16_t bottom) {
    mmio_write(SATURATION_LIMITS, (uint32_t)upper | (uint32_t)bottom << 16);
}

uint32_t apu_voc_get_saturation_limit(void) {
    return mmio_read(SATURATION_LIMITS);
}

void apu_print_setting(void) {
    printk("/* the registers of the audio processor, to be written in this order */\r\n");
    printk("static const uint32_t apu_setting[] = {\r\n");
    for (uintptr_t at = CH_CFG; at <= FFT_CFG; at += 4) {
        printk("    0x%08x, /* 0x%03lx */\r\n", mmio_read(at), at - APU_BASE);
    }
    printk("};\r\n");
}
