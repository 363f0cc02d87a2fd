// Running a model. Everything but the input was checked when it was loaded.

#include "kpu_layer.h"
#include "ops.h"

static uint64_t now(const kmodel_t *m)
{
    return m->env.clock ? m->env.clock(m->env.ctx) : 0;
}

static const char *type_name(kmodel_type_t type)
{
    static const char names[][4] = {"u8", "f32", "i8", "i32", "i64"};
    return names[type];
}

static int check_input(const kmodel_tensor_t *t, const kmodel_input_t *in, kmodel_error_t *error)
{
    uint32_t count = t->bytes / kmodel_type_bytes(t->type);
    if (in->type != t->type) {
        return kmodel_fail(error, KMODEL_ERR_SIZE, "input is %s, the model takes %s (%u elements)", type_name(in->type),
                           type_name(t->type), (unsigned)count);
    }
    if (in->w && t->w && (in->w != t->w || in->h != t->h || in->c != t->c) && !kmodel_v5_takes_image(t, in)) {
        return kmodel_fail(error, KMODEL_ERR_SIZE,
                           "input is %ux%ux%u, the model takes %ux%ux%u (width, height, channels)", (unsigned)in->w,
                           (unsigned)in->h, (unsigned)in->c, (unsigned)t->w, (unsigned)t->h, (unsigned)t->c);
    }
    if (in->count != count) {
        return kmodel_fail(error, KMODEL_ERR_SIZE, "input has %u elements, the model takes %u", (unsigned)in->count,
                           (unsigned)count);
    }
    return 0;
}

static void place_input(kmodel_t *m, const kmodel_tensor_t *t, const kmodel_input_t *in)
{
    if (t->space == KMODEL_KPU) {
        kmodel_kpu_upload_images(m, t, in->data);
    } else {
        memmove(m->main + t->address, in->data, t->bytes);
    }
}

static const uint32_t *fields(const kmodel_t *m, const kmodel_node_t *node)
{
    return (const uint32_t *)(const void *)(m->file + node->body);
}

// Nodes of the KPU from `first` on between which the CPU has nothing to do: the KPU then never waits for it.
static uint32_t queue_length(const kmodel_t *m, uint32_t first)
{
    uint32_t n = 1;
    while (first + n < m->run_count && m->nodes[first + n].records && !m->nodes[first + n - 1].cpu_after) {
        n++;
    }
    return n;
}

int kmodel_run_records(kmodel_t *m, uint32_t first, uint32_t count)
{
    const uint64_t(*records)[12] = (const uint64_t(*)[12])(m->records + first);
    uint64_t cycles = 0;
    for (uint32_t i = 0; i < count; i++) {
        cycles += kmodel_kpu_cycles(records[i]);
    }
    uint64_t start = now(m);
    int rc = m->env.kpu->run(m->env.kpu->ctx, records, count, cycles, m->eight_bit_weights);
    m->stats.kpu += now(m) - start;
    m->stats.kpu_expected += cycles;
    m->stats.kpu_calls++;
    return rc;
}

static int stop(const kmodel_t *m, uint32_t first, uint32_t count, int rc, kmodel_error_t *error)
{
    if (rc == KMODEL_HOOK_INTERRUPTED) {
        return kmodel_fail(error, KMODEL_ERR_INTERRUPTED, "interrupted at layer %u of %u", (unsigned)first,
                           (unsigned)m->run_count);
    }
    return kmodel_fail(error, KMODEL_ERR_RUN, "layers %u to %u: the KPU %s", (unsigned)first,
                       (unsigned)(first + count - 1),
                       rc == KMODEL_HOOK_TIMEOUT ? "did not finish in ten times the expected time" : "failed");
}

static int run_nodes(kmodel_t *m, kmodel_error_t *error)
{
    for (uint32_t i = 0; i < m->run_count;) {
        uint32_t count = 1;
        int rc = kmodel_poll(m) ? KMODEL_HOOK_INTERRUPTED : 0;
        if (!rc && m->nodes[i].records) {
            count = queue_length(m, i);
            const kmodel_node_t *end = &m->nodes[i + count - 1];
            rc = kmodel_run_records(m, m->nodes[i].record, end->record + end->records - m->nodes[i].record);
        }
        const kmodel_node_t *last = &m->nodes[i + count - 1];
        if (!rc) {
            rc = last->op->eval(m, fields(m, last));
        }
        if (rc) {
            return stop(m, i, count, rc, error);
        }
        i += count;
    }
    return 0;
}

static void fetch_tap(const kmodel_t *m)
{
    kmodel_tensor_t t;
    if (m->tap && kmodel_output_info(m, 0, &t) == 0) {
        kmodel_kpu_download_images(m, &t, m->tap);
    }
}

int kmodel_run_inputs(kmodel_t *m, const kmodel_input_t *inputs, uint32_t count, kmodel_error_t *error)
{
    *error = (kmodel_error_t){0};
    int rc = 0;
    if (count != m->input_count) {
        return kmodel_fail(error, KMODEL_ERR_SIZE, "%u inputs given, the model takes %u", (unsigned)count,
                           (unsigned)m->input_count);
    }
    for (uint32_t i = 0; i < count && !rc; i++) {
        rc = check_input(&m->inputs[i], &inputs[i], error);
    }
    if (rc) {
        return rc;
    }
    uint64_t start = now(m);
    m->stats = (kmodel_stats_t){0};
    for (uint32_t i = 0; i < count && !m->v5; i++) {
        place_input(m, &m->inputs[i], &inputs[i]);
    }
    rc = m->v5 ? kmodel_v5_run(m, inputs, error) : run_nodes(m, error);
    if (!rc) {
        fetch_tap(m);
    }
    m->stats.total = now(m) - start;
    return rc;
}

int kmodel_run(kmodel_t *m, const kmodel_input_t *input, kmodel_error_t *error)
{
    return kmodel_run_inputs(m, input, 1, error);
}
