#ifndef KENDRYTE_NNCASE_H
#define KENDRYTE_NNCASE_H

#include "kpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The functions of kpu.h under the names of the V4 interpreter; they take every version. */
int nncase_load_kmodel(kpu_model_context_t *ctx, const uint8_t *buffer);
int nncase_get_output(kpu_model_context_t *ctx, uint32_t index, uint8_t **data, size_t *size);
void nncase_model_free(kpu_model_context_t *ctx);
int nncase_run_kmodel(kpu_model_context_t *ctx, const uint8_t *src, dmac_channel_number_t dma_ch,
                      kpu_done_callback_t done_callback, void *userdata);

#ifdef __cplusplus
}
#endif

#endif
