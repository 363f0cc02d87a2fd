# Identity, counters and writable CSRs; both harts store theirs (hart 1 from result 32 on).
    .set OWN_HART1, 1
    .include "common.S"
    .macro read csr, index
    csrr t0, \csr
    sd t0, 8 * \index(s0)
    .endm

    .macro body
    read misa, 0
    read mvendorid, 1
    read marchid, 2
    read mimpid, 3
    read mhartid, 4
    read mcycle, 5
    read minstret, 6
    .rept 100
    nop
    .endr
    read mcycle, 7
    read minstret, 8
    li t0, 0x123456789
    csrw mcycle, t0
    read mcycle, 9
    li t0, 0x123456789
    csrw mscratch, t0
    read mscratch, 10
    li t0, -1
    csrw 0x180, t0             # sptbr keeps 20 bits of page number
    read 0x180, 11
    csrw mie, t0
    csrw mie, zero
    li t0, 0x22
    csrs mip, t0               # SSIP, STIP are software's
    read mip, 12
    csrw mip, zero
    read mip, 13
    csrr t1, cycle
    csrr t2, cycle
    sub t1, t2, t1
    sd t1, 8 * 14(s0)
    .endm

hart0:
    li s0, RESULT
    body
    fmv.d.x fa0, s0            # the FPU is on
    fmv.x.d t0, fa0
    sd t0, 8 * 15(s0)
    li t1, CLINT               # mtime and mcycle keep their ratio
    li t2, 0xbff8
    add t1, t1, t2
    csrw mcycle, zero
    ld t3, 0(t1)
    li t4, 100000
1:  addi t4, t4, -1
    bnez t4, 1b
    csrr t5, mcycle
    ld t6, 0(t1)
    sub t6, t6, t3
    sd t5, 8 * 16(s0)
    sd t6, 8 * 17(s0)
2:  li t0, RESULT + 8 * 31     # wait for hart 1
    ld t1, 0(t0)
    beqz t1, 2b
    done
hart1:
    li s0, RESULT + 8 * 32
    body
    li t0, 1
    sd t0, -8(s0)
1:  wfi
    j 1b
