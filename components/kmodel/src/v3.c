// kmodel V3 (spec kmodel.md 3): header 28 | outputs 8 each | layer headers 8 each | bodies.

#include "ops.h"

#define HEADER_BYTES 28u
#define ENTRY_BYTES 8u // of the output table and of the layer headers

enum { VERSION, FLAGS, ARCH, LAYERS, MAX_START, MAIN_MEM, OUTPUTS }; // words of the header

static const kmodel_op_t *const ops[] = {
    &kmodel_v3_add,
    &kmodel_v3_quantized_add,
    &kmodel_v3_global_average_pool2d,
    &kmodel_v3_max_pool2d,
    &kmodel_v3_quantized_max_pool2d,
    &kmodel_v3_average_pool2d,
    &kmodel_v3_quantize,
    &kmodel_v3_dequantize,
    &kmodel_v3_requantize,
    &kmodel_v3_l2_normalization,
    &kmodel_v3_softmax,
    &kmodel_v3_concat,
    &kmodel_v3_quantized_concat,
    &kmodel_v3_fully_connected,
    &kmodel_v3_flatten,
    &kmodel_v3_resize,
    &kmodel_v3_quantized_resize,
    &kmodel_v3_channelwise_dequantize,
    &kmodel_v3_logistic,
    &kmodel_v3_k210_conv,
    &kmodel_v3_add_padding,
    &kmodel_v3_remove_padding,
    &kmodel_v3_upload,
};

// Kinds that have a number but no layout: no compiler release wrote them.
static const struct {
    uint8_t type;
    const char *name;
} never_written[] = {
    {0, "INVALID"},
    {3, "GLOBAL_MAX_POOL2D"},
    {4, "QUANTIZED_GLOBAL_MAX_POOL2D"},
    {6, "QUANTIZED_GLOBAL_AVERAGE_POOL2D"},
    {10, "QUANTIZED_AVERAGE_POOL2D"},
    {19, "QUANTIZED_FULLY_CONNECTED"},
    {21, "QUANTIZED_TENSORFLOW_FLATTEN"},
};

const kmodel_op_t *kmodel_v3_op(uint32_t type)
{
    for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (ops[i]->type == type) {
            return ops[i];
        }
    }
    return NULL;
}

const char *kmodel_v3_name(uint32_t type)
{
    const kmodel_op_t *op = kmodel_v3_op(type);
    for (unsigned i = 0; !op && i < sizeof(never_written) / sizeof(never_written[0]); i++) {
        if (never_written[i].type == type) {
            return never_written[i].name;
        }
    }
    return op ? op->name : NULL;
}

static int check_header(const uint32_t *header, kmodel_error_t *error)
{
    if (header[LAYERS] == 0 || header[LAYERS] > KMODEL_MAX_LAYERS) {
        return kmodel_fail(error, KMODEL_ERR_FORMAT, "%u layers, must be 1 to %u", (unsigned)header[LAYERS],
                           KMODEL_MAX_LAYERS);
    }
    if (header[OUTPUTS] == 0 || header[OUTPUTS] > KMODEL_MAX_OUTPUTS) {
        return kmodel_fail(error, KMODEL_ERR_FORMAT, "%u outputs, must be 1 to %u", (unsigned)header[OUTPUTS],
                           KMODEL_MAX_OUTPUTS);
    }
    return 0;
}

// Types and positions of all layers.
static int index_layers(kmodel_t *m, const uint32_t *headers, kmodel_error_t *error)
{
    uint32_t at = HEADER_BYTES + ENTRY_BYTES * (m->output_count + m->node_count);
    for (uint32_t i = 0; i < m->node_count; i++) {
        uint32_t type = headers[2 * i], size = headers[2 * i + 1];
        kmodel_node_t *node = &m->nodes[i];
        const char *name = kmodel_v3_name(type);
        *node = (kmodel_node_t){.op = kmodel_v3_op(type), .body = at, .body_size = size};
        if (!name) {
            return kmodel_fail(error, KMODEL_ERR_FORMAT, "layer %u has type %u, which kmodel V3 does not know",
                               (unsigned)i, (unsigned)type);
        }
        if (!node->op) {
            return kmodel_fail(error, KMODEL_ERR_NOT_IMPLEMENTED, "layer %u (%s): no compiler release writes this kind",
                               (unsigned)i, name);
        }
        if (at % 4) {
            return kmodel_fail(error, KMODEL_ERR_FORMAT, "layer %u (%s): body at file offset %u is not a multiple of 4",
                               (unsigned)i, name, (unsigned)at);
        }
        at += size;
    }
    return 0;
}

static int check_outputs(kmodel_t *m, const uint32_t *entries, kmodel_error_t *error)
{
    for (uint32_t i = 0; i < m->output_count; i++) {
        uint32_t address = entries[2 * i], size = entries[2 * i + 1];
        kmodel_tensor_t *t = &m->outputs[i];
        *t = (kmodel_tensor_t){.address = address, .bytes = size, .type = KMODEL_F32};
        if (size == 0 || (uint64_t)address + size > m->main_bytes) {
            return kmodel_fail(error, KMODEL_ERR_FORMAT,
                               "output %u: %u + %u bytes, must be above 0 and inside main memory (%u bytes)",
                               (unsigned)i, (unsigned)address, (unsigned)size, (unsigned)m->main_bytes);
        }
        kmodel_infer(m, m->node_count, t);
        if (t->type == KMODEL_F32 && (size % 4 || address % 4)) {
            return kmodel_fail(error, KMODEL_ERR_FORMAT, "output %u: address %u and size %u must be multiples of 4",
                               (unsigned)i, (unsigned)address, (unsigned)size);
        }
    }
    return 0;
}

static uint32_t count_records(const uint32_t *headers, uint32_t layers)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < layers; i++) {
        n += headers[2 * i] == kmodel_v3_k210_conv.type; // one record each
    }
    return n;
}

int kmodel_v3_load(kmodel_t *m, const kmodel_source_t *source, kmodel_error_t *error)
{
    uint32_t header[HEADER_BYTES / 4];
    int rc = kmodel_read(&m->env, source, m->word_swapped, 0, header, HEADER_BYTES, error);
    rc = rc ? rc : check_header(header, error);
    if (rc) {
        return rc;
    }
    m->eight_bit_weights = header[FLAGS] & 1;
    m->main_bytes = header[MAIN_MEM];
    rc = kmodel_measure(m, source, HEADER_BYTES + ENTRY_BYTES * header[OUTPUTS], header[LAYERS], error);
    rc = rc ? rc : kmodel_read_file(m, source, error);
    if (rc) {
        return rc;
    }
    const uint32_t *outputs = kmodel_words_at(m, HEADER_BYTES);
    const uint32_t *headers = kmodel_words_at(m, HEADER_BYTES + ENTRY_BYTES * header[OUTPUTS]);
    rc = kmodel_alloc_index(m, header[LAYERS], count_records(headers, header[LAYERS]), 1, header[OUTPUTS],
                            error);
    rc = rc ? rc : index_layers(m, headers, error);
    rc = rc ? rc : kmodel_plan(m, error);
    if (rc) {
        return rc;
    }
    // The input is that of the first layer.
    kmodel_prep_t prep = {0};
    kmodel_prepare(m, 0, &prep);
    m->inputs[0] = prep.in[0];
    return check_outputs(m, outputs, error);
}
