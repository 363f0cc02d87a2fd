// Loading, freeing and questions about a model.

#include "kpu_layer.h"
#include "ops.h"

static int alloc_main(kmodel_t *m, kmodel_error_t *error)
{
    // Rows of words are written up to 7 bytes behind a tensor's end (spec kmodel.md 2.4).
    uint64_t bytes = m->main_bytes + 8ull;
    m->main = bytes > SIZE_MAX || bytes > UINT32_MAX ? NULL : m->env.alloc(m->env.ctx, 8, (size_t)bytes);
    if (!m->main) {
        return kmodel_fail(error, KMODEL_ERR_MEMORY,
                           "no %llu bytes in one piece for the work memory (the model takes %u)",
                           (unsigned long long)bytes, (unsigned)m->length);
    }
    // No model needs it, but a run must not depend on what was there before.
    memset(m->main, 0, (size_t)bytes);
    return 0;
}

static int load(kmodel_t *m, const kmodel_source_t *source, kmodel_error_t *error)
{
    uint8_t head[KMODEL_HEAD_BYTES];
    if (source->size < sizeof(head)) {
        return kmodel_fail(error, KMODEL_ERR_FORMAT, "truncated: %llu bytes, a model has more than %u",
                           (unsigned long long)source->size, KMODEL_HEAD_BYTES);
    }
    int rc = kmodel_read(&m->env, source, false, 0, head, sizeof(head), error);
    rc = rc ? rc : kmodel_identify(head, source->size, &m->version, &m->word_swapped, error);
    rc = rc ? rc : (m->version == 5   ? kmodel_v5_load
                    : m->version == 4 ? kmodel_v4_load
                                      : kmodel_v3_load)(m, source, error);
    return rc ? rc : alloc_main(m, error);
}

kmodel_t *kmodel_load(const kmodel_env_t *env, const kmodel_source_t *source, kmodel_error_t *error)
{
    *error = (kmodel_error_t){0};
    kmodel_t *m = env->alloc(env->ctx, 8, sizeof(*m));
    if (!m) {
        kmodel_fail(error, KMODEL_ERR_MEMORY, "no %u bytes for the model's description", (unsigned)sizeof(*m));
        return NULL;
    }
    memset(m, 0, sizeof(*m));
    m->env = *env;
    if (load(m, source, error)) {
        kmodel_free(m);
        return NULL;
    }
    return m;
}

static void release(const kmodel_env_t *env, void *p)
{
    if (p) {
        env->free(env->ctx, p);
    }
}

void kmodel_free(kmodel_t *m)
{
    if (!m) {
        return;
    }
    kmodel_env_t env = m->env;
    kmodel_v5_free(m);
    release(&env, m->tap);
    release(&env, m->main);
    release(&env, m->index);
    release(&env, m->file);
    release(&env, m);
}

void kmodel_info(const kmodel_t *m, kmodel_info_t *info)
{
    *info = (kmodel_info_t){
        .version = m->version,
        .layers = m->node_count,
        .run_layers = m->run_count,
        .inputs = m->input_count,
        .outputs = m->output_count,
        .file_bytes = m->length,
        .main_bytes = m->main_bytes,
        .index_bytes = m->index_bytes,
        .kpu_rows = m->kpu_high > m->kpu_low ? m->kpu_high - m->kpu_low : 0,
        .kpu_layers = m->record_count,
        .word_swapped = m->word_swapped,
    };
}

void kmodel_input_info(const kmodel_t *m, kmodel_tensor_t *input)
{
    *input = m->inputs[0];
}

int kmodel_input_at(const kmodel_t *m, uint32_t index, kmodel_tensor_t *input)
{
    if (index >= m->input_count) {
        return KMODEL_ERR_INDEX;
    }
    *input = m->inputs[index];
    return 0;
}

// What a run of the first `nodes` nodes leaves.
static void result_of(const kmodel_t *m, uint32_t nodes, kmodel_tensor_t *t)
{
    kmodel_prep_t prep = {0};
    kmodel_prepare(m, nodes - 1, &prep);
    *t = prep.out;
    if (!t->w) {
        kmodel_infer(m, nodes, t);
    }
}

int kmodel_output_info(const kmodel_t *m, uint32_t index, kmodel_tensor_t *output)
{
    bool partial = m->run_count < m->node_count;
    if (index >= (partial ? 1 : m->output_count)) {
        return KMODEL_ERR_INDEX;
    }
    if (partial) {
        result_of(m, m->run_count, output);
    } else {
        *output = m->outputs[index];
    }
    output->data = output->space == KMODEL_MAIN ? m->main + output->address : m->tap;
    return 0;
}

int kmodel_set_output_shape(kmodel_t *m, uint32_t index, uint32_t w, uint32_t h, uint32_t c, kmodel_error_t *error)
{
    *error = (kmodel_error_t){0};
    if (index >= m->output_count) {
        return kmodel_fail(error, KMODEL_ERR_INDEX, "output %u, the model has %u", (unsigned)index,
                           (unsigned)m->output_count);
    }
    kmodel_tensor_t *t = &m->outputs[index];
    uint32_t elements = t->bytes / kmodel_type_bytes(t->type);
    if (kmodel_volume(w, h, c) != elements) {
        return kmodel_fail(error, KMODEL_ERR_SIZE, "%ux%ux%u (w, h, c) for output %u, which has %u elements (%ux%ux%u)",
                           (unsigned)w, (unsigned)h, (unsigned)c, (unsigned)index, (unsigned)elements, (unsigned)t->w,
                           (unsigned)t->h, (unsigned)t->c);
    }
    t->w = w;
    t->h = h;
    t->c = c;
    t->n = 1;
    return 0;
}

int kmodel_layer_info(const kmodel_t *m, uint32_t index, kmodel_layer_t *layer)
{
    if (index >= m->node_count) {
        return KMODEL_ERR_INDEX;
    }
    if (m->v5) {
        *layer = (kmodel_layer_t){0};
        return kmodel_v5_layer_info(m, index, layer);
    }
    const kmodel_node_t *node = &m->nodes[index];
    kmodel_prep_t prep = {.layer = layer};
    *layer = (kmodel_layer_t){.type = node->op->type, .name = node->op->name, .body_size = node->body_size};
    kmodel_prepare(m, index, &prep);
    layer->in = prep.in[0];
    layer->out = prep.out;
    layer->wi = prep.in[0].w;
    layer->hi = prep.in[0].h;
    layer->ci = prep.in[0].c;
    layer->wo = prep.out.w;
    layer->ho = prep.out.h;
    layer->co = prep.out.c;
    return 0;
}

int kmodel_set_layers(kmodel_t *m, uint32_t count, kmodel_error_t *error)
{
    *error = (kmodel_error_t){0};
    if (count > m->node_count) {
        return kmodel_fail(error, KMODEL_ERR_INDEX, "%u layers, the model has %u", (unsigned)count,
                           (unsigned)m->node_count);
    }
    if (m->v5 && count && count < m->node_count) {
        return kmodel_fail(error, KMODEL_ERR_NOT_IMPLEMENTED, "a kmodel V5 cannot be stopped between its operations");
    }
    uint8_t *tap = NULL;
    if (count && count < m->node_count) {
        kmodel_tensor_t t;
        result_of(m, count, &t);
        if (t.space == KMODEL_KPU && !(tap = m->env.alloc(m->env.ctx, 8, t.bytes))) {
            return kmodel_fail(error, KMODEL_ERR_MEMORY, "no %u bytes for the result of layer %u", (unsigned)t.bytes,
                               (unsigned)count - 1);
        }
    }
    release(&m->env, m->tap);
    m->tap = tap;
    m->run_count = count ? count : m->node_count;
    return 0;
}

void kmodel_stats(const kmodel_t *m, kmodel_stats_t *stats)
{
    *stats = m->stats;
}
