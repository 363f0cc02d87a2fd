/* The software that stands in for misaligned accesses. The emulated core performs them by itself, so the handlers are
 * called with the state that a trap would hand them, one instruction of the assembler after the other. */

#include "check.h"

uintptr_t handle_misaligned_load(uintptr_t cause, uintptr_t epc, uintptr_t regs[32], uintptr_t fregs[32]);
uintptr_t handle_misaligned_store(uintptr_t cause, uintptr_t epc, uintptr_t regs[32], uintptr_t fregs[32]);

extern const uint16_t wide_forms[], compressed_forms[];

__asm__(".option push\n .option norvc\n .balign 4\n"
        "wide_forms:\n"
        "lh a0, 0(a1)\n lhu a0, 0(a1)\n lw a0, 0(a1)\n lwu a0, 0(a1)\n ld a0, 0(a1)\n"
        "flw f9, 0(a1)\n fld f9, 0(a1)\n"
        "sh s3, 0(a1)\n sw s3, 0(a1)\n sd s3, 0(a1)\n fsw f9, 0(a1)\n fsd f9, 0(a1)\n sd zero, 0(a1)\n ld zero, 0(a1)\n"
        ".option pop\n .option rvc\n"
        "compressed_forms:\n"
        "c.lw a0, 0(a1)\n c.ld a0, 0(a1)\n c.fld f9, 0(a1)\n c.lwsp a0, 0(sp)\n c.ldsp a0, 0(sp)\n c.fldsp f9, 0(sp)\n"
        "c.sw s1, 0(a1)\n c.sd s1, 0(a1)\n c.fsd f9, 0(a1)\n"
        "c.swsp s3, 0(sp)\n c.sdsp s3, 0(sp)\n c.fsdsp f9, 0(sp)\n");

#define SOURCE 0x8182838485868788ull

static uintptr_t regs[32], fregs[32];
static uint8_t memory[24];

static void prepare(void) {
    for (unsigned i = 0; i < 24; i++) {
        memory[i] = (uint8_t)(0xF0 + i);
    }
    for (unsigned i = 0; i < 32; i++) {
        regs[i] = fregs[i] = SOURCE;
    }
    regs[0] = (uintptr_t)memory + 3;
}

typedef struct {
    const char *name;
    bool store, is_float;
    uint64_t want; /* the register after a load, the bytes after a store */
    unsigned size;
} form_t;

static void run(const uint16_t *code, unsigned halfwords, const form_t *form) {
    prepare();
    uintptr_t next = form->store ? handle_misaligned_store(CAUSE_MISALIGNED_STORE, (uintptr_t)code, regs, fregs)
                                 : handle_misaligned_load(CAUSE_MISALIGNED_LOAD, (uintptr_t)code, regs, fregs);
    uint64_t got = form->is_float ? fregs[9] : regs[10];
    unsigned around = memory[2] != 0xF2 || memory[3 + form->size] != 0xF3 + form->size;
    if (form->store) {
        got = 0;
        for (unsigned i = 0; i < form->size; i++) {
            got |= (uint64_t)memory[3 + i] << (8 * i);
        }
    }
    if (next != (uintptr_t)code + 2 * halfwords || around) {
        got = ~form->want;
    }
    CHECK_EQ(form->name, got, form->want);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    static const form_t wide[] = {
        {"lh", false, false, 0xFFFFFFFFFFFFF4F3, 2},  {"lhu", false, false, 0xF4F3, 2},
        {"lw", false, false, 0xFFFFFFFFF6F5F4F3, 4},  {"lwu", false, false, 0xF6F5F4F3, 4},
        {"ld", false, false, 0xFAF9F8F7F6F5F4F3, 8},  {"flw", false, true, 0xFFFFFFFFF6F5F4F3, 4},
        {"fld", false, true, 0xFAF9F8F7F6F5F4F3, 8},  {"sh", true, false, 0x8788, 2},
        {"sw", true, false, 0x85868788, 4},           {"sd", true, false, SOURCE, 8},
        {"fsw", true, true, 0x85868788, 4},           {"fsd", true, true, SOURCE, 8},
        {"sd zero", true, false, 0, 8},               {"ld zero", false, false, SOURCE, 8},
    };
    static const form_t compressed[] = {
        {"c.lw", false, false, 0xFFFFFFFFF6F5F4F3, 4},   {"c.ld", false, false, 0xFAF9F8F7F6F5F4F3, 8},
        {"c.fld", false, true, 0xFAF9F8F7F6F5F4F3, 8},   {"c.lwsp", false, false, 0xFFFFFFFFF6F5F4F3, 4},
        {"c.ldsp", false, false, 0xFAF9F8F7F6F5F4F3, 8}, {"c.fldsp", false, true, 0xFAF9F8F7F6F5F4F3, 8},
        {"c.sw", true, false, 0x85868788, 4},            {"c.sd", true, false, SOURCE, 8},
        {"c.fsd", true, true, SOURCE, 8},                {"c.swsp", true, false, 0x85868788, 4},
        {"c.sdsp", true, false, SOURCE, 8},              {"c.fsdsp", true, true, SOURCE, 8},
    };
    for (unsigned i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        run(wide_forms + 2 * i, 2, &wide[i]);
    }
    for (unsigned i = 0; i < sizeof compressed / sizeof compressed[0]; i++) {
        run(compressed_forms + i, 1, &compressed[i]);
    }
    return check_done();
}
