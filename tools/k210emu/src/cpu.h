/* One hart: the interface behind which the instruction set is executed.
 *
 * The machine gives a hart a budget of instructions, a bus and the levels of its interrupt inputs; the hart answers
 * why it returned. One instruction takes one cycle. Privileged behaviour is the K210's (spec soc.md 1.1, 1.2), M-mode only.
 */
#ifndef K210EMU_CPU_H
#define K210EMU_CPU_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cpu cpu_t;

typedef enum { CPU_FETCH, CPU_LOAD, CPU_STORE } cpu_access_t;

typedef enum {
    CPU_STOP_BUDGET,  /* the budget is used up, or cpu_stop() was called */
    CPU_STOP_WFI,     /* pc is behind a wfi and no enabled interrupt is pending */
    CPU_STOP_SERVICE, /* a ROM service instruction, see CPU_SERVICE(); pc is behind it */
} cpu_stop_t;

typedef struct {
    void *opaque;
    uint64_t (*read)(void *opaque, uint64_t address, unsigned size); /* device registers */
    void (*write)(void *opaque, uint64_t address, unsigned size, uint64_t value);
    /* Physical page behind a page of the 32-bit bus, aliases folded; false is an access fault. */
    bool (*page)(void *opaque, uint32_t address, cpu_access_t access, uint32_t *physical);
    /* Host memory of a bus address, valid up to the end of its page; NULL where there is none. */
    const uint8_t *(*memory)(void *opaque, uint32_t address);
    uint64_t (*cycle)(void *opaque, unsigned hart); /* ACLK cycles at the running instruction */
    void (*misaligned)(void *opaque, uint64_t address, unsigned size, bool store);
    void (*trap_loop)(void *opaque, unsigned hart, uint64_t cause, uint64_t pc);
} cpu_bus_t;

/* A custom-0 instruction by which code in the emulated ROM calls the machine; illegal everywhere else. */
#define CPU_SERVICE(number) (0x0000000bu | (uint32_t)(number) << 20)

enum { CPU_X0 = 0, CPU_PC = 32, CPU_F0 = 33, CPU_CSR = 0x1000 }; /* CPU_CSR + number */
enum {
    CSR_MSTATUS = 0x300, CSR_MISA = 0x301, CSR_MIE = 0x304, CSR_MTVEC = 0x305, CSR_MSCRATCH = 0x340,
    CSR_MEPC = 0x341, CSR_MCAUSE = 0x342, CSR_MBADADDR = 0x343, CSR_MIP = 0x344, CSR_MCYCLE = 0xb00,
    CSR_MINSTRET = 0xb02
};

/* `strict` reports misaligned accesses, which the real core traps (spec soc.md 1.2), through bus->misaligned; slow. */
cpu_t *cpu_create(unsigned hart, const cpu_bus_t *bus, bool strict);
void cpu_destroy(cpu_t *cpu);
void cpu_map_memory(cpu_t *cpu, uint32_t address, uint32_t size, void *memory); /* 4 KiB multiples */
void cpu_map_device(cpu_t *cpu, uint32_t address, uint32_t size);
void cpu_reset(cpu_t *cpu, uint64_t pc);
cpu_stop_t cpu_run(cpu_t *cpu, uint64_t budget);
void cpu_stop(cpu_t *cpu);                        /* from a bus callback: return at the end of the block */
void cpu_limit(cpu_t *cpu, uint64_t budget);      /* from a bus callback: new budget, counted from cpu_run() */
uint64_t cpu_retired(const cpu_t *cpu);           /* instructions since creation, including the running block */
void cpu_set_lines(cpu_t *cpu, uint32_t mip);     /* levels of the interrupt inputs as bits of mip */
bool cpu_wakes(cpu_t *cpu);                       /* an interrupt is pending and enabled in mie: wfi ends */
unsigned cpu_service(const cpu_t *cpu);           /* number of the service of the last CPU_STOP_SERVICE */
void cpu_code_changed(cpu_t *cpu, uint32_t physical, uint32_t size); /* another bus master wrote here */
void cpu_pages_changed(cpu_t *cpu);               /* the answers of bus->page changed */
uint64_t cpu_get(cpu_t *cpu, unsigned reg);
void cpu_set(cpu_t *cpu, unsigned reg, uint64_t value);
/* pc of the running instruction that accesses `address`: exact if one access of the block fits, else the block. */
uint64_t cpu_locate(cpu_t *cpu, uint64_t address);

#endif
