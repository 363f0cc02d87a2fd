/* I2C transfers by DMA: one command or byte per 32-bit word to or from data_cmd (spec soc.md 10.1). */

#include "atomic.h"
#include "bsp.h"
#include "i2c.h"
#include "i2c_regs.h"
#include "iomem.h"
#include "mmio.h"
#include "sysctl.h"

#define PORT(bus) ((void *)I2C_REG(bus, DATA_CMD))

/* The transfer in progress on a bus. */
static struct {
    spinlock_t lock;
    i2c_data_t data;
    plic_irq_callback_t callback;
    void *ctx;
} transfers[I2C_MAX_NUM];

static sysctl_dma_select_t request(i2c_device_number_t bus, bool sending) {
    return (sysctl_dma_select_t)(SYSCTL_DMA_SELECT_I2C0_RX_REQ + 2 * bus + sending);
}

static int launch(i2c_device_number_t bus, const i2c_data_t *data) {
    int result = 0;
    i2c_begin(bus);
    if (data->transfer_mode == I2C_RECEIVE) {
        sysctl_dma_select((sysctl_dma_channel_t)data->rx_channel, request(bus, false));
        result = dmac_start(data->rx_channel, PORT(bus), data->rx_buf, DMAC_ADDR_NOCHANGE, DMAC_ADDR_INCREMENT,
                            DMAC_MSIZE_1, DMAC_TRANS_WIDTH_32, data->rx_len);
    }
    if (result == 0) {
        sysctl_dma_select((sysctl_dma_channel_t)data->tx_channel, request(bus, true));
        result = dmac_start(data->tx_channel, data->tx_buf, PORT(bus), DMAC_ADDR_INCREMENT, DMAC_ADDR_NOCHANGE,
                            DMAC_MSIZE_4, DMAC_TRANS_WIDTH_32, data->tx_len);
    }
    return result;
}

/* Until both channels have ended and the wire is idle; stops them after an abort. */
static int complete(i2c_device_number_t bus, const i2c_data_t *data) {
    bool receives = data->transfer_mode == I2C_RECEIVE;
    uint64_t deadline = i2c_deadline(bus, data->tx_len);
    int result = 0;
    while (result == 0 && !(dmac_is_idle(data->tx_channel) && (!receives || dmac_is_idle(data->rx_channel)))) {
        result = i2c_aborted(bus) || sdk_expired(deadline) ? I2C_FAILED : 0;
    }
    dmac_wait(data->tx_channel, 0);
    if (receives) {
        dmac_wait(data->rx_channel, 0);
    }
    return result ? i2c_give_up(bus) : i2c_finish(bus, deadline);
}

static int report(i2c_device_number_t bus, int result) {
    if (result) {
        printk("i2c: the transfer by DMA on bus %d failed: no acknowledge, or no memory\r\n", bus);
    }
    return result;
}

/* The channel whose end is the end of the transfer. */
static dmac_channel_number_t last_channel(const i2c_data_t *data) {
    return data->transfer_mode == I2C_RECEIVE ? data->rx_channel : data->tx_channel;
}

static int on_done(void *ctx) {
    i2c_device_number_t bus = (i2c_device_number_t)(uintptr_t)ctx;
    plic_irq_callback_t callback = transfers[bus].callback;
    void *user = transfers[bus].ctx;
    dmac_irq_unregister(last_channel(&transfers[bus].data)); /* the channel's next transfer may be another's */
    report(bus, complete(bus, &transfers[bus].data));
    spinlock_unlock(&transfers[bus].lock);
    return callback(user);
}

void i2c_handle_data_dma(i2c_device_number_t i2c_num, i2c_data_t data, plic_interrupt_t *cb) {
    if (i2c_bad(i2c_num) || (unsigned)data.tx_channel >= DMAC_CHANNEL_MAX ||
        (data.transfer_mode == I2C_RECEIVE && (unsigned)data.rx_channel >= DMAC_CHANNEL_MAX)) {
        printk("i2c: bus %d, DMA channels %d and %d: 0 .. 2, 0 .. 5\r\n", i2c_num, data.tx_channel, data.rx_channel);
        return;
    }
    spinlock_lock(&transfers[i2c_num].lock);
    dmac_channel_number_t last = last_channel(&data);
    bool calls = cb && cb->callback;
    if (calls) {
        transfers[i2c_num].data = data;
        transfers[i2c_num].callback = cb->callback;
        transfers[i2c_num].ctx = cb->ctx;
        dmac_irq_register(last, on_done, (void *)(uintptr_t)i2c_num, cb->priority);
    }
    int result = launch(i2c_num, &data);
    if (result && calls) {
        dmac_irq_unregister(last);
    }
    if (result || !calls) {
        report(i2c_num, result ? result : complete(i2c_num, &data));
        spinlock_unlock(&transfers[i2c_num].lock);
    }
}

/* Words of the bytes to send, then of that many read commands; NULL without memory. */
static uint32_t *make_words(const uint8_t *send, size_t send_count, size_t read_count) {
    uint32_t *words = iomem_malloc((uint32_t)((send_count + 2 * read_count) * sizeof *words));
    for (size_t i = 0; words && i < send_count + read_count; i++) {
        words[i] = i < send_count ? send[i] : I2C_DATA_CMD_CMD;
    }
    return words;
}

static void run(i2c_device_number_t bus, dmac_channel_number_t tx, dmac_channel_number_t rx, const uint8_t *send,
                size_t send_count, uint8_t *receive, size_t receive_count) {
    uint32_t *words = make_words(send, send_count, receive_count);
    if (words == NULL) {
        report(bus, I2C_FAILED);
        return;
    }
    uint32_t *received = words + send_count + receive_count;
    i2c_data_t data = {.tx_channel = tx, .tx_buf = words, .tx_len = send_count + receive_count, .rx_channel = rx,
                       .rx_buf = received, .rx_len = receive_count,
                       .transfer_mode = receive_count ? I2C_RECEIVE : I2C_SEND};
    i2c_handle_data_dma(bus, data, NULL);
    for (size_t i = 0; i < receive_count; i++) {
        receive[i] = (uint8_t)received[i];
    }
    iomem_free(words);
}

void i2c_send_data_dma(dmac_channel_number_t dma_channel_num, i2c_device_number_t i2c_num, const uint8_t *send_buf,
                       size_t send_buf_len) {
    run(i2c_num, dma_channel_num, dma_channel_num, send_buf, send_buf_len, NULL, 0);
}

void i2c_recv_data_dma(dmac_channel_number_t dma_send_channel_num, dmac_channel_number_t dma_receive_channel_num,
                       i2c_device_number_t i2c_num, const uint8_t *send_buf, size_t send_buf_len,
                       uint8_t *receive_buf, size_t receive_buf_len) {
    run(i2c_num, dma_send_channel_num, dma_receive_channel_num, send_buf, send_buf_len, receive_buf,
        receive_buf_len);
}
