/* Tasks: a list of layers with input and output by DMA, the interface of the vendor's first model converter (spec
 * sdk-api.md 2.38). All layers but the last have run when a start returns; the last one streams its result out. */

#include <stdlib.h>
#include "bsp.h"
#include "kpu.h"
#include "kpu_hw.h"
#include "mmio.h"

#define ROW 64
#define LAYERS_LIMIT_US 10000000
#define INPUT_LIMIT_US 1000000

static kpu_task_t running;
static volatile bool busy;

static const kpu_layer_argument_t *last_layer(const kpu_task_t *task) {
    return &task->layers[task->layers_length - 1];
}

static uint32_t output_words(const kpu_task_t *task) {
    return (last_layer(task)->dma_parameter.data.dma_total_byte + 8) / 8;
}

static uint32_t input_words(const kpu_task_t *task) {
    const kpu_layer_argument_t *first = task->layers;
    return first->kernel_calc_type_cfg.data.channel_switch_addr * (first->image_channel_num.data.i_ch_num + 1u) * ROW /
           8;
}

int kpu_single_task_init(kpu_task_t *task) {
    if (task->layers_length == 0 || kpu_hw_init()) {
        return 1;
    }
    task->src_length = input_words(task);
    task->dst_length = output_words(task);
    task->dst = malloc(task->dst_length * sizeof(uint64_t));
    return task->dst == NULL;
}

int kpu_single_task_deinit(kpu_task_t *task) {
    free(task->dst);
    task->dst = NULL;
    return 0;
}

uint8_t *kpu_get_output_buf(kpu_task_t *task) {
    return malloc(output_words(task) * sizeof(uint64_t));
}

void kpu_release_output_buf(uint8_t *output_buf) {
    free(output_buf);
}

static int on_done(void *ctx) {
    (void)ctx;
    kpu_task_t task = running;
    dmac_irq_unregister(task.dma_ch);
    busy = false; /* the callback may start the next one */
    return task.callback ? task.callback(task.ctx) : 0;
}

static int load_input(const kpu_task_t *task) {
    uintptr_t to = AI_IO_BASE_ADDR + ROW * (uintptr_t)task->layers->image_addr.data.image_src_addr;
    int result = dmac_start(task->dma_ch, task->src, (void *)to, DMAC_ADDR_INCREMENT, DMAC_ADDR_INCREMENT,
                            DMAC_MSIZE_16, DMAC_TRANS_WIDTH_64, task->src_length);
    return result ? result : dmac_wait(task->dma_ch, INPUT_LIMIT_US);
}

int kpu_start(kpu_task_t *task) {
    if (__sync_lock_test_and_set(&busy, true)) {
        return -1;
    }
    running = *task;
    kpu_hw_set_eight_bit_weights(task->eight_bit_mode != 0);
    int result = load_input(task);
    if (result == 0) {
        result = kpu_hw_run((const uint64_t(*)[12])task->layers, task->layers_length - 1, LAYERS_LIMIT_US, NULL);
    }
    if (result) {
        printk("kpu: the task failed (%d)\r\n", result);
        busy = false;
        return -1;
    }
    kpu_layer_argument_t last = *last_layer(task);
    kpu_conv2d_output(&last, task->dma_ch, (uint8_t *)task->dst, on_done, NULL);
    return 0;
}

int kpu_run(kpu_task_t *task, dmac_channel_number_t dma_ch, const void *src, void *dest,
            plic_irq_callback_t callback) {
    if (busy || task->layers_length == 0 || kpu_hw_init()) {
        return -1;
    }
    kpu_task_t copy = *task;
    copy.dma_ch = dma_ch;
    copy.src = (uint64_t *)(uintptr_t)src;
    copy.dst = dest;
    copy.src_length = input_words(task);
    copy.callback = callback;
    return kpu_start(&copy);
}
