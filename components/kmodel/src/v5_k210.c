// Functions of k210 modules (spec kmodel.md 5.8): uploads, convolutions, downloads and copies.

#include "kpu_layer.h"
#include "v5_ops.h"

enum { UPLOAD, DOWNLOAD, CONV2D, COPY, KINDS };

static const uint8_t record_bytes[KINDS] = {44, 44, 152, 76};
static const kmodel_op_t kinds[KINDS] = {
    {.type = UPLOAD, .name = "kpu_upload"},
    {.type = DOWNLOAD, .name = "kpu_download"},
    {.type = CONV2D, .name = "kpu_conv2d"},
    {.type = COPY, .name = "copy"},
};

// Offsets in a record.
#define WEIGHTS 4u
#define BN 16u
#define ACTIVATION 28u
#define MAIN_OUT 40u
#define BATCHES 52u
#define WORDS 56u
#define WORDS_BYTES 96u
#define ACTIVATION_BYTES 144u
#define IN 4u // of the other kinds
#define OUT 16u
#define SHAPE 28u
#define STRIDES 44u

// A record while it is checked or carried out.
typedef struct {
    kmodel_v5_call_t *call;
    kmodel_prep_t prep;
    uint32_t at; // file offset
    uint32_t kind;
    uint32_t record;         // first KPU record
    uint32_t queued, queue;  // KPU records that wait to be run, from `queue` on
} step_t;

// A range of memory. data is NULL while it is not known.
typedef struct {
    uint8_t *data;
    uint32_t location, type, start, size;
    uint32_t room; // bytes from start to the end of its memory
    bool writable;
} range_t;

static uint32_t word(const step_t *s, uint32_t offset)
{
    return kmodel_v5_word(s->call->model, s->at + offset);
}

static int find_argument(step_t *s, range_t *r)
{
    const kmodel_v5_function_t *f = s->call->function;
    bool in = r->location == V5_INPUT;
    const kmodel_v5_param_t *p = s->call->model->v5->param + f->param + (in ? 0 : f->inputs);
    for (uint32_t i = 0; i < (in ? f->inputs : f->outputs); i++) {
        if (p[i].start == r->start) {
            r->data = in ? s->call->input[i] : s->call->output[i];
            r->room = p[i].size;
            if (r->size > p[i].size) {
                return kmodel_reject(&s->prep, "%u bytes of %s %u, which has %u", (unsigned)r->size,
                                     in ? "input" : "output", (unsigned)i, (unsigned)p[i].size);
            }
            return 0;
        }
    }
    return kmodel_reject(&s->prep, "no %s begins at %u", in ? "input" : "output", (unsigned)r->start);
}

static int read_range(step_t *s, uint32_t offset, range_t *r)
{
    const kmodel_t *m = s->call->model;
    const kmodel_v5_module_t *module = &m->v5->module[s->call->function->module];
    uint32_t head = word(s, offset), limit;
    *r = (range_t){.location = head & 0xff, .type = head >> 8 & 0xff, .start = word(s, offset + 4),
                   .size = word(s, offset + 8)};
    if (r->type >= V5_TYPES) {
        return kmodel_reject(&s->prep, "datatype %u, must be below %u", (unsigned)r->type, V5_TYPES);
    }
    r->writable = r->location == V5_OUTPUT || r->location == V5_DATA || r->location == V5_KPU_RAM;
    switch (r->location) {
    case V5_INPUT:
    case V5_OUTPUT: return find_argument(s, r);
    case V5_RDATA:
        limit = module->rdata_bytes;
        r->data = m->file + module->rdata;
        break;
    case V5_DATA:
        limit = module->data_bytes;
        r->data = s->call->run ? m->main + module->data : NULL;
        break;
    case V5_KPU_RAM:
        limit = 64 * KMODEL_KPU_ROWS;
        r->data = m->env.kpu->ai_ram;
        break;
    default: return kmodel_reject(&s->prep, "range in memory location %u", (unsigned)r->location);
    }
    if ((uint64_t)r->start + r->size > limit) {
        return kmodel_reject(&s->prep, "range %u + %u ends outside its memory (%u bytes)", (unsigned)r->start,
                             (unsigned)r->size, (unsigned)limit);
    }
    r->data = r->data ? r->data + r->start : NULL;
    r->room = limit - r->start;
    return 0;
}

// The images of an upload or download, in AI RAM at `kpu` and densely at `dense`.
static int images(step_t *s, const range_t *dense, const range_t *kpu, kmodel_tensor_t *t)
{
    uint32_t n = word(s, SHAPE), c = word(s, SHAPE + 4), h = word(s, SHAPE + 8), w = word(s, SHAPE + 12);
    if (kpu->location != V5_KPU_RAM || dense->location == V5_KPU_RAM || kpu->start % 64) {
        return kmodel_reject(&s->prep, "locations %u and %u, row at %u: must be memory and a row of AI RAM",
                             (unsigned)dense->location, (unsigned)kpu->location, (unsigned)kpu->start);
    }
    V5_TRY(kmodel_in_kpu(&s->prep, t, kpu->start / 64, w, h, c));
    uint64_t bytes = (uint64_t)n * t->bytes, rows = n * kmodel_kpu_rows(w, h, c);
    if (n == 0 || t->address + rows > KMODEL_KPU_ROWS || rows * 64 > kpu->size || bytes > dense->size) {
        return kmodel_reject(&s->prep, "%u images of %ux%ux%u do not fit %u bytes, %u of AI RAM", (unsigned)n,
                             (unsigned)w, (unsigned)h, (unsigned)c, (unsigned)dense->size, (unsigned)kpu->size);
    }
    t->n = n;
    s->prep.in[0] = s->prep.out = *t;
    kmodel_tensor_t all = *t;
    all.h *= n; // n images take the rows of one n times as high
    if (!s->call->run) {
        kmodel_use_rows(s->call->model, &all);
    }
    return 0;
}

static int transfer(step_t *s)
{
    bool up = s->kind == UPLOAD;
    range_t in, out;
    kmodel_tensor_t t;
    V5_TRY(read_range(s, IN, &in));
    V5_TRY(read_range(s, OUT, &out));
    const range_t *dense = up ? &in : &out;
    V5_TRY(images(s, dense, up ? &out : &in, &t));
    if (kmodel_v5_type_bytes(dense->type) != 1 || !out.writable) {
        return kmodel_reject(&s->prep, "datatype %u from location %u to %u", (unsigned)dense->type,
                             (unsigned)in.location, (unsigned)out.location);
    }
    if (s->call->run && up) {
        kmodel_kpu_upload_images(s->call->model, &t, in.data);
    } else if (s->call->run) {
        kmodel_kpu_download_images(s->call->model, &t, out.data);
    }
    return 0;
}

// Offset in the file of a table of the KPU.
static int find_table(step_t *s, uint32_t offset, const char *what, uint32_t bytes, uint32_t align, uint32_t *file)
{
    range_t r;
    V5_TRY(read_range(s, offset, &r));
    *file = (uint32_t)(r.data - s->call->model->file);
    if (r.location != V5_RDATA || r.size < bytes || *file % align) {
        return kmodel_reject(&s->prep, "%s at %u + %u in location %u: need %u bytes of .rdata at a multiple of %u", what,
                             (unsigned)r.start, (unsigned)r.size, (unsigned)r.location, (unsigned)bytes,
                             (unsigned)align);
    }
    return 0;
}

static uint32_t publish(const kmodel_t *m, uint32_t offset, uint32_t bytes)
{
    const kmodel_kpu_t *kpu = m->env.kpu;
    if (kpu->publish) {
        kpu->publish(kpu->ctx, m->file + offset, (bytes + 7) & ~7u);
    }
    return kpu->bus_address(kpu->ctx, m->file + offset);
}

static void describe(kmodel_layer_t *out, const kmodel_kpu_layer_t *l, bool main_output)
{
    out->depthwise = l->depthwise;
    out->kernel_type = l->kernel == 3;
    out->pool_type = l->pool;
    out->para_size = l->load_bytes;
    out->main_output = main_output;
}

// Checks, and builds the KPU records, one for each image.
static int check_conv(step_t *s)
{
    kmodel_t *m = s->call->model;
    uint64_t stored[12];
    kmodel_kpu_layer_t l;
    range_t main_out;
    uint32_t weights, bn, activation, batches = word(s, BATCHES);
    memcpy(stored, m->file + s->at + WORDS, WORDS_BYTES);
    V5_TRY(kmodel_kpu_decode(&s->prep, stored, &l));
    V5_TRY(find_table(s, WEIGHTS, "weights", l.weight_bytes, 8, &weights));
    V5_TRY(find_table(s, BN, "batch norm", 8 * l.oc, 8, &bn));
    V5_TRY(find_table(s, ACTIVATION, "activation", ACTIVATION_BYTES, 256, &activation));
    uint64_t in_rows = kmodel_kpu_rows(l.w, l.h, l.c), out_rows = kmodel_kpu_rows(l.ow, l.oh, l.oc);
    if (l.src + batches * in_rows > KMODEL_KPU_ROWS || l.dst + batches * out_rows > KMODEL_KPU_ROWS) {
        return kmodel_reject(&s->prep, "%u images from row %u to row %u end outside AI RAM (%u rows)",
                             (unsigned)batches, (unsigned)l.src, (unsigned)l.dst, KMODEL_KPU_ROWS);
    }
    bool output = word(s, MAIN_OUT + 8) != 0;
    if (output) {
        V5_TRY(read_range(s, MAIN_OUT, &main_out));
        if (!main_out.writable || main_out.location == V5_KPU_RAM ||
            main_out.size < (uint64_t)batches * s->prep.map.bytes) {
            return kmodel_reject(&s->prep, "%u images of %u bytes do not fit %u bytes in location %u",
                                 (unsigned)batches, (unsigned)s->prep.map.bytes, (unsigned)main_out.size,
                                 (unsigned)main_out.location);
        }
    }
    if (s->call->layer) {
        describe(s->call->layer, &l, output);
        return 0;
    }
    uint32_t bus[3] = {publish(m, weights, l.weight_bytes), publish(m, bn, 8 * l.oc),
                       publish(m, activation, ACTIVATION_BYTES)};
    for (uint32_t i = 0; i < batches; i++) {
        kmodel_kpu_encode(&l, stored, bus[0], bus[1], bus[2], m->records[s->record + i]);
        l.src += (uint32_t)in_rows;
        l.dst += (uint32_t)out_rows;
    }
    kmodel_tensor_t in = s->prep.in[0], map = s->prep.map;
    in.h *= batches;
    map.h *= batches;
    kmodel_use_rows(m, &in);
    kmodel_use_rows(m, &map);
    return 0;
}

static int flush(step_t *s)
{
    kmodel_v5_call_t *call = s->call;
    if (!s->queued) {
        return 0;
    }
    int rc = kmodel_poll(call->model) ? KMODEL_HOOK_INTERRUPTED
                                      : kmodel_run_records(call->model, s->queue, s->queued);
    s->queued = 0;
    if (rc == KMODEL_HOOK_INTERRUPTED) {
        return kmodel_fail(call->error, KMODEL_ERR_INTERRUPTED, "interrupted");
    }
    return rc ? kmodel_fail(call->error, KMODEL_ERR_RUN, "function %u: the KPU %s",
                            (unsigned)kmodel_v5_function_index(call->model, call->function),
                            rc == KMODEL_HOOK_TIMEOUT ? "did not finish in ten times the expected time" : "failed")
              : 0;
}

// Waits in the queue unless the result goes to main memory at once.
static int run_conv(step_t *s)
{
    const kmodel_t *m = s->call->model;
    uint32_t batches = word(s, BATCHES);
    s->queue = s->queued ? s->queue : s->record;
    s->queued += batches;
    if (word(s, MAIN_OUT + 8) == 0) {
        return 0;
    }
    range_t out;
    V5_TRY(flush(s));
    V5_TRY(read_range(s, MAIN_OUT, &out));
    kmodel_tensor_t t = kmodel_kpu_output(m->records[s->record]);
    t.n = batches;
    kmodel_kpu_download_images(m, &t, out.data);
    return 0;
}

// The stored sizes of the ranges are those of dense tensors: strides reach beyond them.
static int copy(step_t *s)
{
    range_t range[2];
    kmodel_view_t view[2];
    kmodel_shape_t shape = {.rank = 4};
    V5_TRY(read_range(s, IN, &range[0]));
    V5_TRY(read_range(s, OUT, &range[1]));
    uint32_t size = kmodel_v5_type_bytes(range[0].type);
    for (uint32_t i = 0; i < 4; i++) {
        shape.dim[i] = word(s, SHAPE + 4 * i);
    }
    if (!range[1].writable) {
        return kmodel_reject(&s->prep, "writes to memory location %u", (unsigned)range[1].location);
    }
    for (unsigned k = 0; k < 2; k++) {
        uint64_t last = 0, count = 1;
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t dim = shape.dim[i];
            uint64_t step = (uint64_t)word(s, STRIDES + 16 * k + 4 * i) * size;
            count *= dim;
            if (count == 0 || count > KMODEL_MAX_ELEMENTS || (dim > 1 && step > INT32_MAX)) {
                return kmodel_reject(&s->prep, "axis %u of %u elements in steps of %llu bytes", (unsigned)i,
                                     (unsigned)dim, (unsigned long long)step);
            }
            view[k].step[i] = dim > 1 ? (int32_t)step : 0;
            last += (dim - 1) * (dim > 1 ? step : 0);
        }
        if (last + size > range[k].room || (uintptr_t)range[k].data % size ||
            (range[k].location > V5_OUTPUT && range[k].start % size)) {
            return kmodel_reject(&s->prep, "%llu bytes at %u of location %u, elements of %u bytes, %u bytes are left",
                                 (unsigned long long)(last + size), (unsigned)range[k].start,
                                 (unsigned)range[k].location, (unsigned)size, (unsigned)range[k].room);
        }
        view[k].data = range[k].data;
    }
    int rc = s->call->run ? kmodel_copy_nd(&s->call->model->env, &shape, view[1], view[0], size) : 0;
    return rc == KMODEL_HOOK_INTERRUPTED ? kmodel_fail(s->call->error, KMODEL_ERR_INTERRUPTED, "interrupted") : rc;
}

int kmodel_v5_k210_count(const kmodel_t *m, kmodel_v5_function_t *f, uint64_t *records, kmodel_error_t *error)
{
    uint32_t at = f->text, end = at + f->text_bytes;
    for (f->ops = 0; at < end; f->ops++) {
        uint32_t kind = m->file[at];
        if (kind >= KINDS || record_bytes[kind] > end - at) {
            return kmodel_fail(error, KMODEL_ERR_FORMAT,
                               "function %u: record %u is of kind %u (below %u) or cut off (%u bytes are left)",
                               (unsigned)kmodel_v5_function_index(m, f), (unsigned)f->ops, (unsigned)kind, KINDS,
                               (unsigned)(end - at));
        }
        if (kind == CONV2D) {
            uint32_t batches = kmodel_v5_word(m, at + BATCHES);
            if (batches == 0 || batches > KMODEL_KPU_ROWS) {
                return kmodel_fail(error, KMODEL_ERR_FORMAT, "function %u: %u images, must be 1 to %u",
                                   (unsigned)kmodel_v5_function_index(m, f), (unsigned)batches, KMODEL_KPU_ROWS);
            }
            *records += batches;
        }
        at += record_bytes[kind];
    }
    return 0;
}

// A record; describing skips those before the one asked for.
static int step(step_t *s, uint32_t index)
{
    kmodel_v5_call_t *call = s->call;
    if (call->layer && index != call->layer_index) {
        return 0;
    }
    memset(s->prep.in, 0, sizeof(s->prep.in));
    s->prep.out = s->prep.map = (kmodel_tensor_t){0};
    if (s->kind == CONV2D) {
        return call->run ? run_conv(s) : check_conv(s);
    }
    V5_TRY(flush(s));
    return s->kind == COPY ? copy(s) : transfer(s);
}

int kmodel_v5_k210(kmodel_v5_call_t *call)
{
    const kmodel_t *m = call->model;
    kmodel_v5_function_t *f = call->function;
    uint32_t end = f->text + f->text_bytes;
    kmodel_node_t node = {0};
    step_t s = {.call = call, .at = f->text, .record = f->record};
    s.prep = (kmodel_prep_t){.model = m, .node = &node, .error = call->error};
    for (uint32_t i = 0; s.at < end; i++, s.prep.index++) {
        s.kind = m->file[s.at];
        node.op = &kinds[s.kind];
        V5_TRY(step(&s, i));
        if (call->layer && i == call->layer_index) {
            call->layer->type = s.kind;
            call->layer->name = node.op->name;
            call->layer->in = s.prep.in[0];
            call->layer->out = s.prep.out;
            return 0;
        }
        s.record += s.kind == CONV2D ? word(&s, BATCHES) : 0;
        s.at += record_bytes[s.kind];
    }
    return flush(&s);
}
