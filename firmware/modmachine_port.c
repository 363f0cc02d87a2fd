// The port's half of module machine: included by extmod/modmachine.c.
#include "py/mphal.h"

#include "lib/crypto-algorithms/sha256.h"

#include "sysctl.h"

#include "flash.h"

// Values as in MaixPy v1 (spec maixpy-system.md 5), which are also the SDK's.
#define MICROPY_PY_MACHINE_EXTRA_GLOBALS \
    {MP_ROM_QSTR(MP_QSTR_PWRON_RESET), MP_ROM_INT(SYSCTL_RESET_STATUS_HARD)}, \
    {MP_ROM_QSTR(MP_QSTR_HARD_RESET), MP_ROM_INT(SYSCTL_RESET_STATUS_HARD)}, \
    {MP_ROM_QSTR(MP_QSTR_SOFT_RESET), MP_ROM_INT(SYSCTL_RESET_STATUS_SOFT)}, \
    {MP_ROM_QSTR(MP_QSTR_WDT_RESET), MP_ROM_INT(SYSCTL_RESET_STATUS_WDT0)}, \
    {MP_ROM_QSTR(MP_QSTR_WDT1_RESET), MP_ROM_INT(SYSCTL_RESET_STATUS_WDT1)},

#define CPU_HZ_MIN 26000000
#define CPU_HZ_MAX 600000000

// 32 bytes as in MaixPy v1: the SHA-256 of the flash's 64-bit unique id.
static mp_obj_t mp_machine_unique_id(void) {
    uint8_t digest[SHA256_BLOCK_SIZE];
    CRYAL_SHA256_CTX context;
    sha256_init(&context);
    sha256_update(&context, flash_unique_id(), 8);
    sha256_final(&context, digest);
    return mp_obj_new_bytes(digest, sizeof(digest));
}

static void mp_machine_reset(void) {
    console_flush();
    sysctl_reset(SYSCTL_RESET_SOC);
    for (;;) {
    }
}

static mp_int_t mp_machine_reset_cause(void) {
    return sysctl_get_reset_status();
}

static mp_obj_t mp_machine_get_freq(void) {
    return MP_OBJ_NEW_SMALL_INT(sysctl_clock_get_freq(SYSCTL_CLOCK_CPU));
}

static void mp_machine_set_freq(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    mp_int_t hz = mp_obj_get_int(args[0]);
    if (hz < CPU_HZ_MIN || hz > CPU_HZ_MAX || !mp_hal_set_cpu_freq(hz)) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("CPU clock %d Hz: the PLL gives %d to %d Hz"),
            (int)hz, CPU_HZ_MIN, CPU_HZ_MAX);
    }
}

static void mp_machine_idle(void) {
    mp_hal_wait_event(1);
}

// The chip has no state between running and off that keeps its memory: both sleeps wait, and deep sleep then resets.
static void mp_machine_lightsleep(size_t n_args, const mp_obj_t *args) {
    if (n_args == 0) {
        for (;;) {
            mp_event_wait_indefinite();
        }
    }
    mp_hal_delay_ms(mp_obj_get_int(args[0]));
}

static void mp_machine_deepsleep(size_t n_args, const mp_obj_t *args) {
    mp_machine_lightsleep(n_args, args);
    mp_machine_reset();
}
