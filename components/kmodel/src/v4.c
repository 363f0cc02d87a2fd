// kmodel V4 (spec kmodel.md 4): header 40 | inputs 16 + 16 each | outputs 16 each | constants | node headers 8 each |
// bodies.

#include "v4.h"

#define HEADER_BYTES 40u
#define INPUT_BYTES 32u
#define RANGE_BYTES 16u
#define NODE_BYTES 8u

enum { MAGIC, VERSION, FLAGS, TARGET, CONSTANTS, MAIN_MEM, NODES, INPUTS, OUTPUTS }; // words of the header

static const kmodel_op_t *const ops[] = {
    &kmodel_v4_binary,
    &kmodel_v4_concat,
    &kmodel_v4_conv2d,
    &kmodel_v4_dequantize,
    &kmodel_v4_matmul,
    &kmodel_v4_pad,
    &kmodel_v4_quantize,
    &kmodel_v4_reduce,
    &kmodel_v4_reduce_window2d,
    &kmodel_v4_memory_copy,
    &kmodel_v4_resize_image,
    &kmodel_v4_softmax,
    &kmodel_v4_transpose,
    &kmodel_v4_strided_slice,
    &kmodel_v4_unary,
    &kmodel_v4_quantized_conv2d,
    &kmodel_v4_quantized_matmul,
    &kmodel_v4_quantized_binary,
    &kmodel_v4_table_lookup1d,
    &kmodel_v4_conv2d_transpose,
    &kmodel_v4_nnil,
    &kmodel_v4_kpu_upload,
    &kmodel_v4_kpu_conv2d,
};

static const kmodel_op_t *find_op(uint32_t code)
{
    for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (ops[i]->type == code) {
            return ops[i];
        }
    }
    return NULL;
}

static int check_count(const char *what, uint32_t count, uint32_t limit, kmodel_error_t *error)
{
    if (count == 0 || count > limit) {
        return kmodel_fail(error, KMODEL_ERR_FORMAT, "%u %s, must be 1 to %u", (unsigned)count, what, (unsigned)limit);
    }
    return 0;
}

static int check_header(const uint32_t *header, kmodel_error_t *error)
{
    if (header[TARGET] != 1) {
        return kmodel_fail(error, KMODEL_ERR_VERSION, "kmodel V4 for target %u; only 1 (K210) can be run",
                           (unsigned)header[TARGET]);
    }
    int rc = check_count("nodes", header[NODES], KMODEL_MAX_LAYERS, error);
    rc = rc ? rc : check_count("inputs", header[INPUTS], KMODEL_MAX_INPUTS, error);
    rc = rc ? rc : check_count("outputs", header[OUTPUTS], KMODEL_MAX_OUTPUTS, error);
    if (!rc && header[CONSTANTS] % 4) {
        return kmodel_fail(error, KMODEL_ERR_FORMAT, "%u bytes of constants, must be a multiple of 4",
                           (unsigned)header[CONSTANTS]);
    }
    return rc;
}

static int read_nodes(kmodel_t *m, const uint32_t *headers, uint32_t count, uint32_t at, kmodel_error_t *error)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t code = headers[2 * i], size = headers[2 * i + 1];
        const kmodel_op_t *op = find_op(code);
        if (!op && code >= 0x1001 && code <= 0x1005) {
            return kmodel_fail(error, KMODEL_ERR_NOT_IMPLEMENTED,
                               "layer %u has operation 0x%x, which is not for the K210 (NHWC)", (unsigned)i,
                               (unsigned)code);
        }
        if (!op) {
            return kmodel_fail(error, KMODEL_ERR_FORMAT, "layer %u has operation 0x%x, which kmodel V4 does not know",
                               (unsigned)i, (unsigned)code);
        }
        if (at % 4) {
            return kmodel_fail(error, KMODEL_ERR_FORMAT, "layer %u (%s): body at file offset %u is not a multiple of 4",
                               (unsigned)i, op->name, (unsigned)at);
        }
        m->nodes[i] = (kmodel_node_t){.op = op, .body = at, .body_size = size};
        at += size;
    }
    return 0;
}

// One for each image of each kpu_conv2d; what lies outside the file is refused later.
static uint64_t count_records(const kmodel_t *m, const uint32_t *headers, uint32_t count, uint64_t at)
{
    uint64_t records = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (headers[2 * i] == KMODEL_V4_KPU_CONV2D && at % 4 == 0 && at + 20 <= m->available) {
            uint32_t batches = kmodel_words_at(m, (uint32_t)at)[4];
            records += batches <= KMODEL_KPU_ROWS ? batches : 0;
        }
        at += headers[2 * i + 1];
    }
    return records;
}

// Graph inputs and outputs are described like operands of a node, which the errors name.
static const kmodel_op_t graph_input = {.name = "input"}, graph_output = {.name = "output"};

static int add_input(kmodel_t *m, uint32_t index, const uint32_t *range, const uint32_t *shape, kmodel_error_t *error)
{
    const kmodel_node_t node = {.op = &graph_input};
    const kmodel_v4_range_t *r = kmodel_v4_range(range);
    kmodel_prep_t prep = {.model = m, .node = &node, .index = index, .error = error};
    kmodel_tensor_t *t = &m->inputs[index];
    uint32_t size = 0;
    *t = (kmodel_tensor_t){0};
    int rc = kmodel_v4_check_range(&prep, "range", r);
    if (!rc && r->memory == KMODEL_V4_CONSTANT) {
        return kmodel_reject(&prep, "in constant memory");
    }
    if (!rc && r->memory == KMODEL_V4_MAIN) {
        rc = kmodel_v4_shaped(&prep, t, range, KMODEL_V4_ANY, shape);
        size = t->bytes;
    } else if (!rc) {
        rc = kmodel_v4_in_kpu(&prep, t, range, shape);
        size = 64 * (uint32_t)kmodel_kpu_rows(t->w, t->h, t->c) * t->n;
    }
    if (!rc && r->size != size) {
        return kmodel_reject(&prep, "range of %u bytes for shape %ux%ux%ux%u, which takes %u", (unsigned)r->size,
                             (unsigned)shape[0], (unsigned)shape[1], (unsigned)shape[2], (unsigned)shape[3],
                             (unsigned)size);
    }
    kmodel_use_rows(m, t);
    return rc;
}

static int add_output(kmodel_t *m, uint32_t index, const uint32_t *range, kmodel_error_t *error)
{
    const kmodel_node_t node = {.op = &graph_output};
    kmodel_prep_t prep = {.model = m, .node = &node, .index = index, .error = error};
    int rc = kmodel_v4_flat(&prep, &prep.out, range, KMODEL_V4_ANY);
    if (!rc) {
        m->outputs[index] = prep.out;
        kmodel_infer(m, m->node_count, &m->outputs[index]);
    }
    return rc;
}

int kmodel_v4_load(kmodel_t *m, const kmodel_source_t *source, kmodel_error_t *error)
{
    uint32_t header[HEADER_BYTES / 4];
    if (source->size < HEADER_BYTES) {
        return kmodel_fail(error, KMODEL_ERR_FORMAT, "truncated: %llu bytes, a kmodel V4 has more than %u",
                           (unsigned long long)source->size, HEADER_BYTES);
    }
    int rc = kmodel_read(&m->env, source, m->word_swapped, 0, header, HEADER_BYTES, error);
    rc = rc ? rc : check_header(header, error);
    if (rc) {
        return rc;
    }
    uint32_t inputs = header[INPUTS], outputs = header[OUTPUTS], nodes = header[NODES];
    uint64_t constants = HEADER_BYTES + INPUT_BYTES * inputs + RANGE_BYTES * outputs;
    uint64_t table = constants + header[CONSTANTS];
    m->eight_bit_weights = true;
    m->main_bytes = header[MAIN_MEM];
    m->constant_bytes = header[CONSTANTS];
    m->kpu_low = KMODEL_KPU_ROWS;
    rc = kmodel_measure(m, source, table, nodes, error);
    rc = rc ? rc : kmodel_read_file(m, source, error);
    if (rc) {
        return rc;
    }
    uint32_t body = (uint32_t)table + NODE_BYTES * nodes;
    const uint32_t *headers = kmodel_words_at(m, (uint32_t)table);
    m->constants = m->file + constants;
    rc = kmodel_alloc_index(m, nodes, count_records(m, headers, nodes, body), inputs, outputs, error);
    rc = rc ? rc : read_nodes(m, headers, nodes, body, error);
    const uint32_t *ranges = kmodel_words_at(m, HEADER_BYTES), *shapes = ranges + 4 * inputs, *out = shapes + 4 * inputs;
    for (uint32_t i = 0; i < inputs && !rc; i++) {
        rc = add_input(m, i, ranges + 4 * i, shapes + 4 * i, error);
    }
    rc = rc ? rc : kmodel_plan(m, error);
    for (uint32_t i = 0; i < outputs && !rc; i++) {
        rc = add_output(m, i, out + 4 * i, error);
    }
    return rc;
}
