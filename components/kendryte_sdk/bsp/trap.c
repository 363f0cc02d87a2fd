/* Dispatch of traps. Every handler is weak: a program may define its own (spec sdk-api.md 3.5). */

#include <stdint.h>
#include "bsp.h"

#define WEAK __attribute__((weak))
#define TRAP_ARGS uintptr_t cause, uintptr_t epc, uintptr_t regs[32], uintptr_t fregs[32]

uintptr_t handle_irq_m_soft(TRAP_ARGS);
uintptr_t handle_irq_m_timer(TRAP_ARGS);
uintptr_t handle_irq_m_ext(TRAP_ARGS);
uintptr_t handle_misaligned_load(TRAP_ARGS);
uintptr_t handle_misaligned_store(TRAP_ARGS);

#define ECALL_EXIT 93

WEAK void sdk_crash(TRAP_ARGS) {
    static const char *const names[] = {"misaligned fetch", "fetch fault", "illegal instruction", "breakpoint",
                                        "misaligned load",  "load fault",  "misaligned store",    "store fault"};
    static const char abi[32][5] = {"tval", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
                                    "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
                                    "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
    (void)fregs;
    printk("\r\nCRASH hart %d: %s (cause 0x%lx) at pc 0x%lx, address 0x%lx\r\n", (int)current_coreid(),
           cause < 8 ? names[cause] : "trap", cause, epc, regs[0]);
    for (int i = 1; i < 32; i++) {
        printk("%4s %016lx%s", abi[i], regs[i], i % 4 == 0 || i == 31 ? "\r\n" : "  ");
    }
    sys_exit(1337);
    for (;;) {
    }
}

#define FAULT(name) \
    WEAK uintptr_t name(TRAP_ARGS) { \
        sdk_crash(cause, epc, regs, fregs); \
    }

FAULT(handle_misaligned_fetch)
FAULT(handle_fault_fetch)
FAULT(handle_illegal_instruction)
FAULT(handle_breakpoint)
FAULT(handle_fault_load)
FAULT(handle_fault_store)
FAULT(handle_irq_dummy)

/* The C library is linked, not called by ecall; only the exit of corelock_unlock() arrives here. */
WEAK uintptr_t handle_ecall(TRAP_ARGS) {
    if (regs[17] != ECALL_EXIT) {
        sdk_crash(cause, epc, regs, fregs);
    }
    sys_exit((int)regs[10]);
    return epc + 4;
}

uintptr_t handle_ecall_u(TRAP_ARGS) __attribute__((weak, alias("handle_ecall")));
uintptr_t handle_ecall_h(TRAP_ARGS) __attribute__((weak, alias("handle_ecall")));
uintptr_t handle_ecall_s(TRAP_ARGS) __attribute__((weak, alias("handle_ecall")));
uintptr_t handle_ecall_m(TRAP_ARGS) __attribute__((weak, alias("handle_ecall")));

WEAK uintptr_t handle_syscall(TRAP_ARGS) {
    static uintptr_t (*const table[])(TRAP_ARGS) = {
        [CAUSE_MISALIGNED_FETCH] = handle_misaligned_fetch,
        [CAUSE_FAULT_FETCH] = handle_fault_fetch,
        [CAUSE_ILLEGAL_INSTRUCTION] = handle_illegal_instruction,
        [CAUSE_BREAKPOINT] = handle_breakpoint,
        [CAUSE_MISALIGNED_LOAD] = handle_misaligned_load,
        [CAUSE_FAULT_LOAD] = handle_fault_load,
        [CAUSE_MISALIGNED_STORE] = handle_misaligned_store,
        [CAUSE_FAULT_STORE] = handle_fault_store,
        [CAUSE_USER_ECALL] = handle_ecall_u,
        [CAUSE_SUPERVISOR_ECALL] = handle_ecall_s,
        [CAUSE_HYPERVISOR_ECALL] = handle_ecall_h,
        [CAUSE_MACHINE_ECALL] = handle_ecall_m,
    };
    if (cause >= sizeof table / sizeof table[0]) {
        sdk_crash(cause, epc, regs, fregs);
    }
    return table[cause](cause, epc, regs, fregs);
}

WEAK uintptr_t handle_irq(TRAP_ARGS) {
    switch (cause & 0xFF) {
        case IRQ_M_EXT:
            return handle_irq_m_ext(cause, epc, regs, fregs);
        case IRQ_M_TIMER:
            return handle_irq_m_timer(cause, epc, regs, fregs);
        case IRQ_M_SOFT:
            return handle_irq_m_soft(cause, epc, regs, fregs);
        default:
            return handle_irq_dummy(cause, epc, regs, fregs);
    }
}
