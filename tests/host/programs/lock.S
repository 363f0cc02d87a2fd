# Two harts add to one counter 20000 times each under an LR/SC lock, and to another by amoadd.
    .set OWN_HART1, 1
    .include "common.S"
    .equ ROUNDS, 20000
    .macro work
    li s0, RESULT
    li s1, RESULT + 64         # lock
    li s2, ROUNDS
1:  lr.w.aq t0, (s1)
    bnez t0, 1b
    li t1, 1
    sc.w.rl t2, t1, (s1)
    bnez t2, 1b
    ld t0, 0(s0)               # not atomic: right only under the lock
    addi t0, t0, 1
    .rept 7
    nop
    .endr
    sd t0, 0(s0)
    amoswap.w.rl zero, zero, (s1)
    li t0, 1
    addi t1, s0, 8
    amoadd.d zero, t0, (t1)
    addi s2, s2, -1
    bnez s2, 1b
    addi t1, s0, 16
    amoadd.d zero, t0, (t1)    # harts that are through
    .endm
hart0:
    work
2:  ld t0, 16(s0)
    li t1, 2
    bne t0, t1, 2b
    done
hart1:
    work
3:  csrw mie, zero
    wfi
    j 3b
