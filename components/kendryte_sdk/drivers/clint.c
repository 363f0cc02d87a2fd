/* Timer and software interrupts of each hart (spec soc.md 3.1). */

#include "clint.h"
#include "mmio.h"
#include "sysctl.h"

#define REG_MSIP(hart) (CLINT_BASE_ADDR + 4ul * (hart))
#define REG_MTIMECMP(hart) (CLINT_BASE_ADDR + 0x4000 + 8ul * (hart))
#define REG_MTIME (CLINT_BASE_ADDR + 0xBFF8)

volatile clint_t *const clint = (volatile clint_t *)CLINT_BASE_ADDR;

static clint_timer_instance_t timers[CLINT_NUM_CORES];
static clint_ipi_instance_t ipis[CLINT_NUM_CORES];

uint64_t clint_get_time(void) {
    return mmio_read64(REG_MTIME);
}

uint64_t clint_timer_get_freq(void) {
    return sysctl_clock_get_freq(SYSCTL_CLOCK_CPU) / CLINT_CLOCK_DIV;
}

uint64_t sdk_deadline(uint64_t us) {
    uint64_t hz = clint_timer_get_freq(), seconds = us / 1000000;
    return clint_get_time() + seconds * hz + (us % 1000000 * hz + 999999) / 1000000;
}

void clint_wait_until(uint64_t deadline) {
    unsigned long state = irq_save(), hart = current_coreid();
    uint64_t own = mmio_read64(REG_MTIMECMP(hart));
    bool timer_used = read_csr(mie) & MIP_MTIP;
    bool armed = !timer_used || deadline < own;
    if (armed) {
        mmio_write64(REG_MTIMECMP(hart), deadline);
        set_csr(mie, MIP_MTIP);
    }
    if (!sdk_expired(deadline)) {
        __asm__ volatile("wfi" ::: "memory");
    }
    if (armed) {
        if (!timer_used) {
            clear_csr(mie, MIP_MTIP);
        }
        mmio_write64(REG_MTIMECMP(hart), own);
    }
    irq_restore(state);
}

int clint_timer_init(void) {
    clear_csr(mie, MIP_MTIP);
    timers[current_coreid()] = (clint_timer_instance_t){0, 0, 0, NULL, NULL};
    return 0;
}

int clint_timer_stop(void) {
    clear_csr(mie, MIP_MTIP);
    timers[current_coreid()].cycles = 0; /* a stop from the callback must outlast the handler */
    return 0;
}

uint64_t clint_timer_get_interval(void) {
    return timers[current_coreid()].interval;
}

int clint_timer_set_interval(uint64_t interval) {
    if (interval == 0) {
        return -1;
    }
    clint_timer_instance_t *timer = &timers[current_coreid()];
    timer->interval = interval;
    timer->cycles = interval * clint_timer_get_freq() / 1000;
    return 0;
}

int clint_timer_get_single_shot(void) {
    return (int)timers[current_coreid()].single_shot;
}

int clint_timer_set_single_shot(int single_shot) {
    timers[current_coreid()].single_shot = single_shot != 0;
    return 0;
}

int clint_timer_register(clint_timer_callback_t callback, void *ctx) {
    unsigned long state = irq_save();
    clint_timer_instance_t *timer = &timers[current_coreid()];
    timer->callback = callback;
    timer->ctx = ctx;
    irq_restore(state);
    return 0;
}

int clint_timer_unregister(void) {
    return clint_timer_register(NULL, NULL);
}

int clint_timer_start(uint64_t interval, int single_shot) {
    if (clint_timer_set_interval(interval)) {
        return -1;
    }
    unsigned long hart = current_coreid();
    clint_timer_set_single_shot(single_shot);
    mmio_write64(REG_MTIMECMP(hart), clint_get_time() + timers[hart].cycles);
    set_csr(mie, MIP_MTIP);
    set_csr(mstatus, MSTATUS_MIE);
    return 0;
}

int clint_ipi_init(void) {
    clear_csr(mie, MIP_MSIP);
    ipis[current_coreid()] = (clint_ipi_instance_t){NULL, NULL};
    return 0;
}

int clint_ipi_enable(void) {
    set_csr(mie, MIP_MSIP);
    set_csr(mstatus, MSTATUS_MIE);
    return 0;
}

int clint_ipi_disable(void) {
    clear_csr(mie, MIP_MSIP);
    return 0;
}

int clint_ipi_send(size_t core_id) {
    if (core_id >= CLINT_NUM_CORES) {
        return -1;
    }
    mmio_fence(); /* what the other hart shall see */
    mmio_write(REG_MSIP(core_id), 1);
    return 0;
}

int clint_ipi_clear(size_t core_id) {
    if (core_id >= CLINT_NUM_CORES) {
        return -1;
    }
    int was = mmio_read(REG_MSIP(core_id)) & 1;
    mmio_write(REG_MSIP(core_id), 0);
    return was;
}

int clint_ipi_register(clint_ipi_callback_t callback, void *ctx) {
    unsigned long state = irq_save();
    ipis[current_coreid()] = (clint_ipi_instance_t){callback, ctx};
    irq_restore(state);
    return 0;
}

int clint_ipi_unregister(void) {
    return clint_ipi_register(NULL, NULL);
}

uintptr_t handle_irq_m_timer(uintptr_t cause, uintptr_t epc, uintptr_t regs[32], uintptr_t fregs[32]) {
    (void)cause;
    (void)regs;
    (void)fregs;
    unsigned long hart = current_coreid();
    clint_timer_instance_t *timer = &timers[hart];
    unsigned long masked = clear_csr(mie, MIP_MTIP | MIP_MSIP) & (MIP_MTIP | MIP_MSIP);
    uint64_t expired = mmio_read64(REG_MTIMECMP(hart));
    set_csr(mstatus, MSTATUS_MIE);
    if (timer->callback) {
        timer->callback(timer->ctx);
    }
    clear_csr(mstatus, MSTATUS_MIE);
    if (timer->single_shot || timer->cycles == 0) {
        masked &= ~(unsigned long)MIP_MTIP;
    } else if (mmio_read64(REG_MTIMECMP(hart)) == expired) { /* else the callback started it anew */
        mmio_write64(REG_MTIMECMP(hart), expired + timer->cycles);
    }
    set_csr(mie, masked);
    return epc;
}

uintptr_t handle_irq_m_soft(uintptr_t cause, uintptr_t epc, uintptr_t regs[32], uintptr_t fregs[32]) {
    (void)cause;
    (void)regs;
    (void)fregs;
    unsigned long hart = current_coreid();
    clear_csr(mie, MIP_MSIP);
    mmio_write(REG_MSIP(hart), 0);
    mmio_fence();
    set_csr(mstatus, MSTATUS_MIE);
    if (ipis[hart].callback) {
        ipis[hart].callback(ipis[hart].ctx);
    }
    clear_csr(mstatus, MSTATUS_MIE);
    set_csr(mie, MIP_MSIP);
    return epc;
}
