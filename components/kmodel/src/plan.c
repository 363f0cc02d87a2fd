// From decoded nodes to a model that can run: every layer checked, KPU records built, input and shapes found.

#include "kpu_layer.h"
#include "ops.h"
#include "v4.h"

int kmodel_alloc_index(kmodel_t *m, uint32_t nodes, uint64_t records, uint32_t inputs, uint32_t outputs,
                       kmodel_error_t *error)
{
    uint64_t bytes = records * 96u + nodes * sizeof(kmodel_node_t) +
                     ((uint64_t)inputs + outputs) * sizeof(kmodel_tensor_t);
    m->index = bytes > UINT32_MAX ? NULL : m->env.alloc(m->env.ctx, 8, (size_t)bytes);
    if (!m->index) {
        return kmodel_fail(error, KMODEL_ERR_MEMORY, "no %llu bytes for %u layers", (unsigned long long)bytes,
                           (unsigned)nodes);
    }
    m->index_bytes = (uint32_t)bytes;
    m->records = m->index;
    m->nodes = (kmodel_node_t *)(void *)(m->records + records);
    m->inputs = (kmodel_tensor_t *)(void *)(m->nodes + nodes);
    m->outputs = m->inputs + inputs;
    m->node_count = m->run_count = nodes;
    m->record_count = (uint32_t)records;
    m->input_count = inputs;
    m->output_count = outputs;
    return 0;
}

int kmodel_prepare(const kmodel_t *m, uint32_t index, kmodel_prep_t *prep)
{
    const kmodel_node_t *node = &m->nodes[index];
    prep->model = m;
    prep->node = node;
    prep->index = index;
    prep->field = (const uint32_t *)(const void *)(m->file + node->body);
    prep->present = node->body < m->available ? m->available - node->body : 0;
    memset(prep->in, 0, sizeof(prep->in));
    memset(&prep->out, 0, sizeof(prep->out));
    memset(&prep->map, 0, sizeof(prep->map));
    int rc = kmodel_body(prep, node->op->fixed);
    rc = rc ? rc : node->op->prepare(prep);
    return rc || m->version != 4 ? rc : kmodel_v4_overlap(prep);
}

void kmodel_use_rows(kmodel_t *m, const kmodel_tensor_t *t)
{
    if (t->space == KMODEL_KPU && t->bytes) {
        uint32_t end = t->address + t->n * (uint32_t)kmodel_kpu_rows(t->w, t->h, t->c);
        m->kpu_low = t->address < m->kpu_low ? t->address : m->kpu_low;
        m->kpu_high = end > m->kpu_high ? end : m->kpu_high;
    }
}

int kmodel_plan(kmodel_t *m, kmodel_error_t *error)
{
    uint32_t records = 0;
    m->kpu_low = KMODEL_KPU_ROWS;
    for (uint32_t i = 0; i < m->node_count; i++) {
        kmodel_node_t *node = &m->nodes[i];
        kmodel_prep_t prep = {.error = error, .record = m->records + records};
        int rc = kmodel_prepare(m, i, &prep);
        if (rc) {
            return rc;
        }
        node->record = records;
        node->records = prep.records;
        node->cpu_after = prep.cpu_after;
        records += prep.records;
        kmodel_use_rows(m, &prep.in[0]);
        kmodel_use_rows(m, &prep.out);
        kmodel_use_rows(m, &prep.map);
    }
    return 0;
}

// The last of the first `nodes` nodes whose output is (address, space); fills prep with it.
static bool find_writer(const kmodel_t *m, uint32_t *nodes, const kmodel_tensor_t *t, kmodel_prep_t *prep)
{
    while (*nodes) {
        --*nodes;
        if (kmodel_prepare(m, *nodes, prep) == 0 && prep->out.space == t->space && prep->out.address == t->address) {
            return true;
        }
    }
    return false;
}

static void infer(const kmodel_t *m, uint32_t nodes, kmodel_tensor_t *t, bool nested);

static void take_shape(kmodel_tensor_t *t, const kmodel_tensor_t *from)
{
    t->w = from->w;
    t->h = from->h;
    t->c = from->c;
    t->n = from->n;
}

// No node writes `want`: it may be an input.
static void take_input_shape(const kmodel_t *m, const kmodel_tensor_t *want, kmodel_tensor_t *t)
{
    for (uint32_t i = 0; i < m->input_count; i++) {
        const kmodel_tensor_t *in = &m->inputs[i];
        if (in->space == want->space && in->address == want->address && in->bytes == want->bytes) {
            take_shape(t, in);
        }
    }
}

// What the parts of a concatenation tell; the parts of its parts are not looked at.
static void take_joined_shape(const kmodel_t *m, uint32_t nodes, const kmodel_prep_t *prep, kmodel_tensor_t *t,
                              bool nested)
{
    kmodel_tensor_t part = prep->in[0];
    if (!nested) {
        infer(m, nodes, &part, true);
    }
    kmodel_v4_joined_shape(prep->field, &part, t);
}

static void infer(const kmodel_t *m, uint32_t nodes, kmodel_tensor_t *t, bool nested)
{
    kmodel_tensor_t want = *t;
    for (bool first = true;; first = false) {
        kmodel_prep_t prep = {0};
        if (!find_writer(m, &nodes, &want, &prep)) {
            take_input_shape(m, &want, t);
            return;
        }
        uint32_t elements = prep.out.bytes >> (prep.out.type == KMODEL_F32 ? 2 : 0);
        if (first && m->version == 3) { // V4 tells it
            t->type = prep.out.type;
        }
        // A layer that does not keep the number of elements ends the search.
        if (elements != t->bytes >> (t->type == KMODEL_F32 ? 2 : 0)) {
            return;
        }
        if (prep.out.w) {
            take_shape(t, &prep.out);
            return;
        }
        if (prep.node->op == &kmodel_v4_concat) {
            take_joined_shape(m, nodes, &prep, t, nested);
            return;
        }
        want = prep.in[0];
    }
}

void kmodel_infer(const kmodel_t *m, uint32_t nodes, kmodel_tensor_t *t)
{
    infer(m, nodes, t, false);
}
