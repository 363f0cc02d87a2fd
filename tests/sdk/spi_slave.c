/* SPI1 as master gives SPI2 the commands of the slave protocol: clock and data are wired, and so are the pads 32 to 33
 * (SS) and 34 to 35 (the same level for GPIOHS 12). The ready pin is GPIOHS 13. */

#include "check.h"
#include "fpioa.h"
#include "gpiohs.h"
#include "iomem.h"
#include "plic.h"
#include "spi.h"

#define READY 13

static uint8_t config[32];
static volatile unsigned calls;
static volatile uint8_t last_command, last_error;

static int on_transfer(void *ctx) {
    const spi_slave_command_t *command = ctx;
    last_command = command->cmd;
    last_error = command->err;
    calls++;
    return 0;
}

static void select(gpio_pin_value_t level) {
    gpiohs_set_pin(10, level);
    gpiohs_set_pin(11, level);
    usleep(2);
}

static bool ready(void) {
    return !(gpiohs->output_val.u32[0] >> READY & 1);
}

static void command(uint8_t cmd, uint32_t address, uint16_t length, uint8_t wrong) {
    uint8_t bytes[8] = {cmd};
    memcpy(bytes + 1, &address, 4);
    memcpy(bytes + 5, &length, 2);
    for (unsigned i = 0; i < 7; i++) {
        bytes[7] = (uint8_t)(bytes[7] + bytes[i]);
    }
    bytes[7] = (uint8_t)(bytes[7] + wrong);
    spi_init(SPI_DEVICE_1, SPI_WORK_MODE_0, SPI_FF_STANDARD, 8, 0);
    select(GPIO_PV_LOW);
    spi_send_data_standard(SPI_DEVICE_1, SPI_CHIP_SELECT_0, NULL, 0, bytes, sizeof bytes);
    select(GPIO_PV_HIGH);
}

static void send(const void *bytes, size_t length, unsigned bits) {
    spi_init(SPI_DEVICE_1, SPI_WORK_MODE_0, SPI_FF_STANDARD, bits, 0);
    select(GPIO_PV_LOW);
    spi_send_data_standard(SPI_DEVICE_1, SPI_CHIP_SELECT_0, NULL, 0, bytes, length);
    select(GPIO_PV_HIGH);
}

static void receive(void *bytes, size_t length, unsigned bits) {
    spi_init(SPI_DEVICE_1, SPI_WORK_MODE_0, SPI_FF_STANDARD, bits, 0);
    select(GPIO_PV_LOW);
    spi_receive_data_standard(SPI_DEVICE_1, SPI_CHIP_SELECT_0, NULL, 0, bytes, length);
    select(GPIO_PV_HIGH);
}

static void config_area(void) {
    static const uint8_t five[] = {9, 8, 7, 6, 5};
    uint8_t back[8] = {0};
    command(WRITE_CONFIG, 3, 5, 0);
    CHECK("ready for five bytes", ready());
    send(five, 5, 8);
    CHECK("not any more", !ready());
    check_bytes("written", config + 3, five, 5);
    CHECK_EQ("nothing before", config[2], 0);
    CHECK_EQ("nothing behind", config[8], 0);
    CHECK_EQ("one callback", calls * 100 + last_command * 10 + last_error, 100 + 10 * WRITE_CONFIG);
    for (unsigned i = 0; i < sizeof config; i++) {
        config[i] = (uint8_t)(0xA0 + i);
    }
    command(READ_CONFIG, 24, 8, 0);
    CHECK("ready to be read", ready());
    receive(back, 8, 8);
    check_bytes("read", back, config + 24, 8);
}

static void refused(void) {
    unsigned before = calls;
    command(READ_CONFIG, 30, 8, 0);
    CHECK("beyond the area", !ready());
    command(READ_CONFIG, 0, 9, 0);
    CHECK("more than eight bytes", !ready());
    command(READ_CONFIG, 0, 4, 1);
    CHECK("a wrong sum", !ready());
    command(6, 0, 4, 0);
    CHECK("no such command", !ready());
    command(READ_DATA_BYTE, 0x50000000, 4, 0);
    CHECK("no memory there", !ready());
    select(GPIO_PV_LOW);
    select(GPIO_PV_HIGH);
    CHECK("a selection without a command", !ready());
    CHECK_EQ("no callbacks", calls, before);
}

static void memory(void) {
    uint8_t *block = iomem_malloc(512), back[256], out[256];
    uint32_t seed = 4, at = (uint32_t)(uintptr_t)block;
    for (unsigned i = 0; i < 256; i++) {
        out[i] = (uint8_t)test_random(&seed);
    }
    command(WRITE_DATA_BYTE, at + 1, 3, 0);
    send(out, 3, 8);
    check_bytes("bytes in memory", block + 1, out, 3);
    command(READ_DATA_BYTE, at + 2, 2, 0);
    receive(back, 2, 8);
    check_bytes("bytes from memory", back, out + 1, 2);

    command(WRITE_DATA_BLOCK, at + 7, 256 / 16, 0); /* aligned down to 16 */
    CHECK("ready for a block", ready());
    send(out, 256, 32);
    CHECK_EQ("no error", last_error, 0);
    check_bytes("a block in memory", block, out, 256);
    for (unsigned i = 0; i < 256; i++) {
        block[i] = (uint8_t)~out[i];
    }
    command(READ_DATA_BLOCK, at, 256 / 16, 0);
    receive(back, 256, 32);
    check_bytes("a block from memory", back, block, 256);
    command(WRITE_DATA_BLOCK, at, 256 / 16, 0);
    send(out, 16, 32);
    CHECK_EQ("a block that ends early", last_error, 1);
    iomem_free(block);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    fpioa_set_function(32, FUNC_GPIOHS10);
    fpioa_set_function(33, FUNC_SPI_SLAVE_SS);
    fpioa_set_function(34, FUNC_GPIOHS11);
    fpioa_set_function(35, FUNC_GPIOHS12);
    fpioa_set_function(36, FUNC_GPIOHS13);
    fpioa_set_function(37, FUNC_SPI_SLAVE_SCLK);
    fpioa_set_function(38, FUNC_SPI_SLAVE_D0);
    select(GPIO_PV_HIGH);
    gpiohs_set_drive_mode(10, GPIO_DM_OUTPUT);
    gpiohs_set_drive_mode(11, GPIO_DM_OUTPUT);
    spi_init(SPI_DEVICE_1, SPI_WORK_MODE_0, SPI_FF_STANDARD, 8, 0);
    spi_set_clk_rate(SPI_DEVICE_1, 1000000);
    printk("WIRED\n");
    msleep(3);
    spi_slave_config(12, READY, DMAC_CHANNEL4, 8, config, sizeof config, on_transfer);
    config_area();
    refused();
    memory();
    return check_done();
}
