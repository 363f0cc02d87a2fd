// What ends the program: a trap that nobody handles, a damaged C heap. The registers go to the console in the form that
// users of MaixPy v1 know and paste into reports (spec maixpy-system.md 7), then the board resets: with Ctrl-C or the
// BOOT key it then skips the user's files.
#include "py/mphal.h"
#include "py/mpprint.h"

#include "bsp.h"
#include "heap.h"
#include "sysctl.h"

#include "faults.h"

void fatal_reset(void) {
    mp_hal_irq_disable();
    console_flush();
    sysctl_reset(SYSCTL_RESET_SOC);
    for (;;) {
    }
}

void sdk_crash(uintptr_t cause, uintptr_t epc, uintptr_t regs[32], uintptr_t fregs[32]) {
    static const char *const reasons[] = {"misaligned fetch", "fault fetch", "illegal instruction", "breakpoint",
        "misaligned load", "fault load", "misaligned store", "fault store"};
    static const char names[32][4] = {"", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3",
        "a4", "a5", "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
    (void)fregs;
    mp_hal_irq_disable();
    mp_printf(&mp_plat_print, "\ncore dump: %s\nCause 0x%016lx, EPC 0x%016lx, address 0x%016lx, hart %d\n",
        cause < MP_ARRAY_SIZE(reasons) ? reasons[cause] : "trap", cause, epc, regs[0], (int)current_coreid());
    for (int i = 1; i < 32; i++) {
        mp_printf(&mp_plat_print, "%4.4s 0x%016lx%s", names[i], regs[i], i % 4 == 3 ? "\n" : "  ");
    }
    fatal_reset();
}

void sdk_heap_fault(const void *block, heap_fault_t fault) {
    mp_printf(&mp_plat_print, "\ncore dump: C heap fault %d at %p\n", (int)fault, block);
    fatal_reset();
}
