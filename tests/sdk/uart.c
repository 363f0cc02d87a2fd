/* UART1: the runner is at the other end. */

#include "check.h"
#include "fpioa.h"
#include "uart.h"

static volatile size_t got;
static volatile unsigned sends;
static char buffer[600];

static int on_receive(void *ctx) {
    (void)ctx;
    got += (size_t)uart_receive_data(UART_DEVICE_1, buffer + got, sizeof buffer - got);
    return 0;
}

static int on_send(void *ctx) {
    sends += (unsigned)(uintptr_t)ctx;
    return 0;
}

static unsigned wrong_bytes(unsigned first, size_t count) {
    unsigned wrong = 0;
    for (size_t i = 0; i < count; i++) {
        wrong += (uint8_t)buffer[i] != (uint8_t)(first + i);
    }
    return wrong;
}

static int count_dma(void *ctx) {
    *(volatile unsigned *)ctx += 1;
    return 0;
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    sysctl_cpu_set_freq(400000000);
    fpioa_set_function(10, FUNC_UART1_TX);
    fpioa_set_function(11, FUNC_UART1_RX);
    uart_init(UART_DEVICE_1);
    uart_configure(UART_DEVICE_1, 460800, UART_BITWIDTH_8BIT, UART_STOP_1, UART_PARITY_NONE);
    /* 201.5 MHz / 460800 = 437.3 sixteenths */
    extern volatile uart_t *const uart[3];
    CHECK_EQ("fraction of the divisor", uart[0]->DLF, 5);

    /* 600 bytes i % 251; the runner compares. */
    for (unsigned i = 0; i < sizeof buffer; i++) {
        buffer[i] = (char)(i % 251);
    }
    uint64_t c0 = read_cycle();
    CHECK_EQ("sent", uart_send_data(UART_DEVICE_1, buffer, sizeof buffer), sizeof buffer);
    WAIT_FOR(uart[0]->LSR & 0x40, 100);
    int64_t cycles = (int64_t)(read_cycle() - c0), want = 600ll * 10 * 403000000 / 460800;
    check_between("at the line's speed", cycles, want * 98 / 100, want * 103 / 100);

    uart_irq_register(UART_DEVICE_1, UART_RECEIVE, on_receive, NULL, 4);
    printk("SEND 300\n"); /* the runner sends bytes 0..255, 0..43 */
    WAIT_FOR(got == 300, 200);
    CHECK_EQ("received by interrupt", got, 300);
    CHECK_EQ("in order", wrong_bytes(0, 300), 0);

    got = 0;
    uart_set_receive_trigger(UART_DEVICE_1, UART_RECEIVE_FIFO_8);
    printk("SEND 5\n"); /* below the trigger: the character time-out delivers them; bytes 0..4 */
    WAIT_FOR(got == 5, 100);
    CHECK_EQ("character time-out", got, 5);
    uart_irq_unregister(UART_DEVICE_1, UART_RECEIVE);

    uart_irq_register(UART_DEVICE_1, UART_SEND, on_send, (void *)1, 4);
    usleep(100);
    CHECK_EQ("no send callback before a send", sends, 0);
    uart_send_data(UART_DEVICE_1, "0123456789abcdef0123456789", 26);
    WAIT_FOR(sends == 1, 100);
    CHECK_EQ("send callback", sends, 1);
    uart_irq_unregister(UART_DEVICE_1, UART_SEND);

    for (unsigned i = 0; i < 100; i++) {
        buffer[i] = (char)(200 - i);
    }
    uart_send_data_dma(UART_DEVICE_1, DMAC_CHANNEL0, (uint8_t *)buffer, 100);
    WAIT_FOR(uart[0]->LSR & 0x40, 100);
    printk("DMA SENT\n");
    static volatile unsigned dma_done;
    uart_set_receive_trigger(UART_DEVICE_1, UART_RECEIVE_FIFO_1);
    uart_receive_data_dma_irq(UART_DEVICE_1, DMAC_CHANNEL1, (uint8_t *)buffer, 200, count_dma, (void *)&dma_done, 4);
    printk("SEND 200\n");
    WAIT_FOR(dma_done == 1, 200);
    CHECK_EQ("received by DMA", dma_done, 1);
    CHECK_EQ("DMA in order", wrong_bytes(0, 200), 0);
    static uint8_t from[64], to[64];
    dmac_set_single_mode(DMAC_CHANNEL1, from, to, DMAC_ADDR_INCREMENT, DMAC_ADDR_INCREMENT, DMAC_MSIZE_1,
                         DMAC_TRANS_WIDTH_8, sizeof from);
    dmac_wait_done(DMAC_CHANNEL1);
    CHECK_EQ("another user of the channel does not call back", dma_done, 1);

    uart_configure(UART_DEVICE_1, 115200, UART_BITWIDTH_8BIT, UART_STOP_1_5, UART_PARITY_NONE);
    CHECK_EQ("1.5 stop bits need 5 data bits: refused", uart[0]->DLF, 5);
    return check_done();
}
