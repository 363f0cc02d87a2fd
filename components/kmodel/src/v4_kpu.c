// V4: the operations of the KPU (spec kmodel.md 4.5).

#include "v4.h"

#define ACTIVATION_BYTES 144u

// kpu_upload: ranges in, out, shape of in.
enum { OUT = 4, SHAPE = 8 };

static int prepare_upload(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_v4_shaped(prep, &prep->in[0], f, KMODEL_U8, f + SHAPE);
    return rc ? rc : kmodel_v4_in_kpu(prep, &prep->out, f + OUT, f + SHAPE);
}

static int eval_upload(kmodel_t *m, const uint32_t *f)
{
    kmodel_tensor_t t = {.address = kmodel_v4_range(f + OUT)->start / 64,
                         .n = f[SHAPE], .c = f[SHAPE + 1], .h = f[SHAPE + 2], .w = f[SHAPE + 3]};
    kmodel_kpu_upload_images(m, &t, kmodel_v4_data(m, f));
    return 0;
}

// kpu_conv2d: range of the output in main memory, images, reserved, layer words, tables.
enum { BATCHES = 4, RECORD = 6 };

// The tables follow the record, each behind as many bytes as the record's field for its address says; file offsets.
typedef struct {
    uint32_t bn, activation, weights;
} tables_t;

static int find_tables(kmodel_prep_t *prep, const uint64_t stored[12], const kmodel_kpu_layer_t *layer, tables_t *t)
{
    uint64_t skip_bn = stored[4] >> 32, skip_activation = stored[7] >> 32, skip_weights = stored[5] >> 32;
    uint64_t bn = 120 + skip_bn;
    uint64_t activation = bn + 8ull * layer->oc + skip_activation;
    uint64_t weights = activation + ACTIVATION_BYTES + skip_weights;
    int rc = kmodel_body(prep, weights + layer->weight_bytes);
    if (rc) {
        return rc;
    }
    uint32_t body = prep->node->body;
    *t = (tables_t){body + (uint32_t)bn, body + (uint32_t)activation, body + (uint32_t)weights};
    if (t->bn % 8 || t->weights % 8 || t->activation % 256) {
        return kmodel_reject(prep,
                             "tables at file offsets %u (batch norm), %u (activation), %u (weights), must be multiples "
                             "of 8, 256 and 8",
                             (unsigned)t->bn, (unsigned)t->activation, (unsigned)t->weights);
    }
    return 0;
}

static uint32_t bus(const kmodel_t *m, uint32_t offset)
{
    return m->env.kpu->bus_address(m->env.kpu->ctx, m->file + offset);
}

static void publish(const kmodel_t *m, uint32_t offset, uint32_t bytes)
{
    const kmodel_kpu_t *kpu = m->env.kpu;
    if (kpu->publish) {
        kpu->publish(kpu->ctx, m->file + offset, (bytes + 7) & ~7u);
    }
}

// One record for each image.
static void build(kmodel_prep_t *prep, kmodel_kpu_layer_t *layer, const uint64_t stored[12], const tables_t *t)
{
    const kmodel_t *m = prep->model;
    uint32_t in_rows = (uint32_t)kmodel_kpu_rows(layer->w, layer->h, layer->c);
    uint32_t out_rows = (uint32_t)kmodel_kpu_rows(layer->ow, layer->oh, layer->oc);
    for (uint32_t i = 0; i < prep->records; i++, layer->src += in_rows, layer->dst += out_rows) {
        kmodel_kpu_encode(layer, stored, bus(m, t->weights), bus(m, t->bn), bus(m, t->activation), prep->record[i]);
    }
    publish(m, t->weights, layer->weight_bytes);
    publish(m, t->bn, 8 * layer->oc);
    publish(m, t->activation, ACTIVATION_BYTES);
}

static int prepare_conv(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    uint64_t stored[12];
    kmodel_kpu_layer_t layer;
    tables_t tables;
    memcpy(stored, f + RECORD, sizeof(stored));
    int rc = kmodel_kpu_decode(prep, stored, &layer);
    rc = rc ? rc : find_tables(prep, stored, &layer, &tables);
    if (rc) {
        return rc;
    }
    uint32_t batches = f[BATCHES];
    if (batches == 0 || batches > KMODEL_KPU_ROWS) {
        return kmodel_reject(prep, "%d images, must be 1 to %u", (int)batches, KMODEL_KPU_ROWS);
    }
    rc = kmodel_v4_images(prep, &prep->in[0], batches, 64 * KMODEL_KPU_ROWS);
    rc = rc ? rc : kmodel_v4_images(prep, &prep->map, batches, 64 * KMODEL_KPU_ROWS);
    prep->out = prep->map;
    prep->cpu_after = kmodel_v4_range(f)->size > 0;
    if (!rc && prep->cpu_after) {
        uint32_t shape[] = {batches, layer.oc, layer.oh, layer.ow};
        rc = kmodel_v4_shaped(prep, &prep->out, f, KMODEL_U8, shape);
    }
    if (rc) {
        return rc;
    }
    prep->records = (uint16_t)batches;
    if (prep->layer) {
        prep->layer->depthwise = layer.depthwise;
        prep->layer->kernel_type = layer.kernel == 3;
        prep->layer->pool_type = layer.pool;
        prep->layer->para_size = layer.load_bytes;
        prep->layer->main_output = prep->cpu_after;
    }
    if (prep->record) {
        build(prep, &layer, stored, &tables);
    }
    return 0;
}

// Behind the KPU: all images in main memory, where they are wanted.
static int eval_conv(kmodel_t *m, const uint32_t *f)
{
    if (kmodel_v4_range(f)->size) {
        uint64_t stored[12];
        memcpy(stored, f + RECORD, sizeof(stored));
        kmodel_tensor_t map = kmodel_kpu_output(stored);
        map.n = f[BATCHES];
        kmodel_kpu_download_images(m, &map, kmodel_v4_data(m, f));
    }
    return 0;
}

const kmodel_op_t kmodel_v4_kpu_upload = {0x2001, 48, "kpu_upload", prepare_upload, eval_upload};
const kmodel_op_t kmodel_v4_kpu_conv2d = {KMODEL_V4_KPU_CONV2D, 120, "kpu_conv2d", prepare_conv, eval_conv};
