/* DMA controller: single blocks, with bounce buffers for memory that is addressed through the cache (spec soc.md 8,
 * sdk-api.md 6 "DMA and cache"). */

#include "dmac.h"
#include <string.h>
#include "bsp.h"
#include "iomem.h"
#include "mmio.h"
#include "sysctl.h"

#define REG_CFG (DMAC_BASE_ADDR + 0x10)
#define REG_CHEN (DMAC_BASE_ADDR + 0x18)
#define REG_COM_INTCLEAR (DMAC_BASE_ADDR + 0x38)
#define REG_RESET (DMAC_BASE_ADDR + 0x58)
#define REG_CH(channel, offset) (DMAC_BASE_ADDR + 0x100 + 0x100ul * (channel) + (offset))
#define SAR 0x00
#define DAR 0x08
#define BLOCK_TS 0x10
#define CTL 0x18
#define CFG 0x20
#define INTSTATUS_EN 0x80
#define INTSTATUS 0x88
#define INTCLEAR 0x98

#define CFG_ON 3u /* controller and its interrupt output */
#define COM_ERRORS 0x10Fu
#define TRANSFER_DONE 2u
#define MAX_ITEMS (1u << 22)

#define AES_TEXT_INPUT 0x50450040u
#define RESPONSE_LIMIT_US 1000
#define WAIT_LIMIT_US 10000000

volatile dmac_t *const dmac = (volatile dmac_t *)DMAC_BASE_ADDR;

static struct {
    plic_irq_callback_t callback;
    void *ctx;
    void *source_copy, *dest_copy; /* bounce buffers of the running transfer */
    void *dest;
    size_t dest_bytes;
    bool waits_for_outside; /* a peripheral is the source: no limit of time */
} state[DMAC_CHANNEL_COUNT];

static bool bad(dmac_channel_number_t channel_num) {
    return (unsigned)channel_num >= DMAC_CHANNEL_COUNT;
}

/* Spins until the bits are 0; false after the limit. */
static bool wait_clear(uintptr_t reg, uint64_t bits, uint64_t us) {
    if ((mmio_read64(reg) & bits) == 0) {
        return true; /* the usual case, without the arithmetic of a deadline */
    }
    uint64_t deadline = sdk_deadline(us);
    while (mmio_read64(reg) & bits) {
        if (sdk_expired(deadline)) {
            return false;
        }
    }
    return true;
}

void dmac_channel_enable(dmac_channel_number_t channel_num) {
    if (!bad(channel_num)) {
        mmio_write64(REG_CHEN, 0x101ull << channel_num);
    }
}

void dmac_channel_disable(dmac_channel_number_t channel_num) {
    if (!bad(channel_num)) {
        mmio_write64(REG_CHEN, 0x100ull << channel_num);
    }
}

int dmac_check_channel_busy(dmac_channel_number_t channel_num) {
    return !bad(channel_num) && (mmio_read64(REG_CHEN) >> channel_num & 1);
}

void dmac_disable_channel_interrupt(dmac_channel_number_t channel_num) {
    if (!bad(channel_num)) {
        mmio_write64(REG_CH(channel_num, INTSTATUS_EN), 0);
    }
}

void dmac_init(void) {
    sysctl_clock_enable(SYSCTL_CLOCK_DMA);
    mmio_write64(REG_RESET, 1);
    wait_clear(REG_RESET, 1, RESPONSE_LIMIT_US);
    mmio_write64(REG_COM_INTCLEAR, COM_ERRORS);
    mmio_write64(REG_CFG, 0);
    wait_clear(REG_CFG, CFG_ON, RESPONSE_LIMIT_US);
    mmio_write64(REG_CHEN, 0x3F00);
    for (unsigned channel = 0; channel < DMAC_CHANNEL_COUNT; channel++) {
        mmio_write64(REG_CH(channel, INTSTATUS_EN), 0);
    }
    mmio_write64(REG_CFG, CFG_ON);
}

/* ---- transfers ---- */

static bool in(uintptr_t address, uintptr_t base, uintptr_t size) {
    return address - base < size;
}

static bool is_memory(uintptr_t address) {
    return in(address, RAM_BASE_ADDR, RAM_SIZE + AI_RAM_SIZE) || in(address, IO_BASE_ADDR, IO_SIZE + AI_IO_SIZE) ||
           address == AES_TEXT_INPUT;
}

/* An address for the bus: cached general RAM gets an uncached buffer, cached AI RAM its uncached alias (nothing keeps
 * AI RAM in the cache: kpu.md 7.6). NULL when there is no memory. */
static uintptr_t bus_address(uintptr_t address, size_t bytes, void **copy) {
    *copy = NULL;
    if (in(address, RAM_BASE_ADDR, RAM_SIZE)) {
        *copy = iomem_malloc((uint32_t)bytes);
        if (*copy == NULL) {
            printk("dmac: no memory for an uncached buffer of %lu bytes\r\n", bytes);
        }
        return (uintptr_t)*copy;
    }
    return in(address, AI_RAM_BASE_ADDR, AI_RAM_SIZE) ? address - (RAM_BASE_ADDR - IO_BASE_ADDR) : address;
}

static void drop_copies(dmac_channel_number_t channel_num) {
    iomem_free(state[channel_num].source_copy);
    iomem_free(state[channel_num].dest_copy);
    state[channel_num].source_copy = state[channel_num].dest_copy = NULL;
}

/* Brings bounced data to its place. */
static void finish(dmac_channel_number_t channel_num) {
    if (state[channel_num].dest_copy) {
        mmio_fence();
        memcpy(state[channel_num].dest, state[channel_num].dest_copy, state[channel_num].dest_bytes);
    }
    drop_copies(channel_num);
}

static int stop(dmac_channel_number_t channel_num) {
    dmac_channel_disable(channel_num);
    if (!wait_clear(REG_CHEN, 1ull << channel_num, RESPONSE_LIMIT_US)) {
        return -ETIMEDOUT;
    }
    mmio_write64(REG_CH(channel_num, INTCLEAR), 0xFFFFFFFF);
    return 0;
}

int dmac_start(dmac_channel_number_t channel_num, const void *src, void *dest, dmac_address_increment_t src_inc,
               dmac_address_increment_t dest_inc, dmac_burst_trans_length_t burst, dmac_transfer_width_t width,
               size_t items) {
    if (bad(channel_num) || items == 0 || items > MAX_ITEMS || (unsigned)width > DMAC_TRANS_WIDTH_256) {
        return -EINVAL;
    }
    if (stop(channel_num)) {
        return -ETIMEDOUT;
    }
    drop_copies(channel_num);
    bool from_memory = is_memory((uintptr_t)src), to_memory = is_memory((uintptr_t)dest);
    size_t source_bytes = (src_inc == DMAC_ADDR_INCREMENT ? items : 1) << width;
    size_t dest_bytes = (dest_inc == DMAC_ADDR_INCREMENT ? items : 1) << width;
    uintptr_t sar = bus_address((uintptr_t)src, source_bytes, &state[channel_num].source_copy);
    uintptr_t dar = bus_address((uintptr_t)dest, dest_bytes, &state[channel_num].dest_copy);
    if (sar == 0 || dar == 0) {
        drop_copies(channel_num);
        return -ENOMEM;
    }
    if (state[channel_num].source_copy) {
        memcpy(state[channel_num].source_copy, src, source_bytes);
    }
    state[channel_num].dest = dest;
    state[channel_num].dest_bytes = dest_bytes;
    state[channel_num].waits_for_outside = !from_memory;

    uint64_t flow = (from_memory ? 0 : 2) | (to_memory ? 0 : 1); /* 0 m-m, 1 m-p, 2 p-m, 3 p-p */
    uint64_t handshake = channel_num;
    mmio_write64(REG_CH(channel_num, CFG), flow << 32 | (uint64_t)from_memory << 35 | (uint64_t)to_memory << 36 |
                                               handshake << 39 | handshake << 44);
    mmio_write64(REG_CH(channel_num, SAR), sar);
    mmio_write64(REG_CH(channel_num, DAR), dar);
    mmio_write64(REG_CH(channel_num, CTL), (uint64_t)(src_inc == DMAC_ADDR_NOCHANGE) << 4 |
                                               (uint64_t)(dest_inc == DMAC_ADDR_NOCHANGE) << 6 | (uint64_t)width << 8 |
                                               (uint64_t)width << 11 | (uint64_t)burst << 14 | (uint64_t)burst << 18);
    mmio_write64(REG_CH(channel_num, BLOCK_TS), items - 1);
    mmio_write64(REG_CFG, CFG_ON);
    mmio_fence();
    dmac_channel_enable(channel_num);
    return 0;
}

void dmac_set_single_mode(dmac_channel_number_t channel_num, const void *src, void *dest,
                          dmac_address_increment_t src_inc, dmac_address_increment_t dest_inc,
                          dmac_burst_trans_length_t dmac_burst_size, dmac_transfer_width_t dmac_trans_width,
                          size_t block_size) {
    dmac_start(channel_num, src, dest, src_inc, dest_inc, dmac_burst_size, dmac_trans_width, block_size);
}

/* Programs a configured channel again and starts it; the addresses are given to the bus as they are. */
void dmac_set_src_dest_length(dmac_channel_number_t channel_num, const void *src, void *dest, size_t len) {
    if (bad(channel_num)) {
        return;
    }
    if (src) {
        mmio_write64(REG_CH(channel_num, SAR), (uintptr_t)src);
    }
    if (dest) {
        mmio_write64(REG_CH(channel_num, DAR), (uintptr_t)dest);
    }
    if (len) {
        mmio_write64(REG_CH(channel_num, BLOCK_TS), len - 1);
    }
    mmio_fence();
    dmac_channel_enable(channel_num);
}

int dmac_wait(dmac_channel_number_t channel_num, uint64_t limit_us) {
    if (bad(channel_num)) {
        return -EINVAL;
    }
    if (!wait_clear(REG_CHEN, 1ull << channel_num, limit_us)) {
        stop(channel_num);
        drop_copies(channel_num);
        return -ETIMEDOUT;
    }
    mmio_write64(REG_CH(channel_num, INTCLEAR), 0xFFFFFFFF);
    finish(channel_num);
    return 0;
}

/* ---- completion ---- */

int dmac_is_done(dmac_channel_number_t channel_num) {
    return !bad(channel_num) && (mmio_read64(REG_CH(channel_num, INTSTATUS)) & TRANSFER_DONE) != 0;
}

int dmac_is_idle(dmac_channel_number_t channel_num) {
    return !dmac_check_channel_busy(channel_num);
}

void dmac_wait_done(dmac_channel_number_t channel_num) {
    if (!bad(channel_num)) {
        while (state[channel_num].waits_for_outside && !dmac_is_idle(channel_num)) {
        }
        dmac_wait(channel_num, WAIT_LIMIT_US);
    }
}

void dmac_wait_idle(dmac_channel_number_t channel_num) {
    if (!bad(channel_num)) {
        while (state[channel_num].waits_for_outside && !dmac_is_idle(channel_num)) {
        }
        wait_clear(REG_CHEN, 1ull << channel_num, WAIT_LIMIT_US);
        mmio_write64(REG_CH(channel_num, INTCLEAR), 0xFFFFFFFF);
    }
}

static int on_irq(void *ctx) {
    dmac_channel_number_t channel_num = (dmac_channel_number_t)(uintptr_t)ctx;
    mmio_write64(REG_CH(channel_num, INTCLEAR), 0xFFFFFFFF);
    finish(channel_num);
    return state[channel_num].callback ? state[channel_num].callback(state[channel_num].ctx) : 0;
}

void dmac_irq_register(dmac_channel_number_t channel_num, plic_irq_callback_t dmac_callback, void *ctx,
                       uint32_t priority) {
    if (bad(channel_num)) {
        return;
    }
    plic_irq_t irq = (plic_irq_t)(IRQN_DMA0_INTERRUPT + channel_num);
    state[channel_num].callback = dmac_callback;
    state[channel_num].ctx = ctx;
    mmio_write64(REG_CH(channel_num, INTCLEAR), 0xFFFFFFFF);
    mmio_write64(REG_CH(channel_num, INTSTATUS_EN), TRANSFER_DONE);
    plic_set_priority(irq, priority);
    plic_irq_register(irq, on_irq, (void *)(uintptr_t)channel_num);
    plic_irq_enable(irq);
}

void dmac_irq_unregister(dmac_channel_number_t channel_num) {
    if (bad(channel_num)) {
        return;
    }
    plic_irq_t irq = (plic_irq_t)(IRQN_DMA0_INTERRUPT + channel_num);
    mmio_write64(REG_CH(channel_num, INTSTATUS_EN), 0);
    plic_irq_disable(irq);
    plic_irq_unregister(irq);
    state[channel_num].callback = NULL;
}

void dmac_set_irq(dmac_channel_number_t channel_num, plic_irq_callback_t dmac_callback, void *ctx, uint32_t priority)
    __attribute__((weak, alias("dmac_irq_register")));
void dmac_free_irq(dmac_channel_number_t channel_num) __attribute__((weak, alias("dmac_irq_unregister")));
