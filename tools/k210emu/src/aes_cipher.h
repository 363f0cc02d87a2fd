/* The AES block cipher (FIPS 197). */
#ifndef K210EMU_AES_CIPHER_H
#define K210EMU_AES_CIPHER_H

#include <stdint.h>

typedef struct {
    uint8_t round_key[15][16];
    unsigned rounds;
} aes_key_t;

void aes_expand_key(aes_key_t *key, const uint8_t *bytes, unsigned length); /* 16, 24 or 32 bytes */
void aes_encrypt_block(const aes_key_t *key, uint8_t block[16]);
void aes_decrypt_block(const aes_key_t *key, uint8_t block[16]);

#endif
