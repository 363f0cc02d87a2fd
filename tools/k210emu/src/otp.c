/* OTP as far as it is known (spec soc.md 10.11): reading a byte, the fuse words. Programming is not public. */
#include "peripherals.h"

#include <string.h>

enum {
    LAST_BYTE = 0x20, DATA = 0x24, ADDRESS = 0x30, READY = 0x3c, PROTECTED = 0x60, FUSE_A = 0x68, VALID = 0xac,
    FUSE_B_LOW = 0xb8, FUSE_B_HIGH = 0xbc, OTP_END = 0xc0
};

#define FACTORY_ID 0x3d90u

typedef struct {
    emu_t *emu;
    uint32_t reg[OTP_END / 4];
} otp_t;

/* Registers that are written in the known sequences and mean nothing to a read. */
static bool is_plain(uint64_t offset)
{
    switch (offset) {
    case 0x00: case 0x08: case 0x0c: case LAST_BYTE: case 0x28: case 0x44: case 0x58: case 0x5c: case 0x78: case 0x7c:
    case 0x80: return true;
    }
    return offset >= 0x84 && offset <= 0xa8 && offset % 4 == 0;
}

static uint64_t otp_read(void *opaque, uint64_t offset, unsigned size)
{
    otp_t *s = opaque;
    (void)size;
    switch (offset) {
    case READY: return 1;
    case DATA: case ADDRESS: case PROTECTED: case VALID: return s->reg[offset / 4];
    case FUSE_A: return (uint32_t)emu_fuses(s->emu)[0];
    case FUSE_B_LOW: return (uint32_t)emu_fuses(s->emu)[1];
    case FUSE_B_HIGH: return emu_fuses(s->emu)[1] >> 32;
    }
    if (is_plain(offset)) {
        return s->reg[offset / 4];
    }
    emu_unmodelled(s->emu, "otp", offset, false, 0);
    return 0;
}

static void fetch(otp_t *s, uint32_t bit_address)
{
    uint32_t byte = bit_address / 8;
    s->reg[VALID / 4] = 1;
    if (byte >= EMU_OTP_SIZE) {
        emu_warn(s->emu, "otp", "read of byte 0x%x: there are 0x%x", byte, EMU_OTP_SIZE);
        s->reg[DATA / 4] = 0;
    } else if (byte >= EMU_OTP_SECRET) {
        s->reg[PROTECTED / 4] = 1;
        s->reg[DATA / 4] = 0;
    } else {
        s->reg[DATA / 4] = emu_otp(s->emu)[byte];
    }
}

static void otp_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    otp_t *s = opaque;
    (void)size;
    switch (offset) {
    case ADDRESS:
        s->reg[ADDRESS / 4] = (uint32_t)value;
        fetch(s, (uint32_t)value);
        return;
    case PROTECTED: s->reg[PROTECTED / 4] &= (uint32_t)value; return;
    case DATA: case READY: case VALID: return;
    }
    if (is_plain(offset)) {
        s->reg[offset / 4] = (uint32_t)value;
    } else {
        emu_unmodelled(s->emu, "otp", offset, true, value);
    }
}

static void otp_reset(void *opaque)
{
    otp_t *s = opaque;
    memset(s->reg, 0, sizeof s->reg);
}

static void otp_state(void *opaque, emu_json_t *json)
{
    otp_t *s = opaque;
    emu_json_u64(json, "address", s->reg[ADDRESS / 4]);
    emu_json_u64(json, "data", s->reg[DATA / 4]);
    emu_json_u64(json, "fuses_a", emu_fuses(s->emu)[0]);
    emu_json_u64(json, "fuses_b", emu_fuses(s->emu)[1]);
}

void otp_create(emu_t *emu)
{
    static const char id[32] = "\x01" "EMULATED000" "0000000000000000001";
    otp_t *s = device_new(sizeof *s);
    s->emu = emu;
    memcpy(emu_otp(emu) + FACTORY_ID, id, sizeof id);
    emu_add_device(emu, &(emu_device_t){.name = "otp", .base = 0x50420000, .size = 0x10000, .word = 4,
                                        .read = otp_read, .write = otp_write, .reset = otp_reset, .state = otp_state,
                                        .destroy = free, .opaque = s});
}
