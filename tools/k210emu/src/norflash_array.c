/* The array of the serial flash: status, protection, programming, erasing, power. */
#include "norflash.h"

#include <string.h>

#define US EMU_PS_PER_US
#define MS EMU_PS_PER_MS
#define SR1_WRITABLE 0xfcu
#define SR2_WRITABLE 0x7bu
#define SR3_WRITABLE 0xe4u

bool norflash_busy(const norflash_t *f)
{
    return f->ready.when != EMU_NEVER;
}

static void set_busy(norflash_t *f, emu_time_t duration)
{
    f->status[0] |= BUSY;
    emu_event_at(f->emu, &f->ready, emu_now(f->emu) + duration);
}

void norflash_ready(void *opaque)
{
    norflash_t *f = opaque;
    f->status[0] &= (uint8_t)~(BUSY | WEL);
}

static void power_up(norflash_t *f)
{
    emu_event_cancel(f->emu, &f->ready);
    f->status[0] &= (uint8_t)~(BUSY | WEL);
    f->status[1] &= (uint8_t)~SUS;
    f->power_down = f->qpi = f->reset_enabled = f->volatile_write = false;
    f->continuous = NULL;
    f->suspended_left = 0;
}

void norflash_power_fails(void *opaque)
{
    norflash_t *f = opaque;
    power_up(f); /* as it will be found when the power is back */
    emu_power_cut(f->emu);
}

/* ---- protection, programming, erasing ---------------------------------------------------------------------------- */

/* BP2-0, TB, SEC and CMP give one block at the top or bottom. */
static bool protected(const norflash_t *f, uint32_t address, uint32_t length)
{
    unsigned bp = field(f->status[0], 2, 3);
    uint64_t block = 0;
    if (bp == 7) {
        block = f->size;
    } else if (bp != 0 && (f->status[0] & SEC)) {
        block = bp >= 4 ? 32768 : 4096u << (bp - 1);
    } else if (bp != 0) {
        block = (uint64_t)f->size >> (7 - bp);
    }
    bool bottom = f->status[0] & TB;
    uint64_t low = bottom ? 0 : f->size - block, high = low + block;
    if (f->status[1] & CMP) { /* the complement */
        low = bottom ? block : 0;
        high = bottom ? f->size : f->size - block;
    }
    return low < high && address < high && address + (uint64_t)length > low;
}

static bool write_allowed(norflash_t *f, uint32_t address, uint32_t length)
{
    if (!(f->status[0] & WEL)) {
        emu_warn(f->emu, "norflash", "command 0x%02x without write enable (06) is ignored", f->command->opcode);
        return false;
    }
    if (f->status[1] & SUS) {
        emu_warn(f->emu, "norflash", "command 0x%02x while an operation is suspended is ignored", f->command->opcode);
        return false;
    }
    if (protected(f, address, length)) {
        emu_warn(f->emu, "norflash", "command 0x%02x at 0x%06x: protected by status 0x%02x%02x", f->command->opcode,
                 address, f->status[1], f->status[0]);
        f->status[0] &= (uint8_t)~WEL;
        return false;
    }
    return true;
}

/* Counts an operation towards the injected power failure; true: this one stops half-way. */
static bool cut_now(norflash_t *f, emu_time_t duration)
{
    if (f->cut_after == 0 || --f->cut_after != 0) {
        return false;
    }
    emu_event_at(f->emu, &f->power_fails, emu_now(f->emu) + duration / 2);
    return true;
}

static void program(norflash_t *f)
{
    uint32_t base = f->address & ~(NORFLASH_PAGE - 1), length = f->count < NORFLASH_PAGE ? f->count : NORFLASH_PAGE;
    if (length == 0 || !write_allowed(f, base, NORFLASH_PAGE)) {
        return;
    }
    emu_time_t duration = (30 * US + (length - 1) * 25 * US / 10) / f->speed;
    uint32_t written = cut_now(f, duration) ? length / 2 : length;
    for (uint32_t i = 0; i < NORFLASH_PAGE; i++) {
        uint32_t order = (i - f->address) % NORFLASH_PAGE; /* how many-th byte of the page this was */
        if (order < written) {
            f->image[base + i] &= f->page[i];
        }
    }
    set_busy(f, duration);
}

static void erase(norflash_t *f)
{
    uint32_t length;
    emu_time_t duration;
    switch (f->command->opcode) {
    case 0x20: length = 4096; duration = 45 * MS; break;
    case 0x52: length = 32768; duration = 120 * MS; break;
    case 0xd8: length = 65536; duration = 150 * MS; break;
    default: length = f->size; duration = 40000 * MS; break;
    }
    duration /= f->speed;
    uint32_t base = length == f->size ? 0 : f->address & ~(length - 1);
    if (!write_allowed(f, base, length)) {
        return;
    }
    memset(f->image + base, 0xff, cut_now(f, duration) ? length / 2 : length);
    set_busy(f, duration);
}

static void write_status(norflash_t *f)
{
    static const uint8_t writable[3] = {SR1_WRITABLE, SR2_WRITABLE, SR3_WRITABLE};
    unsigned first = f->command->opcode == 0x01 ? 0 : f->command->opcode == 0x31 ? 1 : 2;
    unsigned count = f->command->opcode == 0x01 && f->count >= 2 ? 2 : 1;
    if (f->count == 0) {
        return;
    }
    if (!(f->status[0] & WEL) && !f->volatile_write) {
        emu_warn(f->emu, "norflash", "status write 0x%02x without write enable (06) is ignored", f->command->opcode);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        uint8_t *status = &f->status[first + i];
        *status = (uint8_t)((*status & ~writable[first + i]) | (f->page[i] & writable[first + i]));
    }
    if (!f->volatile_write) {
        set_busy(f, 10 * MS);
    }
    f->volatile_write = false;
}

/* ---- commands that act when chip select rises -------------------------------------------------------------------- */

static void suspend(norflash_t *f)
{
    if (norflash_busy(f) && !(f->status[1] & SUS)) {
        f->suspended_left = f->ready.when - emu_now(f->emu);
        emu_event_cancel(f->emu, &f->ready);
        f->status[0] &= (uint8_t)~(BUSY | WEL);
        f->status[1] |= SUS;
    }
}

static void resume(norflash_t *f)
{
    if (f->status[1] & SUS) {
        f->status[1] &= (uint8_t)~SUS;
        set_busy(f, f->suspended_left);
    }
}

static void simple(norflash_t *f)
{
    switch (f->command->opcode) {
    case 0x06: f->status[0] |= WEL; break;
    case 0x04: f->status[0] &= (uint8_t)~WEL; break;
    case 0x50: f->volatile_write = true; break;
    case 0xb9: f->power_down = true; break;
    case 0x75: suspend(f); break;
    case 0x7a: resume(f); break;
    case 0x38: f->qpi = f->status[1] & QE; break;
    case 0xff: f->qpi = false; break;
    }
}

void norflash_execute(norflash_t *f)
{
    if (f->reset_enabled && f->command->opcode == 0x99) {
        power_up(f);
        set_busy(f, 30 * US);
    }
    f->reset_enabled = f->command->opcode == 0x66;
    switch (f->command->kind) {
    case PROGRAM: program(f); break;
    case ERASE: erase(f); break;
    case STATUS_IN: write_status(f); break;
    case SIMPLE: simple(f); break;
    case ID_OUT:
        if (f->command->opcode == 0xab) {
            f->power_down = false;
        }
        break;
    case READ: case STATUS_OUT: break;
    }
}
