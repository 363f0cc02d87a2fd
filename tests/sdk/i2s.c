/* I2S0 plays to I2S1 over a wire from pad 30 to 31; then PCM of every kind, whose samples the runner takes from the
 * line. */

#include "check.h"
#include "fpioa.h"
#include "i2s.h"
#include "iomem.h"
#include "plic.h"

#define FRAMES 400

int i2s_send_data(i2s_device_number_t device_num, i2s_channel_num_t channel_num, const uint8_t *pcm, size_t buf_len,
                  size_t single_length);
int i2s_receive_data(i2s_device_number_t device_num, i2s_channel_num_t channel_num, uint64_t *buf, size_t buf_len);

static uint32_t sent[2 * FRAMES], heard[4 * FRAMES];
static volatile unsigned done;

static int on_done(void *ctx) {
    done += (unsigned)(uintptr_t)ctx;
    return 0;
}

static void configure(i2s_word_length_t length) {
    i2s_init(I2S_DEVICE_0, I2S_TRANSMITTER, 0x3);
    i2s_tx_channel_config(I2S_DEVICE_0, I2S_CHANNEL_0, length, SCLK_CYCLES_32, TRIGGER_LEVEL_4, STANDARD_MODE);
    i2s_init(I2S_DEVICE_1, I2S_RECEIVER, 0x3);
    i2s_rx_channel_config(I2S_DEVICE_1, I2S_CHANNEL_0, length, SCLK_CYCLES_32, TRIGGER_LEVEL_4, STANDARD_MODE);
    i2s_set_sample_rate(I2S_DEVICE_0, 44100);
    i2s_set_sample_rate(I2S_DEVICE_1, 44100);
}

/* Where the sequence begins in what was heard, or -1: silence comes before it. */
static int find(const uint32_t *words, size_t count, const uint32_t *wanted, size_t wanted_count) {
    for (size_t at = 0; at + wanted_count <= count; at += 2) {
        if (memcmp(words + at, wanted, wanted_count * 4) == 0) {
            return (int)at;
        }
    }
    return -1;
}

static void over_the_wire(void) {
    uint32_t seed = 11;
    for (unsigned i = 0; i < 2 * FRAMES; i++) {
        sent[i] = test_random(&seed) & 0x7FFF;
    }
    dmac_irq_register(DMAC_CHANNEL1, on_done, (void *)1, 2);
    i2s_receive_data_dma(I2S_DEVICE_1, heard, 4 * FRAMES, DMAC_CHANNEL1);
    uint64_t start = clint_get_time();
    i2s_send_data_dma(I2S_DEVICE_0, sent, 2 * FRAMES, DMAC_CHANNEL0);
    dmac_wait_done(DMAC_CHANNEL0);
    int64_t us = (int64_t)((clint_get_time() - start) * 1000000 / clint_timer_get_freq());
    int64_t wanted = (FRAMES - 16) * 1000000ll / 44100; /* the last 16 wait in the FIFO */
    check_between("time to play", us, wanted - wanted / 50, wanted + wanted / 20);
    CHECK("all was heard", WAIT_FOR(done == 1, 50));
    CHECK("what was sent, in order, left first", find(heard, 4 * FRAMES, sent, 2 * FRAMES) >= 0);
    dmac_irq_unregister(DMAC_CHANNEL1);
}

static void by_cpu(void) {
    static const uint8_t pcm[] = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08};
    uint64_t frames[16];
    unsigned found = 0;
    i2s_receive_data(I2S_DEVICE_1, I2S_CHANNEL_0, frames, 16); /* old silence */
    int result = i2s_send_data(I2S_DEVICE_0, I2S_CHANNEL_0, pcm, sizeof pcm, 16);
    for (unsigned i = 0; i < 20 && found < 2; i++) {
        if (i2s_receive_data(I2S_DEVICE_1, I2S_CHANNEL_0, frames, 1)) {
            break;
        }
        found += frames[0] == (found ? 0x0000087700006655 : 0x0000443300002211);
    }
    CHECK_EQ("sent by the CPU", result, 0);
    CHECK_EQ("received by the CPU", found, 2);
    CHECK_EQ("20 bits are not sent", i2s_send_data(I2S_DEVICE_0, I2S_CHANNEL_0, pcm, sizeof pcm, 20), -1);
    i2s_init(I2S_DEVICE_2, I2S_TRANSMITTER, 0x3);
    CHECK_EQ("nothing arrives at a transmitter", i2s_receive_data(I2S_DEVICE_2, I2S_CHANNEL_0, frames, 1), -1);
}

/* Ramps, so that the runner knows every sample: n * 3 on the left, n * 5 on the right. */
static void play(const char *name, unsigned bits, unsigned tracks, i2s_word_length_t length) {
    static uint8_t pcm[1000 * 2 * 4];
    uint8_t *at = pcm;
    configure(length);
    for (uint32_t n = 1; n <= 1000; n++) {
        for (unsigned track = 0; track < tracks; track++, at += bits / 8) {
            uint32_t value = n * (track ? 5 : 3);
            memcpy(at, &value, bits / 8);
        }
    }
    printk("PLAY %s\n", name);
    msleep(3); /* the line is out before the sound */
    i2s_play(I2S_DEVICE_0, DMAC_CHANNEL0, pcm, (size_t)(at - pcm), 300, bits, (uint8_t)tracks);
    dmac_wait_done(DMAC_CHANNEL0);
    msleep(1);
    printk("PLAYED %s\n", name);
    msleep(3);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    uint32_t pll2 = sysctl_pll_set_freq(SYSCTL_PLL2, 45158400);
    fpioa_set_function(30, FUNC_I2S0_OUT_D0);
    fpioa_set_function(31, FUNC_I2S1_IN_D0);
    configure(RESOLUTION_16_BIT);
    CHECK_EQ("bit clock", i2s_set_sample_rate(I2S_DEVICE_0, 44100), pll2 / 16);
    CHECK_EQ("no rate", i2s_set_sample_rate(I2S_DEVICE_MAX, 44100), 0);
    over_the_wire();
    by_cpu();
    play("16 2", 16, 2, RESOLUTION_16_BIT);
    play("24 1", 24, 1, RESOLUTION_24_BIT);
    play("32 2", 32, 2, RESOLUTION_32_BIT);
    configure(RESOLUTION_16_BIT);

    CHECK_EQ("two samples per word", i2s_set_dma_divide_16(I2S_DEVICE_0, 1) + i2s_get_dma_divide_16(I2S_DEVICE_0), 1);
    i2s_set_dma_divide_16(I2S_DEVICE_1, 1);
    uint32_t packed[FRAMES], halves[2 * FRAMES];
    for (unsigned i = 0; i < FRAMES; i++) {
        packed[i] = 0x00010001 * (i + 1) + 0x30000000;
    }
    i2s_data_t job = {.rx_channel = DMAC_CHANNEL1, .rx_buf = halves, .rx_len = 2 * FRAMES,
                      .transfer_mode = I2S_RECEIVE};
    plic_interrupt_t callback = {on_done, (void *)1, 2};
    done = 0;
    i2s_handle_data_dma(I2S_DEVICE_1, job, &callback);
    i2s_handle_data_dma(I2S_DEVICE_0, (i2s_data_t){.tx_channel = DMAC_CHANNEL0, .tx_buf = packed, .tx_len = FRAMES,
                                                   .transfer_mode = I2S_SEND, .wait_dma_done = true}, NULL);
    CHECK("callback", WAIT_FOR(done == 1, 50));
    int at = -1;
    for (unsigned i = 0; i + FRAMES <= 2 * FRAMES && at < 0; i++) {
        at = memcmp(halves + i, packed, sizeof packed) == 0 ? (int)i : -1;
    }
    CHECK("packed on both sides", at >= 0);
    dmac_irq_unregister(DMAC_CHANNEL1);
    return check_done();
}
