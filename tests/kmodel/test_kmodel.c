// The runtime as a server for the tests: reads jobs on stdin, loads and runs a model for each, answers a line of JSON.
// `test_kmodel --kernels SEED` compares the fast kernels with their references on random data instead.

#define _POSIX_C_SOURCE 200809L // posix_memalign

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kmodel_soft.h"
#include "kpu_layer.h"
#include "ops.h"

typedef struct {
    uint32_t model_bytes, input_bytes;
    uint32_t input_type;   // 0 u8, 1 f32, 2 as the model says
    uint32_t shape[3];     // w, h, c given with the input; 0 none
    uint32_t layers;       // kmodel_set_layers; 0 all
    uint32_t memory_limit; // of all allocations together; 0 none
    uint32_t fail_alloc;   // the n-th allocation fails, from 1
    uint32_t stop_load;    // the poll hook stops loading at its n-th call, from 1
    uint32_t stop_run;     // the same for a first run, after which the model is run again
    uint32_t kpu_result;   // kpu.run of the first run returns minus this
    uint32_t fail_read;    // the n-th read of the source fails, from 1
    uint32_t profile;
    uint32_t output_shape[4]; // kmodel_set_output_shape: w, h, c and number of an output; w 0: none
} job_t;

#define MAX_BLOCKS 16

static struct {
    struct {
        void *p;
        size_t size;
    } blocks[MAX_BLOCKS];
    size_t live;
    uint32_t allocs, limit, fail_alloc;
    uint32_t polls, stop;
    uint32_t reads, fail_read;
    const uint8_t *model;
    size_t model_bytes;
    int kpu_result;
    kmodel_soft_t soft;
} state;

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "test_kmodel: %s\n", what);
        abort();
    }
}

// Exact sizes, so that the sanitizer sees an access right behind a block; filled, so that nothing relies on zeros.
static void *alloc(void *ctx, size_t align, size_t size)
{
    (void)ctx;
    state.allocs++;
    if (state.allocs == state.fail_alloc || (state.limit && state.live + size > state.limit)) {
        return NULL;
    }
    for (unsigned i = 0; i < MAX_BLOCKS; i++) {
        if (!state.blocks[i].p) {
            if (posix_memalign(&state.blocks[i].p, align < sizeof(void *) ? sizeof(void *) : align, size)) {
                return NULL;
            }
            memset(state.blocks[i].p, 0xa5, size);
            state.blocks[i].size = size;
            state.live += size;
            return state.blocks[i].p;
        }
    }
    require(false, "more blocks than a model needs");
    return NULL;
}

static void release(void *ctx, void *p)
{
    (void)ctx;
    for (unsigned i = 0; i < MAX_BLOCKS; i++) {
        if (state.blocks[i].p == p) {
            state.live -= state.blocks[i].size;
            state.blocks[i].p = NULL;
            free(p);
            return;
        }
    }
    require(false, "free of a block that was not allocated");
}

static int poll(void *ctx)
{
    (void)ctx;
    return ++state.polls == state.stop;
}

static uint64_t clock_ticks(void *ctx)
{
    (void)ctx;
    static uint64_t ticks;
    return ticks += 100;
}

static int read_model(void *ctx, uint32_t offset, void *dst, size_t len)
{
    (void)ctx;
    require((uint64_t)offset + len <= state.model_bytes, "read beyond the source");
    if (++state.reads == state.fail_read) {
        return KMODEL_HOOK_FAILED;
    }
    memcpy(dst, state.model + offset, len);
    return 0;
}

static int run_kpu(void *ctx, const uint64_t (*layers)[12], unsigned count, uint64_t cycles, bool eight_bit)
{
    (void)ctx;
    return state.kpu_result ? state.kpu_result
                            : state.soft.kpu.run(&state.soft, layers, count, cycles, eight_bit);
}

static uint32_t bus_address(void *ctx, const void *p)
{
    (void)ctx;
    return state.soft.kpu.bus_address(&state.soft, p);
}

static void print_hex(const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        printf("%02x", ((const uint8_t *)data)[i]);
    }
}

static void print_error(const char *name, const kmodel_error_t *error)
{
    printf("\"%s\": {\"code\": %d, \"text\": \"%s\", \"detail\": \"%s\"}, ", name, error->code,
           kmodel_error_text(error->code), error->detail);
}

static void print_tensor(const kmodel_tensor_t *t)
{
    printf("{\"type\": %u, \"space\": %u, \"address\": %u, \"bytes\": %u, \"shape\": [%u, %u, %u], \"n\": %u",
           t->type, t->space, t->address, t->bytes, t->w, t->h, t->c, t->n);
    printf(", \"dims\": [");
    for (unsigned i = 0; i < t->rank; i++) {
        printf("%s%u", i ? ", " : "", t->dim[i]);
    }
    printf("]");
    if (t->data) {
        printf(", \"data\": \"");
        print_hex(t->data, t->bytes);
        printf("\"");
    }
    printf("}");
}

static void print_model(const kmodel_t *model)
{
    kmodel_info_t info;
    kmodel_tensor_t input;
    kmodel_info(model, &info);
    kmodel_input_info(model, &input);
    printf("\"info\": {\"version\": %u, \"layers\": %u, \"outputs\": %u, \"file\": %u, \"main\": %u, \"index\": %u, "
           "\"kpu_rows\": %u, \"kpu_layers\": %u, \"swapped\": %u, \"inputs\": %u}, \"input\": ",
           info.version, info.layers, info.outputs, info.file_bytes, info.main_bytes, info.index_bytes, info.kpu_rows,
           info.kpu_layers, info.word_swapped, info.inputs);
    print_tensor(&input);
    printf(", \"layers\": [");
    for (unsigned i = 0; i < info.layers; i++) {
        kmodel_layer_t l;
        require(kmodel_layer_info(model, i, &l) == 0, "layer_info");
        printf("%s{\"type\": %u, \"name\": \"%s\", \"bytes\": %u, \"in\": [%u, %u, %u], \"out\": [%u, %u, %u], "
               "\"kpu\": [%u, %u, %u, %u]}",
               i ? ", " : "", l.type, l.name, l.body_size, l.wi, l.hi, l.ci, l.wo, l.ho, l.co, l.depthwise,
               l.kernel_type, l.pool_type, l.para_size);
    }
    printf("], ");
}

static void print_outputs(const kmodel_t *model)
{
    kmodel_tensor_t t;
    kmodel_stats_t stats;
    kmodel_stats(model, &stats);
    printf("\"stats\": {\"total\": %" PRIu64 ", \"kpu\": %" PRIu64 ", \"expected\": %" PRIu64 ", \"calls\": %u}, ",
           stats.total, stats.kpu, stats.kpu_expected, stats.kpu_calls);
    printf("\"outputs\": [");
    for (unsigned i = 0; kmodel_output_info(model, i, &t) == 0; i++) {
        printf("%s", i ? ", " : "");
        print_tensor(&t);
    }
    printf("], ");
}

#define MAX_INPUTS 64

// The data of several inputs follow each other; the last one takes what is left.
static uint32_t split_inputs(kmodel_t *model, const job_t *job, const uint8_t *data, kmodel_input_t *inputs)
{
    kmodel_tensor_t t, next;
    uint32_t count = 0, left = job->input_bytes;
    for (; kmodel_input_at(model, count, &t) == 0; count++) {
        bool last = kmodel_input_at(model, count + 1, &next) != 0;
        uint32_t bytes = last || t.bytes > left ? left : t.bytes;
        kmodel_type_t type = job->input_type == 2 ? t.type : (kmodel_type_t)job->input_type;
        inputs[count] = (kmodel_input_t){.data = data, .type = type, .count = bytes / kmodel_type_bytes(type),
                                         .w = job->shape[0], .h = job->shape[1], .c = job->shape[2]};
        data += bytes;
        left -= bytes;
    }
    return count;
}

static void run(kmodel_t *model, const job_t *job, const uint8_t *data)
{
    kmodel_error_t error;
    kmodel_input_t in[MAX_INPUTS];
    uint32_t inputs = split_inputs(model, job, data, in);
    int rc = kmodel_set_layers(model, job->layers, &error);
    if (rc) {
        print_error("set_layers", &error);
        return;
    }
    const uint32_t *shape = job->output_shape;
    if (shape[0] && kmodel_set_output_shape(model, shape[3], shape[0], shape[1], shape[2], &error)) {
        print_error("set_output_shape", &error);
        return;
    }
    if (job->stop_run || job->kpu_result) {
        state.polls = 0;
        state.stop = job->stop_run;
        state.kpu_result = -(int)job->kpu_result;
        rc = kmodel_run_inputs(model, in, inputs, &error);
        require(rc == error.code, "return value and error differ");
        print_error("first_run", &error);
        state.stop = 0;
        state.kpu_result = 0;
    }
    rc = kmodel_run_inputs(model, in, inputs, &error);
    require(rc == error.code, "return value and error differ");
    print_error("run", &error);
    if (!rc) {
        print_outputs(model);
    }
}

static void serve(const job_t *job, const uint8_t *bytes, const uint8_t *input)
{
    kmodel_kpu_t kpu = {.ai_ram = state.soft.kpu.ai_ram, .bus_address = bus_address, .run = run_kpu};
    kmodel_env_t env = {.alloc = alloc, .free = release, .poll = poll, .clock = clock_ticks, .kpu = &kpu};
    kmodel_source_t source = {.read = read_model, .size = job->model_bytes};
    kmodel_error_t error;
    kmodel_soft_forget(&state.soft);
    state.soft.profile = job->profile ? (char)job->profile : 'B';
    state.model = bytes;
    state.model_bytes = job->model_bytes;
    state.limit = job->memory_limit;
    state.fail_alloc = job->fail_alloc;
    state.fail_read = job->fail_read;
    state.stop = job->stop_load;
    state.allocs = state.polls = state.reads = 0;
    printf("{");
    kmodel_t *model = kmodel_load(&env, &source, &error);
    require(!model == (error.code != 0), "model and error");
    print_error("load", &error);
    state.stop = 0;
    if (model) {
        print_model(model);
        run(model, job, input);
    }
    kmodel_free(model);
    printf("\"allocs\": %u, \"reads\": %u, \"polls\": %u, \"leaked\": %zu}\n", state.allocs, state.reads, state.polls,
           state.live);
    fflush(stdout);
}

static uint8_t *take(size_t size)
{
    uint8_t *p = malloc(size);
    require(p && fread(p, 1, size, stdin) == size, "job is cut off");
    return p;
}

static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = 1664525u * random_state + 1013904223u;
    return (random_state >> 8) % limit;
}

static void random_bytes(uint8_t *p, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        p[i] = (uint8_t)random_below(256);
    }
}

// Fast copies against bytewise ones: maps in exact-size blocks, at every alignment of the dense side.
static void compare_copies(void)
{
    uint32_t w = 1 + random_below(random_below(4) ? 80 : 400), h = 1 + random_below(9), c = 1 + random_below(9);
    w = random_below(3) ? w : (w + 7) & ~7u;
    size_t rows = 64 * kmodel_kpu_rows(w, h, c), dense = (size_t)w * h * c;
    size_t shift = random_below(2) ? 0 : random_below(8);
    uint8_t *fast = aligned_alloc(64, rows), *plain = aligned_alloc(64, rows);
    uint8_t *block = malloc(dense + shift), *back = malloc(dense + shift), *back_ref = malloc(dense);
    require(fast && plain && block && back && back_ref, "no memory");
    random_bytes(block, dense + shift);
    random_bytes(plain, rows);
    kmodel_kpu_upload_ref(plain, block + shift, w, h, c);
    kmodel_kpu_upload(fast, block + shift, w, h, c);
    kmodel_kpu_download_ref(back_ref, fast, w, h, c);
    require(!memcmp(back_ref, block + shift, dense), "upload differs from its reference");
    kmodel_kpu_download(back + shift, plain, w, h, c);
    require(!memcmp(back + shift, block + shift, dense), "download differs from its reference");
    free(fast);
    free(plain);
    free(block);
    free(back);
    free(back_ref);
}

static float random_float(void)
{
    return ((float)random_below(20001) - 10000) / 777.0f;
}

static void compare_floats(void)
{
    uint32_t in = 1 + random_below(40), out = 1 + random_below(12);
    float *x = malloc(4 * in), *w = malloc(4 * (size_t)in * out), *b = malloc(4 * out);
    float *fast = malloc(4 * out), *plain = malloc(4 * out);
    uint8_t *q = malloc(out);
    require(x && w && b && fast && plain && q, "no memory");
    for (uint32_t i = 0; i < in; i++) {
        x[i] = random_float();
    }
    for (uint32_t i = 0; i < in * out; i++) {
        w[i] = random_float();
    }
    for (uint32_t i = 0; i < out; i++) {
        b[i] = random_float();
    }
    uint32_t act = random_below(3);
    kmodel_fully_connected(fast, x, in, out, w, b, act);
    kmodel_fully_connected_ref(plain, x, in, out, w, b, act);
    require(!memcmp(fast, plain, 4 * out), "fully connected differs from its reference");
    random_bytes(q, out);
    kmodel_dequantize(fast, q, out, x[0], b[0]);
    kmodel_dequantize_ref(plain, q, out, x[0], b[0]);
    require(!memcmp(fast, plain, 4 * out), "dequantize differs from its reference");
    free(x);
    free(w);
    free(b);
    free(fast);
    free(plain);
    free(q);
}

// A convolution of random shape: the fast kernels against those that take one pixel after the other.
static void compare_convolutions(void)
{
    static const kmodel_env_t env;
    kmodel_conv2d_t p = {.batches = 1 + random_below(2), .groups = 1 + random_below(3), .lo = -50, .hi = 900};
    kmodel_window_t *axes[] = {&p.y, &p.x};
    p.ic = p.groups * (1 + random_below(3));
    p.oc = p.groups * (1 + random_below(3));
    for (unsigned i = 0; i < 2; i++) {
        int32_t after = (int32_t)random_below(4) - 1;
        *axes[i] = (kmodel_window_t){.in = 3 + random_below(20), .filter = 1 + random_below(4),
                                     .stride = 1 + random_below(3), .dilation = 1 + random_below(2),
                                     .before = (int32_t)random_below(4) - 1};
        int64_t n = kmodel_window_size(axes[i]->in, axes[i]->filter, axes[i]->stride, axes[i]->dilation,
                                       axes[i]->before, after);
        if (n < 1) {
            return;
        }
        axes[i]->out = (uint32_t)n;
    }
    kmodel_shape_t in = {4, {p.batches, p.ic, p.y.in, p.x.in}}, out = {4, {p.batches, p.oc, p.y.out, p.x.out}};
    size_t count = kmodel_elements(&in), out_count = kmodel_elements(&out);
    size_t weights = (size_t)p.oc * (p.ic / p.groups) * p.y.filter * p.x.filter;
    float *x = malloc(4 * count), *w = malloc(4 * weights), *b = malloc(4 * p.oc);
    float *fast = malloc(4 * out_count), *plain = malloc(4 * out_count);
    require(x && w && b && fast && plain, "no memory");
    for (size_t i = 0; i < count; i++) {
        x[i] = random_float();
    }
    for (size_t i = 0; i < weights; i++) {
        w[i] = random_float();
    }
    for (size_t i = 0; i < p.oc; i++) {
        b[i] = random_float();
    }
    kmodel_conv2d_f32(&env, &p, kmodel_dense(fast, &out, 4), kmodel_dense(x, &in, 4), w, b);
    kmodel_conv2d_f32_ref(&env, &p, kmodel_dense(plain, &out, 4), kmodel_dense(x, &in, 4), w, b);
    require(!memcmp(fast, plain, 4 * out_count), "conv2d differs from its reference");
    // The same memory as bytes.
    kmodel_requant_t q = {-(int32_t)random_below(256), -(int32_t)random_below(256), 1 << 20, 30, 100};
    kmodel_conv2d_u8(&env, &p, &q, kmodel_dense(fast, &out, 1), kmodel_dense(x, &in, 1), (uint8_t *)w, (int32_t *)b);
    kmodel_conv2d_u8_ref(&env, &p, &q, kmodel_dense(plain, &out, 1), kmodel_dense(x, &in, 1), (uint8_t *)w,
                         (int32_t *)b);
    require(!memcmp(fast, plain, out_count), "quantized conv2d differs from its reference");
    free(x);
    free(w);
    free(b);
    free(fast);
    free(plain);
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "--kernels")) {
        random_state = (uint32_t)strtoul(argv[2], NULL, 10);
        for (int i = 0; i < 3000; i++) {
            compare_copies();
            compare_floats();
            compare_convolutions();
        }
        return 0;
    }
    require(kmodel_soft_init(&state.soft) == 0, "no memory");
    job_t job;
    while (fread(&job, sizeof(job), 1, stdin) == 1) {
        uint8_t *model = take(job.model_bytes), *input = take(job.input_bytes);
        serve(&job, model, input);
        free(model);
        free(input);
    }
    kmodel_soft_deinit(&state.soft);
    return 0;
}
