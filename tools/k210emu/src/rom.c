/* The mask ROM: what it does after a reset and the entry points that programs may call (spec soc.md 1.4, 10.11;
 * isp-flash.md 1.7, 6.1). The flash is read directly; both harts enter the payload as the ROM leaves them. Serial
 * programming is in rom_isp.c. */
#include "machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HEADER 5u /* flags, u32 length */
#define DIGEST 32u
#define MOST_PAYLOAD 0x5f8000u /* the ROM's own memory begins there */
#define FLAG_ENCRYPTED 1u

enum { TRAP_HANDLER = 0x008c, PARK = 0x0100, WAIT_MSIP = 0x0110, OTP_READ = 0x453c, OTP_READ_CHECKED = 0x476c, FAST_PLL = 0x8a9c };
enum { SERVICE_TRAP = 1, SERVICE_OTP_READ, SERVICE_OTP_READ_CHECKED };
#define OTP_CHECKED_END 0x3dd0u

#define BOOT_PIN 16u
#define UARTHS 0x38000000u
#define UARTHS_115200 3384u /* at 390 MHz */
#define START_TIME (50 * EMU_PS_PER_MS) /* from reset to the look at IO16: hosts pull it late, spec isp-flash.md 2.1 */

static void put_code(emu_t *emu, unsigned offset, const uint32_t *code, size_t size) {
    memcpy(emu->rom + offset, code, size);
}

static void start_time_over(void *opaque) {
    rom_start(opaque);
}

void rom_create(emu_t *emu) {
    static const uint32_t park[] = {0x10500073 /* wfi */, 0xffdff06f /* j -4 */};
    static const uint32_t handler[] = {CPU_SERVICE(SERVICE_TRAP), 0x10500073, 0xffdff06f};
    static const uint32_t wait_msip[] = {
        0x00800293 /* li t0, 8 */,  0x30429073 /* csrw mie, t0 */,      0x10500073 /* wfi */,
        0x344022f3 /* csrr t0, mip */, 0x0082f293 /* andi t0, t0, 8 */, 0xfe028ae3 /* beqz t0, wfi */,
        0xf1402573 /* csrr a0, mhartid */, 0x00100293 /* li t0, 1 */,   0x01f29293 /* slli t0, t0, 31 */,
        0x00028067 /* jr t0 */};
    static const uint32_t return_zero[] = {0x00000513 /* li a0, 0 */, 0x00008067 /* ret */};
    put_code(emu, TRAP_HANDLER, handler, sizeof handler);
    put_code(emu, PARK, park, sizeof park);
    put_code(emu, WAIT_MSIP, wait_msip, sizeof wait_msip);
    static const uint32_t otp_read[] = {CPU_SERVICE(SERVICE_OTP_READ), 0x00008067 /* ret */};
    static const uint32_t otp_read_checked[] = {CPU_SERVICE(SERVICE_OTP_READ_CHECKED), 0x00008067};
    put_code(emu, OTP_READ, otp_read, sizeof otp_read);
    put_code(emu, OTP_READ_CHECKED, otp_read_checked, sizeof otp_read_checked);
    put_code(emu, FAST_PLL, return_zero, sizeof return_zero);
    emu->rom_starts = EMU_EVENT(start_time_over, emu);
    isp_create(emu);
}

/* The handler prints the registers and halts the hart; masking mie keeps it so. */
static void unhandled_trap(emu_t *emu, hart_t *hart) {
    emu_warn(emu, "rom", "unhandled trap: mcause %" PRIu64 ", mepc 0x%" PRIx64 ", address 0x%" PRIx64,
             cpu_get(hart->cpu, CPU_CSR + CSR_MCAUSE), cpu_get(hart->cpu, CPU_CSR + CSR_MEPC),
             cpu_get(hart->cpu, CPU_CSR + CSR_MBADADDR));
    cpu_set(hart->cpu, CPU_CSR + CSR_MIE, 0);
}

/* read(offset, destination, size): 0, or 1 where nothing can be read. */
static void read_otp(emu_t *emu, hart_t *hart, uint64_t end) {
    uint64_t offset = cpu_get(hart->cpu, CPU_X0 + 10), size = cpu_get(hart->cpu, CPU_X0 + 12);
    bool good = offset <= end && size <= end - offset &&
                emu_dma_write(emu, cpu_get(hart->cpu, CPU_X0 + 11), emu_otp(emu) + offset, size);
    cpu_set(hart->cpu, CPU_X0 + 10, !good);
}

void rom_service(emu_t *emu, hart_t *hart, unsigned number) {
    switch (number) {
    case SERVICE_TRAP: unhandled_trap(emu, hart); break;
    case SERVICE_OTP_READ: read_otp(emu, hart, EMU_OTP_SECRET); break;
    case SERVICE_OTP_READ_CHECKED: read_otp(emu, hart, OTP_CHECKED_END); break;
    }
}

/* Length of the valid payload in flash, or 0 with the reason in rom_note. */
static uint32_t check_image(emu_t *emu) {
    const uint8_t *f = emu->flash;
    uint8_t digest[DIGEST];
    if (!f || emu->flash_size < HEADER + DIGEST) {
        snprintf(emu->rom_note, sizeof emu->rom_note, "no flash");
        return 0;
    }
    uint32_t length = f[1] | f[2] << 8 | f[3] << 16 | (uint32_t)f[4] << 24;
    uint32_t most = emu->flash_size - HEADER - DIGEST < MOST_PAYLOAD ? emu->flash_size - HEADER - DIGEST : MOST_PAYLOAD;
    if (length == 0 || length > most) {
        snprintf(emu->rom_note, sizeof emu->rom_note, "flash image: length %" PRIu32 " is not in 1..%" PRIu32, length,
                 most);
        return 0;
    }
    sha256(f, HEADER + (size_t)length, digest);
    if (memcmp(digest, f + HEADER + length, DIGEST) != 0) {
        snprintf(emu->rom_note, sizeof emu->rom_note, "flash image: SHA-256 of %" PRIu32 " bytes does not match",
                 HEADER + length);
        return 0;
    }
    if (f[0] & FLAG_ENCRYPTED) {
        snprintf(emu->rom_note, sizeof emu->rom_note, "flash image: encrypted, and the OTP holds no key");
        return 0;
    }
    return length;
}

static void start_hart(emu_t *emu, unsigned i, uint64_t pc) {
    if (i >= emu->hart_count)
        return;
    cpu_reset(emu->harts[i].cpu, pc);
    cpu_set(emu->harts[i].cpu, CPU_X0 + 10, i); /* a0: hart id */
    emu->harts[i].asleep = false;
}

void rom_enter(emu_t *emu, uint64_t pc) {
    emu_bus_write(emu, UARTHS + 0x18, 4, UARTHS_115200);
    emu_bus_write(emu, UARTHS + 0x08, 4, 1);
    emu_bus_write(emu, UARTHS + 0x0c, 4, 1);
    start_hart(emu, 0, pc);
    start_hart(emu, 1, pc);
    if (emu->hart_count > 1)
        emu_bus_write(emu, 0x02000004, 4, 1); /* msip[1] wakes hart 1 in the ROM and stays */
}

/* Serial programming mode: hart 1 waits for its software interrupt. */
static void enter_isp(emu_t *emu) {
    start_hart(emu, 0, ROM_BASE + PARK);
    start_hart(emu, 1, ROM_BASE + WAIT_MSIP);
    emu_bus_write(emu, UARTHS + 0x18, 4, UARTHS_115200);
    isp_enter(emu);
    emu_warn(emu, "rom", "waits for serial programming: %s", emu->rom_note);
}

void rom_jump(emu_t *emu, uint32_t pc) {
    start_hart(emu, 0, pc);
}

void rom_reset(emu_t *emu) {
    emu_event_cancel(emu, &emu->rom_starts);
    isp_leave(emu);
    port_reset(emu);
}

void rom_power_up(emu_t *emu) {
    emu_event_at(emu, &emu->rom_starts, emu_now(emu) + START_TIME);
}

bool rom_deaf(const emu_t *emu) {
    return emu->in_reset || emu->rom_starts.when != EMU_NEVER;
}

static void look_at_strap(emu_t *emu) {
    emu->rom_note[0] = 0;
    if (!emu_pad_level(emu, BOOT_PIN)) {
        snprintf(emu->rom_note, sizeof emu->rom_note, "IO16 is low");
        enter_isp(emu);
        return;
    }
    uint32_t length = check_image(emu);
    if (length == 0) {
        enter_isp(emu);
        return;
    }
    emu_dma_write(emu, SRAM_BASE, emu->flash + HEADER, length);
    snprintf(emu->rom_note, sizeof emu->rom_note, "booted %" PRIu32 " bytes from flash", length);
    rom_enter(emu, SRAM_BASE);
}

void rom_start(emu_t *emu) {
    look_at_strap(emu);
    port_pump(emu);
}
