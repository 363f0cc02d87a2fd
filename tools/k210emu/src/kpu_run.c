#include "kpu_run.h"

#include "kpu_fast.h"
#include "kpu_reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool kpu_run(const kpu_layer_t *layer, const kpu_parameters_t *parameters, uint8_t *ai_ram, kpu_profile_t profile,
             kpu_path_t path, kpu_output_t *output, unsigned *events)
{
    int width, height;
    *events = 0;
    *output = (kpu_output_t){0};
    if (!kpu_layer_pooled(layer, &width, &height) || !kpu_layer_kernel(layer) || width == 0 || height == 0) {
        return true;
    }
    output->size = (size_t)layer->out_channels * (size_t)width * (size_t)height;
    output->bytes = calloc(output->size, 1);
    if (!output->bytes) {
        return false;
    }
    if (layer->load_activation
        && !(path == KPU_FAST ? kpu_fast_run : kpu_reference_run)(layer, parameters, ai_ram, profile, output->bytes,
                                                                  events)) {
        free(output->bytes);
        *output = (kpu_output_t){0};
        return false;
    }
    if (!layer->full_add) {
        kpu_map_store(&layer->out, ai_ram, output->bytes, layer->out_channels, height, width);
    }
    return true;
}

typedef struct {
    const uint8_t *bytes;
    uint32_t base, size;
} memory_t;

static const uint8_t *at(const memory_t *memory, uint32_t address, uint32_t length)
{
    uint32_t offset = address - memory->base;
    return offset <= memory->size && length <= memory->size - offset ? memory->bytes + offset : NULL;
}

int kpu_run_layer(const uint64_t words[KPU_WORDS], uint8_t ai_ram[KPU_AI_RAM_BYTES], const uint8_t *memory,
                  uint32_t memory_base, uint32_t memory_size, int eight_bit, int profile, int path)
{
    kpu_layer_t layer;
    kpu_output_t output;
    unsigned events;
    const memory_t ram = {memory, memory_base, memory_size};
    kpu_layer_decode(&layer, words);
    kpu_parameters_t parameters = {
        .weights = at(&ram, layer.weight_address, kpu_layer_weight_bytes(&layer, eight_bit)),
        .norm = at(&ram, layer.norm_address, (uint32_t)layer.out_channels * KPU_NORM_BYTES),
        .activation = at(&ram, layer.activation_address, KPU_ACTIVATION_BYTES),
        .eight_bit = eight_bit};
    if (!parameters.weights || !parameters.norm || !parameters.activation) {
        return -1;
    }
    if (!kpu_run(&layer, &parameters, ai_ram, (kpu_profile_t)profile, (kpu_path_t)path, &output, &events)) {
        return -2;
    }
    free(output.bytes);
    return (int)events;
}

typedef struct {
    char *text;
    size_t left;
} text_t;

static void append_line(void *opaque, const char *format, va_list arguments)
{
    text_t *text = opaque;
    int length = vsnprintf(text->text, text->left, format, arguments);
    if (length < 0 || (size_t)length + 2 > text->left) {
        text->text[0] = 0;
        text->left = 1;
        return;
    }
    memcpy(text->text + length, "\n", 2);
    text->text += length + 1;
    text->left -= (size_t)length + 1;
}

uint64_t kpu_describe_layer(const uint64_t words[KPU_WORDS], int eight_bit, char *text, size_t size)
{
    kpu_layer_t layer;
    text_t out = {text, size};
    kpu_layer_decode(&layer, words);
    if (size) {
        text[0] = 0;
        kpu_layer_check(&layer, eight_bit, NULL, append_line, &out);
    }
    return kpu_layer_clocks(&layer, eight_bit);
}
