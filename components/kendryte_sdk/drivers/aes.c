/* AES engine: ECB, CBC and GCM with 128, 192 and 256 bits of key (spec soc.md 10.7). The functions by mode are in
 * aes_modes.c. One message at a time. */

#include "aes.h"
#include <string.h>
#include "aes_engine.h"
#include "bsp.h"
#include "iomem.h"
#include "mmio.h"
#include "sysctl.h"

#define REG(offset) (AES_BASE_ADDR + (offset))
#define KEY 0x00
#define ENCRYPT_SEL 0x10
#define MODE_CTL 0x14
#define IV 0x18
#define ENDIAN 0x28
#define DMA_SEL 0x30
#define AAD_NUM 0x34
#define PC_NUM 0x3C
#define TEXT_DATA 0x40
#define AAD_DATA 0x44
#define DATA_IN_FLAG 0x4C
#define OUT_DATA 0x60
#define ENABLE 0x64
#define DATA_OUT_FLAG 0x68
#define TAG_IN_FLAG 0x6C
#define OUT_TAG 0x74
#define KEY_EXT 0x84

#define WAIT_US 10000
#define PIECE_WORDS 20 /* what the output buffer holds */

static bool wait_flag(uintptr_t flag) {
    if (mmio_read(REG(flag)) & 1) {
        return true;
    }
    uint64_t deadline = sdk_deadline(WAIT_US);
    while (!(mmio_read(REG(flag)) & 1)) {
        if (sdk_expired(deadline)) {
            printk("aes: the engine does not answer\r\n");
            return false;
        }
    }
    return true;
}

/* Bytes of memory as a word; what is beyond the end counts as zero. */
static uint32_t word_at(const uint8_t *bytes, size_t length, size_t at) {
    uint32_t word = 0;
    memcpy(&word, bytes + at, length - at < 4 ? length - at : 4);
    return word;
}

/* Keys and vectors go in with their last word first. */
static void load_reversed(uintptr_t reg, uintptr_t extension, const uint8_t *bytes, size_t length) {
    for (unsigned i = 0; i < length / 4; i++) {
        uintptr_t to = i < 4 ? reg + 4 * i : extension + 4 * (i - 4);
        mmio_write(REG(to), word_at(bytes, length, length - 4 - 4 * i));
    }
}

static size_t padded(aes_cipher_mode_t mode, size_t length) {
    return mode == AES_GCM ? length : (length + 15) & ~(size_t)15;
}

void aes_init(uint8_t *input_key, size_t input_key_len, uint8_t *iv, size_t iv_len, uint8_t *gcm_aad,
              aes_cipher_mode_t cipher_mode, aes_encrypt_sel_t encrypt_sel, size_t gcm_aad_len,
              size_t input_data_len) {
    if (input_key_len != AES_128 && input_key_len != AES_192 && input_key_len != AES_256) {
        printk("aes: a key of %lu bytes: 16, 24 or 32\r\n", input_key_len);
        return;
    }
    sysctl_clock_enable(SYSCTL_CLOCK_AES);
    sysctl_reset(SYSCTL_RESET_AES);
    mmio_update(REG(ENDIAN), 1, 1);
    load_reversed(KEY, KEY_EXT, input_key, input_key_len);
    if (cipher_mode != AES_ECB) {
        load_reversed(IV, 0, iv, iv_len < IV_LEN_128 ? iv_len : IV_LEN_128);
    }
    mmio_write(REG(MODE_CTL), (uint32_t)cipher_mode | (uint32_t)(input_key_len - AES_128) / 8 << 3);
    mmio_write(REG(ENCRYPT_SEL), encrypt_sel);
    mmio_write(REG(AAD_NUM), (uint32_t)gcm_aad_len - 1);
    mmio_write(REG(PC_NUM), (uint32_t)padded(cipher_mode, input_data_len) - 1);
    mmio_update(REG(ENABLE), 1, 1);
    for (size_t at = 0; cipher_mode == AES_GCM && at < gcm_aad_len && wait_flag(DATA_IN_FLAG); at += 4) {
        mmio_write(REG(AAD_DATA), word_at(gcm_aad, gcm_aad_len, at));
    }
}

static bool feed(const uint8_t *input, size_t length, size_t at) {
    if (!wait_flag(DATA_IN_FLAG)) {
        return false;
    }
    mmio_write(REG(TEXT_DATA), at < length ? word_at(input, length, at) : 0);
    return true;
}

void aes_process(uint8_t *input_data, uint8_t *output_data, size_t input_data_len, aes_cipher_mode_t cipher_mode) {
    size_t bytes = padded(cipher_mode, input_data_len), end;
    for (size_t piece = 0; piece < bytes; piece = end) {
        end = bytes - piece < 4 * PIECE_WORDS ? bytes : piece + 4 * PIECE_WORDS;
        for (size_t at = piece; at < end; at += 4) {
            if (!feed(input_data, input_data_len, at)) {
                return;
            }
        }
        for (size_t at = piece; at < end; at += 4) {
            if (!wait_flag(DATA_OUT_FLAG)) {
                return;
            }
            uint32_t word = mmio_read(REG(OUT_DATA));
            memcpy(output_data + at, &word, bytes - at < 4 ? bytes - at : 4);
        }
    }
}

/* The CPU feeds, the channel takes the result. */
static void process_dma(dmac_channel_number_t channel, const uint8_t *input, uint8_t *output, size_t length,
                        aes_cipher_mode_t mode) {
    size_t bytes = padded(mode, length), words = (bytes + 3) / 4;
    bool direct = bytes % 4 == 0 && (uintptr_t)output % 4 == 0;
    void *to = direct ? output : iomem_malloc((uint32_t)(4 * words));
    mmio_write(REG(DMA_SEL), 1);
    sysctl_dma_select((sysctl_dma_channel_t)channel, SYSCTL_DMA_SELECT_AES_REQ);
    int result = to ? dmac_start(channel, (void *)REG(OUT_DATA), to, DMAC_ADDR_NOCHANGE, DMAC_ADDR_INCREMENT,
                                 words % 4 ? DMAC_MSIZE_1 : DMAC_MSIZE_4, DMAC_TRANS_WIDTH_32, words)
                    : -ENOMEM;
    if (result == 0) {
        size_t at = 0;
        while (at < bytes && feed(input, length, at)) {
            at += 4;
        }
        result = dmac_wait(channel, at < bytes ? 0 : WAIT_US);
    }
    if (result) {
        printk("aes: the transfer of %lu bytes failed (%d)\r\n", bytes, result);
    } else if (!direct) {
        memcpy(output, to, bytes);
    }
    if (!direct) {
        iomem_free(to);
    }
    mmio_write(REG(DMA_SEL), 0);
}

void gcm_get_tag(uint8_t *gcm_tag) {
    wait_flag(TAG_IN_FLAG);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t word = __builtin_bswap32(mmio_read(REG(OUT_TAG + 4 * (3 - i))));
        memcpy(gcm_tag + 4 * i, &word, 4);
    }
}

void aes_run(const aes_job_t *job, uint8_t *input, size_t length, uint8_t *output) {
    aes_init(job->key, job->key_length, job->iv, job->mode == AES_GCM ? IV_LEN_96 : IV_LEN_128, job->aad, job->mode,
             job->direction, job->aad_length, length);
    if (length && job->channel == AES_NO_DMA) {
        aes_process(input, output, length, job->mode);
    } else if (length) {
        process_dma(job->channel, input, output, length, job->mode);
    }
    if (job->tag) {
        gcm_get_tag(job->tag);
    }
}
