    .text
    .global sum_in_assembly
sum_in_assembly:
    addw a0, a0, a1
    ret
