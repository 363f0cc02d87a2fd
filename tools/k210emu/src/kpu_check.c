/* Everything about a layer that is outside the specification, said in sentences. */
#include "kpu_layer.h"

typedef struct {
    kpu_say_t *say;
    void *opaque;
} out_t;

__attribute__((format(printf, 2, 3))) static void say(const out_t *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    out->say(out->opaque, format, arguments);
    va_end(arguments);
}

static void check_unknown_fields(const kpu_layer_t *layer, const out_t *out)
{
    if (kpu_layer_kernel(layer) == 0) {
        say(out, "kernel_type %u has no known meaning (0 is 1x1, 1 is 3x3): no output", layer->kernel_type);
    }
    if (layer->pool_type > 9) {
        say(out, "pool_type %u has no known meaning (0..9): no output", layer->pool_type);
    }
    if (layer->pad_type) {
        say(out, "pad_type 1 has no known meaning: padded with pad_value");
    }
    if (layer->first_stride) {
        say(out, "first_stride is not modelled: the whole map is used");
    }
    if (layer->bypass_conv) {
        say(out, "bypass_conv does not work on silicon: the convolution is computed");
    }
    if (!layer->load_norm || !layer->load_weights) {
        say(out, "load_para %d, load_coor %d: the KPU cannot skip either, both are loaded", layer->load_norm,
            layer->load_weights);
    }
    if (!layer->load_activation) {
        say(out, "load_act 0: the output is all zero");
    }
    if (layer->column_offset || layer->row_offset) {
        say(out, "kernel_offset %u, %u has no known meaning: ignored", layer->column_offset, layer->row_offset);
    }
    if (layer->full_add) {
        say(out, "full_add: what the KPU sums is not known; the model streams the sum of each output channel's bytes");
    }
}

static void check_map(const char *name, const kpu_map_t *map, int channels, int height, int width, const out_t *out)
{
    unsigned group = width <= 16 ? 4 : width <= 32 ? 2 : 1;
    uint32_t lines = (uint32_t)(width + 63) / 64;
    if (map->group != 1 && map->group != 2 && map->group != 4) {
        say(out, "%s map: %u channels per row, must be 1, 2 or 4: 1 is used", name, map->group);
    } else if (map->group > group) {
        say(out, "%s map: %u channels per row do not fit width %d (at most %u)", name, map->group, width, group);
    }
    if (map->row_switch < lines || map->channel_switch < map->row_switch * (uint32_t)height) {
        say(out, "%s map: row switch %u, channel switch %u overlap lines of a %dx%d map", name, map->row_switch,
            map->channel_switch, width, height);
    }
    uint32_t last_group = ((uint32_t)channels - 1) >> kpu_map_group_log2(map);
    uint32_t last = map->row + last_group * map->channel_switch + ((uint32_t)height - 1) * map->row_switch + lines;
    if (last > KPU_AI_RAM_BYTES / 64) {
        say(out, "%s map: ends at row %u, AI RAM has %u: wraps", name, last, KPU_AI_RAM_BYTES / 64);
    }
}

static void check_shape(const kpu_layer_t *layer, const out_t *out)
{
    int width, height;
    if (layer->in_width < 4 || layer->in_width > 512 || layer->in_height < 4 || layer->in_height > 256) {
        say(out, "input %dx%d is outside 4x4..512x256", layer->in_width, layer->in_height);
    }
    if (kpu_layer_pooled(layer, &width, &height)) {
        if (width != layer->out_width || height != layer->out_height) {
            say(out, "output is %dx%d by the pool code, the words say %dx%d: the former is used", width, height,
                layer->out_width, layer->out_height);
        }
        if (width < 4 || height < 4) {
            say(out, "output %dx%d is smaller than 4x4", width, height);
        }
        check_map("output", &layer->out, layer->out_channels, height, width, out);
    }
    check_map("input", &layer->in, layer->in_channels, layer->in_height, layer->in_width, out);
    if (layer->depthwise && layer->out_channels != layer->in_channels) {
        say(out, "depthwise layer with %d input and %d output channels", layer->in_channels, layer->out_channels);
    }
    if (layer->depthwise && layer->pool_type != 0) {
        say(out, "depthwise layer with pool_type %u: must be 0", layer->pool_type);
    }
}

/* Rows [first, first + count) that a map occupies, ignoring wrap. */
static uint32_t rows_of(const kpu_map_t *map, int channels)
{
    return ((((uint32_t)channels - 1) >> kpu_map_group_log2(map)) + 1) * map->channel_switch;
}

static void check_overlap(const kpu_layer_t *layer, const out_t *out)
{
    uint32_t in_end = layer->in.row + rows_of(&layer->in, layer->in_channels);
    uint32_t out_end = layer->out.row + rows_of(&layer->out, layer->out_channels);
    if (layer->in.row < out_end && layer->out.row < in_end) {
        say(out, "input rows %u..%u and output rows %u..%u overlap: the input is read whole before the output is written",
            layer->in.row, in_end - 1, layer->out.row, out_end - 1);
    }
}

static void check_weights(const kpu_layer_t *layer, bool eight_bit, const out_t *out)
{
    uint32_t channel = kpu_layer_weight_bytes(layer, eight_bit) / (uint32_t)layer->out_channels;
    uint32_t load = channel * (uint32_t)layer->channels_per_load;
    int loads = (layer->out_channels + layer->channels_per_load - 1) / layer->channels_per_load;
    uint32_t limit = eight_bit ? 30720 : 61440;
    if (layer->load_bytes != load || layer->weight_loads != loads) {
        say(out, "%d weight loads of %u bytes; %d channels, %d at a time, are %d loads of %u: weights are read in one piece",
            layer->weight_loads, layer->load_bytes, layer->out_channels, layer->channels_per_load, loads, load);
    }
    if (layer->weight_loads > 1 && layer->load_bytes % 8) {
        say(out, "weight loads of %u bytes: must be a multiple of 8 when there are several", layer->load_bytes);
    }
    if (layer->load_bytes > limit) {
        say(out, "weight load of %u bytes: at most %u fit the weight buffer", layer->load_bytes, limit);
    }
    if (layer->weight_address % 8 || layer->norm_address % 8) {
        say(out, "weights at 0x%08x, batch norm table at 0x%08x: must be aligned to 8 bytes", layer->weight_address,
            layer->norm_address);
    }
    if (layer->activation_address % 256) {
        say(out, "activation table at 0x%08x: must be aligned to 256 bytes", layer->activation_address);
    }
}

static void check_stream(const kpu_layer_t *layer, const out_t *out)
{
    int width, height;
    if (!layer->send_data_out || layer->full_add || !kpu_layer_pooled(layer, &width, &height)) {
        return;
    }
    uint64_t plane = (uint64_t)width * (uint64_t)height, total = plane * (uint64_t)layer->out_channels;
    if (plane > 65536) {
        say(out, "streamed plane of %llu bytes: channel_byte_num holds at most 65536", (unsigned long long)plane);
    }
    if (layer->stream_channel_bytes != ((plane - 1) & 0xffff) + 1 || layer->stream_bytes != total) {
        say(out, "stream of %llu bytes, %u per channel; the output has %llu, %llu per channel: the latter is streamed",
            (unsigned long long)layer->stream_bytes, layer->stream_channel_bytes, (unsigned long long)total,
            (unsigned long long)plane);
    }
}

static void check_activation(const uint8_t *activation, const out_t *out)
{
    kpu_segment_t segments[KPU_SEGMENTS];
    kpu_segments(activation, segments);
    if (segments[0].start != -(1ll << 35)) {
        say(out, "activation table starts at %lld, must start at -2^35: smaller values use segment 0",
            (long long)segments[0].start);
    }
}

void kpu_layer_check(const kpu_layer_t *layer, bool eight_bit, const uint8_t *activation, kpu_say_t *sink,
                     void *opaque)
{
    const out_t out = {sink, opaque};
    check_unknown_fields(layer, &out);
    check_shape(layer, &out);
    check_overlap(layer, &out);
    check_weights(layer, eight_bit, &out);
    check_stream(layer, &out);
    if (activation) {
        check_activation(activation, &out);
    }
}
