/* The audio processor's registers as its functions leave them. */

#include "apu.h"
#include "check.h"
#include "i2s.h"

void apu_set_src_mode(uint8_t src_mode);

static uint32_t word(unsigned offset) {
    return *(volatile uint32_t *)(0x50250200ul + offset);
}

static unsigned delay_of(unsigned direction, unsigned microphone) {
    return word(8 + 8 * direction + microphone / 4 * 4) >> (8 * (microphone % 4)) & 63;
}

static void delays(void) {
    static uint8_t eight[8] = {1, 2, 3, 4, 60, 61, 62, 63};
    apu_set_direction_delay(3, eight);
    check_equal("given delays, first half", word(8 + 24), 0x04030201);
    check_equal("given delays, second half", word(8 + 28), 0x3F3E3D3C);

    /* 44100 / s * 10 cm / 34000 cm/s = 12.97 samples per radius. */
    apu_set_delay(10, 4, 1);
    CHECK_EQ("towards the wave: two radii", delay_of(0, 0), 26);
    CHECK_EQ("across: one", delay_of(0, 1), 13);
    CHECK_EQ("away: none", delay_of(0, 2), 0);
    CHECK_EQ("the centre: one", delay_of(0, 4), 13);
    CHECK_EQ("a quarter turn later", delay_of(4, 1), 26);
    CHECK_EQ("an eighth of a turn", delay_of(2, 0), 22); /* 12.97 * (1 + cos 45) */
    uint32_t before = word(8);
    apu_set_delay(10, 8, 1);
    CHECK_EQ("nine microphones", word(8), before);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    i2s_init(I2S_DEVICE_0, I2S_RECEIVER, 0xFF);
    apu_set_channel_enabled(0x3F);
    apu_set_audio_gain(0x555);
    apu_set_src_mode(1);
    CHECK_EQ("fields of one register", word(0) & 0x017FF0FF, 0x0155503F);
    apu_voc_set_direction(APU_DIR9);
    CHECK_EQ("direction beside them", word(0) & 0x017FFFFF, 0x0155593F);
    apu_set_smpl_shift(17);
    apu_set_down_size(5, 9);
    CHECK_EQ("down-sampling and shift", word(0x118), 17 << 8 | 9 << 4 | 5);
    CHECK_EQ("shift reads back", apu_get_smpl_shift(), 17);
    apu_set_fft_shift_factor(0, 0xAA);
    CHECK_EQ("FFT off", word(0x11C), 0xAA);
    CHECK_EQ("samples as they are", word(0) >> 24 & 1, 0);
    apu_set_fft_shift_factor(1, 0x155);
    CHECK_EQ("FFT on", word(0x11C), 0x1155);

    uint16_t taps[17];
    for (unsigned i = 0; i < 17; i++) {
        taps[i] = (uint16_t)(0x1000 + i);
    }
    apu_dir_set_prev_fir(taps);
    apu_voc_set_post_fir(taps);
    CHECK_EQ("first taps", word(0x88), 0x10011000);
    CHECK_EQ("last tap", word(0xA8), 0x1010);
    CHECK_EQ("taps of the last filter", word(0xF4 + 32), 0x1010);
    apu_set_interrupt_mask(1, 0);
    CHECK_EQ("search masked", word(0x12C), 1);
    apu_voc_set_interrupt_mask(1);
    apu_dir_set_interrupt_mask(0);
    CHECK_EQ("voice masked", word(0x12C), 2);
    apu_voc_enable(1);
    apu_dir_enable();
    CHECK_EQ("both paths run", word(4) & 0x11, 0x11);
    apu_voc_enable(0);
    CHECK_EQ("one stops", word(4) & 0x11, 0x01);
    delays();
    return check_done();
}
