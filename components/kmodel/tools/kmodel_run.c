// kmodel_run: load a model, print what is in it, run it with the software KPU.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kmodel.h"
#include "kmodel_soft.h"

static const char usage[] =
    "usage: kmodel_run MODEL [options]\n"
    "  --input FILE    u8 planar or f32 little-endian, as the model takes; without it the model is only described.\n"
    "                  Once for each input of the model\n"
    "  --lcg           pseudo-random input instead: s = 1664525 s + 1013904223 from s = 1, byte s >> 24;\n"
    "                  f32 byte / 255\n"
    "  --output NAME   write output i to NAME.i.bin\n"
    "  --layers NAME   write the result of KPU layer i, C,H,W order, to NAME.i.bin\n"
    "  --crc           print the CRC-32 of each KPU layer's result\n"
    "  --count N       run the first N layers only\n"
    "  --profile A|B   rounding of the KPU (default B)\n";

#define MAX_INPUTS 64

typedef struct {
    const char *model, *inputs[MAX_INPUTS], *output, *layers;
    unsigned input_count;
    bool lcg, crc;
    unsigned count;
    char profile;
} options_t;

typedef struct {
    uint8_t *data;
    size_t size;
} bytes_t;

typedef struct {
    const options_t *options;
    unsigned layer;
} trace_t;

static void die(const char *what, const char *detail)
{
    fprintf(stderr, "kmodel_run: %s: %s\n", what, detail);
    exit(1);
}

static bytes_t read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        die(path, "cannot be opened");
    }
    fseek(file, 0, SEEK_END);
    bytes_t b = {.size = (size_t)ftell(file)};
    rewind(file);
    b.data = malloc(b.size + 1);
    if (!b.data || fread(b.data, 1, b.size, file) != b.size) {
        die(path, "cannot be read");
    }
    fclose(file);
    return b;
}

static void write_file(const char *name, unsigned index, const void *data, size_t size)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s.%u.bin", name, index);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file)) {
        die(path, "cannot be written");
    }
}

static int read_model(void *ctx, uint32_t offset, void *dst, size_t len)
{
    memcpy(dst, ((const bytes_t *)ctx)->data + offset, len);
    return 0;
}

static void *alloc(void *ctx, size_t align, size_t size)
{
    (void)ctx;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void release(void *ctx, void *p)
{
    (void)ctx;
    free(p);
}

static uint32_t crc32(const uint8_t *data, size_t size)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

static void after_layer(void *ctx, const uint64_t words[12], const uint8_t *dense, uint32_t w, uint32_t h, uint32_t c)
{
    (void)words;
    trace_t *trace = ctx;
    size_t size = (size_t)w * h * c;
    if (trace->options->crc) {
        printf("kpu %u: %ux%ux%u crc %08" PRIx32 "\n", trace->layer, c, h, w, crc32(dense, size));
    }
    if (trace->options->layers) {
        write_file(trace->options->layers, trace->layer, dense, size);
    }
    trace->layer++;
}

static const char *next(char **argv, int *i)
{
    if (!argv[*i + 1]) {
        die(argv[*i], "needs a value");
    }
    return argv[++*i];
}

static options_t parse(char **argv)
{
    options_t o = {.profile = 'B'};
    for (int i = 1; argv[i]; i++) {
        if (!strcmp(argv[i], "--input")) {
            if (o.input_count == MAX_INPUTS) {
                die(argv[i], "given too often");
            }
            o.inputs[o.input_count++] = next(argv, &i);
        } else if (!strcmp(argv[i], "--output")) {
            o.output = next(argv, &i);
        } else if (!strcmp(argv[i], "--layers")) {
            o.layers = next(argv, &i);
        } else if (!strcmp(argv[i], "--count")) {
            o.count = (unsigned)strtoul(next(argv, &i), NULL, 10);
        } else if (!strcmp(argv[i], "--profile")) {
            o.profile = *next(argv, &i);
        } else if (!strcmp(argv[i], "--lcg")) {
            o.lcg = true;
        } else if (!strcmp(argv[i], "--crc")) {
            o.crc = true;
        } else if (argv[i][0] == '-' || o.model) {
            die(argv[i], "unknown argument");
        } else {
            o.model = argv[i];
        }
    }
    if (!o.model) {
        fputs(usage, stderr);
        exit(2);
    }
    return o;
}

static void print_tensor(const char *what, const kmodel_tensor_t *t)
{
    static const char types[][4] = {"u8", "f32", "i8", "i32", "i64"};
    printf("%s: %s, %u bytes, shape %ux%ux%u\n", what, types[t->type], t->bytes, t->c, t->h, t->w);
}

static void describe(const kmodel_t *model)
{
    kmodel_info_t info;
    kmodel_tensor_t input;
    kmodel_info(model, &info);
    printf("kmodel V%u%s: %u layers (%u on the KPU), file %u, main memory %u, index %u bytes, KPU rows %u\n",
           info.version, info.word_swapped ? " (word-swapped)" : "", info.layers, info.kpu_layers, info.file_bytes,
           info.main_bytes, info.index_bytes, info.kpu_rows);
    for (unsigned i = 0; kmodel_input_at(model, i, &input) == 0; i++) {
        print_tensor("input", &input);
    }
    for (unsigned i = 0; i < info.layers; i++) {
        kmodel_layer_t l;
        kmodel_layer_info(model, i, &l);
        printf("layer %u: %s, %u bytes, %ux%ux%u -> %ux%ux%u\n", i, l.name, l.body_size, l.ci, l.hi, l.wi, l.co, l.ho,
               l.wo);
    }
}

static kmodel_input_t make_input(const kmodel_t *model, const options_t *o, unsigned index)
{
    kmodel_tensor_t t;
    kmodel_input_at(model, index, &t);
    uint32_t count = t.bytes / kmodel_type_bytes(t.type);
    kmodel_input_t in = {.type = t.type, .count = count, .w = t.w, .h = t.h, .c = t.c};
    if (o->input_count) {
        if (index >= o->input_count) {
            die(o->model, "has more inputs than files are given");
        }
        bytes_t b = read_file(o->inputs[index]);
        in.data = b.data;
        in.count = (uint32_t)(b.size / kmodel_type_bytes(t.type));
        return in;
    }
    uint8_t *bytes = malloc(t.bytes);
    uint32_t s = 1;
    for (uint32_t i = 0; i < count; i++) {
        s = 1664525u * s + 1013904223u;
        if (t.type == KMODEL_F32) {
            float value = (float)(s >> 24) / 255.0f;
            memcpy(bytes + 4 * (size_t)i, &value, 4);
        } else {
            bytes[i] = (uint8_t)(s >> 24);
        }
    }
    in.data = bytes;
    return in;
}

static void fail(const kmodel_error_t *error)
{
    fprintf(stderr, "kmodel_run: error %d, %s: %s\n", error->code, kmodel_error_text(error->code), error->detail);
    exit(1);
}

static void run(kmodel_t *model, const options_t *o)
{
    kmodel_error_t error;
    kmodel_stats_t stats;
    kmodel_info_t info;
    kmodel_input_t in[MAX_INPUTS];
    kmodel_info(model, &info);
    if (o->input_count > info.inputs) {
        die(o->model, "has fewer inputs than files are given");
    }
    for (unsigned i = 0; i < info.inputs; i++) {
        in[i] = make_input(model, o, i);
    }
    if (o->count && kmodel_set_layers(model, o->count, &error)) {
        fail(&error);
    }
    if (kmodel_run_inputs(model, in, info.inputs, &error)) {
        fail(&error);
    }
    for (unsigned i = 0; i < info.inputs; i++) {
        free((void *)in[i].data);
    }
    kmodel_stats(model, &stats);
    printf("run: %" PRIu64 " KPU clocks expected, %u KPU calls\n", stats.kpu_expected, stats.kpu_calls);
    kmodel_tensor_t t;
    for (unsigned i = 0; kmodel_output_info(model, i, &t) == 0; i++) {
        char name[32];
        snprintf(name, sizeof(name), "output %u", i);
        print_tensor(name, &t);
        if (o->output) {
            write_file(o->output, i, t.data, t.bytes);
        }
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    options_t o = parse(argv);
    bytes_t file = read_file(o.model);
    kmodel_soft_t soft;
    if (kmodel_soft_init(&soft)) {
        die("software KPU", "no memory");
    }
    trace_t trace = {.options = &o};
    soft.profile = o.profile;
    soft.after_layer = o.crc || o.layers ? after_layer : NULL;
    soft.after_ctx = &trace;
    kmodel_env_t env = {.alloc = alloc, .free = release, .kpu = &soft.kpu};
    kmodel_source_t source = {.ctx = &file, .read = read_model, .size = file.size};
    kmodel_error_t error;
    kmodel_t *model = kmodel_load(&env, &source, &error);
    if (!model) {
        fail(&error);
    }
    describe(model);
    if (o.input_count || o.lcg) {
        run(model, &o);
    }
    kmodel_free(model);
    kmodel_soft_deinit(&soft);
    free(file.data);
    return 0;
}
