# Code written by the program: through the cached view with fence.i, through the uncached alias, into a page that holds
# counter instructions, and by the other hart.
    .set OWN_HART1, 1
    .include "common.S"
    .equ SCRATCH, 0x80040000
    .equ ALIAS, 0x40040000
    .macro write view, immediate
    li t0, \view
    li t1, 0x00000513 + (\immediate << 20)   # li a0, immediate
    sw t1, 0(t0)
    li t1, 0x00008067                        # ret
    sw t1, 4(t0)
    .endm
    .macro call_it index
    li t0, SCRATCH
    jalr t0
    sd a0, 8 * \index(s0)
    .endm
hart0:
    li s0, RESULT
    write SCRATCH, 11
    fence.i
    call_it 0
    write SCRATCH, 22
    fence.i
    call_it 1
    write ALIAS, 33
    fence.i
    call_it 2
    li t0, SCRATCH                           # csrr a0, mhartid; csrr a1, mcycle; ret: written at run time
    li t1, 0xf1402573
    sw t1, 0(t0)
    li t1, 0xb00025f3
    sw t1, 4(t0)
    li t1, 0x00008067
    sw t1, 8(t0)
    fence.i
    csrw mcycle, zero
    call_it 3
    sd a1, 8 * 4(s0)
    write SCRATCH, 44
    fence.i
    call_it 5
    # Two million instructions over a rewritten loop body: the machine must not slow down or leak.
    li s1, 200
1:  andi t2, s1, 1
    beqz t2, 2f
    write SCRATCH, 1
    j 3f
2:  write SCRATCH, 2
3:  fence.i
    li t0, SCRATCH
    jalr t0
    add s2, s2, a0
    addi s1, s1, -1
    bnez s1, 1b
    sd s2, 8 * 6(s0)
    li t0, 1
    sd t0, 8 * 7(s0)                         # let hart 1 write
4:  ld t0, 8 * 8(s0)
    beqz t0, 4b
    fence.i
    call_it 9
    li t0, 0xffffffff80000000                # the upper half of an address is ignored
    ld t1, 0(t0)
    li t0, 0x1280000000
    ld t2, 0(t0)
    li t0, 0x80000000
    ld t3, 0(t0)
    xor t1, t1, t3
    xor t2, t2, t3
    sd t1, 8 * 10(s0)
    sd t2, 8 * 11(s0)
    li t0, 0xffffffff80040000
    jalr t0
    sd a0, 8 * 12(s0)
    done
hart1:
    li s0, RESULT
1:  ld t0, 8 * 7(s0)
    beqz t0, 1b
    write SCRATCH, 55
    fence
    li t0, 1
    sd t0, 8 * 8(s0)
2:  wfi
    j 2b
