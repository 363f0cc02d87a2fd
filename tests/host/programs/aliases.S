# Calls one routine through 6000 aliases of its address: the upper half of an address is ignored.
    .include "common.S"
hart0:
    li s0, RESULT
    la s1, routine
    li s2, 6000
    li s3, 1
    slli s3, s3, 32
    li s4, 0
1:  add s1, s1, s3
    jalr s1
    addi s2, s2, -1
    bnez s2, 1b
    sd s4, 0(s0)
    done
    .balign 4096
routine:
    csrr t0, mhartid
    addi s4, s4, 1
    ret
