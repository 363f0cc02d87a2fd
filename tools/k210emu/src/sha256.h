#ifndef K210EMU_SHA256_H
#define K210EMU_SHA256_H

#include <stddef.h>
#include <stdint.h>

extern const uint32_t sha256_start[8];
void sha256_compress(uint32_t state[8], const uint8_t block[64]);
void sha256(const uint8_t *data, size_t length, uint8_t digest[32]);

#endif
