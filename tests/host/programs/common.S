# Shared start of the test programs. Results go to double words from RESULT on; hart 1 parks unless a program
# sets OWN_HART1 before it includes this and defines hart1.
    .equ RESULT, 0x80100000
    .equ CLINT, 0x02000000
    .equ PLIC, 0x0c000000
    .equ MSTATUS_MIE, 8

    .macro result index, register
    li t6, RESULT + 8 * \index
    sd \register, 0(t6)
    .endm

    .macro done
    li t6, RESULT - 8
    li t5, 1
    sd t5, 0(t6)
9:  wfi
    j 9b
    .endm

    .globl _start
    .text
_start:
    csrr t0, mhartid
    bnez t0, 1f
    li sp, 0x80200000
    j hart0
1:  li sp, 0x80210000
    j hart1
    .ifndef OWN_HART1
hart1:
    csrw mie, zero
2:  wfi
    j 2b
    .endif
