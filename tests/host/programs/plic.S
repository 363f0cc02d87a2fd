# GPIOHS pin interrupts as PLIC sources: level interrupts on pins 0..3 (sources 34..37), raised by low_ie while the
# inputs are disabled (input_val reads 0). Priorities 3, 5, 5, 1.
    .include "common.S"
    .equ GPIOHS, 0x38001000
    .equ CLAIM, PLIC + 0x200004
    .equ THRESHOLD, PLIC + 0x200000
    .macro priority source, value
    li t0, PLIC + 4 * \source
    li t1, \value
    sw t1, 0(t0)
    .endm
    .macro claim index
    lw t0, 0(s1)
    sd t0, 8 * \index(s0)
    .endm
    .macro complete source
    li t0, \source
    sw t0, 0(s1)
    .endm
    .macro threshold value
    li t0, \value
    sw t0, 0(s2)
    .endm
    .macro mip index
    csrr t0, mip
    sd t0, 8 * \index(s0)
    .endm
hart0:
    li s0, RESULT
    li s1, CLAIM
    li s2, THRESHOLD
    li s3, GPIOHS
    claim 0                    # nothing pending: 0
    priority 34, 3
    priority 35, 5
    priority 36, 5
    priority 37, 1
    li t0, PLIC + 0x2004
    li t1, 0x3c
    sw t1, 0(t0)
    mip 1                      # enabled but quiet
    li t0, 0xf
    sw t0, 0x30(s3)            # low_ie
    mip 2                      # MEIP
    li t0, PLIC + 0x1004
    lw t1, 0(t0)
    sd t1, 8 * 3(s0)           # pending word
    threshold 5
    mip 4                      # priority must exceed the threshold
    claim 5
    threshold 4
    claim 6                    # 35: lowest number among equals
    claim 7                    # 36
    claim 8                    # none above the threshold
    threshold 0
    claim 9                    # 34
    claim 10                   # 37
    claim 11                   # all claimed, lines still high
    mip 12
    complete 0                 # ignored
    complete 36
    mip 13                     # level still high: pending again
    claim 14                   # 36
    sw zero, 0x30(s3)
    complete 34
    complete 35
    complete 36
    complete 37
    claim 15                   # lines fell
    mip 16
    # The same line to both harts' contexts: each may claim, the first gets it.
    li t0, PLIC + 0x2104       # hart 1, M
    li t1, 4
    sw t1, 0(t0)
    li t0, 1
    sw t0, 0x30(s3)
    li t2, PLIC + 0x202004
    lw t0, 0(t2)
    sd t0, 8 * 17(s0)          # 34 through hart 1's context
    claim 18                   # 0 through hart 0's
    # Nesting as the vendor's handler does it: claim, raise the threshold, set MIE, a stronger source preempts.
    li t0, 34
    sw t0, 0(t2)
    la t0, handler
    csrw mtvec, t0
    li t0, 0x800
    csrw mie, t0
    li s4, RESULT + 8 * 19     # trace
    csrsi mstatus, 8           # 34 is pending
    nop
    nop
    csrci mstatus, 8
    sd sp, 0(s4)
    done

    .align 2
handler:
    addi sp, sp, -32
    csrr t0, mepc
    sd t0, 0(sp)
    lw t1, 0(s1)               # claim
    sd t1, 8(sp)
    lw t2, 0(s2)
    sd t2, 16(sp)
    sd t1, 0(s4)               # trace: entry
    addi s4, s4, 8
    li t3, PLIC
    slli t4, t1, 2
    add t3, t3, t4
    lw t3, 0(t3)
    sw t3, 0(s2)               # threshold := priority
    li t3, 34
    bne t1, t3, 1f
    li t0, 0xb                 # raise 35 (priority 5) and 37 (priority 1) inside the handler of 34 (priority 3)
    sw t0, 0x30(s3)
    csrsi mstatus, 8
    nop
    csrci mstatus, 8
    li t0, 0x8                 # only 37 stays
    sw t0, 0x30(s3)
    j 2f
1:  li t0, 35
    bne t1, t0, 3f
    li t0, 0x9                 # acknowledge 35
    sw t0, 0x30(s3)
    j 2f
3:  sw zero, 0x30(s3)
2:  ld t1, 8(sp)
    sw t1, 0(s1)               # complete
    ld t2, 16(sp)
    sw t2, 0(s2)
    ori t1, t1, 0x100
    sd t1, 0(s4)               # trace: exit
    addi s4, s4, 8
    ld t0, 0(sp)
    csrw mepc, t0
    li t0, 0x1880
    csrs mstatus, t0
    addi sp, sp, 32
    mret
