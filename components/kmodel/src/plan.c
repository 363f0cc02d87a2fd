// From decoded nodes to a model that can run: every layer checked, KPU records built, input and shapes found.

#include "kpu_layer.h"
#include "ops.h"

int kmodel_alloc_index(kmodel_t *m, uint32_t nodes, uint32_t records, uint32_t outputs, kmodel_error_t *error)
{
    uint32_t bytes = records * 96u + nodes * (uint32_t)sizeof(kmodel_node_t) +
                     outputs * (uint32_t)sizeof(kmodel_tensor_t);
    m->index = m->env.alloc(m->env.ctx, 8, bytes);
    if (!m->index) {
        return kmodel_fail(error, KMODEL_ERR_MEMORY, "no %u bytes for %u layers", (unsigned)bytes, (unsigned)nodes);
    }
    m->index_bytes = bytes;
    m->records = m->index;
    m->nodes = (kmodel_node_t *)(void *)(m->records + records);
    m->outputs = (kmodel_tensor_t *)(void *)(m->nodes + nodes);
    m->node_count = m->run_count = nodes;
    m->record_count = records;
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
    return rc ? rc : node->op->prepare(prep);
}

void kmodel_use_rows(kmodel_t *m, const kmodel_tensor_t *t)
{
    if (t->space == KMODEL_KPU && t->bytes) {
        uint32_t end = t->address + (uint32_t)kmodel_kpu_rows(t->w, t->h, t->c);
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
        if (i == 0) {
            m->input = prep.in[0];
        }
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

void kmodel_infer(const kmodel_t *m, uint32_t nodes, kmodel_tensor_t *t)
{
    kmodel_tensor_t want = *t;
    for (bool first = true;; first = false) {
        kmodel_prep_t prep = {0};
        if (!find_writer(m, &nodes, &want, &prep)) {
            return;
        }
        uint32_t elements = prep.out.bytes >> (prep.out.type == KMODEL_F32 ? 2 : 0);
        if (first) {
            t->type = prep.out.type;
        }
        // A layer that does not keep the number of elements ends the search.
        if (elements != t->bytes >> (t->type == KMODEL_F32 ? 2 : 0)) {
            return;
        }
        if (prep.out.w) {
            t->w = prep.out.w;
            t->h = prep.out.h;
            t->c = prep.out.c;
            return;
        }
        want = prep.in[0];
    }
}
