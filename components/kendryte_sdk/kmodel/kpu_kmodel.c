/* The model functions of kpu.h and nncase.h (spec sdk-api.md 4) over the model runtime. A run is complete, callback
 * included, when kpu_run_kmodel() returns: the hart sleeps while the KPU works. */

#include <stdlib.h>
#include <string.h>
#include "bsp.h"
#include "iomem.h"
#include "kmodel_k210.h"
#include "kpu.h"
#include "nncase.h"
#include "platform.h"

static int fail(const kmodel_error_t *error) {
    printk("kpu: %s: %s\r\n", kmodel_error_text(error->code), error->detail);
    return -1;
}

static int read_memory(void *ctx, uint32_t offset, void *dst, size_t len) {
    memcpy(dst, (const uint8_t *)ctx + offset, len);
    return 0;
}

/* The length of a model is not known here, so the memory behind it bounds what may be read. The runtime takes its own
 * copy: `buffer` is free after the call. */
int kpu_load_kmodel(kpu_model_context_t *ctx, const uint8_t *buffer) {
    static const kmodel_env_t *env;
    kmodel_error_t error;
    uintptr_t at = (uintptr_t)sdk_cached(buffer);
    memset(ctx, 0, sizeof *ctx);
    if (at - RAM_BASE_ADDR >= RAM_SIZE) {
        printk("kpu: a model at 0x%lx: it must be in memory\r\n", (uintptr_t)buffer);
        return -1;
    }
    env = env ? env : kmodel_k210_env(NULL);
    if (env == NULL) {
        printk("kpu: PLL1 does not lock\r\n");
        return -1;
    }
    kmodel_source_t source = {.ctx = (void *)buffer, .read = read_memory, .size = RAM_BASE_ADDR + RAM_SIZE - at};
    kmodel_t *model = kmodel_load(env, &source, &error);
    if (model == NULL) {
        return fail(&error);
    }
    kmodel_info_t info;
    kmodel_info(model, &info);
    ctx->nncase_ctx = model;
    ctx->nncase_version = info.version;
    ctx->is_nncase = info.version != 3;
    return 0;
}

void kpu_model_free(kpu_model_context_t *ctx) {
    kmodel_free(ctx->nncase_ctx);
    ctx->nncase_ctx = NULL;
}

int kpu_get_output(kpu_model_context_t *ctx, uint32_t index, uint8_t **data, size_t *size) {
    kmodel_tensor_t output;
    if (ctx->nncase_ctx == NULL || kmodel_output_info(ctx->nncase_ctx, index, &output)) {
        return -1;
    }
    *data = output.data;
    *size = output.bytes;
    return 0;
}

/* Anything but bytes in the uncached view is copied: wider loads of the runtime do not work there. */
int kpu_run_kmodel(kpu_model_context_t *ctx, const uint8_t *src, dmac_channel_number_t dma_ch,
                   kpu_done_callback_t done_callback, void *userdata) {
    kmodel_tensor_t input;
    kmodel_error_t error;
    (void)dma_ch; /* outputs leave AI RAM without a channel */
    if (ctx->nncase_ctx == NULL) {
        return -1;
    }
    kmodel_input_info(ctx->nncase_ctx, &input);
    void *copy = NULL;
    if (input.type != KMODEL_U8) {
        copy = malloc(input.bytes);
        if (copy == NULL) {
            printk("kpu: no memory for an input of %u bytes\r\n", input.bytes);
            return -1;
        }
        memcpy(copy, src, input.bytes);
    }
    kmodel_input_t in = {.data = copy ? copy : src, .type = input.type,
                         .count = input.bytes / kmodel_type_bytes(input.type)};
    int result = kmodel_run(ctx->nncase_ctx, &in, &error);
    free(copy);
    if (result) {
        return fail(&error);
    }
    if (done_callback) {
        done_callback(userdata);
    }
    return 0;
}

int nncase_load_kmodel(kpu_model_context_t *ctx, const uint8_t *buffer) {
    return kpu_load_kmodel(ctx, buffer);
}

void nncase_model_free(kpu_model_context_t *ctx) {
    kpu_model_free(ctx);
}

int nncase_get_output(kpu_model_context_t *ctx, uint32_t index, uint8_t **data, size_t *size) {
    return kpu_get_output(ctx, index, data, size);
}

int nncase_run_kmodel(kpu_model_context_t *ctx, const uint8_t *src, dmac_channel_number_t dma_ch,
                      kpu_done_callback_t done_callback, void *userdata) {
    return kpu_run_kmodel(ctx, src, dma_ch, done_callback, userdata);
}
