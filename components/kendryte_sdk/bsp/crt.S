/* Start-up of both harts and the trap entry. */

#include "encoding.h"

#define CLINT_MSIP1 0x02000004

    .section .reset, "ax", @progbits /* not .text.start: a function named start() would be put in front */
    .globl _start
_start:
    j 1f
    .balign 4
    .word 0xdeadbeef
    .balign 8
    .globl g_wake_up
g_wake_up:
    .dword 1
    .dword 0

1:
    csrw mideleg, zero
    csrw medeleg, zero
    csrw mie, zero
    csrw mip, zero
    la t0, trap_entry
    csrw mtvec, t0
    li t0, MSTATUS_FS
    csrs mstatus, t0
    fscsr zero
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop

    csrr s0, mhartid
    bnez s0, 2f
    la tp, _tp0
    la sp, _sp0
    j 3f
2:  la tp, _tp1
    la sp, _sp1
3:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fmv.d.x f\n, zero
    .endr

    /* Thread-local variables of this hart (errno): copy the template to tp, clear the rest. */
    la t0, _tls_data
    la t1, _tdata_end
    sub t1, t1, t0
    add t1, t1, tp
    la t2, _tls_end
    sub t2, t2, t0
    add t2, t2, tp
    mv t3, tp
4:  bgeu t3, t1, 5f
    ld t4, 0(t0)
    sd t4, 0(t3)
    addi t0, t0, 8
    addi t3, t3, 8
    j 4b
5:  bgeu t3, t2, 6f
    sd zero, 0(t3)
    addi t3, t3, 8
    j 5b

6:  bnez s0, hart1
    la t0, _bss
    la t1, _ebss
7:  bgeu t0, t1, 8f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 7b
8:  li a0, 0
    li a1, 2
    call _init_bsp
    j .

/* Hart 1 sleeps until its wake flag is set. The flag is outside .bss, which hart 0 may be clearing now. MSIP is lowered
 * before the flag is read and the waker sets the flag before it raises MSIP, so no wake-up is lost. */
hart1:
    li t0, CLINT_MSIP1
    li t1, MIP_MSIP
    csrw mie, t1
    la t2, g_wake_up
9:  sw zero, 0(t0)
    fence
    ld t3, 8(t2)
    bnez t3, 10f
    wfi
    j 9b
10: csrw mie, zero
    fence
    li a0, 1
    li a1, 2
    call _init_bsp
    j .

/* Trap frame on the interrupted stack: x0..x31 (slot 0 = mtval), f0..f31, mstatus, fcsr.
 *
 * The FP registers are saved only when FS says that they may hold something unsaved, and restored only when the handler
 * (or a trap nested in it) changed them: FS is set to Clean while the handler runs. A trap that nests while FS is Clean
 * leaves FS Dirty behind if it changed a register, so that the outer one restores. On a core that implements FS as
 * off / dirty only, everything is saved and restored. */
#define FRAME_MSTATUS 512
#define FRAME_FCSR 520
#define FRAME_SIZE 528

    .text
    .globl trap_entry
    .balign 4
trap_entry:
    addi sp, sp, -FRAME_SIZE
    .irp n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd x\n, (8 * \n)(sp)
    .endr
    addi t0, sp, FRAME_SIZE
    sd t0, 16(sp)
    csrr t0, mtval
    sd t0, 0(sp)
    csrr s0, mstatus
    sd s0, FRAME_MSTATUS(sp)
    li s1, MSTATUS_FS
    and t0, s0, s1
    bne t0, s1, 1f
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fsd f\n, (256 + 8 * \n)(sp)
    .endr
    frcsr t0
    sd t0, FRAME_FCSR(sp)
    li t0, 0x2000
    csrc mstatus, t0
1:
    csrr a0, mcause
    csrr a1, mepc
    mv a2, sp
    addi a3, sp, 256
    bgez a0, 2f
    call handle_irq
    j 3f
2:  call handle_syscall
    /* An emulated load may have changed a saved FP register: restore them all. */
    csrs mstatus, s1
3:
    csrw mepc, a0
    csrr t0, mstatus
    and t0, t0, s1
    and t1, s0, s1
    bne t1, s1, 5f
    bne t0, s1, 4f
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fld f\n, (256 + 8 * \n)(sp)
    .endr
    ld t1, FRAME_FCSR(sp)
    fscsr t1
4:  mv t0, s1
5:  /* The saved mstatus has MIE clear and the MPIE and MPP of the interrupted code. */
    not t1, s1
    ld t2, FRAME_MSTATUS(sp)
    and t2, t2, t1
    or t2, t2, t0
    csrw mstatus, t2
    .irp n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\n, (8 * \n)(sp)
    .endr
    addi sp, sp, FRAME_SIZE
    mret
