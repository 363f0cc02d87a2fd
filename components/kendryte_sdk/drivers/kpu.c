/* The layer functions of the public KPU interface (spec sdk-api.md 2.38): one layer at a time, by interrupt or with the
 * output streamed by DMA (spec kpu.md 7.3, 7.4). Models are run by the kmodel runtime over kpu_hw.h. */

#include "kpu.h"
#include "mmio.h"
#include "sysctl.h"

#define ALL_CAUSES 7u
#define ONLY_ALMOST_EMPTY 5u /* a 1 masks */
#define FIFO_THRESHOLDS 0x1Au
#define PRIORITY 1

volatile kpu_config_t *const kpu = (volatile kpu_config_t *)AI_BASE_ADDR;

static volatile uint8_t *ai_row(uint32_t row) {
    return (volatile uint8_t *)(uintptr_t)(AI_IO_BASE_ADDR + 64 * row);
}

static void push(const kpu_layer_argument_t *layer) {
    const uint64_t *words = (const uint64_t *)layer;
    mmio_fence();
    for (unsigned i = 0; i < sizeof *layer / sizeof *words; i++) {
        kpu->layer_argument_fifo = words[i];
    }
}

void kpu_init(int eight_bit_mode, plic_irq_callback_t callback, void *userdata) {
    sysctl_clock_enable(SYSCTL_CLOCK_AI);
    kpu->interrupt_clear.reg = ALL_CAUSES;
    kpu->fifo_threshold.reg = FIFO_THRESHOLDS;
    kpu->eight_bit_mode.reg = eight_bit_mode != 0;
    kpu->interrupt_mask.reg = ONLY_ALMOST_EMPTY;
    plic_set_priority(IRQN_AI_INTERRUPT, PRIORITY);
    plic_irq_register(IRQN_AI_INTERRUPT, callback, userdata);
    plic_irq_enable(IRQN_AI_INTERRUPT);
}

void kpu_input_dma(const kpu_layer_argument_t *layer, const uint8_t *src, dmac_channel_number_t dma_ch,
                   plic_irq_callback_t callback, void *userdata) {
    size_t bytes = (size_t)layer->kernel_calc_type_cfg.data.channel_switch_addr * 64 *
                   (layer->image_channel_num.data.i_ch_num + 1);
    dmac_irq_register(dma_ch, callback, userdata, PRIORITY);
    dmac_set_single_mode(dma_ch, src, (void *)ai_row(layer->image_addr.data.image_src_addr), DMAC_ADDR_INCREMENT,
                         DMAC_ADDR_INCREMENT, DMAC_MSIZE_16, DMAC_TRANS_WIDTH_64, bytes / 8);
}

/* The layout rule of spec kpu.md 4.1: up to four or two narrow channels share the rows of one. */
void kpu_input_with_padding(kpu_layer_argument_t *layer, const uint8_t *src, int width, int height, int channels) {
    int group = width <= 16 ? 4 : width <= 32 ? 2 : 1, rows = (width + 63) / 64;
    for (int c = 0; c < channels; c++) {
        volatile uint8_t *to = ai_row(layer->image_addr.data.image_src_addr + (uint32_t)(c / group * rows * height)) +
                               c % group * (64 / group);
        for (int y = 0; y < height; y++, to += 64 * rows) {
            for (int x = 0; x < width; x++) {
                to[x] = *src++;
            }
        }
    }
}

void kpu_conv2d(kpu_layer_argument_t *layer) {
    kpu->interrupt_clear.reg = ALL_CAUSES;
    kpu->interrupt_mask.reg = ONLY_ALMOST_EMPTY;
    push(layer);
}

/* The DMA is armed before the layer starts. */
static void push_with_output(kpu_layer_argument_t *layer, dmac_channel_number_t dma_ch, void *dest, size_t words,
                             plic_irq_callback_t callback, void *userdata) {
    kpu->interrupt_clear.reg = ALL_CAUSES;
    kpu->interrupt_mask.reg = ALL_CAUSES;
    layer->dma_parameter.data.send_data_out = 1;
    dmac_irq_register(dma_ch, callback, userdata, PRIORITY);
    sysctl_dma_select((sysctl_dma_channel_t)dma_ch, SYSCTL_DMA_SELECT_AI_RX_REQ);
    dmac_set_single_mode(dma_ch, (const void *)&kpu->fifo_data_out, dest, DMAC_ADDR_NOCHANGE, DMAC_ADDR_INCREMENT,
                         DMAC_MSIZE_8, DMAC_TRANS_WIDTH_64, words);
    push(layer);
}

void kpu_conv2d_output(kpu_layer_argument_t *layer, dmac_channel_number_t dma_ch, uint8_t *dest,
                       plic_irq_callback_t callback, void *userdata) {
    size_t words = ((size_t)layer->dma_parameter.data.dma_total_byte + 8) / 8;
    push_with_output(layer, dma_ch, dest, words, callback, userdata);
}

void kpu_conv2d_output_full_add(kpu_layer_argument_t *layer, dmac_channel_number_t dma_ch, uint64_t *dest,
                                plic_irq_callback_t callback, void *userdata) {
    layer->interrupt_enabe.data.full_add = 1;
    push_with_output(layer, dma_ch, dest, layer->image_channel_num.data.o_ch_num + 1u, callback, userdata);
}

/* ---- arithmetic on quantised maps by the CPU: value = byte * scale + bias ---- */

void kpu_global_average_pool_float(const uint8_t *src, const quantize_param_t *src_param, int kernel_size,
                                   int channels, float *dest) {
    for (int c = 0; c < channels; c++) {
        int32_t sum = 0;
        for (int i = 0; i < kernel_size; i++) {
            sum += *src++;
        }
        dest[c] = (float)sum / (float)kernel_size * src_param->scale + src_param->bias;
    }
}

static uint8_t quantized(float value, const quantize_param_t *param) {
    float q = (value - param->bias) / param->scale + 0.5f;
    return q <= 0 ? 0 : q >= 255 ? 255 : (uint8_t)q;
}

void kpu_global_average_pool(const uint8_t *src, const quantize_param_t *src_param, int kernel_size, int channels,
                             uint8_t *dest, const quantize_param_t *dest_param) {
    for (int c = 0; c < channels; c++, src += kernel_size) {
        float average;
        kpu_global_average_pool_float(src, src_param, kernel_size, 1, &average);
        dest[c] = quantized(average, dest_param);
    }
}

void kpu_fully_connected(const float *src, const float *weights, const float *biases, float *dest, int input_channels,
                         int output_channels) {
    for (int o = 0; o < output_channels; o++) {
        float sum = 0;
        for (int i = 0; i < input_channels; i++) {
            sum += src[i] * *weights++;
        }
        dest[o] = sum + biases[o];
    }
}

void kpu_dequantize(const uint8_t *src, const quantize_param_t *src_param, size_t count, float *dest) {
    for (size_t i = 0; i < count; i++) {
        dest[i] = (float)src[i] * src_param->scale + src_param->bias;
    }
}

/* Pixel (0,0) of every channel of a 4x4 map as it is streamed (spec kpu.md 7.5, the fully connected trick). */
void kpu_matmul_end(const uint8_t *src, int channels, float *dest, const quantize_param_t *dest_param) {
    for (int c = 0; c < channels; c++) {
        dest[c] = (float)src[16 * c] * dest_param->scale + dest_param->bias;
    }
}
