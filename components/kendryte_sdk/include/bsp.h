#ifndef KENDRYTE_BSP_H
#define KENDRYTE_BSP_H

#include "atomic.h"
#include "encoding.h"
#include "entry.h"
#include "printf.h"
#include "sleep.h"
#include "syscalls.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The console is chosen at link time by SDK_CONSOLE in sdk.mk: `uart3` (the vendor's default) or `uarths`, both on pads
 * 4 and 5 at 115200 8N1. Start-up calls the first; a change of the CPU clock calls the second before it (what is on the
 * wire must be out) and the third after it. */
void bsp_console_init(void);
void bsp_console_drain(void);
void bsp_console_reclock(void);

/* Called on an exception that nothing handles. The default prints cause, address and registers, then stops the hart
 * through sys_exit(1337). regs[i] is x_i (regs[0] holds mtval), fregs[i] the 64 bits of f_i. */
void sdk_crash(uintptr_t cause, uintptr_t epc, uintptr_t regs[32], uintptr_t fregs[32]) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif
