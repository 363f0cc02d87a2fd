/* One KPU layer: the twelve words decoded, the parameter tables, addresses in AI RAM (spec kpu.md 3, 4, 6). */
#ifndef K210EMU_KPU_LAYER_H
#define K210EMU_KPU_LAYER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KPU_WORDS 12
#define KPU_AI_RAM_BYTES 0x200000u
#define KPU_NORM_BYTES 8
#define KPU_SEGMENTS 16
#define KPU_ACTIVATION_BYTES 144

/* Where a feature map lies: rows of 64 bytes (spec kpu.md 4.1). */
typedef struct {
    uint32_t row;            /* first row */
    uint32_t channel_switch; /* rows from one channel group to the next */
    uint32_t row_switch;     /* rows from one line to the next */
    unsigned group;          /* channels per row as written: 1, 2 or 4 */
} kpu_map_t;

typedef struct {
    bool int_en, ram_flag, full_add, depthwise;
    kpu_map_t in, out;
    int in_channels, out_channels, channels_per_load;
    int in_width, in_height;
    int out_width, out_height;       /* as written; kpu_layer_pooled() gives what the data path produces */
    unsigned kernel_type, pool_type; /* kernel 0 = 1x1, 1 = 3x3 */
    bool pad_type, first_stride, bypass_conv, load_norm, load_weights, load_activation;
    unsigned dma_burst;
    uint8_t pad_value;
    uint32_t norm_address, weight_address, activation_address;
    int weight_loads;
    uint32_t load_bytes;
    unsigned column_offset, row_offset, coef_size;
    unsigned shift_w, shift_x;
    int32_t arg_w, arg_x;
    int64_t arg_add;
    bool send_data_out;
    uint32_t stream_channel_bytes;
    uint64_t stream_bytes; /* one more than a 32-bit field holds */
} kpu_layer_t;

typedef struct {
    int32_t mul, add;
    unsigned shift;
} kpu_norm_t;

typedef struct {
    int64_t start;
    int32_t mul;
    unsigned shift;
    int bias;
} kpu_segment_t;

/* Host addresses of the tables of one layer. */
typedef struct {
    const uint8_t *weights, *norm, *activation;
    bool eight_bit; /* weights of 8 bits, else of 16 */
} kpu_parameters_t;

/* Choice of segment and rounding in the activation (spec kpu.md 5.3, 5.4): A takes v >= start, B and T v > start;
 * T truncates. */
typedef enum { KPU_PROFILE_A = 'A', KPU_PROFILE_B = 'B', KPU_PROFILE_TRUNCATE = 'T' } kpu_profile_t;

/* What a run met outside the specified arithmetic. */
#define KPU_EVENT_U_RANGE 1u    /* a convolution result left s36 */
#define KPU_EVENT_V_RANGE 2u    /* a batch norm result left s36 */
#define KPU_EVENT_NO_SEGMENT 4u /* a value lay below every segment: segment 0 was used */

void kpu_layer_decode(kpu_layer_t *layer, const uint64_t words[KPU_WORDS]);

/* 1 or 3; 0 for a kernel type without meaning. */
int kpu_layer_kernel(const kpu_layer_t *layer);
/* Size of the output map by the pool code (spec kpu.md 5.5); false for codes without meaning. */
bool kpu_layer_pooled(const kpu_layer_t *layer, int *width, int *height);
/* Bytes of all weights, without the tail of a partial last load. */
uint32_t kpu_layer_weight_bytes(const kpu_layer_t *layer, bool eight_bit);
/* KPU clocks that the layer takes (spec kpu.md 8.2). */
uint64_t kpu_layer_clocks(const kpu_layer_t *layer, bool eight_bit);

kpu_norm_t kpu_norm_at(const uint8_t *table, int channel);
void kpu_segments(const uint8_t *table, kpu_segment_t segments[KPU_SEGMENTS]);

/* Channels per row that addressing uses, as a power of two: of the field, or 1 where the field has no meaning. */
static inline unsigned kpu_map_group_log2(const kpu_map_t *map)
{
    return map->group == 4 ? 2 : map->group == 2 ? 1 : 0;
}

/* Byte address in AI RAM of pixel 0 of a line, wrapped to 2 MiB. */
static inline uint32_t kpu_map_line(const kpu_map_t *map, int channel, int line)
{
    unsigned group = kpu_map_group_log2(map);
    uint32_t row = map->row + ((uint32_t)channel >> group) * map->channel_switch + (uint32_t)line * map->row_switch;
    uint32_t lane = (uint32_t)channel & ((1u << group) - 1);
    return (row * 64 + lane * (64u >> group)) % KPU_AI_RAM_BYTES;
}

/* Writes a packed planar map [channels][height][width] to where `map` says, in that order. */
void kpu_map_store(const kpu_map_t *map, uint8_t *ai_ram, const uint8_t *planar, int channels, int height, int width);

typedef void kpu_say_t(void *opaque, const char *format, va_list arguments);

/* Says everything about the layer that is outside the specification, one sentence each (spec kpu.md 6, 9, 13).
 * `activation` is its table or NULL. */
void kpu_layer_check(const kpu_layer_t *layer, bool eight_bit, const uint8_t *activation, kpu_say_t *say,
                     void *opaque);

#endif
