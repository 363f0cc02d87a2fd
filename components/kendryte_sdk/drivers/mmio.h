/* Register access by explicit width (spec soc.md 0.3: the compiler must not choose the width) and bounded waits. */
#ifndef SDK_MMIO_H
#define SDK_MMIO_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include "encoding.h"

static inline uint32_t mmio_read(uintptr_t address) {
    return *(const volatile uint32_t *)address;
}

static inline void mmio_write(uintptr_t address, uint32_t value) {
    *(volatile uint32_t *)address = value;
}

static inline void mmio_update(uintptr_t address, uint32_t mask, uint32_t value) {
    mmio_write(address, (mmio_read(address) & ~mask) | (value & mask));
}

static inline uint64_t mmio_read64(uintptr_t address) {
    return *(const volatile uint64_t *)address;
}

static inline void mmio_write64(uintptr_t address, uint64_t value) {
    *(volatile uint64_t *)address = value;
}

/* The bus orders accesses to one device, not the cache against devices. */
static inline void mmio_fence(void) {
    __asm__ volatile("fence" ::: "memory");
}

/* Masks interrupts on this hart; hand the result to irq_restore(). */
static inline unsigned long irq_save(void) {
    return clear_csr(mstatus, MSTATUS_MIE) & MSTATUS_MIE;
}

static inline void irq_restore(unsigned long state) {
    set_csr(mstatus, state);
}

/* mtime at which a wait that starts now and may take `us` microseconds has failed. */
uint64_t sdk_deadline(uint64_t us);

static inline bool sdk_expired(uint64_t deadline) {
    return read_time() >= deadline;
}

#endif
