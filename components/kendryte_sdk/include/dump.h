#ifndef KENDRYTE_DUMP_H
#define KENDRYTE_DUMP_H

#include <stdlib.h>
#include <string.h>
#include "syslog.h"
#include "uarths.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Print cause, pc and all registers through printk when CONFIG_LOG_LEVEL is at least LOG_ERROR. */
static inline void dump_core(const char *reason, uintptr_t cause, uintptr_t epc, uintptr_t regs[32],
                             uintptr_t fregs[32]) {
    static const char *const names[] = {"zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
                                        "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
                                        "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
    if (CONFIG_LOG_LEVEL >= LOG_ERROR) {
        printk("core %d: %s\r\ncause 0x%016lx, epc 0x%016lx\r\n", (int)current_coreid(), reason, cause, epc);
        for (int i = 0; i < 32; i++) {
            printk("%4s 0x%016lx  f%-2d 0x%016lx\r\n", names[i], regs[i], i, fregs[i]);
        }
    }
}

#ifdef __cplusplus
}
#endif

#endif
