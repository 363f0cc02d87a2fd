#include "cpu_decode.h"
#include "cpu.h"

static unsigned bits(uint32_t value, unsigned high, unsigned low) {
    return value >> low & ((1u << (high - low + 1)) - 1);
}

static decoded_access_t access_of(bool store, unsigned base, int64_t offset) {
    return (decoded_access_t){.valid = true, .store = store, .base = base, .offset = offset};
}

static decoded_access_t decode_compressed(uint16_t c) {
    unsigned quadrant = c & 3, funct3 = c >> 13;
    unsigned base = 8 + bits(c, 9, 7);
    int64_t word = bits(c, 12, 10) << 3 | bits(c, 6, 6) << 2 | bits(c, 5, 5) << 6;
    int64_t dword = bits(c, 12, 10) << 3 | bits(c, 6, 5) << 6;
    if (quadrant == 0 && funct3 != 0 && funct3 != 4)
        return access_of(funct3 > 4, base, (funct3 & 3) == 2 ? word : dword);
    if (quadrant == 2 && funct3 >= 1 && funct3 <= 3) /* from the stack pointer */
        return access_of(false, 2, funct3 == 2 ? bits(c, 12, 12) << 5 | bits(c, 6, 4) << 2 | bits(c, 3, 2) << 6
                                               : bits(c, 12, 12) << 5 | bits(c, 6, 5) << 3 | bits(c, 4, 2) << 6);
    if (quadrant == 2 && funct3 >= 5)
        return access_of(true, 2, funct3 == 6 ? bits(c, 12, 9) << 2 | bits(c, 8, 7) << 6
                                              : bits(c, 12, 10) << 3 | bits(c, 9, 7) << 6);
    return (decoded_access_t){0};
}

decoded_access_t decode_access(uint32_t i) {
    if (decode_length((uint16_t)i) == 2)
        return decode_compressed((uint16_t)i);
    unsigned base = bits(i, 19, 15);
    switch (i & 0x7f) {
    case 0x03: case 0x07: /* loads, integer and floating point */
        return access_of(false, base, (int32_t)i >> 20);
    case 0x23: case 0x27: /* stores */
        return access_of(true, base, ((int32_t)(i & 0xfe000000) >> 20) | (int)bits(i, 11, 7));
    case 0x2f: { /* LR reads; SC and AMOs count as stores (cause 7) */
        decoded_access_t amo = access_of(i >> 27 != 2, base, 0);
        amo.amo = true;
        return amo;
    }
    default:
        return (decoded_access_t){0};
    }
}

static bool csr_watched(unsigned csr) {
    switch (csr) {
    case 0x106: case 0x180: case 0x301: case 0x304: case 0x306: case 0x320: case 0x321: case 0x344:
    case 0xb00: case 0xb02: case 0xc00: case 0xc01: case 0xc02: case 0xf11: case 0xf12: case 0xf13: case 0xf14:
        return true;
    default:
        return csr >= 0x3a0 && csr <= 0x3bf; /* PMP */
    }
}

bool decode_watched(uint32_t i) {
    if ((i & 0x7f) == 0x73 && (i >> 12 & 3) != 0)
        return csr_watched(i >> 20);
    if ((i & 0xfe007fff) == 0x12000073) /* sfence.vma */
        return true;
    return (i & 0x707f) == 0x100f; /* fence.i */
}
