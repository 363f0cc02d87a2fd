// Start-up on hart 0 and the loop of soft resets.
#include <stdlib.h>

#include "py/builtin.h"
#include "py/compile.h"
#include "py/cstack.h"
#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/readline/readline.h"
#include "shared/runtime/gchelper.h"
#include "shared/runtime/pyexec.h"

#include "fpioa.h"
#include "gpiohs.h"
#include "heap.h"
#include "syscalls.h"
#include "sysctl.h"
#include "uarths.h"

#include "faults.h"
#include "flash.h"

#define BOOT_KEY_PIN 16
#define BOOT_KEY_GPIOHS 0 // where the reset pin map already routes the pad (spec soc.md 1.4)
#define RESCUE_WINDOW_MS 200

static int console_putchar(char c) {
    mp_hal_stdout_tx_strn(&c, 1);
    return c;
}

static void clocks_init(void) {
    sysctl_pll_set_freq(SYSCTL_PLL1, MICROPY_HW_PLL1_HZ);
    sysctl_clock_enable(SYSCTL_CLOCK_AI);
    mp_hal_set_cpu_freq(MICROPY_HW_CPU_HZ);
    for (int bank = SYSCTL_POWER_BANK0; bank < SYSCTL_POWER_BANK_MAX; bank++) {
        sysctl_set_power_mode(bank, MICROPY_HW_IO_BANKS_1V8 >> bank & 1 ? SYSCTL_POWER_V18 : SYSCTL_POWER_V33);
    }
}

static void pins_init(void) {
    fpioa_set_function(MICROPY_HW_CONSOLE_RX, FUNC_UARTHS_RX);
    fpioa_set_function(MICROPY_HW_CONSOLE_TX, FUNC_UARTHS_TX);
    fpioa_set_function(BOOT_KEY_PIN, FUNC_GPIOHS0 + BOOT_KEY_GPIOHS);
    gpiohs_set_drive_mode(BOOT_KEY_GPIOHS, GPIO_DM_INPUT_PULL_UP);
}

static bool rescue_requested(void) {
    return console_interrupt_waiting() || gpiohs_get_pin(BOOT_KEY_GPIOHS) == GPIO_PV_LOW;
}

// Whatever boot.py or main.py does, there is a way in: Ctrl-C or the BOOT key shortly after reset skips both. The wait
// is only made after a hardware reset of a board that has such a file.
static bool rescue_window(void) {
    if (mp_import_stat("boot.py") != MP_IMPORT_STAT_FILE && mp_import_stat("main.py") != MP_IMPORT_STAT_FILE) {
        return rescue_requested();
    }
    mp_uint_t start = mp_hal_ticks_ms();
    while (!rescue_requested()) {
        mp_uint_t elapsed = mp_hal_ticks_ms() - start;
        if (elapsed >= RESCUE_WINDOW_MS) {
            return false;
        }
        mp_hal_wait_event(MIN(RESCUE_WINDOW_MS - elapsed, 10));
    }
    return true;
}

static void drop_interrupts_in_input(void) {
    while (console_interrupt_waiting()) {
        mp_hal_stdin_rx_chr();
    }
}

// Returns false when a script asked for a soft reset.
static bool run_user_files(bool after_hard_reset) {
    mp_hal_stdout_tx_str("[MaixPy] init end\r\n"); // host tools wait for this line (spec maixpy-system.md 7)
    if (after_hard_reset && rescue_window()) {
        drop_interrupts_in_input();
        mp_hal_stdout_tx_str("rescue: boot.py and main.py skipped\r\n");
        return true;
    }
    int result = pyexec_file_if_exists("boot.py");
    if (result & PYEXEC_FORCED_EXIT) {
        return false;
    }
    if (pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL && result != 0) {
        result = pyexec_file_if_exists("main.py");
    }
    return !(result & PYEXEC_FORCED_EXIT);
}

static void run_repl(void) {
    for (;;) {
        int result = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl();
        if (result != 0) {
            return;
        }
    }
}

int main(void) {
    pins_init();
    console_init(MICROPY_HW_CONSOLE_BAUD);
    clocks_init();
    sys_register_putchar(console_putchar);
    MICROPY_BOARD_STARTUP();

    extern uint8_t _tp0[], _sp0[], _tls_data[], _tls_end[]; // hart 0: thread-local data at the bottom, then the stack
    mp_cstack_init_with_top(_sp0, _sp0 - _tp0 - (_tls_end - _tls_data));
    flash_init();
    void *heap = malloc(MICROPY_HW_GC_INITIAL_HEAP);
    MICROPY_BOARD_EARLY_INIT();

    for (bool after_hard_reset = true;; after_hard_reset = false) {
        gc_init(heap, (uint8_t *)heap + MICROPY_HW_GC_INITIAL_HEAP);
        mp_init();
        readline_init0();

        pyexec_frozen_module("_boot.py", false);
        if (run_user_files(after_hard_reset)) {
            run_repl();
        }

        mp_hal_stdout_tx_str("[MaixPy]: soft reboot\r\n");
        MICROPY_BOARD_START_SOFT_RESET();
        gc_sweep_all();
        MICROPY_BOARD_END_SOFT_RESET();
        mp_deinit();
    }
}

void gc_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    gc_collect_end();
}

// How much the Python heap may take from the C heap in one piece.
size_t gc_get_max_new_split(void) {
    size_t largest = sdk_heap_largest();
    return largest > MICROPY_HW_GC_C_HEAP_RESERVE ? largest - MICROPY_HW_GC_C_HEAP_RESERVE : 0;
}

void nlr_jump_fail(void *value) {
    mp_hal_stdout_tx_str("core dump: exception without a handler\r\n");
    mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(value));
    fatal_reset();
}
