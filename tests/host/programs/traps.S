# Every synchronous trap: the handler stores mcause, mepc and mbadaddr and continues behind the instruction.
    .include "common.S"
    .macro expect label
    la t0, \label
    sd t0, 0(s1)
    addi s1, s1, 8
    .endm

hart0:
    la t0, handler
    csrw mtvec, t0
    li s0, RESULT
    li s1, 0x80110000          # addresses of the instructions that trap, in order
    li a1, 0x10000000          # a hole in the address map
    li a2, 0x80100101
    nop
    expect l0
    expect l1
    expect l2
    expect l3
    expect l4
    expect l5
    expect l6
    expect l7
    expect l8
    expect l9
    expect l10
    expect l11
    expect l12
    expect l13
    expect l14
    nop
l0: .4byte 0xffffffff
    nop
l1: .2byte 0
    nop
l2: ecall
    nop
l3: ebreak
l4: .4byte 0x00100073          # ebreak, not compressed
    addi a3, a1, 4             # operands change in the block before the access that faults
    nop
l5: lw t1, 8(a3)
    addi a3, a3, 16
    nop
l6: sd t1, -8(a3)
    addi a3, a3, 16
    nop
l7: c.lw a5, 4(a3)
    nop
l8: amoadd.w t1, t1, (a1)
    nop
l9: rdtime t1
    nop
l10: csrr t1, pmpcfg0
    nop
l11: sfence.vma
    nop
    .4byte 0x10400073          # sfence.vm of specification 1.9.1: no trap
l12: csrr t1, 0x306            # mcounteren does not exist in 1.9.1
    nop
l13: amoadd.w t1, t1, (a2)     # misaligned
    nop
    la t0, l14_return
    mv a4, a1
l14: jr a4                     # fetch from the hole: mepc is the hole
l14_return:
    la t0, handler             # interrupts and nesting: mret restored MIE and MPP
    csrr a0, mstatus
    sd a0, 0(s0)
    csrsi mstatus, 8
    ecall
    csrr a0, mstatus
    sd a0, 0(s0)
    csrci mstatus, 8
    done

    .align 2
handler:
    csrr t1, mcause
    csrr t2, mepc
    csrr t3, mbadaddr
    sd t1, 0(s0)
    sd t2, 8(s0)
    sd t3, 16(s0)
    addi s0, s0, 24
    beq t2, a4, 3f
    lhu t4, 0(t2)
    andi t4, t4, 3
    li t5, 3
    addi t2, t2, 2
    bne t4, t5, 2f
    addi t2, t2, 2
2:  csrw mepc, t2
    mret
3:  csrw mepc, t0
    mret
