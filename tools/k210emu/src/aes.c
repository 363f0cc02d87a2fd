/* AES accelerator (spec soc.md 10.7): ECB, CBC and GCM with a 96-bit IV, 128 to 256 bits of key. */
#include "aes_cipher.h"
#include "peripherals.h"

#include <string.h>

enum {
    KEY = 0x00, ENCRYPT_SEL = 0x10, MODE_CTL = 0x14, IV = 0x18, ENDIAN = 0x28, FINISH = 0x2c, DMA_SEL = 0x30,
    AAD_NUM = 0x34, RESERVED = 0x38, PC_NUM = 0x3c, TEXT_DATA = 0x40, AAD_DATA = 0x44, TAG_CHK = 0x48,
    DATA_IN_FLAG = 0x4c, IN_TAG = 0x50, OUT_DATA = 0x60, ENABLE = 0x64, DATA_OUT_FLAG = 0x68, TAG_IN_FLAG = 0x6c,
    TAG_CLEAR = 0x70, OUT_TAG = 0x74, KEY_EXT = 0x84, AES_END = 0x94
};
enum { ECB, CBC, GCM };
enum { TAG_PENDING, TAG_WRONG, TAG_RIGHT };

#define DMA_SELECT 20
#define OUT_WORDS 20 /* the buffer that the input flag guards: 80 bytes */
#define DMA_BURST 4

typedef struct {
    emu_t *emu;
    uint32_t reg[AES_END / 4];
    aes_key_t key;
    bool enabled, finished, request;
    uint8_t chain[16], counter[16], hash_key[16], hash[16]; /* CBC; GCM */
    uint8_t block[16];   /* of the text or AAD, `filled` bytes so far */
    unsigned filled;
    uint64_t aad_left, text_left, aad_bytes, text_bytes;
    uint32_t *out; /* words not read yet, from out_head on */
    size_t out_head, out_level, out_capacity;
    uint8_t tag[16];
    uint32_t tag_check, tag_words; /* which words of in_tag have been written */
} aes_t;

static uint32_t get(const aes_t *s, unsigned offset)
{
    return s->reg[offset / 4];
}

static unsigned mode(const aes_t *s)
{
    return field(get(s, MODE_CTL), 0, 3);
}

static void bytes_of_word(const aes_t *s, uint32_t word, uint8_t *bytes)
{
    if (!bit(get(s, ENDIAN), 0)) {
        word = __builtin_bswap32(word);
    }
    memcpy(bytes, &word, 4);
}

static uint32_t word_of_bytes(const aes_t *s, const uint8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, 4);
    return bit(get(s, ENDIAN), 0) ? word : __builtin_bswap32(word);
}

/* ---- GCM (SP 800-38D) -------------------------------------------------------------------------------------------- */

static void hash_block(aes_t *s, const uint8_t block[16])
{
    uint8_t product[16] = {0}, v[16];
    memcpy(v, s->hash_key, 16);
    for (unsigned i = 0; i < 16; i++) {
        s->hash[i] ^= block[i];
    }
    for (unsigned n = 0; n < 128; n++) {
        bool take = s->hash[n / 8] >> (7 - n % 8) & 1, carry = v[15] & 1;
        for (unsigned i = 0; i < 16; i++) {
            product[i] ^= take ? v[i] : 0;
        }
        for (unsigned i = 15; i > 0; i--) {
            v[i] = (uint8_t)(v[i] >> 1 | v[i - 1] << 7);
        }
        v[0] = (uint8_t)(v[0] >> 1 ^ (carry ? 0xe1 : 0));
    }
    memcpy(s->hash, product, 16);
}

static void put_be64(uint8_t *bytes, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(bytes, &value, 8);
}

static void set_counter(aes_t *s, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(s->counter + 12, &value, 4);
}

static uint32_t counter_value(const aes_t *s)
{
    uint32_t value;
    memcpy(&value, s->counter + 12, 4);
    return __builtin_bswap32(value);
}

static void make_tag(aes_t *s)
{
    uint8_t lengths[16];
    put_be64(lengths, s->aad_bytes * 8);
    put_be64(lengths + 8, s->text_bytes * 8);
    hash_block(s, lengths);
    set_counter(s, 1);
    memcpy(s->tag, s->counter, 16);
    aes_encrypt_block(&s->key, s->tag);
    for (unsigned i = 0; i < 16; i++) {
        s->tag[i] ^= s->hash[i];
    }
}

static void check_tag(aes_t *s)
{
    bool memory_order = true, reversed = true; /* which of the two the block wants is not public */
    for (unsigned i = 0; i < 4; i++) {
        uint32_t word;
        memcpy(&word, s->tag + 12 - 4 * i, 4);
        memory_order = memory_order && get(s, IN_TAG + 4 * i) == word;
        reversed = reversed && get(s, IN_TAG + 4 * i) == __builtin_bswap32(word);
    }
    s->tag_check = memory_order || reversed ? TAG_RIGHT : TAG_WRONG;
}

/* ---- data -------------------------------------------------------------------------------------------------------- */

static void update(aes_t *s)
{
    bool request = bit(get(s, DMA_SEL), 0) && (s->out_level >= DMA_BURST || (s->finished && s->out_level != 0));
    if (request != s->request) {
        s->request = request;
        emu_dma_request(s->emu, DMA_SELECT, request);
    }
}

static void put_out(aes_t *s, const uint8_t *bytes, unsigned length)
{
    if (s->out_level == 0) {
        s->out_head = 0;
    }
    for (unsigned i = 0; i < length; i += 4) {
        if (s->out_head + s->out_level == s->out_capacity) {
            s->out_capacity = s->out_capacity != 0 ? 2 * s->out_capacity : 64;
            s->out = realloc(s->out, s->out_capacity * sizeof *s->out);
            if (s->out == NULL) {
                abort();
            }
        }
        s->out[s->out_head + s->out_level++] = word_of_bytes(s, bytes + i);
    }
}

static void run_gcm_block(aes_t *s, uint8_t block[16], unsigned length)
{
    bool decrypts = bit(get(s, ENCRYPT_SEL), 0);
    uint8_t stream[16];
    if (decrypts) {
        hash_block(s, block);
    }
    set_counter(s, counter_value(s) + 1);
    memcpy(stream, s->counter, 16);
    aes_encrypt_block(&s->key, stream);
    for (unsigned i = 0; i < length; i++) {
        block[i] ^= stream[i];
    }
    if (!decrypts) {
        hash_block(s, block);
    }
}

static void run_block(aes_t *s, uint8_t block[16])
{
    uint8_t input[16];
    memcpy(input, block, 16);
    bool decrypts = bit(get(s, ENCRYPT_SEL), 0), chains = mode(s) == CBC;
    for (unsigned i = 0; i < 16 && chains && !decrypts; i++) {
        block[i] ^= s->chain[i];
    }
    if (decrypts) {
        aes_decrypt_block(&s->key, block);
    } else {
        aes_encrypt_block(&s->key, block);
    }
    for (unsigned i = 0; i < 16 && chains && decrypts; i++) {
        block[i] ^= s->chain[i];
    }
    memcpy(s->chain, decrypts ? input : block, 16);
}

static void finish_if_complete(aes_t *s)
{
    if (s->aad_left == 0 && s->text_left == 0 && !s->finished) {
        s->finished = true;
        if (mode(s) == GCM) {
            make_tag(s);
        }
    }
}

/* Takes a word into the block; true when the block is complete, filled up with zeros at the end of the data. */
static bool collect(aes_t *s, uint32_t word, uint64_t *left, unsigned *length)
{
    unsigned count = *left < 4 ? (unsigned)*left : 4;
    uint8_t bytes[4];
    bytes_of_word(s, word, bytes);
    memcpy(s->block + s->filled, bytes, count);
    s->filled += count;
    *left -= count;
    if (s->filled < 16 && *left != 0) {
        return false;
    }
    *length = s->filled;
    memset(s->block + s->filled, 0, 16 - s->filled);
    s->filled = 0;
    return true;
}

static void write_aad(aes_t *s, uint32_t word)
{
    unsigned length;
    if (!s->enabled || s->aad_left == 0) {
        emu_warn(s->emu, "aes", s->enabled ? "aad_data written beyond aad_num" : "aad_data written while enable is 0");
        return;
    }
    if (collect(s, word, &s->aad_left, &length)) {
        hash_block(s, s->block);
    }
    finish_if_complete(s);
}

static void write_text(aes_t *s, uint32_t word)
{
    unsigned length;
    if (!s->enabled || s->text_left == 0 || s->aad_left != 0) {
        emu_warn(s->emu, "aes", !s->enabled ? "text_data written while enable is 0" :
                 s->text_left == 0 ? "text_data written beyond pc_num" :
                                     "text_data written before the AAD is complete");
        return;
    }
    if (collect(s, word, &s->text_left, &length)) {
        if (mode(s) == GCM) {
            run_gcm_block(s, s->block, length);
        } else {
            run_block(s, s->block);
        }
        put_out(s, s->block, length);
    }
    finish_if_complete(s);
}

/* Keys and IVs are loaded last word first. */
static void load_reversed(const aes_t *s, unsigned words, unsigned low, unsigned high, uint8_t *bytes)
{
    for (unsigned i = 0; i < words; i++) {
        bytes_of_word(s, get(s, i < 4 ? low + 4 * i : high + 4 * (i - 4)), bytes + 4 * (words - 1 - i));
    }
}

static void start(aes_t *s)
{
    static const uint8_t key_bytes[4] = {16, 24, 32, 32};
    unsigned length = key_bytes[field(get(s, MODE_CTL), 3, 2)];
    uint8_t key[32];
    bool gcm = mode(s) == GCM;
    if (mode(s) > GCM || field(get(s, MODE_CTL), 5, 6) != 0) {
        emu_warn(s->emu, "aes", "mode_ctl 0x%x: mode %u or a word order other than 0 is not modelled", get(s, MODE_CTL),
                 mode(s));
    }
    load_reversed(s, length / 4, KEY, KEY_EXT, key);
    aes_expand_key(&s->key, key, length);
    load_reversed(s, 4, IV, IV, s->chain);
    load_reversed(s, 3, IV, IV, s->counter);
    set_counter(s, 1);
    memset(s->hash, 0, 16);
    memset(s->hash_key, 0, 16);
    aes_encrypt_block(&s->key, s->hash_key);
    s->aad_bytes = gcm ? (uint32_t)(get(s, AAD_NUM) + 1) : 0;
    s->text_bytes = (uint32_t)(get(s, PC_NUM) + 1);
    s->aad_left = s->aad_bytes;
    s->text_left = gcm ? s->text_bytes : (s->text_bytes + 15) & ~15ull;
    s->filled = 0;
    s->out_level = 0;
    s->finished = false;
    s->tag_check = TAG_PENDING;
    s->tag_words = 0;
    finish_if_complete(s);
}

/* ---- registers --------------------------------------------------------------------------------------------------- */

static uint32_t read_out(aes_t *s)
{
    if (s->out_level == 0) {
        emu_warn(s->emu, "aes", "out_data read while data_out_flag is 0");
        return 0;
    }
    s->out_level--;
    return s->out[s->out_head++];
}

static uint32_t read_register(aes_t *s, uint64_t offset)
{
    if (offset >= OUT_TAG && offset < KEY_EXT) { /* out_tag[3] is the first word, each with its first byte on top */
        uint32_t word;
        memcpy(&word, s->tag + 12 - (offset - OUT_TAG), 4);
        return __builtin_bswap32(word);
    }
    switch (offset) {
    case FINISH: return s->finished;
    case TEXT_DATA: case AAD_DATA: return 0;
    case TAG_CHK: return s->tag_check;
    case DATA_IN_FLAG: return s->enabled && !s->finished && s->out_level < OUT_WORDS;
    case OUT_DATA: return read_out(s);
    case ENABLE: return s->enabled;
    case DATA_OUT_FLAG: return s->out_level != 0;
    case TAG_IN_FLAG: return s->finished && mode(s) == GCM;
    }
    if (offset < AES_END) {
        return get(s, (unsigned)offset);
    }
    emu_unmodelled(s->emu, "aes", offset, false, 0);
    return 0;
}

static uint64_t aes_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)size;
    uint32_t value = read_register(opaque, offset);
    update(opaque);
    return value;
}

static void write_tag(aes_t *s, uint64_t offset)
{
    s->tag_words |= 1u << (offset - IN_TAG) / 4;
    if (s->tag_words == 0xf && s->finished) {
        check_tag(s);
        s->tag_words = 0;
    }
}

static void write_register(aes_t *s, uint64_t offset, uint32_t value)
{
    if (offset >= AES_END) {
        emu_unmodelled(s->emu, "aes", offset, true, value);
        return;
    }
    switch (offset) {
    case FINISH: case TAG_CHK: case DATA_IN_FLAG: case OUT_DATA: case DATA_OUT_FLAG: case TAG_IN_FLAG: return;
    case TEXT_DATA: write_text(s, value); return;
    case AAD_DATA: write_aad(s, value); return;
    case ENABLE:
        if (bit(value, 0) && !s->enabled) {
            start(s);
        }
        s->enabled = bit(value, 0);
        return;
    case TAG_CLEAR:
        s->tag_check = TAG_PENDING;
        s->tag_words = 0;
        return;
    }
    if (offset < OUT_TAG || offset >= KEY_EXT) {
        s->reg[offset / 4] = value;
    }
    if (offset >= IN_TAG && offset < OUT_DATA) {
        write_tag(s, offset);
    }
}

static void aes_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    (void)size;
    write_register(opaque, offset, (uint32_t)value);
    update(opaque);
}

static void aes_reset(void *opaque)
{
    aes_t *s = opaque;
    memset(s->reg, 0, sizeof s->reg);
    memset(s->tag, 0, sizeof s->tag);
    s->enabled = s->finished = false;
    s->out_level = 0;
    s->tag_check = s->tag_words = 0;
    s->aad_left = s->text_left = s->filled = 0;
    update(s);
}

static void aes_state(void *opaque, emu_json_t *json)
{
    aes_t *s = opaque;
    emu_json_u64(json, "mode_ctl", get(s, MODE_CTL));
    emu_json_u64(json, "encrypt_sel", get(s, ENCRYPT_SEL));
    emu_json_bool(json, "enabled", s->enabled);
    emu_json_bool(json, "finished", s->finished);
    emu_json_u64(json, "aad_left", s->aad_left);
    emu_json_u64(json, "text_left", s->text_left);
    emu_json_u64(json, "out_level", s->out_level);
    emu_json_u64(json, "tag_chk", s->tag_check);
}

static void aes_destroy(void *opaque)
{
    free(((aes_t *)opaque)->out);
    free(opaque);
}

void aes_create(emu_t *emu)
{
    aes_t *s = device_new(sizeof *s);
    s->emu = emu;
    emu_add_device(emu, &(emu_device_t){.name = "aes", .base = 0x50450000, .size = 0x10000, .word = 4,
                                        .read = aes_read, .write = aes_write, .reset = aes_reset, .state = aes_state,
                                        .destroy = aes_destroy, .opaque = s});
    aes_reset(s);
}
