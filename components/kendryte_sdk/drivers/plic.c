/* Platform interrupt controller (spec soc.md 3.2). Handlers and enables belong to the calling hart. */

#include "plic.h"
#include <stddef.h>
#include "mmio.h"

/* M-mode contexts are 0 and 2 of four: a hart is 0x100 apart in enables, 0x2000 in targets. */
#define REG_PRIORITY(source) (PLIC_BASE_ADDR + 4ul * (source))
#define REG_ENABLE(hart, word) (PLIC_BASE_ADDR + 0x2000 + 0x100 * (hart) + 4ul * (word))
#define REG_THRESHOLD(hart) (PLIC_BASE_ADDR + 0x200000 + 0x2000 * (hart))
#define REG_CLAIM(hart) (PLIC_BASE_ADDR + 0x200004 + 0x2000 * (hart))

#define MAX_DRAIN 100

volatile plic_t *const plic = (volatile plic_t *)PLIC_BASE_ADDR;

static plic_instance_t instances[PLIC_NUM_CORES][IRQN_MAX];

plic_instance_t (*plic_get_instance(void))[IRQN_MAX] {
    return instances;
}

void plic_init(void) {
    static bool priorities_cleared;
    unsigned long hart = current_coreid();
    for (unsigned word = 0; word <= PLIC_NUM_SOURCES / 32; word++) {
        mmio_write(REG_ENABLE(hart, word), 0);
    }
    if (!priorities_cleared) {
        priorities_cleared = true;
        for (unsigned source = 0; source < IRQN_MAX; source++) {
            mmio_write(REG_PRIORITY(source), 0);
        }
    }
    mmio_write(REG_THRESHOLD(hart), 0);
    for (unsigned source = 0; source < IRQN_MAX; source++) {
        instances[hart][source] = (plic_instance_t){NULL, NULL};
    }
    /* A claim left open by whatever ran before would block its source for ever: complete it. */
    for (int i = 0; i < MAX_DRAIN; i++) {
        uint32_t source = mmio_read(REG_CLAIM(hart));
        if (source == 0) {
            break;
        }
        mmio_write(REG_CLAIM(hart), source);
    }
    set_csr(mie, MIP_MEIP);
}

static int enable(plic_irq_t irq_number, bool on) {
    if (irq_number <= IRQN_NO_INTERRUPT || irq_number >= IRQN_MAX) {
        return -1;
    }
    uint32_t bit = 1u << (irq_number % 32);
    unsigned long state = irq_save(); /* a callback of this hart may change the same word */
    mmio_update(REG_ENABLE(current_coreid(), irq_number / 32), bit, on ? bit : 0);
    irq_restore(state);
    return 0;
}

int plic_irq_enable(plic_irq_t irq_number) {
    return enable(irq_number, true);
}

int plic_irq_disable(plic_irq_t irq_number) {
    return enable(irq_number, false);
}

int plic_set_priority(plic_irq_t irq_number, uint32_t priority) {
    if (irq_number <= IRQN_NO_INTERRUPT || irq_number >= IRQN_MAX || priority > PLIC_NUM_PRIORITIES) {
        return -1;
    }
    mmio_write(REG_PRIORITY(irq_number), priority);
    return 0;
}

uint32_t plic_get_priority(plic_irq_t irq_number) {
    return (unsigned)irq_number < IRQN_MAX ? mmio_read(REG_PRIORITY(irq_number)) : 0;
}

uint32_t plic_irq_claim(void) {
    return mmio_read(REG_CLAIM(current_coreid()));
}

int plic_irq_complete(uint32_t source) {
    mmio_write(REG_CLAIM(current_coreid()), source);
    return 0;
}

void plic_irq_register(plic_irq_t irq, plic_irq_callback_t callback, void *ctx) {
    if ((unsigned)irq < IRQN_MAX) {
        unsigned long state = irq_save();
        instances[current_coreid()][irq] = (plic_instance_t){callback, ctx};
        irq_restore(state);
    }
}

void plic_irq_unregister(plic_irq_t irq) {
    plic_irq_register(irq, NULL, NULL);
}

void plic_irq_deregister(plic_irq_t irq) __attribute__((weak, alias("plic_irq_unregister")));

/* Runs the callback with the threshold raised to the source's priority and interrupts on: only strictly higher
 * priorities nest (spec soc.md 12). */
uintptr_t __attribute__((weak)) handle_irq_m_ext(uintptr_t cause, uintptr_t epc, uintptr_t regs[32],
                                                 uintptr_t fregs[32]) {
    (void)cause;
    (void)regs;
    (void)fregs;
    unsigned long hart = current_coreid();
    uint32_t source = mmio_read(REG_CLAIM(hart));
    if (source == 0) {
        return epc;
    }
    uint32_t threshold = mmio_read(REG_THRESHOLD(hart));
    mmio_write(REG_THRESHOLD(hart), mmio_read(REG_PRIORITY(source)));
    unsigned long masked = clear_csr(mie, MIP_MTIP | MIP_MSIP) & (MIP_MTIP | MIP_MSIP);
    set_csr(mstatus, MSTATUS_MIE);
    if (source < IRQN_MAX && instances[hart][source].callback) {
        instances[hart][source].callback(instances[hart][source].ctx);
    } else {
        plic_irq_disable((plic_irq_t)source); /* nobody would lower its line */
    }
    clear_csr(mstatus, MSTATUS_MIE);
    mmio_write(REG_CLAIM(hart), source);
    set_csr(mie, masked);
    mmio_write(REG_THRESHOLD(hart), threshold);
    return epc;
}
