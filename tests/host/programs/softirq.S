# Hart 0 wakes hart 1 by msip; hart 1 answers with msip of hart 0, by interrupt on both sides.
    .set OWN_HART1, 1
    .include "common.S"
hart0:
    la t0, handler0
    csrw mtvec, t0
    li s0, CLINT
    li s1, RESULT
    li t0, 8
    csrw mie, t0
1:  ld t0, 8(s1)               # hart 1 has cleared the msip that the boot ROM left and sleeps
    beqz t0, 1b
    li s2, 3
2:  li t0, 1
    sw t0, 4(s0)
    csrsi mstatus, 8
3:  wfi
    ld t0, 16(s1)              # rounds answered
    li t1, 4
    sub t1, t1, s2
    bne t0, t1, 3b
    csrci mstatus, 8
    addi s2, s2, -1
    bnez s2, 2b
    done
    .align 2
handler0:
    sw zero, 0(s0)
    csrr t0, mcause
    sd t0, 0(s1)
    ld t0, 16(s1)
    addi t0, t0, 1
    sd t0, 16(s1)
    mret

hart1:
    la t0, handler1
    csrw mtvec, t0
    li s0, CLINT
    li s1, RESULT
    lw t0, 4(s0)
    sd t0, 24(s1)              # msip of hart 1 at entry
    sw zero, 4(s0)
    li t0, 8
    csrw mie, t0
    csrsi mstatus, 8
    li t0, 1
    sd t0, 8(s1)
1:  wfi
    j 1b
    .align 2
handler1:
    sw zero, 4(s0)
    csrr t0, mcause
    sd t0, 32(s1)
    ld t0, 40(s1)
    addi t0, t0, 1
    sd t0, 40(s1)
    li t0, 1
    sw t0, 0(s0)
    mret
