// Decoding, checking and rebuilding KPU layer records.

#include "kpu_layer.h"

// The weight buffer (spec kpu.md 6.2). 8-bit weights: the last load must end in its first half (erratum).
#define BUFFER_BYTES 73728u
#define LOAD_BYTES 61440u // of one load: what vendor compilers keep; half of it for 8-bit weights
#define MAX_LOADS 64u

static uint32_t bits(uint64_t word, unsigned low, unsigned count)
{
    return (uint32_t)(word >> low) & ((1u << count) - 1);
}

uint64_t kmodel_kpu_rows(uint32_t w, uint32_t h, uint32_t c)
{
    uint32_t group = kmodel_kpu_group(w);
    return (uint64_t)kmodel_kpu_line(w) * h * ((c + group - 1ull) / group);
}

static uint32_t pool_stride(uint32_t pool)
{
    static const uint8_t stride[] = {1, 2, 2, 4, 4, 2, 2, 4, 1, 1};
    return stride[pool];
}

// In the buffer 8 weights of a 1x1 kernel take the place of 9.
static bool fits_buffer(const kmodel_kpu_layer_t *layer, uint32_t bytes, uint32_t weight)
{
    uint32_t occupied = layer->kernel == 1 ? (bytes + 7) / 8 * 9 : bytes;
    return weight == 1 ? occupied < BUFFER_BYTES / 2 : occupied <= BUFFER_BYTES;
}

// The stored number of channels per load when it is one the KPU can run, else the one compilers use. 0 when none fits.
static uint32_t choose_load(const kmodel_kpu_layer_t *layer, uint32_t stored, uint32_t channel_bytes, uint32_t weight)
{
    uint32_t oc = layer->oc;
    if (layer->depthwise) {
        return oc; // at most 18432 bytes
    }
    uint32_t size = stored * channel_bytes, loads = (oc + stored - 1) / stored;
    if (stored <= oc && fits_buffer(layer, size, weight) && loads <= MAX_LOADS && (loads == 1 || size % 8 == 0)) {
        return stored;
    }
    uint32_t n = LOAD_BYTES / (weight == 1 ? 2 : 1) / channel_bytes;
    if (n >= oc) {
        return oc;
    }
    // A load that is not the only one must be a multiple of 8 bytes (spec kpu.md 6.2).
    while (n && n * channel_bytes % 8) {
        n--;
    }
    return n && (oc + n - 1) / n <= MAX_LOADS ? n : 0;
}

static int check_size(kmodel_prep_t *prep, const kmodel_kpu_layer_t *layer)
{
    uint32_t stride = pool_stride(layer->pool);
    uint32_t ow = layer->w / stride, oh = layer->h / stride;
    if (ow == 0 || oh == 0 || layer->ow != ow || layer->oh != oh) {
        return kmodel_reject(prep, "output %ux%u, pool code %u makes %ux%u of input %ux%u", (unsigned)layer->ow,
                             (unsigned)layer->oh, (unsigned)layer->pool, (unsigned)ow, (unsigned)oh, (unsigned)layer->w,
                             (unsigned)layer->h);
    }
    // The row pitch has 4 bits.
    if (kmodel_kpu_line(layer->w) > 15) {
        return kmodel_reject(prep, "width %u, the KPU takes up to 960", (unsigned)layer->w);
    }
    return 0;
}

int kmodel_kpu_decode(kmodel_prep_t *prep, const uint64_t stored[12], kmodel_kpu_layer_t *layer)
{
    uint32_t kernel_type = bits(stored[4], 0, 3);
    *layer = (kmodel_kpu_layer_t){
        .src = bits(stored[1], 0, 15),
        .dst = bits(stored[1], 32, 15),
        .w = bits(stored[3], 0, 10) + 1,
        .h = bits(stored[3], 10, 9) + 1,
        .c = bits(stored[2], 0, 10) + 1,
        .ow = bits(stored[3], 32, 10) + 1,
        .oh = bits(stored[3], 42, 9) + 1,
        .oc = bits(stored[2], 32, 10) + 1,
        .kernel = kernel_type ? 3 : 1,
        .pool = bits(stored[4], 4, 4),
        .depthwise = bits(stored[0], 3, 1),
    };
    if (kernel_type > 1) {
        return kmodel_reject(prep, "kernel type %u, must be 0 (1x1) or 1 (3x3)", (unsigned)kernel_type);
    }
    if (layer->pool > 9) {
        return kmodel_reject(prep, "pool code %u, must be 0 to 9", (unsigned)layer->pool);
    }
    if (layer->depthwise && layer->c != layer->oc) {
        return kmodel_reject(prep, "depthwise with %u input and %u output channels", (unsigned)layer->c,
                             (unsigned)layer->oc);
    }
    int rc = check_size(prep, layer);
    if (rc) {
        return rc;
    }
    uint32_t weight = prep->model->eight_bit_weights ? 1 : 2;
    uint32_t channel_bytes = layer->kernel * layer->kernel * (layer->depthwise ? 1 : layer->c) * weight;
    layer->weight_bytes = channel_bytes * layer->oc;
    layer->oc_per_load = choose_load(layer, bits(stored[2], 48, 10) + 1, channel_bytes, weight);
    if (layer->oc_per_load == 0) {
        return kmodel_reject(prep, "%u bytes of weights per channel, %u channels: needs more than %u loads",
                             (unsigned)channel_bytes, (unsigned)layer->oc, MAX_LOADS);
    }
    layer->loads = (layer->oc + layer->oc_per_load - 1) / layer->oc_per_load;
    layer->load_bytes = layer->oc_per_load * channel_bytes;
    if ((rc = kmodel_in_kpu(prep, &prep->in[0], layer->src, layer->w, layer->h, layer->c))) {
        return rc;
    }
    rc = kmodel_in_kpu(prep, &prep->map, layer->dst, layer->ow, layer->oh, layer->oc);
    prep->out = prep->map;
    return rc;
}

void kmodel_kpu_encode(const kmodel_kpu_layer_t *l, const uint64_t stored[12], uint32_t weights, uint32_t bn,
                       uint32_t activation, uint64_t record[12])
{
    uint64_t group = kmodel_kpu_group(l->w), line = kmodel_kpu_line(l->w);
    uint64_t out_group = kmodel_kpu_group(l->ow), out_line = kmodel_kpu_line(l->ow);
    uint64_t plane = (uint64_t)l->ow * l->oh;
    uint64_t pad_value = stored[4] >> 24 & 0xff;

    record[0] = (uint64_t)l->depthwise << 3;
    record[1] = l->src | (uint64_t)l->dst << 32;
    record[2] = (l->c - 1) | (uint64_t)(l->oc - 1) << 32 | (uint64_t)(l->oc_per_load - 1) << 48;
    record[3] = (l->w - 1) | (l->h - 1) << 10 | (uint64_t)(l->ow - 1) << 32 | (uint64_t)(l->oh - 1) << 42;
    // load_para, bursts of 16 beats
    record[4] = (l->kernel == 3) | l->pool << 4 | 1u << 10 | 15u << 16 | pad_value << 24 | (uint64_t)bn << 32;
    // load_coor
    record[5] = 1 | (l->loads - 1) << 1 | (uint64_t)l->load_bytes << 15 | (uint64_t)weights << 32;
    record[6] = 0;
    // load_act
    record[7] = line * l->h | line << 16 | group << 28 | 1ull << 31 | (uint64_t)activation << 32;
    record[8] = out_line * l->oh | out_line << 16 | out_group << 20;
    record[9] = stored[9] & 0xffffffffffffffu;
    record[10] = stored[10] & 0xffffffffffu;
    record[11] = ((plane - 1) & 0xffff) << 16 | (plane * l->oc - 1) << 32;
}

uint64_t kmodel_kpu_cycles(const uint64_t record[12])
{
    uint32_t w = bits(record[3], 0, 10) + 1, h = bits(record[3], 10, 9) + 1;
    uint64_t oc = bits(record[2], 32, 10) + 1, group = kmodel_kpu_group(w);
    uint64_t groups = (bits(record[2], 0, 10) + group) / group;
    uint64_t lines = (uint64_t)h * kmodel_kpu_line(w);
    if (bits(record[0], 3, 1)) {
        return 5800 + lines * groups * 19 / 10;
    }
    uint64_t load_bytes = bits(record[5], 15, 17), loads = bits(record[5], 1, 6) + 1;
    uint64_t fetch = load_bytes * loads * 10 / 29;
    uint64_t compute = 3300 + lines * oc * groups * 102 / 100 + groups * oc * 3 + lines * oc * 134 / 100 +
                       load_bytes * 14 / 100;
    return fetch > compute ? fetch : compute;
}

kmodel_tensor_t kmodel_kpu_output(const uint64_t record[12])
{
    return (kmodel_tensor_t){
        .space = KMODEL_KPU,
        .address = bits(record[1], 32, 15),
        .w = bits(record[3], 32, 10) + 1,
        .h = bits(record[3], 42, 9) + 1,
        .c = bits(record[2], 32, 10) + 1,
        .n = 1,
    };
}
