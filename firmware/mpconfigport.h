// What this port switches on in MicroPython. The board adds its own values in mpconfigboard.h.
#include <alloca.h>
#include <stdint.h>
#include <stdlib.h>

#include "mpconfigboard.h"

#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

// Memory. The Python heap starts small and grows out of the C heap, where models and pixel buffers live, so that no
// user has to divide memory between the two; areas that become empty go back to the C heap at the next collection.
#define MICROPY_HW_GC_INITIAL_HEAP (128 * 1024)
#define MICROPY_HW_GC_C_HEAP_RESERVE (64 * 1024)
#define MICROPY_ENABLE_GC (1)
#define MICROPY_ENABLE_FINALISER (1)
#define MICROPY_GC_SPLIT_HEAP (1)
#define MICROPY_GC_SPLIT_HEAP_AUTO (1)
// 32-byte blocks: 16 bits would only number the first 2 MiB of an area.
#define MICROPY_GC_STACK_ENTRY_TYPE uint32_t
#define MICROPY_ALLOC_GC_STACK_SIZE (256)
#define MICROPY_ALLOC_PATH_MAX (256)
// Room below the limit for C code that does not check, and for nested interrupts, which run on the same stack.
#define MICROPY_STACK_CHECK_MARGIN (4096)

#define MICROPY_OPT_COMPUTED_GOTO (1)
// Upstream looks for Ctrl-C at backward jumps only: a long sort() with a key function, or a recursion, would be deaf.
#define MICROPY_VM_HOOK_RETURN \
    if (MP_STATE_THREAD(mp_pending_exception) != MP_OBJ_NULL) { \
        mp_handle_pending(true); \
    }
#define MICROPY_PERSISTENT_CODE_LOAD (1)
#define MICROPY_READER_VFS (1)
#define MICROPY_ENABLE_EMERGENCY_EXCEPTION_BUF (1)
#define MICROPY_EMERGENCY_EXCEPTION_BUF_SIZE (256)
#define MICROPY_SCHEDULER_DEPTH (8)
#define MICROPY_SCHEDULER_STATIC_NODES (1)
void mp_hal_signal_event(void);
#define MICROPY_SCHED_HOOK_SCHEDULED mp_hal_signal_event()
#define MICROPY_REPL_STDIN_BUFFER_MAX (2048)
#define MICROPY_USE_INTERNAL_ERRNO (0)
#define MICROPY_USE_INTERNAL_PRINTF (0)

// Numbers. Pointer-tagged 63-bit small integers (representation A: C and D are for 32-bit pointers).
// Single precision as in MaixPy v1 (spec maixpy-system.md 6): what the KPU returns are 32-bit floats, which then print
// as 0.1 and not as 0.10000000149, a float object takes one 32-byte block either way, and the hart divides twice as fast.
#define MICROPY_OBJ_REPR (MICROPY_OBJ_REPR_A)
#define MICROPY_LONGINT_IMPL (MICROPY_LONGINT_IMPL_MPZ)
#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_FLOAT)

// Names that scripts of MaixPy v1 look for (spec maixpy-system.md 6). The board's own name is sys.implementation._build.
#define MICROPY_PY_SYS_PLATFORM "MaixPy"
#define MICROPY_HW_BOARD_NAME "Sipeed_M1"
#define MICROPY_HW_MCU_NAME "kendryte-k210"
#define MICROPY_PY_BUILTINS_HELP_TEXT kpupy_help_text

#define MICROPY_PY_OS_INCLUDEFILE "modos_port.c"
#define MICROPY_PY_OS_UNAME (1)
#define MICROPY_PY_OS_URANDOM (1)
#define MICROPY_PY_OS_SYNC (1)
uint32_t mp_hal_random_seed(void);
#define MICROPY_PY_RANDOM_SEED_INIT_FUNC (mp_hal_random_seed())
#define MICROPY_PY_RE_MATCH_GROUPS (1)
#define MICROPY_PY_RE_MATCH_SPAN_START_END (1)
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (1)
#define MICROPY_PY_TIME_TIME_TIME_NS (1)
#define MICROPY_PY_TIME_INCLUDEFILE "modtime_port.c"
#define MICROPY_PY_MACHINE (1)
#define MICROPY_PY_MACHINE_INCLUDEFILE "modmachine_port.c"
#define MICROPY_PY_MACHINE_RESET (1)
#define MICROPY_PY_MACHINE_BARE_METAL_FUNCS (1)
#define MICROPY_PY_MACHINE_DISABLE_IRQ_ENABLE_IRQ (1)

#define MICROPY_VFS (1)
#define MICROPY_FATFS_ENABLE_LFN (2)
#define MICROPY_FATFS_LFN_CODE_PAGE 437
#define MICROPY_FATFS_RPATH (2)
#define MICROPY_FATFS_MULTI_PARTITION (1)

// A board may hook into start-up and soft reset from its mpconfigboard.h.
#ifndef MICROPY_BOARD_STARTUP
#define MICROPY_BOARD_STARTUP()
#endif
#ifndef MICROPY_BOARD_EARLY_INIT
#define MICROPY_BOARD_EARLY_INIT()
#endif
#ifndef MICROPY_BOARD_START_SOFT_RESET
#define MICROPY_BOARD_START_SOFT_RESET()
#endif
#ifndef MICROPY_BOARD_END_SOFT_RESET
#define MICROPY_BOARD_END_SOFT_RESET()
#endif

#define MP_STATE_PORT MP_STATE_VM
#define MP_SSIZE_MAX INT64_MAX
typedef intptr_t mp_int_t;
typedef uintptr_t mp_uint_t;
typedef intptr_t mp_off_t;
