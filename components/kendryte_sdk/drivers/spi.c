/* SPI masters: set-up and the transaction engine (spec soc.md 7). */

#include "spi.h"
#include "bsp.h"
#include "mmio.h"
#include "spi_engine.h"
#include "sysctl.h"

#define CTRLR0 0x00
#define CTRLR1 0x04
#define SSIENR 0x08
#define SER 0x10
#define BAUDR 0x14
#define TXFLR 0x20
#define RXFLR 0x24
#define SR 0x28
#define IMR 0x2C
#define RISR 0x34
#define RXOICR 0x3C
#define DMACR 0x4C
#define DMATDLR 0x50
#define DMARDLR 0x54
#define DR 0x60
#define SPI_CTRLR0 0xF4
#define ENDIAN 0x118

#define SR_BUSY 1u
#define SR_TX_NOT_FULL 2u
#define SR_TX_EMPTY 4u
#define RISR_RX_OVERRUN 8u
#define DMACR_RX 1u
#define DMACR_TX 2u

volatile spi_t *const spi[4] = {
    (volatile spi_t *)SPI0_BASE_ADDR,
    (volatile spi_t *)SPI1_BASE_ADDR,
    (volatile spi_t *)SPI_SLAVE_BASE_ADDR,
    (volatile spi_t *)SPI3_BASE_ADDR,
};

static uintptr_t reg(spi_device_num_t device, uintptr_t offset) {
    return (uintptr_t)spi[device] + offset;
}

/* Positions of the fields of ctrlr0: SPI3 is another version of the block (spec soc.md 7.3). */
typedef struct {
    uint8_t size, frame, mode, tmod, lines;
} layout_t;

static const layout_t *layout(spi_device_num_t device) {
    static const layout_t common = {16, 4, 6, 8, 21}, spi3 = {0, 6, 8, 10, 22};
    return device == SPI_DEVICE_3 ? &spi3 : &common;
}

bool spi_is_master(spi_device_num_t device) {
    if (device == SPI_DEVICE_0 || device == SPI_DEVICE_1 || device == SPI_DEVICE_3) {
        return true;
    }
    printk("spi: SPI%d is not a master: 0, 1 or 3\r\n", device);
    return false;
}

unsigned spi_frame_bytes(spi_device_num_t device) {
    unsigned bits = (mmio_read(reg(device, CTRLR0)) >> layout(device)->size & 31) + 1;
    return bits <= 8 ? 1 : bits <= 16 ? 2 : 4;
}

void spi_init(spi_device_num_t spi_num, spi_work_mode_t work_mode, spi_frame_format_t frame_format,
              size_t data_bit_length, uint32_t endian) {
    if (!spi_is_master(spi_num)) {
        return;
    }
    unsigned multiple = 1u << frame_format; /* dual, quad and octal move 2, 4, 8 bits per clock */
    if (data_bit_length < 4 || data_bit_length > 32 || (unsigned)frame_format > SPI_FF_OCTAL ||
        data_bit_length % multiple) {
        printk("spi: %lu bits per frame: 4 .. 32, a multiple of %u\r\n", data_bit_length, multiple);
        return;
    }
    static const uint8_t thresholds[] = {SYSCTL_THRESHOLD_SPI0, SYSCTL_THRESHOLD_SPI1, 0, SYSCTL_THRESHOLD_SPI3};
    sysctl_clock_enable((sysctl_clock_t)(SYSCTL_CLOCK_SPI0 + spi_num));
    if (spi_num == SPI_DEVICE_3) {
        sysctl_clock_set_clock_select(SYSCTL_CLOCK_SELECT_SPI3, 1);
    }
    sysctl_clock_set_threshold((sysctl_threshold_t)thresholds[spi_num], 0);
    const layout_t *l = layout(spi_num);
    if (mmio_read(reg(spi_num, BAUDR)) == 0) {
        mmio_write(reg(spi_num, BAUDR), 0x14);
    }
    mmio_write(reg(spi_num, IMR), 0);
    mmio_write(reg(spi_num, DMACR), 0);
    mmio_write(reg(spi_num, DMATDLR), 0x10);
    mmio_write(reg(spi_num, DMARDLR), 0);
    mmio_write(reg(spi_num, SER), 0);
    mmio_write(reg(spi_num, SSIENR), 0);
    mmio_write(reg(spi_num, CTRLR0), (uint32_t)work_mode << l->mode | (uint32_t)frame_format << l->lines |
                                         (uint32_t)(data_bit_length - 1) << l->size);
    mmio_write(reg(spi_num, SPI_CTRLR0), 0);
    mmio_write(reg(spi_num, ENDIAN), endian);
}

void spi_init_non_standard(spi_device_num_t spi_num, uint32_t instruction_length, uint32_t address_length,
                           uint32_t wait_cycles,
                           spi_instruction_address_trans_mode_t instruction_address_trans_mode) {
    if (!spi_is_master(spi_num)) {
        return;
    }
    uint32_t inst_l = instruction_length == 16 ? 3 : instruction_length == 8 ? 2 : instruction_length == 4 ? 1 : 0;
    if ((inst_l == 0 && instruction_length) || address_length % 4 || address_length > 60 || wait_cycles > 31) {
        printk("spi: instruction of %u bits (0 4 8 16), address of %u (multiple of 4, at most 60), %u wait cycles (at "
               "most 31)\r\n",
               instruction_length, address_length, wait_cycles);
        return;
    }
    mmio_write(reg(spi_num, SPI_CTRLR0), wait_cycles << 11 | inst_l << 8 | address_length / 4 << 2 |
                                             (uint32_t)instruction_address_trans_mode);
}

uint32_t spi_set_clk_rate(spi_device_num_t spi_num, uint32_t spi_clk) {
    if (!spi_is_master(spi_num)) {
        return 0;
    }
    uint32_t clock = sysctl_clock_get_freq((sysctl_clock_t)(SYSCTL_CLOCK_SPI0 + spi_num));
    uint32_t divider = spi_clk ? (clock + spi_clk - 1) / spi_clk : 65534;
    divider += divider & 1; /* the hardware ignores bit 0: never faster than asked */
    divider = divider < 2 ? 2 : divider > 65534 ? 65534 : divider;
    mmio_write(reg(spi_num, SSIENR), 0);
    mmio_write(reg(spi_num, BAUDR), divider);
    return clock / divider;
}

/* ---- engine ---- */

/* Microseconds of that many SCK periods. */
static uint64_t sck_us(spi_device_num_t device, uint64_t periods) {
    uint32_t khz = sysctl_clock_get_freq((sysctl_clock_t)(SYSCTL_CLOCK_SPI0 + device)) / 1000;
    return periods * (mmio_read(reg(device, BAUDR)) + 1) * 1000 / (khz ? khz : 1);
}

uint64_t spi_deadline(spi_device_num_t device, size_t frames) {
    return sdk_deadline(10000 + 2 * sck_us(device, (uint64_t)(frames + 16) * 32));
}

uint64_t spi_fifo_lasts_us(spi_device_num_t device) {
    uint32_t control = mmio_read(reg(device, CTRLR0));
    unsigned bits = (control >> layout(device)->size & 31) + 1, lines = 1u << (control >> layout(device)->lines & 3);
    return sck_us(device, (uint64_t)bits * SPI_FIFO_USABLE / lines);
}

void spi_begin(spi_device_num_t device, spi_transfer_mode_t mode, size_t rx_count) {
    uint32_t shift = layout(device)->tmod;
    mmio_write(reg(device, SSIENR), 0);
    mmio_update(reg(device, CTRLR0), 3u << shift, (uint32_t)mode << shift);
    mmio_write(reg(device, CTRLR1), rx_count ? (uint32_t)rx_count - 1 : 0);
    mmio_read(reg(device, RXOICR)); /* forgets an old overrun */
    mmio_write(reg(device, SSIENR), 1);
}

void spi_select(spi_device_num_t device, spi_chip_select_t chip_select) {
    mmio_write(reg(device, SER), 1u << chip_select);
}

int spi_push(spi_device_num_t device, uint32_t word, uint64_t deadline) {
    while (!(mmio_read(reg(device, SR)) & SR_TX_NOT_FULL)) {
        if (sdk_expired(deadline)) {
            return -ETIMEDOUT;
        }
    }
    mmio_write(reg(device, DR), word);
    return 0;
}

int spi_pop(spi_device_num_t device, uint32_t *word, uint64_t deadline) {
    while (mmio_read(reg(device, RXFLR)) == 0) {
        if (mmio_read(reg(device, RISR)) & RISR_RX_OVERRUN) {
            return -EIO;
        }
        if (sdk_expired(deadline)) {
            return -ETIMEDOUT;
        }
    }
    *word = mmio_read(reg(device, DR));
    return 0;
}

int spi_wait_sent(spi_device_num_t device, uint64_t deadline) {
    while ((mmio_read(reg(device, SR)) & (SR_BUSY | SR_TX_EMPTY)) != SR_TX_EMPTY) {
        if (sdk_expired(deadline)) {
            return -ETIMEDOUT;
        }
    }
    return 0;
}

void spi_end(spi_device_num_t device) {
    mmio_write(reg(device, SER), 0);
    mmio_write(reg(device, SSIENR), 0);
    mmio_write(reg(device, DMACR), 0);
}

static sysctl_dma_select_t request(spi_device_num_t device, bool sending) {
    return (sysctl_dma_select_t)(SYSCTL_DMA_SELECT_SSI0_RX_REQ + 2 * device + sending);
}

static bool acceptable(const spi_transaction_t *t) {
    bool receives = t->mode != SPI_TMOD_TRANS;
    return (unsigned)t->chip_select < SPI_CHIP_SELECT_MAX && t->head_count <= SPI_FIFO_USABLE &&
           t->rx_count <= 65536 && (!receives || t->rx_count) &&
           (t->rx_channel != SPI_NO_DMA || t->rx_count <= SPI_FIFO_USABLE) &&
           (t->tx_count == 0 || t->tx_channel != SPI_NO_DMA);
}

int spi_launch(const spi_transaction_t *t) {
    if (!acceptable(t)) {
        return -EINVAL;
    }
    spi_device_num_t device = t->device;
    void *port = (void *)reg(device, DR);
    bool rx_dma = t->rx_channel != SPI_NO_DMA && t->rx_count;
    int result = 0;
    spi_begin(device, t->mode, t->mode >= SPI_TMOD_RECV ? t->rx_count : 0);
    mmio_write(reg(device, DMACR), (t->tx_count ? DMACR_TX : 0) | (rx_dma ? DMACR_RX : 0));
    if (rx_dma) {
        sysctl_dma_select((sysctl_dma_channel_t)t->rx_channel, request(device, false));
        result = dmac_start(t->rx_channel, port, t->rx, DMAC_ADDR_NOCHANGE, DMAC_ADDR_INCREMENT, DMAC_MSIZE_1,
                            DMAC_TRANS_WIDTH_32, t->rx_count);
    }
    for (size_t i = 0; i < t->head_count; i++) {
        mmio_write(reg(device, DR), t->head[i]);
    }
    if (result == 0 && t->tx_count) {
        sysctl_dma_select((sysctl_dma_channel_t)t->tx_channel, request(device, true));
        result = dmac_start(t->tx_channel, t->tx, port, t->tx_fixed ? DMAC_ADDR_NOCHANGE : DMAC_ADDR_INCREMENT,
                            DMAC_ADDR_NOCHANGE, t->tx_fixed ? DMAC_MSIZE_1 : DMAC_MSIZE_4, DMAC_TRANS_WIDTH_32,
                            t->tx_count);
    }
    if (result) {
        spi_end(device);
        return result;
    }
    if (t->mode == SPI_TMOD_RECV && t->head_count == 0 && t->tx_count == 0) {
        mmio_write(reg(device, DR), 0xFFFFFFFF); /* what starts the clock */
    }
    spi_select(device, t->chip_select);
    return 0;
}

int spi_complete(const spi_transaction_t *t) {
    spi_device_num_t device = t->device;
    uint64_t deadline = spi_deadline(device, t->head_count + t->tx_count + t->rx_count);
    int result = 0;
    while (result == 0 && t->tx_count && !dmac_is_idle(t->tx_channel)) {
        result = sdk_expired(deadline) ? -ETIMEDOUT : 0;
    }
    if (t->rx_count && t->rx_channel != SPI_NO_DMA) {
        while (result == 0 && !dmac_is_idle(t->rx_channel)) {
            result = mmio_read(reg(device, RISR)) & RISR_RX_OVERRUN ? -EIO : sdk_expired(deadline) ? -ETIMEDOUT : 0;
        }
    }
    for (size_t i = 0; t->rx_channel == SPI_NO_DMA && i < t->rx_count && result == 0; i++) {
        result = spi_pop(device, &t->rx[i], deadline);
    }
    if (result == 0 && t->mode <= SPI_TMOD_TRANS) {
        result = spi_wait_sent(device, deadline);
    }
    spi_end(device);
    /* Brings bounced data to its place; stops a channel that still runs. */
    if (t->tx_count) {
        dmac_wait(t->tx_channel, 0);
    }
    if (t->rx_count && t->rx_channel != SPI_NO_DMA) {
        dmac_wait(t->rx_channel, 0);
    }
    return result;
}

int spi_transact(const spi_transaction_t *t) {
    int result = spi_launch(t);
    return result ? result : spi_complete(t);
}
