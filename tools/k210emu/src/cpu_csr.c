/* Instructions that Unicorn does not execute as the K210 does: counters, mip, identity registers, fences. */
#include "cpu_decode.h"
#include "cpu_state.h"

#define MIP_SOFTWARE ((1u << 1) | (1u << 5)) /* SSIP, STIP: the bits of mip that software writes */

/* Identity registers as read on silicon (spec soc.md 1.1). */
bool cpu_csr_read(cpu_t *cpu, unsigned csr, uint64_t *value) {
    switch (csr) {
    case 0x180: *value = cpu->sptbr; return true;
    case 0x301: *value = 0x800000000014112dull; return true;
    case 0x320: case 0x321: *value = cpu->counter_enable[csr & 1]; return true;
    case 0x344: *value = cpu->lines | cpu->software_lines; return true;
    case 0xb00: case 0xc00: *value = cpu->bus.cycle(cpu->bus.opaque, cpu->hart) + cpu->cycle_offset; return true;
    case 0xb02: case 0xc02: *value = cpu->retired + cpu->instret_offset; return true;
    case 0xf11: *value = 0x4b5; return true;
    case 0xf12: *value = 0xe59889e6a5a04149ull; return true;
    case 0xf13: *value = 0x4d41495832303030ull; return true;
    case 0xf14: *value = cpu->hart; return true;
    default: return false; /* time, PMP and the counter enables of later specifications do not exist */
    }
}

static void csr_write(cpu_t *cpu, unsigned csr, uint64_t value) {
    switch (csr) {
    case 0x180: cpu->sptbr = value & 0xfffff; break;
    case 0x320: case 0x321: cpu->counter_enable[csr & 1] = value; break;
    case 0x344:
        cpu->software_lines = value & MIP_SOFTWARE;
        cpu_stop(cpu);
        break;
    case 0xb00: cpu->cycle_offset = value - cpu->bus.cycle(cpu->bus.opaque, cpu->hart); break;
    case 0xb02: cpu->instret_offset = value - cpu->retired; break;
    default: break; /* misa: fixed */
    }
}

static bool csr_execute(cpu_t *cpu, uint32_t instruction) {
    unsigned csr = instruction >> 20, rd = instruction >> 7 & 31, rs1 = instruction >> 15 & 31;
    unsigned operation = instruction >> 12 & 3;
    uint64_t old, source = instruction >> 14 & 1 ? rs1 : cpu_get(cpu, CPU_X0 + rs1);
    bool writes = operation == 1 || rs1 != 0;
    if (!cpu_csr_read(cpu, csr, &old) || (writes && csr >> 10 == 3))
        return false;
    if (writes)
        csr_write(cpu, csr, operation == 1 ? source : operation == 2 ? old | source : old & ~source);
    if (rd)
        cpu_set(cpu, CPU_X0 + rd, old);
    return true;
}

void cpu_on_watched(uc_engine *uc, uint64_t address, uint32_t size, void *opaque) {
    cpu_t *cpu = opaque;
    (void)uc;
    uint32_t instruction = cpu_fetch(cpu, address);
    if (size != 4 || !decode_watched(instruction))
        return;
    if ((instruction & 0x7f) == 0x0f) { /* fence.i: what this hart fetches from now on is what memory holds */
        cpu->flush = true;
        cpu_stop(cpu);
    } else if ((instruction >> 12 & 3) == 0) { /* sfence.vma is not of this specification */
        cpu_stop_with_trap(cpu, 2, address, 0);
    } else if (instruction >> 20 == CSR_MIE) { /* Unicorn executes it; interrupts are evaluated behind it */
        if (cpu->lines | cpu->software_lines)
            cpu_stop(cpu);
    } else if (csr_execute(cpu, instruction)) {
        reg_write(cpu, UC_RISCV_REG_PC, address + 4);
    } else {
        cpu_stop_with_trap(cpu, 2, address, 0);
    }
}
