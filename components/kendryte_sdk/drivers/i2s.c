/* I2S: stereo channels, word and bit clocks (spec soc.md 10.9). DMA is in i2s_dma.c. */

#include "i2s.h"
#include "i2s_regs.h"
#include "mmio.h"
#include "sysctl.h"

#define CLOCK_THRESHOLD 7
#define ALL_INTERRUPTS 0x33u
#define POLL_LIMIT_US 100000 /* a word at 8 kHz takes 62 us */

volatile i2s_t *const i2s[3] = {
    (volatile i2s_t *)I2S0_BASE_ADDR,
    (volatile i2s_t *)I2S1_BASE_ADDR,
    (volatile i2s_t *)I2S2_BASE_ADDR,
};

bool i2s_bad(i2s_device_number_t device) {
    return (unsigned)device >= I2S_DEVICE_MAX;
}

static bool bad_channel(i2s_device_number_t device, i2s_channel_num_t channel) {
    return i2s_bad(device) || (unsigned)channel > I2S_CHANNEL_3;
}

void i2s_init(i2s_device_number_t device_num, i2s_transmit_t rxtx_mode, uint32_t channel_mask) {
    if (i2s_bad(device_num)) {
        return;
    }
    bool sends = rxtx_mode == I2S_TRANSMITTER;
    sysctl_clock_enable((sysctl_clock_t)(SYSCTL_CLOCK_I2S0 + device_num));
    sysctl_reset((sysctl_reset_t)(SYSCTL_RESET_I2S0 + device_num));
    sysctl_clock_set_threshold((sysctl_threshold_t)(SYSCTL_THRESHOLD_I2S0 + device_num), CLOCK_THRESHOLD);
    mmio_write(I2S_REG(device_num, IER), 1);
    mmio_write(I2S_REG(device_num, CER), 0);
    mmio_write(I2S_REG(device_num, ITER), sends);
    mmio_write(I2S_REG(device_num, IRER), !sends);
    mmio_write(I2S_REG(device_num, sends ? TXFFR : RXFFR), 1);
    for (unsigned channel = 0; channel <= I2S_CHANNEL_3; channel++) {
        bool on = channel_mask >> (2 * channel) & 3;
        mmio_write(I2S_CHANNEL(device_num, channel, IMR), ALL_INTERRUPTS);
        mmio_write(I2S_CHANNEL(device_num, channel, RER), on && !sends);
        mmio_write(I2S_CHANNEL(device_num, channel, TER), on && sends);
    }
    mmio_update(I2S_REG(device_num, CCR), CCR_DMA_TX | CCR_DMA_RX, sends ? CCR_DMA_TX : CCR_DMA_RX);
}

/* The word length of a channel may change while it is off, that of the word clock while the clocks are. */
static void configure(i2s_device_number_t device, i2s_channel_num_t channel, bool sends, uint32_t word_length,
                      uint32_t word_select, uint32_t trigger, uint32_t align) {
    if (bad_channel(device, channel)) {
        return;
    }
    uintptr_t enable = I2S_CHANNEL(device, channel, sends ? TER : RER);
    mmio_write(enable, 0);
    mmio_write(I2S_REG(device, CER), 0);
    mmio_write(I2S_CHANNEL(device, channel, sends ? TCR : RCR), word_length);
    mmio_write(I2S_CHANNEL(device, channel, sends ? TFCR : RFCR), trigger);
    mmio_update(I2S_REG(device, CCR), CCR_WORD_SELECT | CCR_ALIGN | CCR_GATING, word_select << 3 | align << 5);
    mmio_write(I2S_REG(device, CER), 1);
    mmio_write(enable, 1);
}

void i2s_rx_channel_config(i2s_device_number_t device_num, i2s_channel_num_t channel_num,
                           i2s_word_length_t word_length, i2s_word_select_cycles_t word_select_size,
                           i2s_fifo_threshold_t trigger_level, i2s_work_mode_t word_mode) {
    configure(device_num, channel_num, false, word_length, word_select_size, trigger_level, word_mode);
}

void i2s_tx_channel_config(i2s_device_number_t device_num, i2s_channel_num_t channel_num,
                           i2s_word_length_t word_length, i2s_word_select_cycles_t word_select_size,
                           i2s_fifo_threshold_t trigger_level, i2s_work_mode_t word_mode) {
    configure(device_num, channel_num, true, word_length, word_select_size, trigger_level, word_mode);
}

/* SCLK = PLL2 / (2 (threshold + 1)), and two words of word clocks make a sample. */
uint32_t i2s_set_sample_rate(i2s_device_number_t device_num, uint32_t sample_rate) {
    static const uint8_t word_clocks[] = {16, 24, 32, 32};
    if (i2s_bad(device_num) || sample_rate == 0) {
        return 0;
    }
    uint32_t clocks = word_clocks[mmio_read(I2S_REG(device_num, CCR)) >> 3 & 3];
    uint64_t pll2 = sysctl_pll_get_freq(SYSCTL_PLL2), sclk2 = (uint64_t)sample_rate * clocks * 4;
    uint64_t divider = (pll2 + sclk2 / 2) / sclk2;
    divider = divider < 1 ? 1 : divider > 65536 ? 65536 : divider;
    sysctl_clock_set_threshold((sysctl_threshold_t)(SYSCTL_THRESHOLD_I2S0 + device_num), (int)divider - 1);
    return sysctl_clock_get_freq((sysctl_clock_t)(SYSCTL_CLOCK_I2S0 + device_num));
}

int i2s_set_dma_divide_16(i2s_device_number_t device_num, uint32_t enable) {
    if (i2s_bad(device_num)) {
        return -1;
    }
    mmio_update(I2S_REG(device_num, CCR), CCR_DIVIDE_16, enable ? CCR_DIVIDE_16 : 0);
    return 0;
}

int i2s_get_dma_divide_16(i2s_device_number_t device_num) {
    return i2s_bad(device_num) ? -1 : (mmio_read(I2S_REG(device_num, CCR)) & CCR_DIVIDE_16) != 0;
}

/* ---- by the CPU, without a public prototype (spec sdk-api.md 6.1) ---- */

static bool wait_status(i2s_device_number_t device, i2s_channel_num_t channel, uint32_t bit) {
    uint64_t deadline = sdk_deadline(POLL_LIMIT_US);
    while (!(mmio_read(I2S_CHANNEL(device, channel, ISR)) & bit)) {
        if (sdk_expired(deadline)) {
            return false;
        }
    }
    return true;
}

/* One stereo sample per 64-bit word, left in the low half. 0, -1 when none arrives. */
int i2s_receive_data(i2s_device_number_t device_num, i2s_channel_num_t channel_num, uint64_t *buf, size_t buf_len) {
    if (bad_channel(device_num, channel_num)) {
        return -1;
    }
    for (size_t i = 0; i < buf_len; i++) {
        if (!wait_status(device_num, channel_num, ISR_RX_DATA)) {
            return -1;
        }
        uint64_t left = mmio_read(I2S_CHANNEL(device_num, channel_num, LEFT));
        buf[i] = left | (uint64_t)mmio_read(I2S_CHANNEL(device_num, channel_num, RIGHT)) << 32;
    }
    return 0;
}

uint32_t i2s_sample(const uint8_t *pcm, size_t bytes) {
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value |= (uint32_t)pcm[i] << (8 * i);
    }
    return value;
}

/* Interleaved stereo of 16, 24 or 32 bits. 0, -1 on a bad argument or when the transmitter does not run. */
int i2s_send_data(i2s_device_number_t device_num, i2s_channel_num_t channel_num, const uint8_t *pcm, size_t buf_len,
                  size_t single_length) {
    size_t bytes = single_length / 8;
    if (bad_channel(device_num, channel_num) || single_length % 8 || bytes < 2 || bytes > 4) {
        return -1;
    }
    for (size_t at = 0; at + 2 * bytes <= buf_len; at += 2 * bytes) {
        if (!wait_status(device_num, channel_num, ISR_TX_ROOM)) {
            return -1;
        }
        mmio_write(I2S_CHANNEL(device_num, channel_num, LEFT), i2s_sample(pcm + at, bytes));
        mmio_write(I2S_CHANNEL(device_num, channel_num, RIGHT), i2s_sample(pcm + at + bytes, bytes));
    }
    return 0;
}
