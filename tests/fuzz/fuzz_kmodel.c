// Mutated models through load and run, under AddressSanitizer and UBSan. Same seed, same models.
//
//   fuzz_kmodel [--seed N] [--count N] [--seconds N] FILE...     stops at whichever comes first
//
// With -DLIBFUZZER it is an entry for libFuzzer instead.

#define _POSIX_C_SOURCE 200809L // clock_gettime

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kmodel_soft.h"

#define MEMORY_LIMIT (2u << 20)  // of one model: what is larger is refused as "no memory"
#define MAC_BUDGET 400000u       // of one run: a layer beyond it "hangs" the KPU
#define POLL_BUDGET 300u         // of one run: then the user presses Ctrl-C
#define MAX_MODEL (1u << 20)
#define MAX_INPUTS 64

static struct {
    kmodel_soft_t soft;
    size_t live;
    uint32_t polls;
    const uint8_t *data;
    size_t size;
    uint64_t models, loaded, runs, finished, hung, stopped;
    uint64_t refused[16]; // by code - 2000
} state;

static void require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "fuzz_kmodel: %s\n", what);
        abort();
    }
}

typedef struct {
    void *block;
    size_t size;
} prefix_t;

// The block's own malloc lies in front of it; alignment as asked for, the end exact.
static void *alloc(void *ctx, size_t align, size_t size)
{
    (void)ctx;
    if (state.live + size > MEMORY_LIMIT) {
        return NULL;
    }
    size_t front = align > sizeof(prefix_t) ? align : sizeof(prefix_t);
    void *block = NULL;
    if (posix_memalign(&block, front, front + size)) {
        return NULL;
    }
    uint8_t *p = (uint8_t *)block + front;
    ((prefix_t *)(void *)p)[-1] = (prefix_t){block, size};
    state.live += size;
    return p;
}

static void release(void *ctx, void *p)
{
    (void)ctx;
    prefix_t prefix = ((prefix_t *)p)[-1];
    state.live -= prefix.size;
    free(prefix.block);
}

static int poll(void *ctx)
{
    (void)ctx;
    return ++state.polls > POLL_BUDGET;
}

static int read_model(void *ctx, uint32_t offset, void *dst, size_t len)
{
    (void)ctx;
    require((uint64_t)offset + len <= state.size, "read beyond the source");
    memcpy(dst, state.data + offset, len);
    return 0;
}

static void touch(const kmodel_tensor_t *t)
{
    static volatile uint8_t sink;
    if (t->data && t->bytes) {
        sink = ((const uint8_t *)t->data)[0];
        sink = ((const uint8_t *)t->data)[t->bytes - 1];
    }
    (void)sink;
}

static void run(kmodel_t *model)
{
    kmodel_error_t error;
    kmodel_tensor_t t;
    kmodel_input_t in[MAX_INPUTS];
    uint32_t inputs = 0;
    for (; kmodel_input_at(model, inputs, &t) == 0; inputs++) {
        uint8_t *input = malloc(t.bytes);
        require(input != NULL, "no memory");
        for (uint32_t i = 0; i < t.bytes; i++) {
            input[i] = (uint8_t)(i * 7 + (i >> 8));
        }
        in[inputs] = (kmodel_input_t){.data = input, .type = t.type, .count = t.bytes / kmodel_type_bytes(t.type)};
    }
    state.polls = 0;
    state.soft.macs = 0;
    state.runs++;
    int rc = kmodel_run_inputs(model, in, inputs, &error);
    for (uint32_t i = 0; i < inputs; i++) {
        free((void *)in[i].data);
    }
    require(rc == error.code && memchr(error.detail, 0, sizeof(error.detail)), "error is not consistent");
    require(rc == 0 || rc == KMODEL_ERR_RUN || rc == KMODEL_ERR_INTERRUPTED, "a loaded model refuses its own input");
    state.finished += rc == 0;
    state.hung += rc == KMODEL_ERR_RUN;
    state.stopped += rc == KMODEL_ERR_INTERRUPTED;
    for (uint32_t i = 0; kmodel_output_info(model, i, &t) == 0; i++) {
        touch(&t);
    }
}

static void use(kmodel_t *model)
{
    kmodel_info_t info;
    kmodel_layer_t layer;
    kmodel_error_t error;
    kmodel_info(model, &info);
    for (uint32_t i = 0; kmodel_layer_info(model, i, &layer) == 0; i++) {
        require(layer.name != NULL, "layer without a name");
    }
    run(model);
    uint32_t part = info.layers / 2;
    if (part && kmodel_set_layers(model, part, &error) == 0) {
        run(model);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!state.soft.kpu.ai_ram) {
        require(kmodel_soft_init(&state.soft) == 0, "no memory");
        state.soft.budget = MAC_BUDGET;
    }
    // Its own block: the sanitizer sees a byte read too many.
    uint8_t *copy = malloc(size ? size : 1);
    require(copy != NULL, "no memory");
    memcpy(copy, data, size);
    kmodel_env_t env = {.alloc = alloc, .free = release, .poll = poll, .kpu = &state.soft.kpu};
    kmodel_source_t source = {.read = read_model, .size = size};
    kmodel_error_t error;
    state.data = copy;
    state.size = size;
    state.polls = 0;
    state.models++;
    kmodel_soft_forget(&state.soft);
    kmodel_t *model = kmodel_load(&env, &source, &error);
    require(!model == (error.code != 0), "model and error do not agree");
    if (model) {
        state.loaded++;
        use(model);
    } else if (error.code >= KMODEL_ERR_PARAM) {
        require(error.detail[0], "refused without a reason");
        state.refused[error.code - 2000]++;
    }
    kmodel_free(model);
    require(state.live == 0, "memory was not returned");
    free(copy);
    return 0;
}

#ifndef LIBFUZZER

typedef struct {
    uint8_t *data;
    size_t size;
} bytes_t;

static uint64_t random_state;

static uint32_t rnd(void) // xorshift64*
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)(random_state * 0x2545f4914f6cdd1dull >> 32);
}

static uint32_t below(size_t limit)
{
    return limit ? (uint32_t)(rnd() % limit) : 0;
}

static uint32_t get(const bytes_t *m, size_t at)
{
    uint32_t v = 0;
    if (at + 4 <= m->size) {
        memcpy(&v, m->data + at, 4);
    }
    return v;
}

static void set(bytes_t *m, size_t at, uint32_t v)
{
    if (at + 4 <= m->size) {
        memcpy(m->data + at, &v, 4);
    }
}

static uint32_t interesting(const bytes_t *m, uint32_t old)
{
    static const uint32_t values[] = {
        0, 1, 2, 3, 4, 6, 7, 8, 15, 16, 63, 64, 65, 255, 256, 1023, 1024, 4096, 4097, 32767, 32768, 65535,
        1u << 24, 1u << 28, (1u << 28) + 1, 1u << 30, 1u << 31, 0x7fffffff, 0xfffffff8, 0xfffffffc, 0xffffffff,
        0x7fc00000, 0x7f800000, 0x00000001, 0x80000000,
    };
    switch (below(8)) {
    case 0: return old + 1 + below(16);
    case 1: return old - 1 - below(16);
    case 2: return old * 2;
    case 3: return old / 2;
    case 4: return (uint32_t)m->size - 8 + below(17);
    case 5: return rnd() >> below(32);
    default: return values[below(sizeof(values) / sizeof(values[0]))];
    }
}

// Where the parts of a V3 or V4 model lie. Counts may be wild already.
static bool is_v4(const bytes_t *m)
{
    return get(m, 0) == 0x4b4d444c;
}

static bool is_v5(const bytes_t *m)
{
    return is_v4(m) && get(m, 4) == 5;
}

static uint32_t header_words(const bytes_t *m)
{
    return is_v4(m) ? 10 + 8 * (get(m, 28) % 65) + 4 * (get(m, 32) % 65) : 7 + 2 * (get(m, 24) % 65);
}

static size_t headers_at(const bytes_t *m)
{
    return 4 * (size_t)header_words(m) + (is_v4(m) ? get(m, 16) : 0);
}

static uint32_t layer_count(const bytes_t *m)
{
    uint32_t n = get(m, is_v4(m) ? 24 : 12);
    return n > 4096 ? 4096 : n ? n : 1;
}

static size_t body_at(const bytes_t *m, uint32_t layer)
{
    size_t at = headers_at(m) + 8 * (size_t)layer_count(m);
    for (uint32_t i = 0; i < layer; i++) {
        at += get(m, headers_at(m) + 8 * (size_t)i + 4);
    }
    return at;
}

static void flip_bits(bytes_t *m)
{
    for (uint32_t n = 1 + below(4); n && m->size; n--) {
        m->data[below(m->size)] ^= (uint8_t)(1u << below(8));
    }
}

static void replace_word(bytes_t *m, size_t at)
{
    set(m, at, interesting(m, get(m, at)));
}

static void mutate_header(bytes_t *m)
{
    replace_word(m, 4 * below(header_words(m)));
}

static void mutate_layer_header(bytes_t *m)
{
    static const uint16_t types[] = {10240, 10241, 10242, 10243}, ops[] = {0x2001, 0x2002, 0x1001, 0x2003};
    size_t at = headers_at(m) + 8 * (size_t)below(layer_count(m));
    if (below(2)) {
        set(m, at, below(4) ? below(27) : (is_v4(m) ? ops : types)[below(4)]);
    } else {
        replace_word(m, at + 4);
    }
}

static void mutate_body(bytes_t *m)
{
    replace_word(m, body_at(m, below(layer_count(m))) + 4 * below(is_v4(m) ? 36 : 16));
}

// Bits of the layer words of a convolution.
static void mutate_record(bytes_t *m)
{
    uint32_t n = layer_count(m);
    for (uint32_t tries = 0; tries < 8; tries++) {
        uint32_t layer = below(n);
        uint32_t type = get(m, headers_at(m) + 8 * (size_t)layer);
        if (type == 10240 || type == 0x2002) {
            size_t body = body_at(m, layer);
            size_t word = (type == 10240 ? get(m, body + 8) : body + 24) + 4 * (size_t)below(24);
            unsigned shift = below(32);
            uint32_t mask = (below(2) ? 0x3ffu : 1u) << shift;
            set(m, word, (get(m, word) & ~mask) | (rnd() & mask));
            return;
        }
    }
    mutate_body(m);
}

// V5: the tables in front, and code, where nothing is aligned.
static void mutate_v5(bytes_t *m)
{
    size_t at = below(m->size);
    switch (below(4)) {
    case 0: replace_word(m, 4 * (size_t)below(80)); break;
    case 1: m->data[at] = (uint8_t)(below(2) ? below(64) : rnd()); break;
    case 2: replace_word(m, at); break;
    default:
        // Behind the next TENSOR: a field of its record.
        while (at + 8 < m->size && m->data[at] != 0x5e) {
            at++;
        }
        m->data[(at + 1 + below(20)) % m->size] = (uint8_t)below(below(2) ? 8 : 256);
    }
}

static void truncate_model(bytes_t *m)
{
    m->size = below(4) ? m->size - below(m->size < 40 ? m->size : 40) : below(m->size);
}

static void extend(bytes_t *m)
{
    size_t n = below(64);
    n = m->size + n > MAX_MODEL ? 0 : n;
    memset(m->data + m->size, below(2) ? 0 : 0xff, n);
    m->size += n;
}

static void splice(bytes_t *m, const bytes_t *other)
{
    if (!m->size || !other->size) {
        return;
    }
    size_t to = below(m->size) & ~3u, from = below(other->size) & ~3u;
    size_t n = 1 + below(256);
    n = n > m->size - to ? m->size - to : n;
    n = n > other->size - from ? other->size - from : n;
    memcpy(m->data + to, other->data + from, n);
}

static void swap_words(bytes_t *m)
{
    for (size_t at = 0; at + 4 <= m->size; at += 4) {
        set(m, at, __builtin_bswap32(get(m, at)));
    }
}

static void mutate(bytes_t *m, const bytes_t *other)
{
    for (uint32_t n = 1 + below(below(4) ? 1 : 4); n; n--) {
        if (is_v5(m) && m->size && below(4)) {
            mutate_v5(m);
            continue;
        }
        switch (below(12)) {
        case 0: flip_bits(m); break;
        case 1: replace_word(m, below(m->size) & ~3u); break;
        case 2: mutate_header(m); break;
        case 3: mutate_layer_header(m); break;
        case 4: truncate_model(m); break;
        case 5: extend(m); break;
        case 6: splice(m, other); break;
        case 7:
        case 8:
        case 9: mutate_record(m); break;
        default: mutate_body(m); break;
        }
    }
    if (below(40) == 0) {
        swap_words(m);
    }
}

static bytes_t read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    require(file != NULL, path);
    bytes_t b = {.data = malloc(MAX_MODEL)};
    require(b.data != NULL, "no memory");
    b.size = fread(b.data, 1, MAX_MODEL, file);
    require(b.size < MAX_MODEL, "seed files are below 1 MiB");
    fclose(file);
    return b;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// Large seeds are rarer: a mutation costs in proportion to the file.
static const bytes_t *pick(const bytes_t *seeds, size_t count)
{
    const bytes_t *s = &seeds[below(count)];
    while (s->size > 16384 && below(32)) {
        s = &seeds[below(count)];
    }
    return s;
}

static void print_summary(double elapsed)
{
    printf("%" PRIu64 " mutated models in %.1f s: %" PRIu64 " loaded, %" PRIu64 " refused (", state.models, elapsed,
           state.loaded, state.models - state.loaded);
    for (unsigned i = 0; i < 16; i++) {
        if (state.refused[i]) {
            printf(" %u: %" PRIu64, 2000 + i, state.refused[i]);
        }
    }
    printf(" )\n%" PRIu64 " runs: %" PRIu64 " to the end, %" PRIu64 " with a layer beyond %u MACs, %" PRIu64
           " stopped by the user\n",
           state.runs, state.finished, state.hung, MAC_BUDGET, state.stopped);
}

int main(int argc, char **argv)
{
    uint64_t seed = 1, count = UINT64_MAX;
    double limit = 1e9;
    bytes_t *seeds = malloc(sizeof(*seeds) * (size_t)argc);
    size_t n = 0;
    require(seeds != NULL, "no memory");
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (!strcmp(argv[i], "--count") && i + 1 < argc) {
            count = strtoull(argv[++i], NULL, 10);
        } else if (!strcmp(argv[i], "--seconds") && i + 1 < argc) {
            limit = strtod(argv[++i], NULL);
        } else {
            seeds[n++] = read_file(argv[i]);
        }
    }
    require(n > 0, "no seed files given");
    for (size_t i = 0; i < n; i++) {
        uint64_t before = state.loaded;
        LLVMFuzzerTestOneInput(seeds[i].data, seeds[i].size);
        require(state.loaded == before + 1, "a seed does not load");
    }
    state.models = state.loaded = state.runs = state.finished = state.hung = state.stopped = 0;
    random_state = seed * 0x9e3779b97f4a7c15ull | 1;
    bytes_t m = {.data = malloc(2 * MAX_MODEL)};
    require(m.data != NULL, "no memory");
    double start = seconds();
    while (state.models < count && (state.models % 256 || seconds() - start < limit)) {
        const bytes_t *s = pick(seeds, n);
        memcpy(m.data, s->data, s->size);
        m.size = s->size;
        mutate(&m, &seeds[below(n)]);
        LLVMFuzzerTestOneInput(m.data, m.size);
    }
    print_summary(seconds() - start);
    for (size_t i = 0; i < n; i++) {
        free(seeds[i].data);
    }
    free(m.data);
    free(seeds);
    kmodel_soft_deinit(&state.soft);
    return 0;
}

#endif
