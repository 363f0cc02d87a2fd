# Echoes UARTHS, upper bit cleared, '!' after a newline; sleeps in wfi between bytes (interrupt 33 through the PLIC).
    .include "common.S"
    .equ UARTHS, 0x38000000
hart0:
    li s0, UARTHS
    li t0, PLIC + 4 * 33
    li t1, 1
    sw t1, 0(t0)
    li t0, PLIC + 0x2004
    li t1, 2
    sw t1, 0(t0)
    li t1, 2
    sw t1, 0x10(s0)            # rxwm interrupt enable
    li t0, 0x800
    csrw mie, t0
    la s1, banner
1:  lbu a0, 0(s1)
    beqz a0, 2f
    call send
    addi s1, s1, 1
    j 1b
2:  wfi
    li t0, PLIC + 0x200004
    lw s2, 0(t0)
3:  lw a0, 4(s0)
    bltz a0, 4f
    andi s3, a0, 0x7f
    mv a0, s3
    call send
    li t0, 10
    bne s3, t0, 3b
    li a0, '!'
    call send
    j 3b
4:  li t0, PLIC + 0x200004
    sw s2, 0(t0)
    j 2b
send:
    lw t0, 0(s0)
    bltz t0, send
    sw a0, 0(s0)
    ret
banner: .asciz "ready\n"
