// The hardware layer that MicroPython's core calls: time, waiting, critical sections, console.
#ifndef KPUPY_MPHALPORT_H
#define KPUPY_MPHALPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "encoding.h"

#include "shared/runtime/interrupt_char.h"

// Disables interrupts of this hart; the value goes back to mp_hal_irq_restore().
static inline mp_uint_t mp_hal_irq_disable(void) {
    return clear_csr(mstatus, MSTATUS_MIE) & MSTATUS_MIE;
}

static inline void mp_hal_irq_restore(mp_uint_t state) {
    set_csr(mstatus, state);
}

#define MICROPY_BEGIN_ATOMIC_SECTION() mp_hal_irq_disable()
#define MICROPY_END_ATOMIC_SECTION(state) mp_hal_irq_restore(state)

// An interrupt handler that has something for the main program calls mp_hal_signal_event(); a wait returns when that
// happened since the last wait, so nothing is lost between a caller's check and its wait.
void mp_hal_signal_event(void);
void mp_hal_wait_event(mp_uint_t timeout_ms);
#define MICROPY_INTERNAL_WFE(timeout_ms) mp_hal_wait_event(timeout_ms)

static inline mp_uint_t mp_hal_ticks_cpu(void) {
    return read_csr(mcycle);
}
#define mp_hal_ticks_cpu mp_hal_ticks_cpu

// Sets the CPU clock in Hz, with the console's baud rate and the running time kept. False: the PLL cannot do it.
bool mp_hal_set_cpu_freq(uint32_t hz);
// Time since 2000-01-01 00:00:00, which is when the board believes it was switched on until someone sets the time.
void mp_hal_set_time_ns(uint64_t ns);
// Not a secret: mixed from the cycle counter, the flash's unique id and a counter (the chip has no noise source).
uint32_t mp_hal_random_seed(void);

void console_init(uint32_t baud);
void console_set_clock(void);
void console_flush(void);
// True when Ctrl-C has been received and nobody has read it yet.
bool console_interrupt_waiting(void);

#endif
