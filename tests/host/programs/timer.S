# Timer interrupts: 5 ticks of 1000 mtime units; each handler entry stores mtime and mcause. Then wfi with MIE clear.
    .include "common.S"
hart0:
    la t0, handler
    csrw mtvec, t0
    li s0, CLINT + 0xbff8
    li s1, CLINT + 0x4000
    li s2, RESULT
    li s3, 5
    ld s4, 0(s0)
    sd s4, 0(s2)               # result 0: start
    addi s2, s2, 8
    li t0, 1000
    add s4, s4, t0
    sd s4, 0(s1)
    li t0, 0x80
    csrw mie, t0
    csrsi mstatus, 8
1:  wfi
    bnez s3, 1b
    csrci mstatus, 8           # masked: wfi ends on the pending timer without a trap
    ld s4, 0(s0)
    li t0, 500
    add s4, s4, t0
    sd s4, 0(s1)
    wfi
    ld t0, 0(s0)
    sub t0, t0, s4
    sd t0, 0(s2)               # mtime - mtimecmp when it woke
    csrr t0, mip
    sd t0, 8(s2)
    li t0, -1
    sd t0, 0(s1)
    csrr t0, mip               # the level fell with the new mtimecmp
    sd t0, 16(s2)
    csrw mie, zero
    done
    .align 2
handler:
    ld t0, 0(s0)
    csrr t1, mcause
    sd t0, 0(s2)
    sd t1, 8(s2)
    addi s2, s2, 16
    addi s3, s3, -1
    li t0, 1000
    add s4, s4, t0
    sd s4, 0(s1)
    bnez s3, 1f
    li t0, -1
    sd t0, 0(s1)
1:  mret
