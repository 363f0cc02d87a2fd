/* AES against FIPS 197, SP 800-38A and the GCM specification's test cases; long messages against another program. */

#include "aes.h"
#include "check.h"
#include "iomem.h"

#define LONG 1000 /* not a multiple of 16, several pieces of 80 bytes */

typedef struct {
    unsigned bits;
    const char *key, *fips197, *cbc_long, *ecb_long, *gcm_text, *gcm_tag, *gcm_long_end, *gcm_plain;
} vector_t;

/* The long messages: last 16 bytes of cipher text of the padded pattern, key of SP 800-38A; GCM: last 13 bytes of 997,
 * then the tag. gcm_plain: the tag of 32 bytes without AAD. GCM's long and plain with the key 00 01 02 ... */
static const vector_t vectors[] = {
    {128, "2b7e151628aed2a6abf7158809cf4f3c", "69c4e0d86a7b0430d8cdb78070b4c55a", "c4203fa8db03594c08e749d3e105782b",
     "cc248b1ee1d9cc50ed46fec4b2192f87",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac97"
     "3d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47", "1c242b794eea557cae9dc08f4006f75849b6741da7132067a3ba347aed",
     "7131e50a7faebaa0072457edf3b3bd2a"},
    {192, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", "dda97ca4864cdfe06eaf70a0ec0d7191",
     "9aac608afaa23c6285d0d4505969e860", "a29964efe24c14b0f953ae743f1ea78f",
     "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9"
     "ccda2710",
     "2519498e80f1478f37ba55bd6d27618c", "b32beff410dcacb89e99777872d646ee701f3e09e2c37367af78c47d92",
     "4df8b86cc0098d94abfd12f3e24de550"},
    {256, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", "8ea2b7ca516745bfeafc49904b496089",
     "e027a0333a2e3b5ba5d807bf0a9cf2c8", "7279c46dda996733d2adb341f3c136c2",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
     "bcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b", "267adbb45e4550c01e4bd3e9a2242b22a097eb7a39bfb6bc47e1569f3e",
     "3fc129afe1a6e530d643944d3ba3db82"},
};
static const char gcm_key[] = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
static const char gcm_aad[] = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
static const char gcm_message[] = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c9595680953"
                                  "2fcf0e2449a6b525b16aedf5aa0de657ba637b39";

static uint8_t pattern[LONG], cipher[LONG + 8], plain[LONG + 8];

static size_t hex(const char *text, uint8_t *bytes) {
    static const char digits[] = "0123456789abcdef";
    size_t count = strlen(text) / 2;
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)((strchr(digits, text[2 * i]) - digits) << 4 | (strchr(digits, text[2 * i + 1]) - digits));
    }
    return count;
}

static void check_hex(const char *name, const void *got, const char *want) {
    uint8_t bytes[80];
    check_bytes(name, got, bytes, hex(want, bytes));
}

#define BY_BITS(mode, verb, suffix, ...) \
    (v->bits == 128   ? aes_##mode##128_hard_##verb##suffix(__VA_ARGS__) \
     : v->bits == 192 ? aes_##mode##192_hard_##verb##suffix(__VA_ARGS__) \
                      : aes_##mode##256_hard_##verb##suffix(__VA_ARGS__))

static void ecb(const vector_t *v) {
    uint8_t key[32], text[16], out[16];
    for (int i = 0; i < 32; i++) {
        key[i] = (uint8_t)i;
    }
    hex("00112233445566778899aabbccddeeff", text);
    BY_BITS(ecb, encrypt, , key, text, 16, out);
    check_hex("ECB of FIPS 197", out, v->fips197);
    BY_BITS(ecb, decrypt, , key, out, 16, out);
    check_bytes("and back, in place", out, text, 16);
    hex(v->key, key);
    BY_BITS(ecb, encrypt, , key, pattern, LONG, cipher);
    check_hex("ECB, long", cipher + LONG + 8 - 16, v->ecb_long);
    memset(plain, 0, sizeof plain);
    BY_BITS(ecb, decrypt, _dma, DMAC_CHANNEL2, key, cipher, sizeof cipher, plain);
    check_bytes("ECB, long, back by DMA", plain, pattern, LONG);
}

static void cbc(const vector_t *v) {
    uint8_t key[32], iv[16];
    hex(v->key, key);
    hex("000102030405060708090a0b0c0d0e0f", iv);
    cbc_context_t context = {key, iv};
    uint8_t *uncached = iomem_malloc(sizeof cipher);
    BY_BITS(cbc, encrypt, , &context, pattern, LONG, cipher);
    check_hex("CBC, long", cipher + LONG + 8 - 16, v->cbc_long);
    BY_BITS(cbc, encrypt, _dma, DMAC_CHANNEL3, &context, pattern, LONG, uncached);
    check_bytes("CBC by DMA", uncached, cipher, sizeof cipher);
    BY_BITS(cbc, decrypt, , &context, cipher, sizeof cipher, plain);
    check_bytes("CBC, back", plain, pattern, LONG);
    iomem_free(uncached);
}

static void gcm(const vector_t *v) {
    uint8_t key[32], iv[12], aad[20], text[60], out[60], tag[16], want[80];
    hex(gcm_key, key);
    hex("cafebabefacedbaddecaf888", iv);
    hex(gcm_message, text);
    gcm_context_t context = {key, iv, aad, hex(gcm_aad, aad)};
    BY_BITS(gcm, encrypt, , &context, text, 60, out, tag);
    check_hex("GCM text", out, v->gcm_text);
    check_hex("GCM tag", tag, v->gcm_tag);
    memset(tag, 0, sizeof tag);
    BY_BITS(gcm, decrypt, _dma, DMAC_CHANNEL4, &context, out, 60, out, tag);
    check_bytes("GCM back", out, text, 60);
    check_hex("the same tag", tag, v->gcm_tag);

    for (int i = 0; i < 32; i++) {
        key[i] = (uint8_t)i;
    }
    memset(cipher, 0xEE, sizeof cipher);
    BY_BITS(gcm, encrypt, _dma, DMAC_CHANNEL5, &context, pattern, 997, cipher, tag);
    hex(v->gcm_long_end, want);
    check_bytes("GCM, 997 bytes", cipher + 997 - 13, want, 13);
    check_bytes("its tag", tag, want + 13, 16);
    CHECK_EQ("nothing beyond them", cipher[997], 0xEE);
    context.gcm_aad_len = 0;
    BY_BITS(gcm, encrypt, , &context, pattern, 32, cipher, tag);
    check_hex("GCM without AAD", tag, v->gcm_plain);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    for (size_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = (uint8_t)(i * 7 + 3);
    }
    for (unsigned i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        printk("AES-%u\n", vectors[i].bits);
        ecb(&vectors[i]);
        cbc(&vectors[i]);
        gcm(&vectors[i]);
    }
    return check_done();
}
