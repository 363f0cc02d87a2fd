/* SHA-256: the engine hashes whole blocks, padding is made here (spec soc.md 10.6). One message at a time. */

#include "sha256.h"
#include <string.h>
#include "bsp.h"
#include "mmio.h"
#include "sysctl.h"

#define REG(offset) (SHA256_BASE_ADDR + (offset))
#define RESULT(n) REG(4ul * (n))
#define DATA_IN REG(0x20)
#define NUM REG(0x28)
#define FUNCTION_0 REG(0x2C)
#define FUNCTION_1 REG(0x34)

#define BIG_ENDIAN_BYTES (SHA256_BIG_ENDIAN << 16)
#define FIFO_FULL (1u << 8)
#define MAX_BLOCKS 0xFFFF
#define PADDING 72 /* at least 0x80 and the length, at most a block more */

#define WAIT_US 1000

void sha256_init(sha256_context_t *context, size_t input_len) {
    size_t blocks = (input_len + PADDING) / SHA256_BLOCK_LEN;
    if (blocks > MAX_BLOCKS) {
        printk("sha256: a message of %lu bytes: at most %ld\r\n", input_len,
               MAX_BLOCKS * SHA256_BLOCK_LEN + SHA256_BLOCK_LEN - 1 - PADDING);
        blocks = MAX_BLOCKS;
    }
    sysctl_clock_enable(SYSCTL_CLOCK_SHA);
    sysctl_reset(SYSCTL_RESET_SHA);
    mmio_write(NUM, (uint32_t)blocks);
    mmio_write(FUNCTION_1, 0);
    mmio_write(FUNCTION_0, BIG_ENDIAN_BYTES | ENABLE_SHA);
    memset(context, 0, sizeof *context);
}

static bool wait_for(uintptr_t reg, uint32_t bit, bool set) {
    uint64_t deadline = sdk_deadline(WAIT_US);
    while (((mmio_read(reg) & bit) != 0) != set) {
        if (sdk_expired(deadline)) {
            printk("sha256: the engine does not answer; was the length given to sha256_init the right one?\r\n");
            return false;
        }
    }
    return true;
}

static void put_block(sha256_context_t *context) {
    context->buffer_len = 0;
    for (unsigned i = 0; i < SHA256_BLOCK_LEN / 4; i++) {
        if ((mmio_read(FUNCTION_1) & FIFO_FULL) && !wait_for(FUNCTION_1, FIFO_FULL, false)) {
            return;
        }
        mmio_write(DATA_IN, context->buffer.words[i]);
    }
}

static void put_bytes(sha256_context_t *context, const uint8_t *input, size_t input_len) {
    while (input_len) {
        size_t room = SHA256_BLOCK_LEN - context->buffer_len, take = input_len < room ? input_len : room;
        memcpy(context->buffer.bytes + context->buffer_len, input, take);
        context->buffer_len += take;
        input += take;
        input_len -= take;
        if (context->buffer_len == SHA256_BLOCK_LEN) {
            put_block(context);
        }
    }
}

void sha256_update(sha256_context_t *context, const void *input, size_t input_len) {
    context->total_len += input_len;
    put_bytes(context, input, input_len);
}

void sha256_final(sha256_context_t *context, uint8_t *output) {
    static const uint8_t padding[SHA256_BLOCK_LEN] = {0x80};
    uint64_t bits = __builtin_bswap64((uint64_t)context->total_len * 8);
    size_t used = context->buffer_len, zeros_to = used < SHA256_BLOCK_LEN - 8 ? 56 : 120;
    put_bytes(context, padding, zeros_to - used < SHA256_BLOCK_LEN ? zeros_to - used : SHA256_BLOCK_LEN);
    if (zeros_to - used > SHA256_BLOCK_LEN) {
        put_bytes(context, padding + 1, zeros_to - used - SHA256_BLOCK_LEN);
    }
    put_bytes(context, (const uint8_t *)&bits, sizeof bits);
    bool done = wait_for(FUNCTION_0, ENABLE_SHA, true);
    for (unsigned i = 0; output && i < SHA256_HASH_WORDS; i++) {
        uint32_t word = done ? mmio_read(RESULT(SHA256_HASH_WORDS - 1 - i)) : 0;
        memcpy(output + 4 * i, &word, 4);
    }
}

void sha256_hard_calculate(const uint8_t *input, size_t input_len, uint8_t *output) {
    sha256_context_t context;
    sha256_init(&context, input_len);
    sha256_update(&context, input, input_len);
    sha256_final(&context, output);
}
