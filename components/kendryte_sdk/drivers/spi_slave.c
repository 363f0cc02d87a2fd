/* SPI2 as a slave of the vendor's command protocol (spec soc.md 7.10). The master sends eight bytes {command, address
 * of four, length of two, sum of the seven before}, waits for the ready pin to fall, and moves the data in a second
 * selection. Every end of a selection, a rising edge on int_pin, is one step here. */

#include <string.h>
#include "bsp.h"
#include "fpioa.h"
#include "gpiohs.h"
#include "iomem.h"
#include "mmio.h"
#include "spi.h"
#include "sysctl.h"

#define REG(offset) (SPI_SLAVE_BASE_ADDR + (offset))
#define CTRLR0 REG(0x00)
#define SSIENR REG(0x08)
#define TXFTLR REG(0x18)
#define RXFTLR REG(0x1C)
#define RXFLR REG(0x24)
#define IMR REG(0x2C)
#define DMACR REG(0x4C)
#define DMATDLR REG(0x50)
#define DMARDLR REG(0x54)
#define DR REG(0x60)

#define TRANSMIT_ONLY (1u << 8) /* what the master sends meanwhile would overrun */
#define OUTPUT_OFF (1u << 10)
#define SIZE_SHIFT 16
#define COMMAND_BYTES 8
#define SHORT_BYTES 8 /* the longest data phase without DMA */
#define BLOCK_BYTES 16
#define PRIORITY 4

static spi_slave_instance_t slave;

static unsigned frame_bytes(void) {
    return (unsigned)slave.data_bit_length / 8;
}

/* Empties both FIFOs. */
static void restart(unsigned bits, bool sends, uint32_t dma) {
    if (slave.is_dual) {
        fpioa_set_function(sends ? slave.miso_pin : slave.mosi_pin, FUNC_SPI_SLAVE_D0);
    }
    mmio_write(SSIENR, 0);
    mmio_write(CTRLR0, (sends ? TRANSMIT_ONLY : OUTPUT_OFF) | (bits - 1) << SIZE_SHIFT);
    mmio_write(DMACR, dma);
    mmio_write(SSIENR, 1);
}

static void listen(void) {
    slave.status = IDLE;
    restart((unsigned)slave.data_bit_length, false, 0);
}

/* Received frames as bytes, the low one first; how many there were. */
static size_t drain(uint8_t *bytes, size_t length) {
    size_t at = 0;
    while (at + frame_bytes() <= length && mmio_read(RXFLR)) {
        uint32_t frame = mmio_read(DR);
        memcpy(bytes + at, &frame, frame_bytes());
        at += frame_bytes();
    }
    return at;
}

static void fill(const uint8_t *bytes, size_t length) {
    for (size_t at = 0; at < length; at += frame_bytes()) {
        uint32_t frame = 0;
        memcpy(&frame, bytes + at, length - at < frame_bytes() ? length - at : frame_bytes());
        mmio_write(DR, frame);
    }
}

/* ---- commands ---- */

static bool in_memory(uint32_t address, size_t length) {
    const uint32_t size = RAM_SIZE + AI_RAM_SIZE;
    uint32_t offset = address - (address >= RAM_BASE_ADDR ? RAM_BASE_ADDR : IO_BASE_ADDR);
    return offset < size && length <= size - offset;
}

static bool is_block(void) {
    return slave.command.cmd == WRITE_DATA_BLOCK || slave.command.cmd == READ_DATA_BLOCK;
}

static bool is_read(void) {
    return slave.command.cmd % 2 != 0;
}

/* What the data phase works on; NULL for a command that the master must not give. */
static uint8_t *target(void) {
    uint32_t address = slave.command.addr, length = slave.command.len;
    if (slave.command.cmd <= READ_CONFIG) {
        bool fits = length <= SHORT_BYTES && address <= slave.config_len && length <= slave.config_len - address;
        return fits ? (uint8_t *)slave.config_ptr + address : NULL;
    }
    bool short_enough = is_block() || length <= SHORT_BYTES;
    return short_enough && in_memory(address, length) ? (uint8_t *)(uintptr_t)address : NULL;
}

static bool parse(const uint8_t *bytes) {
    uint8_t sum = 0;
    for (unsigned i = 0; i < COMMAND_BYTES - 1; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    uint16_t length;
    uint32_t address;
    memcpy(&address, bytes + 1, sizeof address);
    memcpy(&length, bytes + 5, sizeof length);
    slave.command.cmd = bytes[0];
    slave.command.addr = address;
    slave.command.len = length ? length : 65536;
    if (is_block()) {
        slave.command.addr &= ~(uint32_t)(BLOCK_BYTES - 1);
        slave.command.len *= BLOCK_BYTES;
    }
    return sum == bytes[COMMAND_BYTES - 1] && bytes[0] <= READ_DATA_BLOCK && target() != NULL;
}

static int arm_block(void) {
    bool reads = is_read();
    void *memory = target(), *port = (void *)DR;
    size_t words = slave.command.len / 4;
    restart(32, reads, reads ? 2 : 1);
    sysctl_dma_select((sysctl_dma_channel_t)slave.dmac_channel,
                      reads ? SYSCTL_DMA_SELECT_SSI2_TX_REQ : SYSCTL_DMA_SELECT_SSI2_RX_REQ);
    return reads ? dmac_start(slave.dmac_channel, memory, port, DMAC_ADDR_INCREMENT, DMAC_ADDR_NOCHANGE, DMAC_MSIZE_4,
                              DMAC_TRANS_WIDTH_32, words)
                 : dmac_start(slave.dmac_channel, port, memory, DMAC_ADDR_NOCHANGE, DMAC_ADDR_INCREMENT, DMAC_MSIZE_4,
                              DMAC_TRANS_WIDTH_32, words);
}

static int arm(void) {
    if (is_block()) {
        return arm_block();
    }
    restart((unsigned)slave.data_bit_length, is_read(), 0);
    if (is_read()) {
        fill(target(), slave.command.len);
    }
    return 0;
}

static void take_command(void) {
    uint8_t bytes[COMMAND_BYTES];
    slave.status = COMMAND;
    slave.command.err = drain(bytes, sizeof bytes) < sizeof bytes || !parse(bytes) || arm();
    if (slave.command.err) {
        listen(); /* the ready pin stays high: the master sees that nothing came of it */
        return;
    }
    slave.status = TRANSFER;
    gpiohs_set_pin(slave.ready_pin, GPIO_PV_LOW);
}

static void end_transfer(void) {
    gpiohs_set_pin(slave.ready_pin, GPIO_PV_HIGH);
    if (is_block()) {
        slave.command.err = dmac_wait(slave.dmac_channel, 0) != 0; /* the master stopped early */
    } else if (!is_read()) {
        uint8_t bytes[SHORT_BYTES + sizeof(uint32_t)];
        size_t got = drain(bytes, sizeof bytes);
        slave.command.err = got < slave.command.len;
        memcpy(target(), bytes, got < slave.command.len ? got : slave.command.len);
    }
    listen();
    if (slave.callback) {
        slave.callback((void *)&slave.command);
    }
}

static int on_released(void *ctx) {
    (void)ctx;
    if (slave.status == TRANSFER) {
        end_transfer();
    } else {
        take_command();
    }
    return 0;
}

/* ---- set-up ---- */

static void open(spi_slave_instance_t instance) {
    if (instance.data_bit_length != 8 && instance.data_bit_length != 16 && instance.data_bit_length != 32) {
        printk("spi: a slave of %lu bits: 8, 16 or 32\r\n", instance.data_bit_length);
        return;
    }
    slave = instance;
    sysctl_clock_enable(SYSCTL_CLOCK_SPI2);
    sysctl_reset(SYSCTL_RESET_SPI2);
    mmio_write(IMR, 0);
    mmio_write(TXFTLR, 0);
    mmio_write(RXFTLR, COMMAND_BYTES / frame_bytes() - 1);
    mmio_write(DMATDLR, 4);
    mmio_write(DMARDLR, 3);
    listen();
    gpiohs_set_pin(slave.ready_pin, GPIO_PV_HIGH);
    gpiohs_set_drive_mode(slave.ready_pin, GPIO_DM_OUTPUT);
    gpiohs_set_drive_mode(slave.int_pin, GPIO_DM_INPUT_PULL_UP);
    gpiohs_set_pin_edge(slave.int_pin, GPIO_PE_RISING);
    gpiohs_irq_register(slave.int_pin, PRIORITY, on_released, NULL);
}

void spi_slave_config(uint8_t int_pin, uint8_t ready_pin, dmac_channel_number_t dmac_channel, size_t data_bit_length,
                      uint8_t *data, uint32_t len, spi_slave_receive_callback_t callback) {
    open((spi_slave_instance_t){.int_pin = int_pin, .ready_pin = ready_pin, .dmac_channel = dmac_channel,
                                .data_bit_length = data_bit_length, .config_ptr = data, .config_len = len,
                                .callback = callback});
}

void spi_slave_dual_config(uint8_t int_pin, uint8_t ready_pin, uint8_t mosi_pin, uint8_t miso_pin,
                           dmac_channel_number_t dmac_channel, size_t data_bit_length, uint8_t *data, uint32_t len,
                           spi_slave_receive_callback_t callback) {
    open((spi_slave_instance_t){.int_pin = int_pin, .ready_pin = ready_pin, .dmac_channel = dmac_channel,
                                .data_bit_length = data_bit_length, .config_ptr = data, .config_len = len,
                                .callback = callback, .is_dual = 1, .mosi_pin = mosi_pin, .miso_pin = miso_pin});
}
