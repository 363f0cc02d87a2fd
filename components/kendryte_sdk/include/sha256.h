#ifndef KENDRYTE_SHA256_H
#define KENDRYTE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ENABLE_SHA (0x1)
#define SHA256_BIG_ENDIAN (0x1)
#define SHA256_HASH_LEN 32
#define SHA256_HASH_WORDS 8
#define SHA256_BLOCK_LEN 64L

typedef struct {
    size_t total_len;
    size_t buffer_len;
    union {
        uint32_t words[16];
        uint8_t bytes[64];
    } buffer;
} sha256_context_t;

/* Enable and reset SHA block, set the number of 64-byte blocks from the TOTAL input_len of the message (must be known
 * up front). */
void sha256_init(sha256_context_t *context, size_t input_len);

/* Feed bytes; polls the input FIFO; blocking. */
void sha256_update(sha256_context_t *context, const void *input, size_t input_len);

/* Pad, wait, and copy the 32-byte digest to output (may be NULL). */
void sha256_final(sha256_context_t *context, uint8_t *output);

/* init + update + final in one call. */
void sha256_hard_calculate(const uint8_t *input, size_t input_len, uint8_t *output);

#ifdef __cplusplus
}
#endif

#endif
