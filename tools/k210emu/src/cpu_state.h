/* The inside of a hart on Unicorn, shared by cpu_unicorn.c, cpu_code.c and cpu_csr.c only. */
#ifndef K210EMU_CPU_STATE_H
#define K210EMU_CPU_STATE_H

#include "cpu.h"

#include <stddef.h>
#include <unicorn/unicorn.h>

#define BLOCKS 32768u /* power of two */
#define PAGES 4096u   /* power of two; far more than the pages of the 8 MiB of memory */
#define CODE_PAGE (1ull << 60) /* marks physical pages that hold translated code, under any address */
#define NO_TRAP UINT64_MAX

typedef struct {
    uint64_t address;
    uint32_t size, count;
} block_t;

struct cpu {
    uc_engine *uc;
    unsigned hart;
    cpu_bus_t bus;
    uint64_t retired, start, deadline;
    bool watch_mie;       /* an enabled interrupt waits for mstatus.MIE */
    bool flush, rescan;   /* to be done when the engine has stopped */
    uint32_t translated;  /* instructions translated since the translation buffer was empty */
    uint64_t scan_page;
    uint64_t trap;        /* cause of the exception that stopped the engine */
    uint64_t trap_value;
    uint64_t trap_pc;
    bool service_stop;
    unsigned service;
    uint32_t lines, software_lines;
    uint64_t cycle_offset, instret_offset, sptbr, counter_enable[2];
    block_t *block;
    block_t blocks[BLOCKS];
    uint64_t pages[PAGES];   /* scanned pages, page number + 1 */
    unsigned page_count;
    uint64_t *hooked;        /* addresses with a hook, sorted */
    size_t hooked_count, hooked_capacity;
    struct device_window *windows;
};

struct device_window {
    struct device_window *next;
    cpu_t *cpu;
    uint32_t base;
};

static inline uint64_t reg_read(cpu_t *cpu, int id) {
    uint64_t value = 0;
    uc_reg_read(cpu->uc, id, &value);
    return value;
}

static inline void reg_write(cpu_t *cpu, int id, uint64_t value) {
    uc_reg_write(cpu->uc, id, &value);
}

/* cpu_unicorn.c */
void cpu_stop_with_trap(cpu_t *cpu, uint64_t cause, uint64_t pc, uint64_t value);
void cpu_stop_at_block(cpu_t *cpu, uint64_t address);

/* cpu_code.c: what the harness knows of translated code */
uint32_t cpu_fetch(cpu_t *cpu, uint64_t address);
uint32_t cpu_count_instructions(cpu_t *cpu, uint64_t from, uint64_t to);
bool cpu_learn_block(cpu_t *cpu, block_t *block, uint64_t address, uint32_t size);
void cpu_scan_page(cpu_t *cpu, uint64_t page);
void cpu_forget_code(cpu_t *cpu);

/* cpu_csr.c: instructions that Unicorn does not execute as the K210 does */
void cpu_on_watched(uc_engine *uc, uint64_t address, uint32_t size, void *opaque);
bool cpu_csr_read(cpu_t *cpu, unsigned csr, uint64_t *value);

#endif
