/* The public AES functions: by mode, key size, direction, and how the result is taken. */

#include "aes.h"
#include "aes_engine.h"

#define TEXT uint8_t *input_data, size_t input_len, uint8_t *output_data
#define DMA dmac_channel_number_t dma_receive_channel_num
#define TAG uint8_t *gcm_tag

static void ecb(DMA, aes_encrypt_sel_t direction, uint8_t *key, size_t key_length, TEXT) {
    aes_job_t job = {.channel = dma_receive_channel_num, .mode = AES_ECB, .direction = direction, .key = key,
                     .key_length = key_length};
    aes_run(&job, input_data, input_len, output_data);
}

static void cbc(DMA, aes_encrypt_sel_t direction, const cbc_context_t *context, size_t key_length, TEXT) {
    aes_job_t job = {.channel = dma_receive_channel_num, .mode = AES_CBC, .direction = direction,
                     .key = context->input_key, .key_length = key_length, .iv = context->iv};
    aes_run(&job, input_data, input_len, output_data);
}

static void gcm(DMA, aes_encrypt_sel_t direction, const gcm_context_t *context, size_t key_length, TEXT, TAG) {
    aes_job_t job = {.channel = dma_receive_channel_num, .mode = AES_GCM, .direction = direction,
                     .key = context->input_key, .key_length = key_length, .iv = context->iv,
                     .aad = context->gcm_aad, .aad_length = context->gcm_aad_len, .tag = gcm_tag};
    aes_run(&job, input_data, input_len, output_data);
}

#define FUNCTIONS(bits, verb, direction) \
    void aes_ecb##bits##_hard_##verb(uint8_t *input_key, TEXT) { \
        ecb(AES_NO_DMA, direction, input_key, AES_##bits, input_data, input_len, output_data); \
    } \
    void aes_ecb##bits##_hard_##verb##_dma(DMA, uint8_t *input_key, TEXT) { \
        ecb(dma_receive_channel_num, direction, input_key, AES_##bits, input_data, input_len, output_data); \
    } \
    void aes_cbc##bits##_hard_##verb(cbc_context_t *context, TEXT) { \
        cbc(AES_NO_DMA, direction, context, AES_##bits, input_data, input_len, output_data); \
    } \
    void aes_cbc##bits##_hard_##verb##_dma(DMA, cbc_context_t *context, TEXT) { \
        cbc(dma_receive_channel_num, direction, context, AES_##bits, input_data, input_len, output_data); \
    } \
    void aes_gcm##bits##_hard_##verb(gcm_context_t *context, TEXT, TAG) { \
        gcm(AES_NO_DMA, direction, context, AES_##bits, input_data, input_len, output_data, gcm_tag); \
    } \
    void aes_gcm##bits##_hard_##verb##_dma(DMA, gcm_context_t *context, TEXT, TAG) { \
        gcm(dma_receive_channel_num, direction, context, AES_##bits, input_data, input_len, output_data, gcm_tag); \
    }

FUNCTIONS(128, encrypt, AES_HARD_ENCRYPTION)
FUNCTIONS(128, decrypt, AES_HARD_DECRYPTION)
FUNCTIONS(192, encrypt, AES_HARD_ENCRYPTION)
FUNCTIONS(192, decrypt, AES_HARD_DECRYPTION)
FUNCTIONS(256, encrypt, AES_HARD_ENCRYPTION)
FUNCTIONS(256, decrypt, AES_HARD_DECRYPTION)
