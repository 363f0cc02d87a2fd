/* A hart on Unicorn 2.1.1. What was measured of that version and shapes this file:
 *
 * - The virtual TLB mode (a hook that fills the TLB) gives the exact pc of a failed access and folds every alias of the
 *   32-bit bus into one physical address, so that stores through any alias drop translations of code.
 * - UC_HOOK_INTR reports an exception with pc 4 behind the instruction, whatever its length; ebreak and instructions
 *   that were not decoded end uc_emu_start() with UC_ERR_INSN_INVALID and pc at the instruction.
 * - There is no interrupt input: interrupts are entered here, between blocks.
 * - Counters, mip, mhartid and the identity registers are wrong: a hook on each address that holds such an instruction
 *   executes it. Pages are scanned when their first block runs.
 */
#include "cpu_decode.h"
#include "cpu_state.h"

#include <stdlib.h>
#include <string.h>
#include <unicorn/unicorn.h>

#define TRANSLATIONS (64u << 20) /* bytes; the default of 1 GiB is for programs larger than this memory */
#define MSTATUS_MIE (1ull << 3)
#define MSTATUS_MPIE (1ull << 7)
#define MSTATUS_MPP (3ull << 11)
#define MSTATUS_FS (3ull << 13)
#define INTERRUPT (1ull << 63)

static const struct {
    unsigned csr;
    int id;
} csr_ids[] = {
    {CSR_MSTATUS, UC_RISCV_REG_MSTATUS}, {CSR_MIE, UC_RISCV_REG_MIE},       {CSR_MTVEC, UC_RISCV_REG_MTVEC},
    {CSR_MSCRATCH, UC_RISCV_REG_MSCRATCH}, {CSR_MEPC, UC_RISCV_REG_MEPC},   {CSR_MCAUSE, UC_RISCV_REG_MCAUSE},
    {CSR_MBADADDR, UC_RISCV_REG_MTVAL},  {0x003, UC_RISCV_REG_FCSR},
};

/* ---- hooks --------------------------------------------------------------------------------------------------------- */

/* As soon as any code hook exists, Unicorn leaves the pc of an earlier block behind when blocks are chained. */
void cpu_stop_at_block(cpu_t *cpu, uint64_t address) {
    reg_write(cpu, UC_RISCV_REG_PC, address);
    uc_emu_stop(cpu->uc);
}

static __attribute__((noinline)) bool must_stop(cpu_t *cpu, uint64_t address) {
    bool stop = cpu->retired >= cpu->deadline || (reg_read(cpu, UC_RISCV_REG_MSTATUS) & MSTATUS_MIE);
    if (stop)
        cpu_stop_at_block(cpu, address);
    return stop;
}

/* Runs once per block executed: everything but the count is kept out of it. */
static void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *opaque) {
    cpu_t *cpu = opaque;
    (void)uc;
    if (__builtin_expect(cpu->retired >= cpu->deadline || cpu->watch_mie, 0) && must_stop(cpu, address))
        return;
    block_t *block = &cpu->blocks[(address >> 1 ^ address >> 16) & (BLOCKS - 1)];
    if (__builtin_expect(block->address != address || block->size != size, 0) &&
        !cpu_learn_block(cpu, block, address, size))
        return;
    cpu->block = block;
    cpu->retired += block->count;
}

void cpu_stop_with_trap(cpu_t *cpu, uint64_t cause, uint64_t pc, uint64_t value) {
    cpu->trap = cause;
    cpu->trap_pc = pc;
    cpu->trap_value = value;
    uc_emu_stop(cpu->uc);
}

static void on_exception(uc_engine *uc, uint32_t cause, void *opaque) {
    cpu_t *cpu = opaque;
    (void)uc;
    uint64_t pc = reg_read(cpu, UC_RISCV_REG_PC) - 4;
    uint32_t instruction = cpu_fetch(cpu, pc);
    decoded_access_t access = decode_access(instruction);
    uint64_t value = 0;
    if (cause == 8)
        cause = 11; /* Unicorn reports every ecall as one from U-mode */
    if ((cause == 4 || cause == 6) && access.valid) {
        cause = access.store ? 6 : 4;
        value = cpu_get(cpu, access.base) + (uint64_t)access.offset;
    }
    cpu_stop_with_trap(cpu, cause, pc, value);
}

static bool on_tlb_fill(uc_engine *uc, uint64_t address, uc_mem_type type, uc_tlb_entry *entry, void *opaque) {
    cpu_t *cpu = opaque;
    (void)uc;
    static const uint32_t permission[] = {
        [CPU_FETCH] = UC_PROT_EXEC, [CPU_LOAD] = UC_PROT_READ, [CPU_STORE] = UC_PROT_WRITE};
    cpu_access_t asked = type == UC_MEM_FETCH ? CPU_FETCH : type == UC_MEM_WRITE ? CPU_STORE : CPU_LOAD;
    uint32_t physical = 0, permissions = 0;
    for (cpu_access_t access = CPU_FETCH; access <= CPU_STORE; access++)
        if (cpu->bus.page(cpu->bus.opaque, (uint32_t)address, access, &physical))
            permissions |= permission[access];
    entry->paddr = physical;
    entry->perms = permissions;
    return permissions & permission[asked];
}

static void on_memory(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value, void *opaque) {
    cpu_t *cpu = opaque;
    (void)uc, (void)value;
    if (address & (unsigned)(size - 1))
        cpu->bus.misaligned(cpu->bus.opaque, address, (unsigned)size, type == UC_MEM_WRITE);
}

static uint64_t on_device_read(uc_engine *uc, uint64_t offset, unsigned size, void *opaque) {
    struct device_window *window = opaque;
    const cpu_bus_t *bus = &window->cpu->bus;
    (void)uc;
    return bus->read(bus->opaque, window->base + offset, size);
}

static void on_device_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *opaque) {
    struct device_window *window = opaque;
    const cpu_bus_t *bus = &window->cpu->bus;
    (void)uc;
    bus->write(bus->opaque, window->base + offset, size, value);
}

/* ---- traps ------------------------------------------------------------------------------------------------------------- */

static void enter_trap(cpu_t *cpu, uint64_t cause, uint64_t pc, uint64_t value) {
    uint64_t status = reg_read(cpu, UC_RISCV_REG_MSTATUS);
    uint64_t previous = status & MSTATUS_MIE ? MSTATUS_MPIE : 0;
    reg_write(cpu, UC_RISCV_REG_MSTATUS, (status & ~(MSTATUS_MIE | MSTATUS_MPIE)) | previous | MSTATUS_MPP);
    reg_write(cpu, UC_RISCV_REG_MEPC, pc);
    reg_write(cpu, UC_RISCV_REG_MCAUSE, cause);
    reg_write(cpu, UC_RISCV_REG_MTVAL, value);
    uint64_t vector = reg_read(cpu, UC_RISCV_REG_MTVEC) & ~3ull; /* direct mode only */
    reg_write(cpu, UC_RISCV_REG_PC, vector);
    if (!(cause & INTERRUPT) && pc == vector)
        cpu->bus.trap_loop(cpu->bus.opaque, cpu->hart, cause, pc);
    cpu->retired++; /* entry takes time: a handler that faults at once does not stop the clock */
}

/* Takes the interrupt of highest priority that is pending, enabled and not masked. */
static void poll_interrupts(cpu_t *cpu) {
    static const unsigned char order[] = {11, 3, 7, 9, 1, 5};
    uint32_t pending = cpu->lines | cpu->software_lines;
    cpu->watch_mie = false;
    if (!pending || !(pending &= (uint32_t)reg_read(cpu, UC_RISCV_REG_MIE)))
        return;
    if (!(reg_read(cpu, UC_RISCV_REG_MSTATUS) & MSTATUS_MIE)) {
        cpu->watch_mie = true;
        return;
    }
    for (unsigned i = 0; i < sizeof order; i++)
        if (pending >> order[i] & 1) {
            enter_trap(cpu, INTERRUPT | order[i], reg_read(cpu, UC_RISCV_REG_PC), 0);
            return;
        }
}

/* Instructions of the block from `pc` on were counted but not executed. A block that has overwritten itself may look
 * longer now than it was: time must not run backwards. */
static void uncount(cpu_t *cpu, uint64_t pc) {
    const block_t *block = cpu->block;
    if (!block || pc < block->address || pc >= block->address + block->size)
        return;
    uint32_t count = cpu_count_instructions(cpu, pc, block->address + block->size);
    cpu->retired -= count < block->count ? count : block->count;
}

static void access_fault(cpu_t *cpu) {
    uint64_t pc = reg_read(cpu, UC_RISCV_REG_PC), value = pc;
    uint32_t physical;
    uint64_t cause = 1;
    if (cpu->bus.memory(cpu->bus.opaque, (uint32_t)pc)) {
        decoded_access_t access = decode_access(cpu_fetch(cpu, pc));
        if (access.valid) {
            cause = access.store ? 7 : 5;
            value = cpu_get(cpu, access.base) + (uint64_t)access.offset;
        } else if (!cpu->bus.page(cpu->bus.opaque, (uint32_t)pc + 2, CPU_FETCH, &physical)) {
            value = pc + 2;
        }
    }
    uncount(cpu, pc);
    enter_trap(cpu, cause, pc, value);
}

static void finish_exception(cpu_t *cpu) {
    uint64_t cause = cpu->trap, pc = cpu->trap_pc;
    uint32_t instruction = cpu_fetch(cpu, pc);
    cpu->trap = NO_TRAP;
    uncount(cpu, pc);
    if (cause == 2 && (instruction & 0xfff07fff) == 0x10400073) { /* sfence.vm: nothing to flush without a page table */
        reg_write(cpu, UC_RISCV_REG_PC, pc + 4);
        cpu->retired++;
    } else if (cause == 2 && (instruction & 0xfffff) == 0x0b && (uint32_t)pc >> 17 == 0x88000000u >> 17) {
        cpu->service_stop = true;
        cpu->service = instruction >> 20;
        reg_write(cpu, UC_RISCV_REG_PC, pc + 4);
        cpu->retired++;
    } else {
        enter_trap(cpu, cause, pc, cpu->trap_value);
    }
}

static void undecoded(cpu_t *cpu) {
    uint64_t pc = reg_read(cpu, UC_RISCV_REG_PC);
    uint32_t instruction = cpu_fetch(cpu, pc);
    bool breakpoint = instruction == 0x00100073 || (uint16_t)instruction == 0x9002;
    uncount(cpu, pc);
    enter_trap(cpu, breakpoint ? 3 : 2, pc, breakpoint ? pc : 0);
}

/* A wfi ends the engine's run behind itself, in the midst of its block; any other stop is at the start of a block. */
static bool ended_in_wfi(cpu_t *cpu) {
    uint64_t pc = reg_read(cpu, UC_RISCV_REG_PC), wfi = pc - 4;
    if (!cpu->block || wfi < cpu->block->address || wfi >= cpu->block->address + cpu->block->size)
        return false;
    if (cpu_fetch(cpu, wfi) != 0x10500073)
        return false;
    uncount(cpu, pc);
    return true;
}

/* ---- interface ----------------------------------------------------------------------------------------------------------- */

/* Runs the engine once and settles why it stopped. True when the hart waits for an interrupt. */
static bool run_engine(cpu_t *cpu) {
    cpu->block = NULL;
    uc_err error = uc_emu_start(cpu->uc, reg_read(cpu, UC_RISCV_REG_PC), 0, 0, 0);
    if (cpu->trap != NO_TRAP) {
        finish_exception(cpu);
    } else if (cpu->rescan) {
        cpu->rescan = false;
        cpu_scan_page(cpu, cpu->scan_page);
    } else if (error == UC_ERR_INSN_INVALID) {
        undecoded(cpu);
    } else if (error != UC_ERR_OK) {
        access_fault(cpu);
    } else {
        return ended_in_wfi(cpu);
    }
    return false;
}

cpu_stop_t cpu_run(cpu_t *cpu, uint64_t budget) {
    cpu->start = cpu->retired;
    cpu->deadline = cpu->retired + budget;
    while (cpu->retired < cpu->deadline) {
        if (cpu->flush)
            cpu_forget_code(cpu);
        poll_interrupts(cpu);
        if (run_engine(cpu) && !cpu_wakes(cpu))
            return CPU_STOP_WFI;
        if (cpu->service_stop) {
            cpu->service_stop = false;
            return CPU_STOP_SERVICE;
        }
    }
    return CPU_STOP_BUDGET;
}

void cpu_stop(cpu_t *cpu) {
    cpu->deadline = 0;
}

void cpu_limit(cpu_t *cpu, uint64_t budget) {
    if (cpu->start + budget < cpu->deadline)
        cpu->deadline = cpu->start + budget;
}

uint64_t cpu_retired(const cpu_t *cpu) {
    return cpu->retired;
}

void cpu_set_lines(cpu_t *cpu, uint32_t mip) {
    if (cpu->lines == mip)
        return;
    cpu->lines = mip;
    cpu_stop(cpu);
}

bool cpu_wakes(cpu_t *cpu) {
    return ((cpu->lines | cpu->software_lines) & reg_read(cpu, UC_RISCV_REG_MIE)) != 0;
}

unsigned cpu_service(const cpu_t *cpu) {
    return cpu->service;
}

void cpu_pages_changed(cpu_t *cpu) {
    uc_ctl_flush_tlb(cpu->uc);
}

static int register_id(unsigned reg) {
    if (reg < 32)
        return UC_RISCV_REG_X0 + (int)reg;
    if (reg == CPU_PC)
        return UC_RISCV_REG_PC;
    if (reg >= CPU_F0 && reg < CPU_F0 + 32)
        return UC_RISCV_REG_F0 + (int)(reg - CPU_F0);
    for (unsigned i = 0; i < sizeof csr_ids / sizeof csr_ids[0]; i++)
        if (reg == CPU_CSR + csr_ids[i].csr)
            return csr_ids[i].id;
    return UC_RISCV_REG_INVALID;
}

uint64_t cpu_get(cpu_t *cpu, unsigned reg) {
    uint64_t value;
    if (reg >= CPU_CSR && cpu_csr_read(cpu, reg - CPU_CSR, &value))
        return value;
    return reg_read(cpu, register_id(reg));
}

void cpu_set(cpu_t *cpu, unsigned reg, uint64_t value) {
    reg_write(cpu, register_id(reg), value);
}

uint64_t cpu_locate(cpu_t *cpu, uint64_t address) {
    if (!cpu->block)
        return reg_read(cpu, UC_RISCV_REG_PC);
    uint64_t found = 0, pc = cpu->block->address, end = pc + cpu->block->size;
    unsigned matches = 0;
    while (pc < end) {
        uint32_t instruction = cpu_fetch(cpu, pc);
        decoded_access_t access = decode_access(instruction);
        if (access.valid && (uint32_t)(cpu_get(cpu, access.base) + (uint64_t)access.offset) == (uint32_t)address) {
            found = pc;
            matches++;
        }
        pc += decode_length((uint16_t)instruction);
    }
    return matches == 1 ? found : cpu->block->address;
}

void cpu_map_memory(cpu_t *cpu, uint32_t address, uint32_t size, void *memory) {
    uc_mem_map_ptr(cpu->uc, address, size, UC_PROT_ALL, memory);
}

void cpu_map_device(cpu_t *cpu, uint32_t address, uint32_t size) {
    struct device_window *window = malloc(sizeof *window);
    *window = (struct device_window){cpu->windows, cpu, address};
    cpu->windows = window;
    uc_mmio_map(cpu->uc, address, size, on_device_read, window, on_device_write, window);
}

void cpu_reset(cpu_t *cpu, uint64_t pc) {
    for (unsigned reg = 1; reg < 32; reg++)
        cpu_set(cpu, CPU_X0 + reg, 0);
    reg_write(cpu, UC_RISCV_REG_MSTATUS, MSTATUS_FS | MSTATUS_MPP);
    for (unsigned reg = 0; reg < 32; reg++)
        cpu_set(cpu, CPU_F0 + reg, 0);
    reg_write(cpu, UC_RISCV_REG_FCSR, 0);
    static const int cleared[] = {UC_RISCV_REG_MIE, UC_RISCV_REG_MSCRATCH, UC_RISCV_REG_MEPC, UC_RISCV_REG_MCAUSE,
                                  UC_RISCV_REG_MTVAL};
    for (unsigned i = 0; i < sizeof cleared / sizeof cleared[0]; i++)
        reg_write(cpu, cleared[i], 0);
    reg_write(cpu, UC_RISCV_REG_MTVEC, 0x8800008c); /* the ROM's handler */
    reg_write(cpu, UC_RISCV_REG_PC, pc);
    cpu->software_lines = 0;
    cpu->trap = NO_TRAP;
    cpu->service_stop = cpu->rescan = cpu->watch_mie = false;
    cpu->cycle_offset = -cpu->bus.cycle(cpu->bus.opaque, cpu->hart);
    cpu->instret_offset = -cpu->retired;
    cpu_forget_code(cpu);
}

cpu_t *cpu_create(unsigned hart, const cpu_bus_t *bus, bool strict) {
    cpu_t *cpu = calloc(1, sizeof *cpu);
    cpu->hart = hart;
    cpu->bus = *bus;
    cpu->trap = NO_TRAP;
    if (uc_open(UC_ARCH_RISCV, UC_MODE_RISCV64, &cpu->uc) != UC_ERR_OK) {
        free(cpu);
        return NULL;
    }
    uc_ctl_set_tcg_buffer_size(cpu->uc, TRANSLATIONS);
    uc_ctl_exits_enable(cpu->uc); /* no address ends the run */
    uc_ctl_tlb_mode(cpu->uc, UC_TLB_VIRTUAL);
    uc_hook hook;
    uc_hook_add(cpu->uc, &hook, UC_HOOK_BLOCK, (void *)on_block, cpu, 1, 0);
    uc_hook_add(cpu->uc, &hook, UC_HOOK_INTR, (void *)on_exception, cpu, 1, 0);
    uc_hook_add(cpu->uc, &hook, UC_HOOK_TLB_FILL, (void *)on_tlb_fill, cpu, 1, 0);
    if (strict)
        uc_hook_add(cpu->uc, &hook, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, (void *)on_memory, cpu, 1, 0);
    return cpu;
}

void cpu_destroy(cpu_t *cpu) {
    uc_close(cpu->uc);
    while (cpu->windows) {
        struct device_window *next = cpu->windows->next;
        free(cpu->windows);
        cpu->windows = next;
    }
    free(cpu->hooked);
    free(cpu);
}
