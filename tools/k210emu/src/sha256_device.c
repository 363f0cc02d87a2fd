/* SHA256 accelerator (spec soc.md 10.6). The software pads the message; a block is hashed as its last word arrives. */
#include "peripherals.h"
#include "sha256.h"

#include <string.h>

enum { /* the result is below */
    DATA_IN = 0x20, RESERVED0 = 0x24, NUM = 0x28, FUNCTION_0 = 0x2c, RESERVED1 = 0x30, FUNCTION_1 = 0x34
};
enum { ENABLE = 1, OVERFLOW = 1 << 8, BIG_ENDIAN_BYTES = 1 << 16, DMA = 1 };

#define DMA_SELECT 21

typedef struct {
    emu_t *emu;
    uint32_t state[8], num, function_0, function_1, reserved[2];
    uint8_t block[64];
    unsigned filled;
    uint32_t blocks_left;
    bool started, done, request;
} sha_t;

static void update(sha_t *s)
{
    bool request = (s->function_1 & DMA) && s->started && !s->done;
    if (request != s->request) {
        s->request = request;
        emu_dma_request(s->emu, DMA_SELECT, request);
    }
}

static void start(sha_t *s)
{
    memcpy(s->state, sha256_start, sizeof s->state);
    s->filled = 0;
    s->blocks_left = s->num & 0xffff;
    s->started = true;
    s->done = s->blocks_left == 0;
}

static void feed(sha_t *s, uint32_t word)
{
    if (!s->started || s->done) {
        s->function_0 |= OVERFLOW;
        emu_warn(s->emu, "sha256", s->done ? "data_in written after the last block" : "data_in written before sha_en");
        return;
    }
    bool reversed = s->function_0 & BIG_ENDIAN_BYTES;
    for (unsigned i = 0; i < 4; i++) {
        s->block[s->filled + i] = (uint8_t)(word >> (8 * (reversed ? i : 3 - i)));
    }
    s->filled += 4;
    if (s->filled == sizeof s->block) {
        sha256_compress(s->state, s->block);
        s->filled = 0;
        s->done = --s->blocks_left == 0;
    }
}

static uint32_t result(const sha_t *s, unsigned index)
{
    uint32_t word = s->state[7 - index];
    return s->function_0 & BIG_ENDIAN_BYTES ? __builtin_bswap32(word) : word;
}

static uint64_t sha_read(void *opaque, uint64_t offset, unsigned size)
{
    sha_t *s = opaque;
    (void)size;
    if (offset < DATA_IN) {
        return result(s, (unsigned)offset / 4);
    }
    switch (offset) {
    case DATA_IN: return 0;
    case NUM: return s->num;
    case FUNCTION_0: return s->function_0 | (s->done ? ENABLE : 0);
    case FUNCTION_1: return s->function_1;
    case RESERVED0: return s->reserved[0];
    case RESERVED1: return s->reserved[1];
    }
    emu_unmodelled(s->emu, "sha256", offset, false, 0);
    return 0;
}

static void sha_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    sha_t *s = opaque;
    (void)size;
    switch (offset) {
    case DATA_IN: feed(s, (uint32_t)value); break;
    case NUM: s->num = (uint32_t)value; break;
    case FUNCTION_0:
        s->function_0 = value & BIG_ENDIAN_BYTES;
        s->started = s->done = false;
        if (value & ENABLE) {
            start(s);
        }
        break;
    case FUNCTION_1: s->function_1 = value & DMA; break;
    case RESERVED0: s->reserved[0] = (uint32_t)value; break;
    case RESERVED1: s->reserved[1] = (uint32_t)value; break;
    default:
        if (offset >= DATA_IN) {
            emu_unmodelled(s->emu, "sha256", offset, true, value);
        }
    }
    update(s);
}

static void sha_reset(void *opaque)
{
    sha_t *s = opaque;
    memset(s->state, 0, sizeof s->state);
    s->num = s->function_0 = s->function_1 = s->reserved[0] = s->reserved[1] = s->filled = 0;
    s->started = s->done = false;
    update(s);
}

static void sha_state(void *opaque, emu_json_t *json)
{
    sha_t *s = opaque;
    emu_json_u64(json, "num", s->num);
    emu_json_u64(json, "function_0", sha_read(s, FUNCTION_0, 4));
    emu_json_u64(json, "function_1", s->function_1);
    emu_json_u64(json, "blocks_left", s->started ? s->blocks_left : 0);
    emu_json_u64(json, "bytes_of_block", s->filled);
}

void sha256_create(emu_t *emu)
{
    sha_t *s = device_new(sizeof *s);
    s->emu = emu;
    emu_add_device(emu, &(emu_device_t){.name = "sha256", .base = 0x502c0000, .size = 0x10000, .word = 4,
                                        .read = sha_read, .write = sha_write, .reset = sha_reset, .state = sha_state,
                                        .destroy = free, .opaque = s});
    sha_reset(s);
}
