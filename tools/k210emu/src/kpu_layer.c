#include "kpu_layer.h"

#include <string.h>

static uint64_t field(uint64_t word, unsigned low, unsigned bits)
{
    return (word >> low) & ((1ull << bits) - 1);
}

static int64_t signed_field(uint64_t word, unsigned low, unsigned bits)
{
    return (int64_t)(word << (64 - low - bits)) >> (64 - bits);
}

static uint64_t load_u64(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static void decode_shape(kpu_layer_t *layer, const uint64_t words[KPU_WORDS])
{
    layer->int_en = field(words[0], 0, 1);
    layer->ram_flag = field(words[0], 1, 1);
    layer->full_add = field(words[0], 2, 1);
    layer->depthwise = field(words[0], 3, 1);
    layer->in.row = field(words[1], 0, 15);
    layer->out.row = field(words[1], 32, 15);
    layer->in_channels = (int)field(words[2], 0, 10) + 1;
    layer->out_channels = (int)field(words[2], 32, 10) + 1;
    layer->channels_per_load = (int)field(words[2], 48, 10) + 1;
    layer->in_width = (int)field(words[3], 0, 10) + 1;
    layer->in_height = (int)field(words[3], 10, 9) + 1;
    layer->out_width = (int)field(words[3], 32, 10) + 1;
    layer->out_height = (int)field(words[3], 42, 9) + 1;
}

static void decode_kernel(kpu_layer_t *layer, const uint64_t words[KPU_WORDS])
{
    layer->kernel_type = field(words[4], 0, 3);
    layer->pad_type = field(words[4], 3, 1);
    layer->pool_type = field(words[4], 4, 4);
    layer->first_stride = field(words[4], 8, 1);
    layer->bypass_conv = field(words[4], 9, 1);
    layer->load_norm = field(words[4], 10, 1);
    layer->dma_burst = field(words[4], 16, 8) + 1;
    layer->pad_value = field(words[4], 24, 8);
    layer->norm_address = field(words[4], 32, 32);
    layer->load_weights = field(words[5], 0, 1);
    layer->weight_loads = (int)field(words[5], 1, 6) + 1;
    layer->load_bytes = field(words[5], 15, 17);
    layer->weight_address = field(words[5], 32, 32);
    layer->column_offset = field(words[6], 0, 4);
    layer->row_offset = field(words[6], 4, 12);
}

static void decode_memory(kpu_layer_t *layer, const uint64_t words[KPU_WORDS])
{
    layer->in.channel_switch = field(words[7], 0, 15);
    layer->in.row_switch = field(words[7], 16, 4);
    layer->coef_size = field(words[7], 20, 8);
    layer->in.group = field(words[7], 28, 3);
    layer->load_activation = field(words[7], 31, 1);
    layer->activation_address = field(words[7], 32, 32);
    layer->out.channel_switch = field(words[8], 0, 15);
    layer->out.row_switch = field(words[8], 16, 4);
    layer->out.group = field(words[8], 20, 3);
}

static void decode_arithmetic(kpu_layer_t *layer, const uint64_t words[KPU_WORDS])
{
    layer->shift_w = field(words[9], 0, 4);
    layer->shift_x = field(words[9], 4, 4);
    layer->arg_w = (int32_t)signed_field(words[9], 8, 24);
    layer->arg_x = (int32_t)signed_field(words[9], 32, 24);
    layer->arg_add = signed_field(words[10], 0, 40);
    layer->send_data_out = field(words[11], 0, 1);
    layer->stream_channel_bytes = field(words[11], 16, 16) + 1;
    layer->stream_bytes = field(words[11], 32, 32) + 1;
}

void kpu_layer_decode(kpu_layer_t *layer, const uint64_t words[KPU_WORDS])
{
    decode_shape(layer, words);
    decode_kernel(layer, words);
    decode_memory(layer, words);
    decode_arithmetic(layer, words);
}

int kpu_layer_kernel(const kpu_layer_t *layer)
{
    return layer->kernel_type == 0 ? 1 : layer->kernel_type == 1 ? 3 : 0;
}

bool kpu_layer_pooled(const kpu_layer_t *layer, int *width, int *height)
{
    static const uint8_t stride[10] = {1, 2, 2, 4, 4, 2, 2, 4, 1, 1};
    if (layer->pool_type >= sizeof stride) {
        return false;
    }
    *width = layer->in_width / stride[layer->pool_type];
    *height = layer->in_height / stride[layer->pool_type];
    return true;
}

uint32_t kpu_layer_weight_bytes(const kpu_layer_t *layer, bool eight_bit)
{
    uint32_t kernel = (uint32_t)kpu_layer_kernel(layer);
    uint32_t in_channels = layer->depthwise ? 1 : (uint32_t)layer->in_channels;
    return (uint32_t)layer->out_channels * in_channels * kernel * kernel * (eight_bit ? 1 : 2);
}

uint64_t kpu_layer_clocks(const kpu_layer_t *layer, bool eight_bit)
{
    double lines = (double)layer->in_height * ((layer->in_width + 63) / 64);
    double groups = ((layer->in_channels - 1) >> kpu_map_group_log2(&layer->in)) + 1;
    if (layer->depthwise) {
        return (uint64_t)(5800 + 1.9 * lines * groups);
    }
    double rows = lines * layer->out_channels;
    double bytes = kpu_layer_weight_bytes(layer, eight_bit);
    /* The fits of 1x1 layers leave no room for a first weight load, the ones of 3x3 layers need it. */
    double first_load = kpu_layer_kernel(layer) == 3 ? 0.14 * bytes : 0;
    double compute = 3300 + 1.02 * rows * groups + 3.0 * groups * layer->out_channels + 1.34 * rows + first_load;
    double fetch = bytes / 2.9;
    return (uint64_t)(fetch > compute ? fetch : compute);
}

kpu_norm_t kpu_norm_at(const uint8_t *table, int channel)
{
    uint64_t word = load_u64(table + (size_t)channel * KPU_NORM_BYTES);
    return (kpu_norm_t){.mul = (int32_t)signed_field(word, 0, 24),
                        .add = (int32_t)signed_field(word, 24, 32),
                        .shift = field(word, 56, 4)};
}

void kpu_segments(const uint8_t *table, kpu_segment_t segments[KPU_SEGMENTS])
{
    for (int i = 0; i < KPU_SEGMENTS; i++) {
        uint64_t word = load_u64(table + 8 * i);
        segments[i] = (kpu_segment_t){.start = signed_field(word, 24, 36),
                                      .mul = (int32_t)signed_field(word, 8, 16),
                                      .shift = field(word, 0, 8),
                                      .bias = table[8 * KPU_SEGMENTS + i]};
    }
}

void kpu_map_store(const kpu_map_t *map, uint8_t *ai_ram, const uint8_t *planar, int channels, int height, int width)
{
    for (int channel = 0; channel < channels; channel++) {
        for (int line = 0; line < height; line++, planar += width) {
            uint32_t address = kpu_map_line(map, channel, line);
            uint32_t room = KPU_AI_RAM_BYTES - address;
            uint32_t first = (uint32_t)width < room ? (uint32_t)width : room;
            memcpy(ai_ram + address, planar, first);
            memcpy(ai_ram, planar + first, (uint32_t)width - first);
        }
    }
}
