/* The AES block cipher (FIPS 197), by its definition: the S-box is computed from the field inverse. */
#include "aes_cipher.h"

#include <stdbool.h>
#include <string.h>

static uint8_t sbox[256], inverse_sbox[256];

static uint8_t doubled(uint8_t a)
{
    return (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1b : 0));
}

static uint8_t multiply(uint8_t a, uint8_t b)
{
    uint8_t product = 0;
    for (; b != 0; b >>= 1, a = doubled(a)) {
        product ^= b & 1 ? a : 0;
    }
    return product;
}

static void fill_tables(void)
{
    if (sbox[0] != 0) {
        return;
    }
    for (unsigned x = 256; x-- > 0;) { /* entry 0 last: it says that the tables are complete */
        uint8_t inverse = 1;
        for (unsigned i = 0; i < 254; i++) { /* x^254 is 1/x */
            inverse = multiply(inverse, (uint8_t)x);
        }
        uint8_t y = (uint8_t)(inverse ^ 0x63);
        for (unsigned shift = 1; shift <= 4; shift++) { /* the affine map */
            y ^= (uint8_t)(inverse << shift | inverse >> (8 - shift));
        }
        sbox[x] = y;
        inverse_sbox[y] = (uint8_t)x;
    }
}

void aes_expand_key(aes_key_t *key, const uint8_t *bytes, unsigned length)
{
    fill_tables();
    unsigned words = length / 4, total;
    uint8_t(*w)[4] = (uint8_t(*)[4])key->round_key, constant = 1;
    key->rounds = words + 6;
    total = 4 * (key->rounds + 1);
    memcpy(w, bytes, length);
    for (unsigned i = words; i < total; i++) {
        uint8_t t[4];
        memcpy(t, w[i - 1], 4);
        if (i % words == 0) {
            uint8_t first = t[0];
            t[0] = sbox[t[1]] ^ constant, t[1] = sbox[t[2]], t[2] = sbox[t[3]], t[3] = sbox[first];
            constant = doubled(constant);
        } else if (words > 6 && i % words == 4) {
            for (unsigned k = 0; k < 4; k++) {
                t[k] = sbox[t[k]];
            }
        }
        for (unsigned k = 0; k < 4; k++) {
            w[i][k] = w[i - words][k] ^ t[k];
        }
    }
}

static void add_key(uint8_t s[16], const uint8_t key[16])
{
    for (unsigned i = 0; i < 16; i++) {
        s[i] ^= key[i];
    }
}

/* Row r of the column-major state moves left by r, or right. */
static void substitute_and_shift(uint8_t s[16], const uint8_t box[256], bool inverse)
{
    uint8_t t[16];
    for (unsigned column = 0; column < 4; column++) {
        for (unsigned row = 0; row < 4; row++) {
            unsigned from = (inverse ? column + 4 - row : column + row) % 4;
            t[4 * column + row] = box[s[4 * from + row]];
        }
    }
    memcpy(s, t, 16);
}

static void mix_columns(uint8_t s[16])
{
    for (uint8_t *c = s; c < s + 16; c += 4) {
        uint8_t all = c[0] ^ c[1] ^ c[2] ^ c[3], first = c[0];
        for (unsigned i = 0; i < 4; i++) {
            c[i] ^= all ^ doubled(c[i] ^ (i == 3 ? first : c[i + 1]));
        }
    }
}

static void unmix_columns(uint8_t s[16])
{
    for (uint8_t *c = s; c < s + 16; c += 4) { /* the inverse is the map itself after this one */
        uint8_t even = doubled(doubled(c[0] ^ c[2])), odd = doubled(doubled(c[1] ^ c[3]));
        c[0] ^= even, c[2] ^= even, c[1] ^= odd, c[3] ^= odd;
    }
    mix_columns(s);
}

void aes_encrypt_block(const aes_key_t *key, uint8_t block[16])
{
    add_key(block, key->round_key[0]);
    for (unsigned round = 1; round <= key->rounds; round++) {
        substitute_and_shift(block, sbox, false);
        if (round < key->rounds) {
            mix_columns(block);
        }
        add_key(block, key->round_key[round]);
    }
}

void aes_decrypt_block(const aes_key_t *key, uint8_t block[16])
{
    for (unsigned round = key->rounds; round >= 1; round--) {
        add_key(block, key->round_key[round]);
        if (round < key->rounds) {
            unmix_columns(block);
        }
        substitute_and_shift(block, inverse_sbox, true);
    }
    add_key(block, key->round_key[0]);
}
