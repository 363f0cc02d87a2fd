/* The KPU behind the model runtime: layers in, interrupt out, nothing unbounded (spec kpu.md 2, 7, 13). */

#include "kpu_hw.h"
#include <stddef.h>
#include "clint.h"
#include "plic.h"
#include "mmio.h"
#include "sysctl.h"

#define REG_FIFO (AI_BASE_ADDR + 0x00)
#define REG_INTERRUPT_MASK (AI_BASE_ADDR + 0x18)
#define REG_INTERRUPT_CLEAR (AI_BASE_ADDR + 0x20)
#define REG_FIFO_THRESHOLD (AI_BASE_ADDR + 0x28)
#define REG_EIGHT_BIT_MODE (AI_BASE_ADDR + 0x40)

#define ALL_CAUSES 7u
#define CALC_DONE 1u
#define FIFO_THRESHOLDS 0x1Au /* almost full at 10, almost empty at 1: the vendor's values */
#define LAYER_INT_EN 1u
#define LAYER_SEND_DATA_OUT 1u

#define MAX_QUEUED 12      /* safe depth of the layer FIFO (spec kpu.md 2.3) */
#define PRIORITY 3
#define POLL_US 10000      /* the longest time between two calls of the poll hook */
#define PLL1_HZ 400000000

static volatile bool done;
static bool eight_bit_weights;

static int on_irq(void *ctx) {
    (void)ctx;
    mmio_write64(REG_INTERRUPT_MASK, ALL_CAUSES);
    done = true;
    return 0;
}

/* Steps 2 to 4 of spec kpu.md 7.1: also the way out of a hang. AI RAM keeps its contents. */
static void restart(void) {
    sysctl_clock_enable(SYSCTL_CLOCK_AI);
    sysctl_reset(SYSCTL_RESET_AI);
    mmio_write64(REG_INTERRUPT_CLEAR, ALL_CAUSES);
    mmio_write64(REG_INTERRUPT_MASK, ALL_CAUSES);
    mmio_write64(REG_FIFO_THRESHOLD, FIFO_THRESHOLDS);
    mmio_write64(REG_EIGHT_BIT_MODE, eight_bit_weights);
}

int kpu_hw_init(void) {
    const uint32_t running = 1u << 21 | 1u << 25, stopped = 1u << 20 | 1u << 23; /* pwrd, out_en; reset, bypass */
    uint32_t pll1 = mmio_read(SYSCTL_BASE_ADDR + 0x0C), lock = mmio_read(SYSCTL_BASE_ADDR + 0x18);
    bool usable = (pll1 & (running | stopped)) == running && (lock >> 8 & 1);
    if (!usable && sysctl_pll_set_freq(SYSCTL_PLL1, PLL1_HZ) == 0) {
        return -EIO;
    }
    restart();
    plic_set_priority(IRQN_AI_INTERRUPT, PRIORITY);
    plic_irq_register(IRQN_AI_INTERRUPT, on_irq, NULL);
    plic_irq_enable(IRQN_AI_INTERRUPT);
    return 0;
}

void kpu_hw_set_eight_bit_weights(bool on) {
    eight_bit_weights = on;
    mmio_write64(REG_EIGHT_BIT_MODE, on);
}

uint32_t kpu_hw_clock_hz(void) {
    return sysctl_clock_get_freq(SYSCTL_CLOCK_AI);
}

/* Queues layers of which the last one interrupts, as the chip maker's two-layer sequence does (spec kpu.md 2.2). */
static void push(const uint64_t (*layers)[12], unsigned count) {
    done = false;
    mmio_write64(REG_INTERRUPT_CLEAR, ALL_CAUSES);
    mmio_write64(REG_INTERRUPT_MASK, ALL_CAUSES & ~CALC_DONE);
    mmio_fence();
    for (unsigned i = 0; i < count; i++) {
        const uint64_t *words = layers[i];
        mmio_write64(REG_FIFO, (words[0] & ~(uint64_t)LAYER_INT_EN) | (i + 1 == count ? LAYER_INT_EN : 0));
        for (unsigned w = 1; w < 11; w++) {
            mmio_write64(REG_FIFO, words[w]);
        }
        mmio_write64(REG_FIFO, words[11] & ~(uint64_t)LAYER_SEND_DATA_OUT); /* nobody would drain the stream */
    }
}

static int wait(uint64_t deadline, int (*poll)(void)) {
    while (!done) {
        if (poll && poll()) {
            return -EINTR;
        }
        if (sdk_expired(deadline)) {
            return -ETIMEDOUT;
        }
        uint64_t wake = sdk_deadline(POLL_US);
        unsigned long state = irq_save();
        if (!done) {
            clint_wait_until(wake < deadline ? wake : deadline);
        }
        irq_restore(state);
    }
    return 0;
}

int kpu_hw_run(const uint64_t (*layers)[12], unsigned count, uint64_t timeout_us, int (*poll)(void)) {
    uint64_t deadline = sdk_deadline(timeout_us);
    int result = 0;
    for (unsigned next = 0; next < count && result == 0;) {
        unsigned n = count - next < MAX_QUEUED ? count - next : MAX_QUEUED;
        push(layers + next, n);
        result = wait(deadline, poll);
        next += n;
    }
    if (result) {
        restart();
    } else {
        mmio_write64(REG_INTERRUPT_CLEAR, ALL_CAUSES);
    }
    return result;
}
