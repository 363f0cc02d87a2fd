/* Loads and stores that the core traps because of their address, done byte by byte (spec soc.md 1.2). All integer and
 * floating-point forms, 32 bits and compressed; atomic accesses cannot be split and remain fatal. */

#include <stdbool.h>
#include <stdint.h>
#include "bsp.h"

typedef struct {
    bool valid, store, is_float, is_signed;
    uint8_t size, reg, length; /* bytes accessed, register number, bytes of the instruction */
} access_t;

/* Opcode 0x03 / 0x23 (integer) and 0x07 / 0x27 (float), funct3 = log2 of the size, bit 2 = unsigned load. */
static access_t decode_wide(uint32_t i) {
    uint32_t opcode = i & 0x7F, funct3 = i >> 12 & 7;
    access_t a = {.store = opcode & 0x20, .is_float = opcode & 4, .is_signed = !(funct3 & 4), .length = 4};
    a.valid = opcode == 0x03 || opcode == 0x23 || ((opcode == 0x07 || opcode == 0x27) && (funct3 == 2 || funct3 == 3));
    a.size = (uint8_t)(1u << (funct3 & 3));
    a.reg = (uint8_t)(a.store ? i >> 20 & 31 : i >> 7 & 31);
    return a;
}

/* Quadrants 0 (rd', rs2' in bits 4:2) and 2 (stack pointer relative). funct3: 1 fld, 2 lw, 3 ld; +4 is the store. */
static access_t decode_compressed(uint32_t i) {
    uint32_t quadrant = i & 3, funct3 = i >> 13 & 7;
    access_t a = {.store = funct3 & 4, .is_float = (funct3 & 3) == 1, .is_signed = true, .length = 2};
    a.valid = (quadrant == 0 || quadrant == 2) && (funct3 & 3) != 0;
    a.size = (funct3 & 3) == 2 ? 4 : 8;
    a.reg = (uint8_t)(quadrant == 0 ? 8 + (i >> 2 & 7) : a.store ? i >> 2 & 31 : i >> 7 & 31);
    return a;
}

static uintptr_t emulate(uintptr_t cause, uintptr_t epc, uintptr_t regs[32], uintptr_t fregs[32]) {
    const uint16_t *pc = (const uint16_t *)epc;
    access_t a = (pc[0] & 3) == 3 ? decode_wide(pc[0] | (uint32_t)pc[1] << 16) : decode_compressed(pc[0]);
    if (!a.valid || a.store != (cause == CAUSE_MISALIGNED_STORE)) {
        sdk_crash(cause, epc, regs, fregs);
    }
    volatile uint8_t *memory = (volatile uint8_t *)regs[0];
    uintptr_t *reg = a.is_float ? &fregs[a.reg] : &regs[a.reg];
    if (a.store) {
        uint64_t value = !a.is_float && a.reg == 0 ? 0 : *reg; /* slot 0 holds mtval */
        for (unsigned i = 0; i < a.size; i++) {
            memory[i] = (uint8_t)(value >> (8 * i));
        }
        return epc + a.length;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < a.size; i++) {
        value |= (uint64_t)memory[i] << (8 * i);
    }
    if (a.is_float) {
        *reg = a.size == 4 ? value | 0xFFFFFFFF00000000 : value; /* NaN-boxed */
    } else if (a.reg != 0) {
        unsigned unused = 64 - 8 * a.size;
        *reg = a.is_signed ? (uintptr_t)((int64_t)(value << unused) >> unused) : value;
    }
    return epc + a.length;
}

__attribute__((weak)) uintptr_t handle_misaligned_load(uintptr_t cause, uintptr_t epc, uintptr_t regs[32],
                                                       uintptr_t fregs[32]) {
    return emulate(cause, epc, regs, fregs);
}

__attribute__((weak)) uintptr_t handle_misaligned_store(uintptr_t cause, uintptr_t epc, uintptr_t regs[32],
                                                        uintptr_t fregs[32]) {
    return emulate(cause, epc, regs, fregs);
}
