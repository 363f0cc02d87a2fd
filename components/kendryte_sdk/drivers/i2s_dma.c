/* I2S by DMA: left and right words in turn, one sample each, or two samples of 16 bits per word (spec soc.md 10.9). */

#include "i2s.h"
#include "i2s_regs.h"
#include "iomem.h"
#include "sysctl.h"

static sysctl_dma_select_t request(i2s_device_number_t device, bool sending) {
    return (sysctl_dma_select_t)((sending ? SYSCTL_DMA_SELECT_I2S0_TX_REQ : SYSCTL_DMA_SELECT_I2S0_RX_REQ) +
                                 2 * device);
}

static int start(i2s_device_number_t device, dmac_channel_number_t channel, bool sending, const void *from,
                 void *to, size_t words) {
    sysctl_dma_select((sysctl_dma_channel_t)channel, request(device, sending));
    return sending ? dmac_start(channel, from, (void *)I2S_REG(device, TXDMA), DMAC_ADDR_INCREMENT,
                                DMAC_ADDR_NOCHANGE, DMAC_MSIZE_1, DMAC_TRANS_WIDTH_32, words)
                   : dmac_start(channel, (const void *)I2S_REG(device, RXDMA), to, DMAC_ADDR_NOCHANGE,
                                DMAC_ADDR_INCREMENT, DMAC_MSIZE_1, DMAC_TRANS_WIDTH_32, words);
}

static bool refused(i2s_device_number_t device, dmac_channel_number_t channel, size_t words) {
    bool bad = i2s_bad(device) || (unsigned)channel >= DMAC_CHANNEL_MAX || words == 0;
    if (bad) {
        printk("i2s: device %d, DMA channel %d, %lu words: 0 .. 2, 0 .. 5, at least 1\r\n", device, channel, words);
    }
    return bad;
}

void i2s_receive_data_dma(i2s_device_number_t device_num, uint32_t *buf, size_t buf_len,
                          dmac_channel_number_t channel_num) {
    if (!refused(device_num, channel_num, buf_len)) {
        dmac_wait_done(channel_num);
        start(device_num, channel_num, false, NULL, buf, buf_len);
    }
}

void i2s_send_data_dma(i2s_device_number_t device_num, const void *buf, size_t buf_len,
                       dmac_channel_number_t channel_num) {
    if (!refused(device_num, channel_num, buf_len)) {
        dmac_wait_done(channel_num);
        start(device_num, channel_num, true, buf, NULL, buf_len);
    }
}

void i2s_handle_data_dma(i2s_device_number_t device_num, i2s_data_t data, plic_interrupt_t *cb) {
    bool sending = data.transfer_mode == I2S_SEND;
    dmac_channel_number_t channel = sending ? data.tx_channel : data.rx_channel;
    size_t words = sending ? data.tx_len : data.rx_len;
    if (refused(device_num, channel, words)) {
        return;
    }
    if (!data.nowait_dma_idle) {
        dmac_wait_done(channel);
    }
    if (cb) {
        dmac_irq_register(channel, cb->callback, cb->ctx, cb->priority);
    }
    start(device_num, channel, sending, data.tx_buf, data.rx_buf, words);
    if (cb == NULL && data.wait_dma_done) {
        dmac_wait_done(channel);
    }
}

/* From receiver to transmitter, both sides paced by the receiver's request (spec soc.md 8.5). */
int i2s_rx_to_tx(i2s_device_number_t device_src_num, i2s_device_number_t device_dest_num, size_t buf_len,
                 dmac_channel_number_t channel_num) {
    if (i2s_bad(device_dest_num) || refused(device_src_num, channel_num, buf_len)) {
        return -1;
    }
    dmac_wait_done(channel_num);
    sysctl_dma_select((sysctl_dma_channel_t)channel_num, request(device_src_num, false));
    return dmac_start(channel_num, (const void *)I2S_REG(device_src_num, RXDMA),
                      (void *)I2S_REG(device_dest_num, TXDMA), DMAC_ADDR_NOCHANGE, DMAC_ADDR_NOCHANGE, DMAC_MSIZE_1,
                      DMAC_TRANS_WIDTH_32, buf_len) ? -1 : 0;
}

/* ---- PCM ---- */

/* A mono track plays on both sides. */
static void widen(const uint8_t *pcm, uint32_t *words, size_t samples, size_t bytes, size_t tracks) {
    for (size_t i = 0; i < samples; i++, pcm += bytes * tracks) {
        words[2 * i] = i2s_sample(pcm, bytes);
        words[2 * i + 1] = i2s_sample(pcm + (tracks - 1) * bytes, bytes);
    }
}

/* The two halves are filled and sent in turn; the last one still plays when this returns, so they stay until the next
 * call needs more. */
void i2s_play(i2s_device_number_t device_num, dmac_channel_number_t channel_num, const uint8_t *buf, size_t buf_len,
              size_t frame, size_t bits_per_sample, uint8_t track_num) {
    static uint32_t *halves;
    static size_t half_words;
    size_t bytes = bits_per_sample / 8, sample = bytes * track_num;
    if ((bits_per_sample != 16 && bits_per_sample != 24 && bits_per_sample != 32) || track_num < 1 || track_num > 2 ||
        refused(device_num, channel_num, frame)) {
        printk("i2s: %lu bits, %d tracks: 16, 24 or 32 bits, 1 or 2 tracks\r\n", bits_per_sample, track_num);
        return;
    }
    dmac_wait_done(channel_num);
    if (half_words < 2 * frame) {
        iomem_free(halves);
        halves = iomem_malloc((uint32_t)(4 * frame * sizeof *halves));
        half_words = halves ? 2 * frame : 0;
        if (halves == NULL) {
            printk("i2s: no memory for two pieces of %lu samples\r\n", frame);
            return;
        }
    }
    i2s_set_dma_divide_16(device_num, 0);
    size_t samples = buf_len / sample;
    for (unsigned half = 0; samples; half ^= 1) {
        uint32_t *words = halves + half * half_words;
        size_t count = samples < frame ? samples : frame;
        widen(buf, words, count, bytes, track_num);
        i2s_send_data_dma(device_num, words, 2 * count, channel_num);
        buf += count * sample;
        samples -= count;
    }
}
