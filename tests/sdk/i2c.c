/* I2C0 as master talks to I2C1 as slave: wires from pad 26 to 28 (SCL) and from 27 to 29 (SDA). The slave is a memory
 * of 256 bytes: the first byte written is the address, the next ones go there; reads go on from it. */

#include "check.h"
#include "fpioa.h"
#include "i2c.h"
#include "plic.h"

#define SLAVE 0x32

static volatile uint8_t memory[256];
static volatile uint8_t cursor;
static volatile bool address_next;
static volatile unsigned starts, restarts, stops, received, transmitted;

static void on_receive(uint32_t data) {
    received++;
    if (address_next) {
        cursor = (uint8_t)data;
        address_next = false;
    } else {
        memory[cursor] = (uint8_t)data;
        cursor = (uint8_t)(cursor + 1);
    }
}

static uint32_t on_transmit() {
    transmitted++;
    uint8_t data = memory[cursor];
    cursor = (uint8_t)(cursor + 1);
    return data;
}

static void on_event(i2c_event_t event) {
    starts += event == I2C_EV_START;
    restarts += event == I2C_EV_RESTART;
    stops += event == I2C_EV_STOP;
    address_next = event == I2C_EV_START;
}

static volatile unsigned done;

static int on_done(void *ctx) {
    done += (unsigned)(uintptr_t)ctx;
    return 0;
}

static void by_cpu(void) {
    uint8_t out[41], in[40];
    uint32_t seed = 3;
    out[0] = 0x10;
    for (unsigned i = 1; i < sizeof out; i++) {
        out[i] = (uint8_t)test_random(&seed);
    }
    CHECK_EQ("send", i2c_send_data(I2C_DEVICE_0, out, sizeof out), 0);
    msleep(1);
    check_bytes("what the slave has", (const void *)&memory[0x10], out + 1, 40);
    CHECK_EQ("a start and a stop", starts * 16 + stops, 0x11);
    CHECK_EQ("receive", i2c_recv_data(I2C_DEVICE_0, out, 1, in, sizeof in), 0);
    check_bytes("what was received", in, out + 1, sizeof in);
    msleep(1);
    CHECK_EQ("by a repeated start", restarts, 1);
    CHECK_EQ("bytes that the slave took", received, 42);
    check_between("bytes that it gave", transmitted, 40, 41);
}

static void absent(void) {
    uint8_t byte = 0;
    i2c_init(I2C_DEVICE_0, 0x55, 7, 400000);
    uint64_t start = clint_get_time();
    CHECK_EQ("nobody acknowledges a write", i2c_send_data(I2C_DEVICE_0, &byte, 1), 1);
    CHECK_EQ("nor a read", i2c_recv_data(I2C_DEVICE_0, NULL, 0, &byte, 1), 1);
    CHECK_EQ("nor a register read", i2c_recv_data(I2C_DEVICE_0, &byte, 1, &byte, 1), 1);
    check_between("at once", (int64_t)(clint_get_time() - start), 0, (int64_t)clint_timer_get_freq() / 50);
    i2c_send_data_dma(DMAC_CHANNEL1, I2C_DEVICE_0, &byte, 1);
    i2c_init(I2C_DEVICE_0, SLAVE, 7, 400000);
    CHECK_EQ("the next device answers", i2c_send_data(I2C_DEVICE_0, &byte, 1), 0);
}

static void by_dma(void) {
    static uint8_t out[65], in[64];
    uint32_t seed = 9;
    out[0] = 0x80;
    for (unsigned i = 1; i < sizeof out; i++) {
        out[i] = (uint8_t)test_random(&seed);
    }
    i2c_send_data_dma(DMAC_CHANNEL1, I2C_DEVICE_0, out, sizeof out);
    msleep(1);
    check_bytes("sent by DMA", (const void *)&memory[0x80], out + 1, 64);
    i2c_recv_data_dma(DMAC_CHANNEL1, DMAC_CHANNEL2, I2C_DEVICE_0, out, 1, in, sizeof in);
    check_bytes("received by DMA", in, out + 1, sizeof in);

    uint32_t words[4] = {0x20, 0xAA, 0xBB, 0xCC}, commands[4] = {0x20, 0x100, 0x100, 0x100}, data[3] = {0};
    plic_interrupt_t callback = {on_done, (void *)1, 2};
    i2c_data_t job = {.tx_channel = DMAC_CHANNEL1, .tx_buf = words, .tx_len = 4, .transfer_mode = I2C_SEND};
    i2c_handle_data_dma(I2C_DEVICE_0, job, &callback);
    CHECK("callback when sent", WAIT_FOR(done == 1, 10));
    msleep(1);
    CHECK("words sent", memory[0x20] == 0xAA && memory[0x21] == 0xBB && memory[0x22] == 0xCC);
    job = (i2c_data_t){.tx_channel = DMAC_CHANNEL1, .tx_buf = commands, .tx_len = 4, .rx_channel = DMAC_CHANNEL2,
                       .rx_buf = data, .rx_len = 3, .transfer_mode = I2C_RECEIVE};
    i2c_handle_data_dma(I2C_DEVICE_0, job, &callback);
    CHECK("callback when received", WAIT_FOR(done == 2, 10));
    CHECK("words received", data[0] == 0xAA && data[1] == 0xBB && data[2] == 0xCC);
}

/* Nine clocks per byte, and start, address and stop. */
static void rate(uint32_t hz) {
    uint8_t bytes[50] = {0};
    i2c_init(I2C_DEVICE_0, SLAVE, 7, hz);
    uint64_t start = clint_get_time();
    CHECK_EQ("send", i2c_send_data(I2C_DEVICE_0, bytes, sizeof bytes), 0);
    int64_t us = (int64_t)((clint_get_time() - start) * 1000000 / clint_timer_get_freq());
    int64_t wanted = 51 * 9 * 1000000ll / hz;
    check_between("time on the wire", us, wanted, wanted + wanted / 5);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    fpioa_set_function(26, FUNC_I2C0_SCLK);
    fpioa_set_function(27, FUNC_I2C0_SDA);
    fpioa_set_function(28, FUNC_I2C1_SCLK);
    fpioa_set_function(29, FUNC_I2C1_SDA);
    static const i2c_slave_handler_t handler = {on_receive, on_transmit, on_event};
    i2c_init_as_slave(I2C_DEVICE_1, SLAVE, 7, &handler);
    i2c_init(I2C_DEVICE_0, SLAVE, 7, 400000);
    by_cpu();
    absent();
    by_dma();
    rate(100000);
    rate(400000);
    i2c_init(I2C_DEVICE_0, 0x80, 7, 400000);
    i2c_init(I2C_DEVICE_0, SLAVE, 8, 400000);
    i2c_init(I2C_DEVICE_0, SLAVE, 7, 0);
    CHECK_EQ("bad arguments change nothing", i2c[0]->tar, SLAVE);
    CHECK_EQ("no bus 3", i2c_send_data(I2C_DEVICE_MAX, NULL, 0), 1);
    return check_done();
}
