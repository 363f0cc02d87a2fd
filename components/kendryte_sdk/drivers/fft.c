/* FFT of 64 .. 512 complex points of 16 bits by two DMA channels (spec soc.md 10.8). */

#include "fft.h"
#include "bsp.h"
#include "mmio.h"
#include "sysctl.h"

#define REG(offset) (FFT_BASE_ADDR + (offset))
#define INPUT_FIFO REG(0x00)
#define CTRL REG(0x08)
#define INTR_MASK REG(0x18)
#define INTR_CLEAR REG(0x20)
#define OUTPUT_FIFO REG(0x38)

#define CTRL_ENABLE (1u << 13)
#define CTRL_DMA (1u << 14)

#define WAIT_US 10000

void fft_complex_uint16_dma(dmac_channel_number_t dma_send_channel_num, dmac_channel_number_t dma_receive_channel_num,
                            uint16_t shift, fft_direction_t direction, const uint64_t *input, size_t point_num,
                            uint64_t *output) {
    fft_point_t points = FFT_512;
    while (points <= FFT_64 && point_num != 512u >> points) {
        points++;
    }
    if (points > FFT_64 || shift > 0x1FF || (unsigned)direction >= FFT_DIR_MAX) {
        printk("fft: %lu points, shift 0x%x, direction %d: 64, 128, 256 or 512 points, 9 bits of shift, 0 or 1\r\n",
               point_num, shift, direction);
        return;
    }
    size_t words = point_num / 2;
    sysctl_clock_enable(SYSCTL_CLOCK_FFT);
    sysctl_reset(SYSCTL_RESET_FFT);
    mmio_write64(INTR_MASK, 1);
    mmio_write64(INTR_CLEAR, 1);
    mmio_write64(CTRL, (uint64_t)points | (uint64_t)direction << 3 | (uint64_t)shift << 4 | CTRL_ENABLE | CTRL_DMA);
    sysctl_dma_select((sysctl_dma_channel_t)dma_receive_channel_num, SYSCTL_DMA_SELECT_FFT_RX_REQ);
    sysctl_dma_select((sysctl_dma_channel_t)dma_send_channel_num, SYSCTL_DMA_SELECT_FFT_TX_REQ);
    int result = dmac_start(dma_receive_channel_num, (void *)OUTPUT_FIFO, output, DMAC_ADDR_NOCHANGE,
                            DMAC_ADDR_INCREMENT, DMAC_MSIZE_4, DMAC_TRANS_WIDTH_64, words);
    if (result == 0) {
        result = dmac_start(dma_send_channel_num, input, (void *)INPUT_FIFO, DMAC_ADDR_INCREMENT, DMAC_ADDR_NOCHANGE,
                            DMAC_MSIZE_4, DMAC_TRANS_WIDTH_64, words);
        int sent = result ? result : dmac_wait(dma_send_channel_num, WAIT_US);
        int received = dmac_wait(dma_receive_channel_num, sent ? 0 : WAIT_US);
        result = sent ? sent : received;
    }
    if (result) {
        printk("fft: the transfer failed (%d)\r\n", result);
    }
    mmio_write64(CTRL, 0);
}
