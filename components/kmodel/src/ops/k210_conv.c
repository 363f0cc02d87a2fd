// K210_CONV: convolution, batch norm, activation and pooling on the KPU. Successive layers are queued in one call
// (run.c); here they are checked and their records built.

#include "../kpu_layer.h"
#include "../ops.h"

enum { FLAGS, MAIN_OUT, RECORD, WEIGHTS, BN, ACTIVATION };

#define MAIN_MEM_OUT 1u
#define RECORD_BYTES 96u
#define ACTIVATION_BYTES 144u

// A table named by its absolute file offset: behind the headers, inside the file, aligned for use in place.
static int check_table(kmodel_prep_t *prep, const char *what, uint32_t offset, uint64_t bytes, uint32_t align)
{
    const kmodel_t *m = prep->model;
    uint32_t first = m->nodes[0].body;
    if (offset % align) {
        return kmodel_reject(prep, "%s at file offset %u, must be a multiple of %u", what, (unsigned)offset,
                             (unsigned)align);
    }
    if (offset < first) {
        return kmodel_reject(prep, "%s at file offset %u lie in the header (%u bytes)", what, (unsigned)offset,
                             (unsigned)first);
    }
    if (offset + bytes > m->available) {
        return kmodel_reject(prep, "%s at file offset %u + %llu bytes end outside the file (%u bytes)", what,
                             (unsigned)offset, (unsigned long long)bytes, (unsigned)m->available);
    }
    return 0;
}

static void publish(const kmodel_t *m, uint32_t offset, uint32_t bytes)
{
    const kmodel_kpu_t *kpu = m->env.kpu;
    if (kpu->publish) {
        kpu->publish(kpu->ctx, m->file + offset, (bytes + 7) & ~7u);
    }
}

static uint32_t bus(const kmodel_t *m, uint32_t offset)
{
    return m->env.kpu->bus_address(m->env.kpu->ctx, m->file + offset);
}

static void describe(kmodel_layer_t *out, const kmodel_kpu_layer_t *layer, bool main_output)
{
    out->depthwise = layer->depthwise;
    out->kernel_type = layer->kernel == 3;
    out->pool_type = layer->pool;
    out->para_size = layer->load_bytes;
    out->main_output = main_output;
}

static int prepare(kmodel_prep_t *prep)
{
    const kmodel_t *m = prep->model;
    const uint32_t *f = prep->field;
    uint64_t stored[12];
    kmodel_kpu_layer_t layer;
    int rc = check_table(prep, "layer words", f[RECORD], RECORD_BYTES, 4);
    if (rc) {
        return rc;
    }
    memcpy(stored, m->file + f[RECORD], RECORD_BYTES);
    rc = kmodel_kpu_decode(prep, stored, &layer);
    rc = rc ? rc : check_table(prep, "weights", f[WEIGHTS], layer.weight_bytes, 8);
    rc = rc ? rc : check_table(prep, "batch norm", f[BN], 8 * layer.oc, 8);
    rc = rc ? rc : check_table(prep, "activation", f[ACTIVATION], ACTIVATION_BYTES, 256);
    bool main_output = f[FLAGS] & MAIN_MEM_OUT;
    if (!rc && main_output) {
        rc = kmodel_shaped(prep, &prep->out, KMODEL_U8, f[MAIN_OUT], layer.ow, layer.oh, layer.oc);
    }
    if (rc) {
        return rc;
    }
    prep->records = 1;
    prep->cpu_after = main_output;
    if (prep->layer) {
        describe(prep->layer, &layer, main_output);
    }
    if (prep->record) {
        kmodel_kpu_encode(&layer, stored, bus(m, f[WEIGHTS]), bus(m, f[BN]), bus(m, f[ACTIVATION]), prep->record[0]);
        publish(m, f[WEIGHTS], layer.weight_bytes);
        publish(m, f[BN], 8 * layer.oc);
        publish(m, f[ACTIVATION], ACTIVATION_BYTES);
    }
    return 0;
}

// Behind the KPU: the result in main memory, where it is wanted.
static int eval(kmodel_t *m, const uint32_t *f)
{
    if (f[FLAGS] & MAIN_MEM_OUT) {
        uint64_t stored[12];
        memcpy(stored, m->file + f[RECORD], RECORD_BYTES);
        kmodel_tensor_t map = kmodel_kpu_output(stored);
        kmodel_kpu_download_images(m, &map, kmodel_u8_at(m, f[MAIN_OUT]));
    }
    return 0;
}

const kmodel_op_t kmodel_v3_k210_conv = {10240, 24, "K210_CONV", prepare, eval};
