/* The public transfer functions of spi.h over the transaction engine. A transfer that fails (a device that never
 * finishes, no memory) says so on the console: the vendor's interface has no result. */

#include "spi.h"
#include "bsp.h"
#include "iomem.h"
#include "mmio.h"
#include "spi_engine.h"

#define SAFE_US 100 /* no callback of the SDK takes as long */

/* Two byte ranges as one sequence of frames of `width` bytes, least significant byte first. */
typedef struct {
    const uint8_t *part[2];
    size_t length[2];
    unsigned width;
} frames_t;

static uint8_t byte_at(const frames_t *f, size_t i) {
    return i < f->length[0] ? f->part[0][i] : f->part[1][i - f->length[0]];
}

static size_t frame_count(const frames_t *f) {
    return (f->length[0] + f->length[1]) / f->width;
}

static uint32_t frame_at(const frames_t *f, size_t n) {
    uint32_t word = 0;
    for (unsigned i = 0; i < f->width; i++) {
        word |= (uint32_t)byte_at(f, n * f->width + i) << (8 * i);
    }
    return word;
}

static void put_frame(uint8_t *out, unsigned width, uint32_t word) {
    for (unsigned i = 0; i < width; i++) {
        out[i] = (uint8_t)(word >> (8 * i));
    }
}

static void report(const char *what, spi_device_num_t device, int result) {
    if (result) {
        printk("spi: %s of SPI%d failed (%d)\r\n", what, device, result);
    }
}

/* ---- by the CPU ---- */

static void send_by_cpu(spi_device_num_t device, spi_chip_select_t chip_select, const uint32_t *words, size_t count,
                        const frames_t *f) {
    size_t total = frame_count(f), next = 0, words_sent = 0;
    uint64_t deadline = spi_deadline(device, count + total);
    int result = 0;
    spi_begin(device, SPI_TMOD_TRANS, 0);
    /* The select is released when the FIFO runs dry: fill it before the first bit. */
    for (size_t room = SPI_FIFO_DEPTH; result == 0 && (words_sent < count || next < total); room--) {
        if (room == 0) {
            spi_select(device, chip_select);
        }
        result = spi_push(device, words_sent < count ? words[words_sent++] : frame_at(f, next++), deadline);
    }
    spi_select(device, chip_select);
    result = result ? result : spi_wait_sent(device, deadline);
    spi_end(device);
    report("send", device, result);
}

static void receive_by_cpu(spi_device_num_t device, spi_chip_select_t chip_select, const uint32_t *words, size_t count,
                           const frames_t *command, uint8_t *rx, size_t rx_len) {
    unsigned width = spi_frame_bytes(device);
    size_t heads = command ? frame_count(command) : count, frames = rx_len / width;
    if (heads > SPI_FIFO_DEPTH || frames == 0 || frames > 65536) {
        report("receive", device, -EINVAL);
        return;
    }
    uint64_t deadline = spi_deadline(device, heads + frames);
    int result = 0;
    spi_begin(device, heads ? SPI_TMOD_EEROM : SPI_TMOD_RECV, frames);
    for (size_t i = 0; i < heads && result == 0; i++) {
        result = spi_push(device, command ? frame_at(command, i) : words[i], deadline);
    }
    if (heads == 0) {
        result = spi_push(device, 0xFFFFFFFF, deadline);
    }
    /* The receiver does not wait: a callback that takes as long as its FIFO lasts would overrun it. */
    bool fragile = frames > SPI_FIFO_USABLE && spi_fifo_lasts_us(device) < SAFE_US;
    unsigned long state = fragile ? irq_save() : 0;
    spi_select(device, chip_select);
    for (size_t i = 0; i < frames && result == 0; i++) {
        uint32_t word = 0;
        result = spi_pop(device, &word, deadline);
        put_frame(rx + i * width, width, word);
    }
    irq_restore(state);
    spi_end(device);
    report("receive", device, result);
}

void spi_send_data_standard(spi_device_num_t spi_num, spi_chip_select_t chip_select, const uint8_t *cmd_buff,
                            size_t cmd_len, const uint8_t *tx_buff, size_t tx_len) {
    if (spi_is_master(spi_num)) {
        frames_t f = {{cmd_buff, tx_buff}, {cmd_len, tx_len}, spi_frame_bytes(spi_num)};
        send_by_cpu(spi_num, chip_select, NULL, 0, &f);
    }
}

void spi_send_data_normal(spi_device_num_t spi_num, spi_chip_select_t chip_select, const uint8_t *tx_buff,
                          size_t tx_len) {
    spi_send_data_standard(spi_num, chip_select, NULL, 0, tx_buff, tx_len);
}

void spi_send_data_multiple(spi_device_num_t spi_num, spi_chip_select_t chip_select, const uint32_t *cmd_buff,
                            size_t cmd_len, const uint8_t *tx_buff, size_t tx_len) {
    if (spi_is_master(spi_num)) {
        frames_t f = {{tx_buff, NULL}, {tx_len, 0}, spi_frame_bytes(spi_num)};
        send_by_cpu(spi_num, chip_select, cmd_buff, cmd_len, &f);
    }
}

void spi_receive_data_standard(spi_device_num_t spi_num, spi_chip_select_t chip_select, const uint8_t *cmd_buff,
                               size_t cmd_len, uint8_t *rx_buff, size_t rx_len) {
    if (spi_is_master(spi_num)) {
        frames_t f = {{cmd_buff, NULL}, {cmd_len, 0}, spi_frame_bytes(spi_num)};
        receive_by_cpu(spi_num, chip_select, NULL, 0, &f, rx_buff, rx_len);
    }
}

void spi_receive_data_multiple(spi_device_num_t spi_num, spi_chip_select_t chip_select, const uint32_t *cmd_buff,
                               size_t cmd_len, uint8_t *rx_buff, size_t rx_len) {
    if (spi_is_master(spi_num)) {
        receive_by_cpu(spi_num, chip_select, cmd_buff, cmd_len, NULL, rx_buff, rx_len);
    }
}

/* ---- by DMA ---- */

static uint32_t *new_words(size_t count) {
    uint32_t *words = iomem_malloc((uint32_t)(count * sizeof(uint32_t)));
    if (words == NULL) {
        printk("spi: no memory for %lu frames\r\n", count);
    }
    return words;
}

static void send_frames_dma(dmac_channel_number_t channel, spi_device_num_t device, spi_chip_select_t chip_select,
                            const uint32_t *head, size_t head_count, const frames_t *f) {
    size_t count = frame_count(f);
    uint32_t *words = count ? new_words(count) : NULL;
    if (count && words == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        words[i] = frame_at(f, i);
    }
    report("send", device,
           spi_transact(&(spi_transaction_t){.device = device, .chip_select = chip_select, .mode = SPI_TMOD_TRANS,
                                             .head = head, .head_count = head_count, .tx_channel = channel,
                                             .tx = words, .tx_count = count, .rx_channel = SPI_NO_DMA}));
    iomem_free(words);
}

static void receive_frames_dma(dmac_channel_number_t channel, spi_device_num_t device, spi_chip_select_t chip_select,
                               const uint32_t *head, size_t head_count, uint8_t *rx, size_t rx_len) {
    unsigned width = spi_frame_bytes(device);
    size_t count = rx_len / width;
    uint32_t *words = count ? new_words(count) : NULL;
    if (words == NULL) {
        return;
    }
    int result = spi_transact(&(spi_transaction_t){.device = device, .chip_select = chip_select,
                                                   .mode = head_count ? SPI_TMOD_EEROM : SPI_TMOD_RECV, .head = head,
                                                   .head_count = head_count, .tx_channel = SPI_NO_DMA,
                                                   .rx_channel = channel, .rx = words, .rx_count = count});
    for (size_t i = 0; result == 0 && i < count; i++) {
        put_frame(rx + i * width, width, words[i]);
    }
    iomem_free(words);
    report("receive", device, result);
}

void spi_send_data_standard_dma(dmac_channel_number_t channel_num, spi_device_num_t spi_num,
                                spi_chip_select_t chip_select, const uint8_t *cmd_buff, size_t cmd_len,
                                const uint8_t *tx_buff, size_t tx_len) {
    if (spi_is_master(spi_num)) {
        frames_t f = {{cmd_buff, tx_buff}, {cmd_len, tx_len}, spi_frame_bytes(spi_num)};
        send_frames_dma(channel_num, spi_num, chip_select, NULL, 0, &f);
    }
}

void spi_send_data_multiple_dma(dmac_channel_number_t channel_num, spi_device_num_t spi_num,
                                spi_chip_select_t chip_select, const uint32_t *cmd_buff, size_t cmd_len,
                                const uint8_t *tx_buff, size_t tx_len) {
    if (spi_is_master(spi_num)) {
        frames_t f = {{tx_buff, NULL}, {tx_len, 0}, spi_frame_bytes(spi_num)};
        send_frames_dma(channel_num, spi_num, chip_select, cmd_buff, cmd_len, &f);
    }
}

void spi_receive_data_standard_dma(dmac_channel_number_t dma_send_channel_num,
                                   dmac_channel_number_t dma_receive_channel_num, spi_device_num_t spi_num,
                                   spi_chip_select_t chip_select, const uint8_t *cmd_buff, size_t cmd_len,
                                   uint8_t *rx_buff, size_t rx_len) {
    (void)dma_send_channel_num; /* the command fits the FIFO */
    uint32_t head[SPI_FIFO_USABLE];
    if (!spi_is_master(spi_num)) {
        return;
    }
    frames_t f = {{cmd_buff, NULL}, {cmd_len, 0}, spi_frame_bytes(spi_num)};
    size_t count = frame_count(&f);
    if (count > SPI_FIFO_USABLE) {
        report("receive", spi_num, -EINVAL);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        head[i] = frame_at(&f, i);
    }
    receive_frames_dma(dma_receive_channel_num, spi_num, chip_select, head, count, rx_buff, rx_len);
}

void spi_receive_data_multiple_dma(dmac_channel_number_t dma_send_channel_num,
                                   dmac_channel_number_t dma_receive_channel_num, spi_device_num_t spi_num,
                                   spi_chip_select_t chip_select, const uint32_t *cmd_buff, size_t cmd_len,
                                   uint8_t *rx_buff, size_t rx_len) {
    (void)dma_send_channel_num;
    if (spi_is_master(spi_num)) {
        receive_frames_dma(dma_receive_channel_num, spi_num, chip_select, cmd_buff, cmd_len, rx_buff, rx_len);
    }
}

/* Items are FIFO words. Without a public prototype (spec sdk-api.md 6.1). */
void spi_receive_data_normal_dma(dmac_channel_number_t dma_send_channel_num,
                                 dmac_channel_number_t dma_receive_channel_num, spi_device_num_t spi_num,
                                 spi_chip_select_t chip_select, const void *cmd_buff, size_t cmd_len, void *rx_buff,
                                 size_t rx_len) {
    (void)dma_send_channel_num;
    if (spi_is_master(spi_num)) {
        report("receive", spi_num,
               spi_transact(&(spi_transaction_t){.device = spi_num, .chip_select = chip_select,
                                                 .mode = cmd_len ? SPI_TMOD_EEROM : SPI_TMOD_RECV, .head = cmd_buff,
                                                 .head_count = cmd_len, .tx_channel = SPI_NO_DMA,
                                                 .rx_channel = dma_receive_channel_num, .rx = rx_buff,
                                                 .rx_count = rx_len}));
    }
}

void spi_fill_data_dma(dmac_channel_number_t channel_num, spi_device_num_t spi_num, spi_chip_select_t chip_select,
                       const uint32_t *tx_buff, size_t tx_len) {
    if (spi_is_master(spi_num) && tx_len) {
        report("fill", spi_num,
               spi_transact(&(spi_transaction_t){.device = spi_num, .chip_select = chip_select, .mode = SPI_TMOD_TRANS,
                                                 .tx_channel = channel_num, .tx = tx_buff, .tx_count = tx_len,
                                                 .tx_fixed = true, .rx_channel = SPI_NO_DMA}));
    }
}

void spi_send_data_normal_dma(dmac_channel_number_t channel_num, spi_device_num_t spi_num,
                              spi_chip_select_t chip_select, const void *tx_buff, size_t tx_len,
                              spi_transfer_width_t spi_transfer_width) {
    if (!spi_is_master(spi_num) || tx_len == 0) {
        return;
    }
    if (spi_transfer_width == SPI_TRANS_INT) {
        report("send", spi_num,
               spi_transact(&(spi_transaction_t){.device = spi_num, .chip_select = chip_select, .mode = SPI_TMOD_TRANS,
                                                 .tx_channel = channel_num, .tx = tx_buff, .tx_count = tx_len,
                                                 .rx_channel = SPI_NO_DMA}));
        return;
    }
    frames_t f = {{tx_buff, NULL}, {tx_len * spi_transfer_width, 0}, (unsigned)spi_transfer_width};
    send_frames_dma(channel_num, spi_num, chip_select, NULL, 0, &f);
}

void spi_dup_send_receive_data_dma(dmac_channel_number_t dma_send_channel_num,
                                   dmac_channel_number_t dma_receive_channel_num, spi_device_num_t spi_num,
                                   spi_chip_select_t chip_select, const uint8_t *tx_buf, size_t tx_len,
                                   uint8_t *rx_buf, size_t rx_len) {
    if (!spi_is_master(spi_num)) {
        return;
    }
    frames_t f = {{tx_buf, NULL}, {tx_len, 0}, spi_frame_bytes(spi_num)};
    size_t sent = frame_count(&f), received = rx_len / f.width, count = sent > received ? sent : received;
    uint32_t *words = count ? new_words(2 * count) : NULL;
    if (words == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        words[i] = i < sent ? frame_at(&f, i) : 0;
    }
    int result = spi_transact(&(spi_transaction_t){.device = spi_num, .chip_select = chip_select,
                                                   .mode = SPI_TMOD_TRANS_RECV, .tx_channel = dma_send_channel_num,
                                                   .tx = words, .tx_count = count,
                                                   .rx_channel = dma_receive_channel_num, .rx = words + count,
                                                   .rx_count = count});
    for (size_t i = 0; result == 0 && i < received; i++) {
        put_frame(rx_buf + i * f.width, f.width, words[count + i]);
    }
    iomem_free(words);
    report("exchange", spi_num, result);
}

/* ---- with a callback ---- */

static struct job {
    spinlock_t lock;
    spi_transaction_t transaction;
    plic_interrupt_t callback;
} jobs[SPI_DEVICE_MAX];

static int on_done(void *ctx) {
    struct job *job = ctx;
    const spi_transaction_t *t = &job->transaction;
    dmac_irq_unregister(t->rx_count ? t->rx_channel : t->tx_channel); /* its next transfer may be another's */
    report("transfer", job->transaction.device, spi_complete(&job->transaction));
    plic_interrupt_t callback = job->callback;
    spinlock_unlock(&job->lock);
    return callback.callback ? callback.callback(callback.ctx) : 0;
}

void spi_handle_data_dma(spi_device_num_t spi_num, spi_chip_select_t chip_select, spi_data_t data,
                         plic_interrupt_t *cb) {
    if (!spi_is_master(spi_num)) {
        return;
    }
    bool sends = data.transfer_mode != SPI_TMOD_RECV, receives = data.transfer_mode != SPI_TMOD_TRANS;
    struct job *job = &jobs[spi_num];
    spinlock_lock(&job->lock);
    job->transaction = (spi_transaction_t){.device = spi_num, .chip_select = chip_select, .mode = data.transfer_mode,
                                           .tx_channel = data.tx_channel, .tx = data.tx_buf,
                                           .tx_count = sends ? data.tx_len : 0, .tx_fixed = data.fill_mode,
                                           .rx_channel = receives ? data.rx_channel : SPI_NO_DMA, .rx = data.rx_buf,
                                           .rx_count = receives ? data.rx_len : 0};
    if (cb == NULL) {
        int result = spi_transact(&job->transaction);
        spinlock_unlock(&job->lock);
        report("transfer", spi_num, result);
        return;
    }
    dmac_channel_number_t last = receives ? data.rx_channel : data.tx_channel;
    job->callback = *cb;
    dmac_irq_register(last, on_done, job, cb->priority);
    int result = spi_launch(&job->transaction);
    if (result) {
        dmac_irq_unregister(last);
        spinlock_unlock(&job->lock);
        report("transfer", spi_num, result);
    }
}
