/* A message for the AES engine. */
#ifndef SDK_AES_ENGINE_H
#define SDK_AES_ENGINE_H

#include "aes.h"

#define AES_NO_DMA ((dmac_channel_number_t)-1)

typedef struct {
    dmac_channel_number_t channel; /* takes the result, or AES_NO_DMA */
    aes_cipher_mode_t mode;
    aes_encrypt_sel_t direction;
    uint8_t *key;
    size_t key_length;
    uint8_t *iv, *aad;
    size_t aad_length;
    uint8_t *tag; /* 16 bytes for GCM's, else NULL */
} aes_job_t;

void aes_run(const aes_job_t *job, uint8_t *input, size_t length, uint8_t *output);

#endif
