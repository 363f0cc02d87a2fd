#ifndef KENDRYTE_AES_H
#define KENDRYTE_AES_H

#include <stdint.h>
#include <stdlib.h>
#include "dmac.h"
#include "platform.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    AES_ECB, AES_CBC, AES_GCM, AES_CIPHER_MAX,
} aes_cipher_mode_t;

typedef enum {
    AES_128 = 16, AES_192 = 24, AES_256 = 32,
} aes_kmode_t;

typedef enum {
    IV_LEN_96 = 12, IV_LEN_128 = 16,
} aes_iv_len_t;

typedef enum {
    AES_HARD_ENCRYPTION, AES_HARD_DECRYPTION,
} aes_encrypt_sel_t;

typedef struct {
    uint8_t *input_key;
    uint8_t *iv;
    uint8_t *gcm_aad;
    size_t gcm_aad_len;
} gcm_context_t;

typedef struct {
    uint8_t *input_key;
    uint8_t *iv;
} cbc_context_t;

/* AES-128 ECB decryption; blocking; polled by the CPU; result padded to 16 bytes. */
void aes_ecb128_hard_decrypt(uint8_t *input_key, uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-128 ECB encryption; blocking; polled by the CPU; result padded to 16 bytes. */
void aes_ecb128_hard_encrypt(uint8_t *input_key, uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-192 ECB decryption; blocking; polled by the CPU; result padded to 16 bytes. */
void aes_ecb192_hard_decrypt(uint8_t *input_key, uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-192 ECB encryption; blocking; polled by the CPU; result padded to 16 bytes. */
void aes_ecb192_hard_encrypt(uint8_t *input_key, uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-256 ECB decryption; blocking; polled by the CPU; result padded to 16 bytes. */
void aes_ecb256_hard_decrypt(uint8_t *input_key, uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-256 ECB encryption; blocking; polled by the CPU; result padded to 16 bytes. */
void aes_ecb256_hard_encrypt(uint8_t *input_key, uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-128 CBC decryption; blocking; polled by the CPU; result padded to 16 bytes. */
void aes_cbc128_hard_decrypt(cbc_context_t *context, uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-128 CBC encryption; blocking; polled by the CPU; result padded to 16 bytes. */
void aes_cbc128_hard_encrypt(cbc_context_t *context, uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-192 CBC decryption; blocking; polled by the CPU; result padded to 16 bytes. */
void aes_cbc192_hard_decrypt(cbc_context_t *context, uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-192 CBC encryption; blocking; polled by the CPU; result padded to 16 bytes. */
void aes_cbc192_hard_encrypt(cbc_context_t *context, uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-256 CBC decryption; blocking; polled by the CPU; result padded to 16 bytes. */
void aes_cbc256_hard_decrypt(cbc_context_t *context, uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-256 CBC encryption; blocking; polled by the CPU; result padded to 16 bytes. */
void aes_cbc256_hard_encrypt(cbc_context_t *context, uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-128 GCM decryption; blocking; polled by the CPU; writes the 16-byte tag. */
void aes_gcm128_hard_decrypt(gcm_context_t *context, uint8_t *input_data, size_t input_len, uint8_t *output_data,
                             uint8_t *gcm_tag);

/* AES-128 GCM encryption; blocking; polled by the CPU; writes the 16-byte tag. */
void aes_gcm128_hard_encrypt(gcm_context_t *context, uint8_t *input_data, size_t input_len, uint8_t *output_data,
                             uint8_t *gcm_tag);

/* AES-192 GCM decryption; blocking; polled by the CPU; writes the 16-byte tag. */
void aes_gcm192_hard_decrypt(gcm_context_t *context, uint8_t *input_data, size_t input_len, uint8_t *output_data,
                             uint8_t *gcm_tag);

/* AES-192 GCM encryption; blocking; polled by the CPU; writes the 16-byte tag. */
void aes_gcm192_hard_encrypt(gcm_context_t *context, uint8_t *input_data, size_t input_len, uint8_t *output_data,
                             uint8_t *gcm_tag);

/* AES-256 GCM decryption; blocking; polled by the CPU; writes the 16-byte tag. */
void aes_gcm256_hard_decrypt(gcm_context_t *context, uint8_t *input_data, size_t input_len, uint8_t *output_data,
                             uint8_t *gcm_tag);

/* AES-256 GCM encryption; blocking; polled by the CPU; writes the 16-byte tag. */
void aes_gcm256_hard_encrypt(gcm_context_t *context, uint8_t *input_data, size_t input_len, uint8_t *output_data,
                             uint8_t *gcm_tag);

/* AES-128 ECB decryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; result padded to 16
 * bytes. */
void aes_ecb128_hard_decrypt_dma(dmac_channel_number_t dma_receive_channel_num, uint8_t *input_key, uint8_t *input_data,
                                 size_t input_len, uint8_t *output_data);

/* AES-128 ECB encryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; result padded to 16
 * bytes. */
void aes_ecb128_hard_encrypt_dma(dmac_channel_number_t dma_receive_channel_num, uint8_t *input_key, uint8_t *input_data,
                                 size_t input_len, uint8_t *output_data);

/* AES-192 ECB decryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; result padded to 16
 * bytes. */
void aes_ecb192_hard_decrypt_dma(dmac_channel_number_t dma_receive_channel_num, uint8_t *input_key, uint8_t *input_data,
                                 size_t input_len, uint8_t *output_data);

/* AES-192 ECB encryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; result padded to 16
 * bytes. */
void aes_ecb192_hard_encrypt_dma(dmac_channel_number_t dma_receive_channel_num, uint8_t *input_key, uint8_t *input_data,
                                 size_t input_len, uint8_t *output_data);

/* AES-256 ECB decryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; result padded to 16
 * bytes. */
void aes_ecb256_hard_decrypt_dma(dmac_channel_number_t dma_receive_channel_num, uint8_t *input_key, uint8_t *input_data,
                                 size_t input_len, uint8_t *output_data);

/* AES-256 ECB encryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; result padded to 16
 * bytes. */
void aes_ecb256_hard_encrypt_dma(dmac_channel_number_t dma_receive_channel_num, uint8_t *input_key, uint8_t *input_data,
                                 size_t input_len, uint8_t *output_data);

/* AES-128 CBC decryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; result padded to 16
 * bytes. */
void aes_cbc128_hard_decrypt_dma(dmac_channel_number_t dma_receive_channel_num, cbc_context_t *context,
                                 uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-128 CBC encryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; result padded to 16
 * bytes. */
void aes_cbc128_hard_encrypt_dma(dmac_channel_number_t dma_receive_channel_num, cbc_context_t *context,
                                 uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-192 CBC decryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; result padded to 16
 * bytes. */
void aes_cbc192_hard_decrypt_dma(dmac_channel_number_t dma_receive_channel_num, cbc_context_t *context,
                                 uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-192 CBC encryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; result padded to 16
 * bytes. */
void aes_cbc192_hard_encrypt_dma(dmac_channel_number_t dma_receive_channel_num, cbc_context_t *context,
                                 uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-256 CBC decryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; result padded to 16
 * bytes. */
void aes_cbc256_hard_decrypt_dma(dmac_channel_number_t dma_receive_channel_num, cbc_context_t *context,
                                 uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-256 CBC encryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; result padded to 16
 * bytes. */
void aes_cbc256_hard_encrypt_dma(dmac_channel_number_t dma_receive_channel_num, cbc_context_t *context,
                                 uint8_t *input_data, size_t input_len, uint8_t *output_data);

/* AES-128 GCM decryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; writes the 16-byte tag.
 * */
void aes_gcm128_hard_decrypt_dma(dmac_channel_number_t dma_receive_channel_num, gcm_context_t *context,
                                 uint8_t *input_data, size_t input_len, uint8_t *output_data, uint8_t *gcm_tag);

/* AES-128 GCM encryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; writes the 16-byte tag.
 * */
void aes_gcm128_hard_encrypt_dma(dmac_channel_number_t dma_receive_channel_num, gcm_context_t *context,
                                 uint8_t *input_data, size_t input_len, uint8_t *output_data, uint8_t *gcm_tag);

/* AES-192 GCM decryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; writes the 16-byte tag.
 * */
void aes_gcm192_hard_decrypt_dma(dmac_channel_number_t dma_receive_channel_num, gcm_context_t *context,
                                 uint8_t *input_data, size_t input_len, uint8_t *output_data, uint8_t *gcm_tag);

/* AES-192 GCM encryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; writes the 16-byte tag.
 * */
void aes_gcm192_hard_encrypt_dma(dmac_channel_number_t dma_receive_channel_num, gcm_context_t *context,
                                 uint8_t *input_data, size_t input_len, uint8_t *output_data, uint8_t *gcm_tag);

/* AES-256 GCM decryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; writes the 16-byte tag.
 * */
void aes_gcm256_hard_decrypt_dma(dmac_channel_number_t dma_receive_channel_num, gcm_context_t *context,
                                 uint8_t *input_data, size_t input_len, uint8_t *output_data, uint8_t *gcm_tag);

/* AES-256 GCM encryption; blocking; ciphertext fed by the CPU, result by the named DMA channel; writes the 16-byte tag.
 * */
void aes_gcm256_hard_encrypt_dma(dmac_channel_number_t dma_receive_channel_num, gcm_context_t *context,
                                 uint8_t *input_data, size_t input_len, uint8_t *output_data, uint8_t *gcm_tag);

/* Low level: clock and reset, load key (16/24/32 bytes), iv, mode, direction, AAD. */
void aes_init(uint8_t *input_key, size_t input_key_len, uint8_t *iv, size_t iv_len, uint8_t *gcm_aad,
              aes_cipher_mode_t cipher_mode, aes_encrypt_sel_t encrypt_sel, size_t gcm_aad_len, size_t input_data_len);

/* Low level: polled run in pieces of at most 80 bytes. */
void aes_process(uint8_t *input_data, uint8_t *output_data, size_t input_data_len, aes_cipher_mode_t cipher_mode);

/* Copy the 16-byte tag. */
void gcm_get_tag(uint8_t *gcm_tag);

#ifdef __cplusplus
}
#endif

#endif
