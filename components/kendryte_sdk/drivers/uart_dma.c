/* UART transfers by DMA: one character per 32-bit word to or from the data register (spec soc.md 6.4). */

#include "uart.h"
#include "bsp.h"
#include "iomem.h"
#include "mmio.h"
#include "sysctl.h"
#include "uart_regs.h"

#define IDLE_LIMIT_US 1000000
#define SEND_LIMIT_US(words) (1000000 + (words) * 10000ull) /* 1200 baud */

/* A transfer in progress, for its callback. */
static struct transfer {
    spinlock_t lock;
    dmac_channel_number_t dma;
    plic_irq_callback_t callback;
    void *ctx;
    uint32_t *words; /* temporary of the byte forms, freed at the end */
    uint8_t *bytes;  /* where received bytes go */
    size_t count;
} transfers[UART_DEVICE_MAX][2];

static int start(uart_device_number_t channel, dmac_channel_number_t dma, bool sending, uint32_t *words,
                 size_t count) {
    volatile void *port = (volatile void *)REG(channel, THR);
    sysctl_dma_select((sysctl_dma_channel_t)dma,
                      (sysctl_dma_select_t)(SYSCTL_DMA_SELECT_UART1_RX_REQ + 2 * channel + sending));
    return sending ? dmac_start(dma, words, (void *)port, DMAC_ADDR_INCREMENT, DMAC_ADDR_NOCHANGE, DMAC_MSIZE_1,
                                DMAC_TRANS_WIDTH_32, count)
                   : dmac_start(dma, (void *)port, words, DMAC_ADDR_NOCHANGE, DMAC_ADDR_INCREMENT, DMAC_MSIZE_1,
                                DMAC_TRANS_WIDTH_32, count);
}

static void wait_idle(uart_device_number_t channel) {
    uint64_t deadline = sdk_deadline(IDLE_LIMIT_US);
    while (!(mmio_read(REG(channel, LSR)) & LSR_IDLE) && !sdk_expired(deadline)) {
    }
}

static void narrow(const uint32_t *words, uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)words[i];
    }
}

static int on_done(void *ctx) {
    struct transfer *t = ctx;
    dmac_irq_unregister(t->dma); /* its next transfer may be another's */
    ptrdiff_t index = t - &transfers[0][0];
    if (index % 2) {
        wait_idle((uart_device_number_t)(index / 2));
    }
    if (t->bytes) {
        narrow(t->words, t->bytes, t->count);
    }
    iomem_free(t->words);
    t->words = NULL;
    t->bytes = NULL;
    plic_irq_callback_t callback = t->callback;
    spinlock_unlock(&t->lock);
    return callback ? callback(t->ctx) : 0;
}

/* Blocking when callback is NULL. `owned` words are freed at the end. */
static void run(uart_device_number_t channel, dmac_channel_number_t dma, bool sending, uint32_t *words, size_t count,
                bool owned, uint8_t *bytes, plic_irq_callback_t callback, void *ctx, uint32_t priority) {
    struct transfer *t = &transfers[channel][sending];
    spinlock_lock(&t->lock);
    if (callback) {
        t->dma = dma;
        t->callback = callback;
        t->ctx = ctx;
        t->words = owned ? words : NULL;
        t->bytes = bytes;
        t->count = count;
        dmac_irq_register(dma, on_done, t, priority);
        if (start(channel, dma, sending, words, count)) {
            dmac_irq_unregister(dma);
            iomem_free(t->words);
            spinlock_unlock(&t->lock);
        }
        return;
    }
    if (start(channel, dma, sending, words, count) == 0) {
        if (sending) {
            dmac_wait(dma, SEND_LIMIT_US(count));
        } else {
            dmac_wait_done(dma);
        }
        if (bytes) {
            narrow(words, bytes, count);
        }
    }
    if (owned) {
        iomem_free(words);
    }
    spinlock_unlock(&t->lock);
}

static void run_bytes(uart_device_number_t channel, dmac_channel_number_t dma, const uint8_t *out, uint8_t *in,
                      size_t count, plic_irq_callback_t callback, void *ctx, uint32_t priority) {
    if ((unsigned)channel >= UART_DEVICE_MAX || count == 0) {
        return;
    }
    uint32_t *words = iomem_malloc((uint32_t)(count * sizeof *words));
    if (words == NULL) {
        printk("uart: no memory for a transfer of %lu bytes\r\n", count);
        return;
    }
    for (size_t i = 0; out && i < count; i++) {
        words[i] = out[i];
    }
    run(channel, dma, out != NULL, words, count, true, in, callback, ctx, priority);
}

void uart_send_data_dma(uart_device_number_t uart_channel, dmac_channel_number_t dmac_channel, const uint8_t *buffer,
                        size_t buf_len) {
    run_bytes(uart_channel, dmac_channel, buffer, NULL, buf_len, NULL, NULL, 0);
}

void uart_receive_data_dma(uart_device_number_t uart_channel, dmac_channel_number_t dmac_channel, uint8_t *buffer,
                           size_t buf_len) {
    run_bytes(uart_channel, dmac_channel, NULL, buffer, buf_len, NULL, NULL, 0);
}

static int no_callback(void *ctx) {
    (void)ctx;
    return 0;
}

void uart_send_data_dma_irq(uart_device_number_t uart_channel, dmac_channel_number_t dmac_channel,
                            const uint8_t *buffer, size_t buf_len, plic_irq_callback_t uart_callback, void *ctx,
                            uint32_t priority) {
    run_bytes(uart_channel, dmac_channel, buffer, NULL, buf_len, uart_callback ? uart_callback : no_callback, ctx,
              priority);
}

void uart_receive_data_dma_irq(uart_device_number_t uart_channel, dmac_channel_number_t dmac_channel, uint8_t *buffer,
                               size_t buf_len, plic_irq_callback_t uart_callback, void *ctx, uint32_t priority) {
    run_bytes(uart_channel, dmac_channel, NULL, buffer, buf_len, uart_callback ? uart_callback : no_callback, ctx,
              priority);
}

void uart_handle_data_dma(uart_device_number_t uart_channel, uart_data_t data, plic_interrupt_t *cb) {
    if ((unsigned)uart_channel >= UART_DEVICE_MAX) {
        return;
    }
    bool sending = data.transfer_mode == UART_SEND;
    run(uart_channel, sending ? data.tx_channel : data.rx_channel, sending, sending ? data.tx_buf : data.rx_buf,
        sending ? data.tx_len : data.rx_len, false, NULL, cb ? (cb->callback ? cb->callback : no_callback) : NULL,
        cb ? cb->ctx : NULL, cb ? cb->priority : 0);
}
