#ifndef KENDRYTE_ENCODING_H
#define KENDRYTE_ENCODING_H

/* RISC-V constants and CSR access as the K210 has them: privileged spec 1.9.1 (spec soc.md 1.2). */

#define MSTATUS_UIE 0x00000001UL
#define MSTATUS_SIE 0x00000002UL
#define MSTATUS_HIE 0x00000004UL
#define MSTATUS_MIE 0x00000008UL
#define MSTATUS_UPIE 0x00000010UL
#define MSTATUS_SPIE 0x00000020UL
#define MSTATUS_HPIE 0x00000040UL
#define MSTATUS_MPIE 0x00000080UL
#define MSTATUS_SPP 0x00000100UL
#define MSTATUS_HPP 0x00000600UL
#define MSTATUS_MPP 0x00001800UL
#define MSTATUS_FS 0x00006000UL
#define MSTATUS_XS 0x00018000UL
#define MSTATUS_MPRV 0x00020000UL
#define MSTATUS_PUM 0x00040000UL
#define MSTATUS_MXR 0x00080000UL
#define MSTATUS_VM 0x1F000000UL

#define IRQ_S_SOFT 1
#define IRQ_H_SOFT 2
#define IRQ_M_SOFT 3
#define IRQ_S_TIMER 5
#define IRQ_H_TIMER 6
#define IRQ_M_TIMER 7
#define IRQ_S_EXT 9
#define IRQ_H_EXT 10
#define IRQ_M_EXT 11
#define IRQ_COP 12
#define IRQ_HOST 13

#define MIP_SSIP (1U << IRQ_S_SOFT)
#define MIP_HSIP (1U << IRQ_H_SOFT)
#define MIP_MSIP (1U << IRQ_M_SOFT)
#define MIP_STIP (1U << IRQ_S_TIMER)
#define MIP_HTIP (1U << IRQ_H_TIMER)
#define MIP_MTIP (1U << IRQ_M_TIMER)
#define MIP_SEIP (1U << IRQ_S_EXT)
#define MIP_HEIP (1U << IRQ_H_EXT)
#define MIP_MEIP (1U << IRQ_M_EXT)

#define CAUSE_MISALIGNED_FETCH 0x0
#define CAUSE_FAULT_FETCH 0x1
#define CAUSE_ILLEGAL_INSTRUCTION 0x2
#define CAUSE_BREAKPOINT 0x3
#define CAUSE_MISALIGNED_LOAD 0x4
#define CAUSE_FAULT_LOAD 0x5
#define CAUSE_MISALIGNED_STORE 0x6
#define CAUSE_FAULT_STORE 0x7
#define CAUSE_USER_ECALL 0x8
#define CAUSE_SUPERVISOR_ECALL 0x9
#define CAUSE_HYPERVISOR_ECALL 0xa
#define CAUSE_MACHINE_ECALL 0xb

#define PRV_U 0
#define PRV_S 1
#define PRV_H 2
#define PRV_M 3

#define VM_MBARE 0
#define VM_MBB 1
#define VM_MBBID 2
#define VM_SV32 8
#define VM_SV39 9
#define VM_SV48 10

#define PTE_V 0x001
#define PTE_R 0x002
#define PTE_W 0x004
#define PTE_X 0x008
#define PTE_U 0x010
#define PTE_G 0x020
#define PTE_A 0x040
#define PTE_D 0x080
#define PTE_SOFT 0x300
#define PTE_PPN_SHIFT 10

#ifndef __ASSEMBLER__

/* `reg` is a bare CSR name. set_csr and clear_csr return the value before. */
#define read_csr(reg) \
    __extension__({ \
        unsigned long csr_value_; \
        __asm__ volatile("csrr %0, " #reg : "=r"(csr_value_) : : "memory"); \
        csr_value_; \
    })

#define write_csr(reg, val) \
    __extension__({ __asm__ volatile("csrw " #reg ", %0" : : "rK"((unsigned long)(val)) : "memory"); })

#define swap_csr(reg, val) \
    __extension__({ \
        unsigned long csr_value_; \
        __asm__ volatile("csrrw %0, " #reg ", %1" : "=r"(csr_value_) : "rK"((unsigned long)(val)) : "memory"); \
        csr_value_; \
    })

#define set_csr(reg, bit) \
    __extension__({ \
        unsigned long csr_value_; \
        __asm__ volatile("csrrs %0, " #reg ", %1" : "=r"(csr_value_) : "rK"((unsigned long)(bit)) : "memory"); \
        csr_value_; \
    })

#define clear_csr(reg, bit) \
    __extension__({ \
        unsigned long csr_value_; \
        __asm__ volatile("csrrc %0, " #reg ", %1" : "=r"(csr_value_) : "rK"((unsigned long)(bit)) : "memory"); \
        csr_value_; \
    })

/* The core has no time CSR (spec soc.md 1.2): mtime of the CLINT, at CPU clock / 50. */
#define read_time() (*(const volatile unsigned long *)0x0200BFF8UL)
#define read_cycle() read_csr(mcycle)
#define current_coreid() read_csr(mhartid)

#endif

#endif
