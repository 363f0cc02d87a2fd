/* Exceptions that a program handles, and floating-point registers across interrupts. */

#include "check.h"

static volatile uintptr_t seen_cause, seen_epc, seen_argument;
static volatile double sink = 1.5;

/* Skips the illegal instruction (4 bytes of it) and hands a value back in a0. */
uintptr_t handle_illegal_instruction(uintptr_t cause, uintptr_t epc, uintptr_t regs[32], uintptr_t fregs[32]) {
    (void)fregs;
    seen_cause = cause;
    seen_epc = epc;
    seen_argument = regs[10];
    regs[10] = 4321;
    return epc + 4;
}

static long illegal(long value) {
    register long a0 __asm__("a0") = value;
    __asm__ volatile(".word 0xFFFFFFFF" : "+r"(a0) : : "memory");
    return a0;
}

static volatile unsigned ticks;

/* Uses the FP registers of the caller, and takes long enough for others to nest. */
static int on_tick(void *ctx) {
    (void)ctx;
    double a = sink, b = a * 3.25, c = b + a, d = c / 7.0, e = d - b, f = e * c;
    __asm__ volatile("" : "+f"(a), "+f"(b), "+f"(c), "+f"(d), "+f"(e), "+f"(f));
    sink = a + (f - f);
    ticks++;
    return 0;
}

/* Keeps 24 values in FP registers while timer interrupts come; the number of those that changed. */
static unsigned hold(void) {
    double v[24];
    for (int i = 0; i < 24; i++) {
        v[i] = 1.0 / (i + 3);
    }
    ticks = 0;
    uint64_t bits = 0;
    /* fmv keeps the test in assembly: load f0-f7 and f10-f17, f28-f31, spin, compare. */
    __asm__ volatile(
        "fld f0, 0(%1)\n fld f1, 8(%1)\n fld f2, 16(%1)\n fld f3, 24(%1)\n"
        "fld f4, 32(%1)\n fld f5, 40(%1)\n fld f6, 48(%1)\n fld f7, 56(%1)\n"
        "fld f10, 64(%1)\n fld f11, 72(%1)\n fld f12, 80(%1)\n fld f13, 88(%1)\n"
        "fld f14, 96(%1)\n fld f15, 104(%1)\n fld f16, 112(%1)\n fld f17, 120(%1)\n"
        "fld f28, 128(%1)\n fld f29, 136(%1)\n fld f30, 144(%1)\n fld f31, 152(%1)\n"
        "li t0, 3\n"
        "1: lw t1, 0(%2)\n blt t1, t0, 1b\n"
        "li %0, 0\n"
        ".macro same reg, offset\n"
        "fld f8, \\offset(%1)\n feq.d t1, f8, \\reg\n xori t1, t1, 1\n add %0, %0, t1\n"
        ".endm\n"
        "same f0, 0\n same f1, 8\n same f2, 16\n same f3, 24\n same f4, 32\n same f5, 40\n same f6, 48\n same f7, 56\n"
        "same f10, 64\n same f11, 72\n same f12, 80\n same f13, 88\n same f14, 96\n same f15, 104\n same f16, 112\n"
        "same f17, 120\n same f28, 128\n same f29, 136\n same f30, 144\n same f31, 152\n"
        : "=&r"(bits)
        : "r"(v), "r"(&ticks)
        : "t0", "t1", "memory", "f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f10", "f11", "f12", "f13", "f14",
          "f15", "f16", "f17", "f28", "f29", "f30", "f31");
    return (unsigned)bits;
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    CHECK_EQ("registers go back", illegal(1234), 4321);
    CHECK_EQ("cause", seen_cause, CAUSE_ILLEGAL_INSTRUCTION);
    CHECK_EQ("argument", seen_argument, 1234);
    CHECK("epc", seen_epc > 0x80000000 && seen_epc < 0x80100000);

    clint_timer_init();
    clint_timer_register(on_tick, NULL);
    clint_timer_start(1, 0);
    CHECK_EQ("FP registers across interrupts", hold(), 0);
    clint_timer_stop();
    CHECK_EQ("callback computed", ticks >= 3 && sink > 1.49 && sink < 1.51, 1);
    printf("%d %s %.3f\n", 42, "printf", 2.5);
    return check_done();
}
