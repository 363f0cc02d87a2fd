#ifndef READER_SHA256_H
#define READER_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* FIPS 180-4. */
typedef struct {
    uint32_t state[8];
    uint64_t length;
    uint8_t block[64];
} sha256_t;

void sha256_start(sha256_t *hash);
void sha256_add(sha256_t *hash, const void *data, size_t length);
void sha256_end(sha256_t *hash, uint8_t digest[32]);

#endif
