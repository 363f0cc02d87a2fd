/* Blocks of the address map that no model answers: registers that keep what was written, each access reported once. */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGISTERS 1024u /* words kept; the blocks' registers all lie below 4 KiB */

typedef struct {
    emu_t *emu;
    const char *name;
    uint32_t words[REGISTERS];
} storage_t;

static const struct {
    const char *name;
    uint32_t base, size;
} blocks[] = { /* spec soc.md 2.1 */
    {"fft", 0x42000000, 0x400000}, {"spi2", 0x50240000, 0x10000},  {"i2s0", 0x50250000, 0x200},
    {"apu", 0x50250200, 0x200},    {"i2s1", 0x50260000, 0x10000},  {"i2s2", 0x50270000, 0x10000},
    {"i2c0", 0x50280000, 0x10000}, {"i2c1", 0x50290000, 0x10000},  {"i2c2", 0x502a0000, 0x10000},
    {"sha256", 0x502c0000, 0x10000}, {"timer0", 0x502d0000, 0x10000}, {"timer1", 0x502e0000, 0x10000},
    {"timer2", 0x502f0000, 0x10000}, {"wdt0", 0x50400000, 0x10000}, {"wdt1", 0x50410000, 0x10000},
    {"otp", 0x50420000, 0x10000},  {"dvp", 0x50430000, 0x10000},   {"aes", 0x50450000, 0x10000},
    {"rtc", 0x50460000, 0x10000},  {"sysctl", 0x50440000, 0x10000}, {"fpioa", 0x502b0000, 0x10000},
    {"gpio", 0x50200000, 0x10000}, {"gpiohs", 0x38001000, 0x1000}, {"uarths", 0x38000000, 0x1000},
    {"uart1", 0x50210000, 0x10000}, {"uart2", 0x50220000, 0x10000}, {"uart3", 0x50230000, 0x10000},
    {"spi0", 0x52000000, 0x1000000}, {"spi1", 0x53000000, 0x1000000}, {"spi3", 0x54000000, 0x1000000},
    {"dmac", 0x50000000, 0x1000},  {"kpu", 0x40800000, 0xc00000},
};

static uint64_t storage_read(void *opaque, uint64_t offset, unsigned size) {
    storage_t *s = opaque;
    (void)size;
    emu_unmodelled(s->emu, s->name, offset, false, 0);
    return offset / 4 < REGISTERS ? s->words[offset / 4] : 0;
}

static void storage_write(void *opaque, uint64_t offset, unsigned size, uint64_t value) {
    storage_t *s = opaque;
    (void)size;
    emu_unmodelled(s->emu, s->name, offset, true, value);
    if (offset / 4 < REGISTERS)
        s->words[offset / 4] = (uint32_t)value;
}

static void storage_reset(void *opaque) {
    storage_t *s = opaque;
    memset(s->words, 0, sizeof s->words);
}

static void storage_state(void *opaque, emu_json_t *json) {
    storage_t *s = opaque;
    char key[16];
    for (unsigned i = 0; i < REGISTERS; i++)
        if (s->words[i]) {
            snprintf(key, sizeof key, "0x%03x", 4 * i);
            emu_json_u64(json, key, s->words[i]);
        }
}

static void storage_destroy(void *opaque) {
    free(opaque);
}

static bool claimed(emu_t *emu, uint32_t base) {
    for (unsigned i = 0; i < emu->slot_count; i++)
        if (base - emu->slots[i].device.base < emu->slots[i].device.size)
            return true;
    return false;
}

void storage_create(emu_t *emu) {
    for (unsigned i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        if (claimed(emu, blocks[i].base))
            continue;
        storage_t *s = calloc(1, sizeof *s);
        s->emu = emu;
        s->name = blocks[i].name;
        emu_add_device(emu, &(emu_device_t){.name = s->name, .base = blocks[i].base, .size = blocks[i].size,
                                            .word = 4, .read = storage_read, .write = storage_write,
                                            .reset = storage_reset, .state = storage_state,
                                            .destroy = storage_destroy, .opaque = s});
    }
}
