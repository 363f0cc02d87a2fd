/* Memory to memory in all widths, fixed addresses, cached buffers, interrupts, bad arguments. */

#include <errno.h>
#include <stdlib.h>
#include "check.h"
#include "dmac.h"
#include "heap.h"
#include "iomem.h"

#define BYTES 4096

static volatile unsigned done;

static int on_done(void *ctx) {
    done += (unsigned)(uintptr_t)ctx;
    return 0;
}

static void fill(uint8_t *p, uint32_t seed) {
    for (size_t i = 0; i < BYTES; i++) {
        p[i] = (uint8_t)test_random(&seed);
    }
}

static void widths(uint8_t *from, uint8_t *to) {
    static const char *const names[] = {"width 8", "width 16", "width 32", "width 64", "width 128", "width 256"};
    for (int width = 0; width <= DMAC_TRANS_WIDTH_256; width++) {
        dmac_channel_number_t channel = (dmac_channel_number_t)width; /* every channel once */
        fill(from, 100 + (uint32_t)width);
        memset(to, 0, BYTES);
        dmac_set_single_mode(channel, from, to, DMAC_ADDR_INCREMENT, DMAC_ADDR_INCREMENT, DMAC_MSIZE_16,
                             (dmac_transfer_width_t)width, BYTES >> width);
        dmac_wait_done(channel);
        check_bytes(names[width], to, from, BYTES);
    }
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    uint8_t *from = iomem_malloc(BYTES), *to = iomem_malloc(BYTES);
    CHECK("iomem is uncached and aligned", (uintptr_t)from >> 28 == 4 && (uintptr_t)from % 64 == 0);
    widths(from, to);

    uint32_t pattern = 0xC001F00D;
    *(uint32_t *)from = pattern;
    CHECK_EQ("fixed source starts", dmac_start(DMAC_CHANNEL1, from, to, DMAC_ADDR_NOCHANGE, DMAC_ADDR_INCREMENT,
                                               DMAC_MSIZE_1, DMAC_TRANS_WIDTH_32, BYTES / 4), 0);
    CHECK_EQ("fixed source ends", dmac_wait(DMAC_CHANNEL1, 10000), 0);
    unsigned equal = 0;
    for (unsigned i = 0; i < BYTES / 4; i++) {
        equal += ((uint32_t *)to)[i] == pattern;
    }
    CHECK_EQ("fixed source fills", equal, BYTES / 4);

    /* Cached on both sides: through bounce buffers, brought back by the wait or by the interrupt. */
    static uint8_t source[BYTES], target[BYTES];
    fill(source, 5);
    dmac_set_single_mode(DMAC_CHANNEL2, source, target, DMAC_ADDR_INCREMENT, DMAC_ADDR_INCREMENT, DMAC_MSIZE_4,
                         DMAC_TRANS_WIDTH_64, BYTES / 8);
    dmac_wait_done(DMAC_CHANNEL2);
    check_bytes("cached buffers, waited", target, source, BYTES);
    memset(target, 0, BYTES);
    dmac_irq_register(DMAC_CHANNEL2, on_done, (void *)1, 4);
    dmac_set_single_mode(DMAC_CHANNEL2, source, target, DMAC_ADDR_INCREMENT, DMAC_ADDR_INCREMENT, DMAC_MSIZE_4,
                         DMAC_TRANS_WIDTH_64, BYTES / 8);
    CHECK("interrupt", WAIT_FOR(done == 1, 10));
    check_bytes("cached buffers, by interrupt", target, source, BYTES);
    CHECK("done bit was cleared", !dmac_is_done(DMAC_CHANNEL2) && dmac_is_idle(DMAC_CHANNEL2));
    dmac_irq_unregister(DMAC_CHANNEL2);
    dmac_set_single_mode(DMAC_CHANNEL2, source, target, DMAC_ADDR_INCREMENT, DMAC_ADDR_INCREMENT, DMAC_MSIZE_4,
                         DMAC_TRANS_WIDTH_64, BYTES / 8);
    dmac_wait_done(DMAC_CHANNEL2);
    CHECK_EQ("no interrupt when unregistered", done, 1);

    CHECK_EQ("no channel 6", dmac_start(DMAC_CHANNEL_MAX, from, to, 0, 0, 0, 0, 1), -EINVAL);
    CHECK_EQ("no items", dmac_start(DMAC_CHANNEL0, from, to, 0, 0, 0, 0, 0), -EINVAL);
    CHECK_EQ("too many items", dmac_start(DMAC_CHANNEL0, from, to, 0, 0, 0, 0, (4 << 20) + 1), -EINVAL);
    dmac_wait_done(DMAC_CHANNEL5);

    /* A peripheral that never asks: the wait ends. */
    sysctl_dma_select(SYSCTL_DMA_CHANNEL_3, SYSCTL_DMA_SELECT_AI_RX_REQ);
    CHECK_EQ("stalled source starts", dmac_start(DMAC_CHANNEL3, (void *)0x40800030, to, DMAC_ADDR_NOCHANGE,
                                                 DMAC_ADDR_INCREMENT, DMAC_MSIZE_1, DMAC_TRANS_WIDTH_64, 8), 0);
    CHECK_EQ("stalled source times out", dmac_wait(DMAC_CHANNEL3, 1000), -ETIMEDOUT);
    CHECK("stopped", dmac_is_idle(DMAC_CHANNEL3));

    size_t free_before = sdk_heap_free();
    void *big = iomem_malloc(1 << 20);
    CHECK("large uncached block", big != NULL);
    iomem_free(big);
    CHECK_EQ("goes back to the heap", sdk_heap_free(), free_before);
    CHECK("too large", iomem_malloc(7 << 20) == NULL);
    iomem_free(from);
    iomem_free(to);
    return check_done();
}
