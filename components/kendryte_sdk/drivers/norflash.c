/* Serial NOR flash on SPI3 (spec soc.md 7.11). Data moves in 32-bit frames with the controller swapping bytes, so that
 * a word in memory holds four bytes of flash in their order. */

#include "norflash.h"
#include <string.h>
#include "iomem.h"
#include "mmio.h"
#include "spi_engine.h"

#define CHANNEL DMAC_CHANNEL5
#define PAGE 256u
#define SECTOR 4096u
#define BLOCK 65536u
#define DIRECT_BYTES 65536u /* one transaction, and how often a read looks at the poll hook */
#define BOUNCE_BYTES 2048u
#define BY_CPU_BYTES (4u * 28) /* fits the FIFO: cheaper than setting up the DMA */

enum {
    WRITE_ENABLE = 0x06,
    READ_STATUS1 = 0x05,
    READ_STATUS2 = 0x35,
    WRITE_STATUS1 = 0x01,
    WRITE_STATUS2 = 0x31,
    READ_JEDEC_ID = 0x9F,
    READ_UNIQUE_ID = 0x4B,
    READ_QUAD_IO = 0xEB,
    PROGRAM_QUAD = 0x32,
    ERASE_SECTOR = 0x20,
    ERASE_BLOCK = 0xD8,
};

#define STATUS1_BUSY 1u
#define STATUS2_QUAD 2u

/* Twice the longest times of the data sheets of these parts. */
#define STATUS_LIMIT_US 60000
#define PROGRAM_LIMIT_US 10000
#define SECTOR_LIMIT_US 800000
#define BLOCK_LIMIT_US 4000000

static uint32_t size, jedec;
static int (*poll_hook)(void);

/* Touched through the uncached view only, after norflash_init() has evicted what start-up left in the cache. */
static uint32_t bounce_memory[2][BOUNCE_BYTES / 4] __attribute__((aligned(64)));

static uint32_t *bounce(unsigned which) {
    return sdk_uncached(bounce_memory[which]);
}

void norflash_set_poll(int (*poll)(void)) {
    poll_hook = poll;
}

static bool stop_asked(void) {
    return poll_hook && poll_hook();
}

uint32_t norflash_size(void) {
    return size;
}

uint32_t norflash_jedec_id(void) {
    return jedec;
}

static int check_range(uint32_t address, size_t length) {
    return size == 0 ? -ENODEV : address > size || length > size - address ? -EINVAL : 0;
}

/* ---- commands on one line, bytes through the FIFO ---- */

static int command(const uint8_t *out, size_t out_length, uint8_t *in, size_t in_length) {
    uint32_t head[16], words[16];
    spi_init(SPI_DEVICE_3, SPI_WORK_MODE_0, SPI_FF_STANDARD, 8, 0);
    for (size_t i = 0; i < out_length; i++) {
        head[i] = out[i];
    }
    int result = spi_transact(&(spi_transaction_t){.device = SPI_DEVICE_3, .chip_select = SPI_CHIP_SELECT_0,
                                                   .mode = in_length ? SPI_TMOD_EEROM : SPI_TMOD_TRANS, .head = head,
                                                   .head_count = out_length, .tx_channel = SPI_NO_DMA,
                                                   .rx_channel = SPI_NO_DMA, .rx = words, .rx_count = in_length});
    for (size_t i = 0; i < in_length && result == 0; i++) {
        in[i] = (uint8_t)words[i];
    }
    return result;
}

static int read_register(uint8_t code, uint8_t *value) {
    return command(&code, 1, value, 1);
}

static int write_enable(void) {
    return command(&(uint8_t){WRITE_ENABLE}, 1, NULL, 0);
}

/* Waits until the part is idle, even when the hook asks to stop meanwhile: it must not be left busy. */
static int wait_idle(uint64_t limit_us) {
    uint64_t deadline = sdk_deadline(limit_us);
    bool stop = false;
    for (;;) {
        uint8_t status;
        int result = read_register(READ_STATUS1, &status);
        if (result) {
            return result;
        }
        if (!(status & STATUS1_BUSY)) {
            return stop ? -EINTR : 0;
        }
        if (sdk_expired(deadline)) {
            return -ETIMEDOUT;
        }
        stop = stop || stop_asked();
    }
}

static int write_status(const uint8_t *out, size_t length) {
    int result = write_enable();
    result = result ? result : command(out, length, NULL, 0);
    return result ? result : wait_idle(STATUS_LIMIT_US);
}

static int enable_quad(void) {
    uint8_t status = 0;
    int result = read_register(READ_STATUS2, &status);
    if (result || (status & STATUS2_QUAD)) {
        return result;
    }
    uint8_t with_quad = status | STATUS2_QUAD;
    result = write_status((uint8_t[]){WRITE_STATUS2, with_quad}, 2);
    result = result ? result : read_register(READ_STATUS2, &status);
    if (result == 0 && !(status & STATUS2_QUAD)) { /* older parts take both registers in one command */
        result = write_status((uint8_t[]){WRITE_STATUS1, 0, with_quad}, 3);
        result = result ? result : read_register(READ_STATUS2, &status);
    }
    return result ? result : status & STATUS2_QUAD ? 0 : -EIO;
}

int norflash_init(uint32_t hz) {
    uint8_t id[3];
    size = jedec = 0;
    sdk_cache_evict(bounce_memory, sizeof bounce_memory);
    spi_init(SPI_DEVICE_3, SPI_WORK_MODE_0, SPI_FF_STANDARD, 8, 0);
    spi_set_clk_rate(SPI_DEVICE_3, hz);
    int result = wait_idle(BLOCK_LIMIT_US); /* a reset may have met it erasing */
    result = result ? result : command(&(uint8_t){READ_JEDEC_ID}, 1, id, 3);
    if (result) {
        return result == -ETIMEDOUT ? -ENODEV : result;
    }
    if (id[2] < 0x10 || id[2] > 0x1F) { /* 64 KiB .. 2 GiB; no part answers 0 or 0xFF */
        return -ENODEV;
    }
    result = enable_quad();
    if (result == 0) {
        jedec = (uint32_t)id[0] << 16 | (uint32_t)id[1] << 8 | id[2];
        size = id[2] < 0x18 ? 1u << id[2] : 1u << 24; /* 24-bit addresses */
    }
    return result;
}

int norflash_unique_id(uint8_t id[8]) {
    return size ? command((uint8_t[]){READ_UNIQUE_ID, 0, 0, 0, 0}, 5, id, 8) : -ENODEV;
}

/* ---- reading ---- */

typedef struct {
    uint32_t head[2];
    spi_transaction_t transaction;
} read_t;

static void prepare_reads(void) {
    spi_init(SPI_DEVICE_3, SPI_WORK_MODE_0, SPI_FF_QUAD, 32, 1);
    /* The mode byte (0) is the low byte of a 32-bit address. */
    spi_init_non_standard(SPI_DEVICE_3, 8, 32, 4, SPI_AITM_ADDR_STANDARD);
}

static int start_read(read_t *read, uint32_t address, uint32_t *words, size_t bytes) {
    read->head[0] = READ_QUAD_IO;
    read->head[1] = address << 8;
    read->transaction = (spi_transaction_t){.device = SPI_DEVICE_3, .chip_select = SPI_CHIP_SELECT_0,
                                            .mode = SPI_TMOD_EEROM, .head = read->head, .head_count = 2,
                                            .tx_channel = SPI_NO_DMA,
                                            .rx_channel = bytes <= BY_CPU_BYTES ? SPI_NO_DMA : CHANNEL, .rx = words,
                                            .rx_count = (bytes + 3) / 4};
    return spi_launch(&read->transaction);
}

/* Whole words straight to an aligned destination in the uncached view. */
static int read_direct(uint32_t address, uint8_t *to, size_t length) {
    while (length) {
        size_t n = length < DIRECT_BYTES ? length : DIRECT_BYTES;
        read_t read;
        int result = start_read(&read, address, (uint32_t *)(uintptr_t)to, n);
        result = result ? result : spi_complete(&read.transaction);
        if (result) {
            return result;
        }
        address += (uint32_t)n;
        to += n;
        length -= n;
        if (length && stop_asked()) {
            return -EINTR;
        }
    }
    return 0;
}

/* Any range to any place: the CPU copies one buffer while the other is filled. Up to 3 bytes more than asked are read;
 * behind the end the part starts again at 0. */
static int read_bounced(uint32_t address, uint8_t *to, size_t length) {
    read_t read;
    size_t pending = 0, since_poll = 0; /* bytes in the buffer that is not being filled */
    unsigned which = 0;
    while (length) {
        size_t n = length < BOUNCE_BYTES ? length : BOUNCE_BYTES;
        int result = start_read(&read, address, bounce(which), n);
        if (result) {
            return result;
        }
        memcpy(to, bounce(which ^ 1), pending);
        to += pending;
        result = spi_complete(&read.transaction);
        if (result) {
            return result;
        }
        pending = n;
        since_poll += n;
        address += (uint32_t)n;
        length -= n;
        which ^= 1;
        if (length && since_poll >= DIRECT_BYTES) {
            since_poll = 0;
            if (stop_asked()) {
                return -EINTR;
            }
        }
    }
    memcpy(to, bounce(which ^ 1), pending);
    return 0;
}

int norflash_read(uint32_t address, void *data, size_t length) {
    uint8_t *to = data;
    int result = check_range(address, length);
    if (result || length == 0) {
        return result;
    }
    prepare_reads();
    if (sdk_cached(data) == data || length <= BY_CPU_BYTES) {
        return read_bounced(address, to, length);
    }
    size_t head = -(uintptr_t)to & 3, body = (length - head) & ~(size_t)3, tail = length - head - body;
    result = read_bounced(address, to, head);
    result = result ? result : read_direct(address + (uint32_t)head, to + head, body);
    return result ? result : read_bounced(address + (uint32_t)(head + body), to + head + body, tail);
}

/* ---- writing ---- */

static int program_page(uint32_t address, const uint8_t *data, size_t length) {
    uint32_t *words = bounce(0);
    size_t count = (length + 3) / 4;
    words[count - 1] = 0xFFFFFFFF; /* filling that programs nothing */
    memcpy(words, data, length);
    int result = write_enable();
    if (result) {
        return result;
    }
    spi_init(SPI_DEVICE_3, SPI_WORK_MODE_0, SPI_FF_QUAD, 32, 1);
    spi_init_non_standard(SPI_DEVICE_3, 8, 24, 0, SPI_AITM_STANDARD);
    /* By DMA: a gap in the data would end the command in the middle of a page (spec soc.md 13.4 #30). */
    result = spi_transact(&(spi_transaction_t){.device = SPI_DEVICE_3, .chip_select = SPI_CHIP_SELECT_0,
                                               .mode = SPI_TMOD_TRANS, .head = (uint32_t[]){PROGRAM_QUAD, address},
                                               .head_count = 2, .tx_channel = CHANNEL, .tx = words, .tx_count = count,
                                               .rx_channel = SPI_NO_DMA});
    return result ? result : wait_idle(PROGRAM_LIMIT_US);
}

int norflash_program(uint32_t address, const void *data, size_t length) {
    const uint8_t *from = data;
    int result = check_range(address, length);
    while (length && result == 0) {
        size_t n = PAGE - address % PAGE;
        n = n < length ? n : length;
        result = program_page(address, from, n);
        address += (uint32_t)n;
        from += n;
        length -= n;
        if (result == 0 && length && stop_asked()) {
            result = -EINTR;
        }
    }
    return result;
}

static int erase(uint8_t code, uint32_t address, uint64_t limit_us) {
    int result = write_enable();
    result = result ? result
                    : command((uint8_t[]){code, (uint8_t)(address >> 16), (uint8_t)(address >> 8), (uint8_t)address}, 4,
                              NULL, 0);
    return result ? result : wait_idle(limit_us);
}

int norflash_erase(uint32_t address, size_t length) {
    int result = check_range(address, length);
    if (result == 0 && (address % SECTOR || length % SECTOR)) {
        result = -EINVAL;
    }
    while (length && result == 0) {
        bool block = address % BLOCK == 0 && length >= BLOCK;
        size_t n = block ? BLOCK : SECTOR;
        result = block ? erase(ERASE_BLOCK, address, BLOCK_LIMIT_US) : erase(ERASE_SECTOR, address, SECTOR_LIMIT_US);
        address += (uint32_t)n;
        length -= n;
        if (result == 0 && length && stop_asked()) {
            result = -EINTR;
        }
    }
    return result;
}
