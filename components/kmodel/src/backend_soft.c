#include "kmodel_soft.h"

#include <stdlib.h>
#include <string.h>

#define AI_RAM_BYTES (64u * KMODEL_KPU_ROWS)

// Fields of the 12 words (spec kpu.md 3).
typedef struct {
    uint32_t src, dst, w, h, c, ow, oh, oc;
    uint32_t kernel, pool, pad;
    bool depthwise;
    uint32_t in_channel, in_row, in_group, out_channel, out_row, out_group;
    int64_t arg_x, arg_w, arg_add;
    unsigned shr_x, shr_w;
    const uint8_t *bn, *weights, *activation;
} layer_t;

typedef struct {
    int64_t start, mul;
    unsigned shift;
    uint8_t bias;
} segment_t;

// Planes with a border of one pixel all around, so that a 3x3 window never leaves them.
typedef struct {
    uint8_t *planes;
    size_t plane; // bytes of one
    uint32_t pitch;
} padded_t;

static uint64_t field(uint64_t word, unsigned high, unsigned low)
{
    return word >> low & (~0ull >> (63 - (high - low)));
}

static int64_t signed_field(uint64_t word, unsigned high, unsigned low)
{
    unsigned unused = 63 - (high - low);
    return (int64_t)(field(word, high, low) << unused) >> unused;
}

static const uint8_t *resolve(const kmodel_soft_t *soft, uint64_t bus)
{
    return soft->addresses[bus / 256];
}

static layer_t decode(const kmodel_soft_t *soft, const uint64_t w[12])
{
    return (layer_t){
        .depthwise = field(w[0], 3, 3),
        .src = field(w[1], 14, 0),
        .dst = field(w[1], 46, 32),
        .c = field(w[2], 9, 0) + 1,
        .oc = field(w[2], 41, 32) + 1,
        .w = field(w[3], 9, 0) + 1,
        .h = field(w[3], 18, 10) + 1,
        .ow = field(w[3], 41, 32) + 1,
        .oh = field(w[3], 50, 42) + 1,
        .kernel = field(w[4], 2, 0) ? 3 : 1,
        .pool = field(w[4], 7, 4),
        .pad = field(w[4], 31, 24),
        .bn = resolve(soft, field(w[4], 63, 32)),
        .weights = resolve(soft, field(w[5], 63, 32)),
        .in_channel = field(w[7], 14, 0),
        .in_row = field(w[7], 19, 16),
        .in_group = field(w[7], 30, 28),
        .activation = resolve(soft, field(w[7], 63, 32)),
        .out_channel = field(w[8], 14, 0),
        .out_row = field(w[8], 19, 16),
        .out_group = field(w[8], 22, 20),
        .shr_w = field(w[9], 3, 0),
        .shr_x = field(w[9], 7, 4),
        .arg_w = signed_field(w[9], 31, 8),
        .arg_x = signed_field(w[9], 55, 32),
        .arg_add = signed_field(w[10], 39, 0),
    };
}

// Byte of AI RAM that holds pixel (c, y, 0).
static uint32_t line_address(uint32_t row, uint32_t c, uint32_t y, uint32_t channel, uint32_t line, uint32_t group)
{
    return (64 * (row + c / group * channel + y * line) + c % group * (64 / group)) % AI_RAM_BYTES;
}

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static int64_t wrapping_mul(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

static int64_t wrapping_add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static bool read_input(const kmodel_soft_t *soft, const layer_t *l, padded_t *in)
{
    in->pitch = l->w + 2;
    in->plane = (size_t)in->pitch * (l->h + 2);
    in->planes = malloc(in->plane * l->c);
    if (!in->planes) {
        return false;
    }
    memset(in->planes, (int)l->pad, in->plane * l->c);
    for (uint32_t c = 0; c < l->c; c++) {
        for (uint32_t y = 0; y < l->h; y++) {
            uint32_t at = line_address(l->src, c, y, l->in_channel, l->in_row, l->in_group);
            memcpy(in->planes + c * in->plane + (y + 1) * in->pitch + 1, soft->kpu.ai_ram + at, l->w);
        }
    }
    return true;
}

static uint32_t weight(const layer_t *l, size_t index, bool eight_bit)
{
    return eight_bit ? l->weights[index] : l->weights[2 * index] | (uint32_t)l->weights[2 * index + 1] << 8;
}

// sums += factor * x over the window positions of one tap. 32 bits hold 1024 channels of 9 taps of 8-bit weights.
static void add_tap32(int32_t *sums, const uint8_t *x, uint32_t pitch, const layer_t *l, int32_t factor)
{
    for (uint32_t y = 0; y < l->h; y++) {
        for (uint32_t i = 0; i < l->w; i++) {
            sums[y * l->w + i] += factor * x[y * pitch + i];
        }
    }
}

static void add_tap64(int64_t *sums, const uint8_t *x, uint32_t pitch, const layer_t *l, int64_t factor)
{
    for (uint32_t y = 0; y < l->h; y++) {
        for (uint32_t i = 0; i < l->w; i++) {
            sums[y * l->w + i] += factor * x[y * pitch + i];
        }
    }
}

// Pixel under tap (ky, kx) of output (0, 0).
static const uint8_t *tap(const padded_t *in, const layer_t *l, uint32_t c, uint32_t ky, uint32_t kx)
{
    uint32_t border = l->kernel == 3 ? 0 : 1;
    return in->planes + c * in->plane + (ky + border) * in->pitch + kx + border;
}

static void pixel_sums(int32_t *sums, const padded_t *in, const layer_t *l, uint32_t first, uint32_t channels)
{
    memset(sums, 0, sizeof(*sums) * l->w * l->h);
    for (uint32_t c = first; c < first + channels; c++) {
        for (uint32_t k = 0; k < l->kernel * l->kernel; k++) {
            add_tap32(sums, tap(in, l, c, k / l->kernel, k % l->kernel), in->pitch, l, 1);
        }
    }
}

// ACC of spec kpu.md 5.1 for output channel o; returns the sum of its weights.
static int64_t accumulate(int32_t *narrow, int64_t *wide, const padded_t *in, const layer_t *l, uint32_t o,
                          bool eight_bit)
{
    uint32_t taps = l->kernel * l->kernel, channels = l->depthwise ? 1 : l->c;
    size_t pixels = (size_t)l->w * l->h;
    int64_t weights = 0;
    memset(narrow, 0, sizeof(*narrow) * pixels);
    memset(wide, 0, sizeof(*wide) * pixels);
    for (uint32_t c = 0; c < channels; c++) {
        for (uint32_t k = 0; k < taps; k++) {
            uint32_t w = weight(l, ((size_t)o * channels + c) * taps + k, eight_bit);
            const uint8_t *x = tap(in, l, l->depthwise ? o : c, k / l->kernel, k % l->kernel);
            weights += w;
            if (eight_bit) {
                add_tap32(narrow, x, in->pitch, l, (int32_t)w);
            } else {
                add_tap64(wide, x, in->pitch, l, w);
            }
        }
    }
    for (size_t i = 0; eight_bit && i < pixels; i++) {
        wide[i] = narrow[i];
    }
    return weights;
}

static int64_t round_b(int64_t t, unsigned s)
{
    if (s == 0) {
        return t;
    }
    if (s > 63) {
        return t < 0 ? -2 : 0;
    }
    int64_t q = t >> s;
    uint64_t f = (uint64_t)t & ((1ull << s) - 1), half = 1ull << (s - 1);
    return f > half || (f == half && q & 1) ? q + (t < 0 ? -1 : 1) : q;
}

static int64_t round_a(int64_t t, unsigned s)
{
    if (s == 0) {
        return t;
    }
    int64_t p = t >> (s - 1 > 63 ? 63 : s - 1);
    return p & 1 ? (p >> 1) + (p < 0 ? -1 : 1) : p >> 1;
}

static void read_segments(segment_t segments[16], const uint8_t *table)
{
    for (unsigned i = 0; i < 16; i++) {
        uint64_t word = load64(table + 8 * i);
        segments[i] = (segment_t){signed_field(word, 59, 24), signed_field(word, 23, 8), field(word, 7, 0),
                                  table[128 + i]};
    }
}

static uint8_t activate(const segment_t segments[16], int64_t v, char profile)
{
    unsigned i = 15;
    while (i && !(profile == 'A' ? v >= segments[i].start : v > segments[i].start)) {
        i--;
    }
    int64_t t = wrapping_mul(wrapping_add(v, -segments[i].start), segments[i].mul);
    int64_t r = profile == 'A' ? round_a(t, segments[i].shift) : round_b(t, segments[i].shift);
    r = wrapping_add(r, segments[i].bias);
    return (uint8_t)(r < 0 ? 0 : r > 255 ? 255 : r);
}

// Batch norm and activation of output channel o, in place of its accumulators.
static void finish(uint8_t *map, const int64_t *acc, const int32_t *sums, int64_t weights, const layer_t *l, uint32_t o,
                   const segment_t segments[16], char profile)
{
    uint64_t bn = load64(l->bn + 8 * (size_t)o);
    int64_t mul = signed_field(bn, 23, 0), add = signed_field(bn, 55, 24);
    unsigned shift = field(bn, 59, 56);
    int64_t constant = (l->arg_w * weights >> l->shr_w) + l->arg_add * (l->depthwise ? 1 : l->c);
    for (size_t i = 0; i < (size_t)l->w * l->h; i++) {
        int64_t u = acc[i] + (l->arg_x * sums[i] >> l->shr_x) + constant;
        map[i] = activate(segments, (wrapping_mul(u, mul) >> shift) + add, profile);
    }
}

typedef struct {
    uint32_t size, stride;
    enum { PICK, MAX, MEAN } kind;
    uint32_t dx; // of the pixel that is picked
} pool_t;

static const pool_t pools[10] = {
    {1, 1, PICK, 0}, {2, 2, MAX, 0},  {2, 2, MEAN, 0}, {4, 4, MAX, 0},  {4, 4, MEAN, 0},
    {2, 2, PICK, 0}, {2, 2, PICK, 1}, {4, 4, PICK, 0}, {2, 1, MEAN, 0}, {2, 1, MAX, 0},
};

// Codes 8 and 9 look one pixel beyond the right and bottom border; the border's own pixel stands for it.
static uint8_t pool_pixel(const uint8_t *map, const layer_t *l, const pool_t *p, uint32_t y, uint32_t x)
{
    uint32_t sum = 0, max = 0;
    if (p->kind == PICK) {
        return map[y * p->stride * l->w + x * p->stride + p->dx];
    }
    for (uint32_t j = 0; j < p->size; j++) {
        for (uint32_t i = 0; i < p->size; i++) {
            uint32_t py = y * p->stride + j, px = x * p->stride + i;
            uint32_t v = map[(py < l->h ? py : l->h - 1) * l->w + (px < l->w ? px : l->w - 1)];
            sum += v;
            max = v > max ? v : max;
        }
    }
    return (uint8_t)(p->kind == MAX ? max : sum / (p->size * p->size));
}

static void pool_map(uint8_t *dense, const uint8_t *map, const layer_t *l)
{
    const pool_t *p = &pools[l->pool];
    for (uint32_t y = 0; y < l->oh; y++) {
        for (uint32_t x = 0; x < l->ow; x++) {
            *dense++ = pool_pixel(map, l, p, y, x);
        }
    }
}

static void write_output(const kmodel_soft_t *soft, const layer_t *l, const uint8_t *dense)
{
    for (uint32_t c = 0; c < l->oc; c++) {
        for (uint32_t y = 0; y < l->oh; y++, dense += l->ow) {
            uint32_t at = line_address(l->dst, c, y, l->out_channel, l->out_row, l->out_group);
            memcpy(soft->kpu.ai_ram + at, dense, l->ow);
        }
    }
}

static void compute(uint8_t *dense, const padded_t *in, const layer_t *l, void *scratch, bool eight_bit, char profile)
{
    size_t pixels = (size_t)l->w * l->h;
    int64_t *wide = scratch;
    int32_t *narrow = (int32_t *)(wide + pixels), *sums = narrow + pixels;
    uint8_t *map = (uint8_t *)(sums + pixels);
    segment_t segments[16];
    read_segments(segments, l->activation);
    if (!l->depthwise) {
        pixel_sums(sums, in, l, 0, l->c);
    }
    for (uint32_t o = 0; o < l->oc; o++) {
        if (l->depthwise) {
            pixel_sums(sums, in, l, o, 1);
        }
        int64_t weights = accumulate(narrow, wide, in, l, o, eight_bit);
        finish(map, wide, sums, weights, l, o, segments, profile);
        pool_map(dense + (size_t)o * l->ow * l->oh, map, l);
    }
}

static int run_layer(kmodel_soft_t *soft, const uint64_t words[12], bool eight_bit)
{
    layer_t l = decode(soft, words);
    uint64_t macs = (uint64_t)l.w * l.h * l.kernel * l.kernel * l.oc * (l.depthwise ? 1 : l.c);
    if (soft->budget && soft->macs + macs > soft->budget) {
        return KMODEL_HOOK_TIMEOUT;
    }
    soft->macs += macs;
    padded_t in = {0};
    uint8_t *dense = malloc((size_t)l.ow * l.oh * l.oc);
    void *scratch = malloc((size_t)l.w * l.h * (sizeof(int64_t) + 2 * sizeof(int32_t) + 1));
    bool ready = dense && scratch && read_input(soft, &l, &in);
    if (ready) {
        compute(dense, &in, &l, scratch, eight_bit, soft->profile);
        write_output(soft, &l, dense);
        if (soft->after_layer) {
            soft->after_layer(soft->after_ctx, words, dense, l.ow, l.oh, l.oc);
        }
    }
    free(in.planes);
    free(scratch);
    free(dense);
    return ready ? 0 : KMODEL_HOOK_FAILED;
}

static int run(void *ctx, const uint64_t (*layers)[12], unsigned count, uint64_t cycles, bool eight_bit)
{
    (void)cycles;
    for (unsigned i = 0; i < count; i++) {
        int rc = run_layer(ctx, layers[i], eight_bit);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

static uint32_t bus_address(void *ctx, const void *p)
{
    kmodel_soft_t *soft = ctx;
    if (soft->address_count == soft->address_room) {
        size_t room = soft->address_room ? 2 * soft->address_room : 64;
        const void **more = realloc(soft->addresses, room * sizeof(*more));
        if (!more) {
            abort();
        }
        soft->addresses = more;
        soft->address_room = room;
    }
    soft->addresses[soft->address_count] = p;
    return (uint32_t)(256 * soft->address_count++);
}

int kmodel_soft_init(kmodel_soft_t *soft)
{
    *soft = (kmodel_soft_t){.kpu = {.ctx = soft, .bus_address = bus_address, .run = run}, .profile = 'B'};
    soft->kpu.ai_ram = aligned_alloc(64, AI_RAM_BYTES);
    if (!soft->kpu.ai_ram) {
        return -1;
    }
    memset(soft->kpu.ai_ram, 0, AI_RAM_BYTES);
    return 0;
}

void kmodel_soft_forget(kmodel_soft_t *soft)
{
    soft->address_count = 0;
}

void kmodel_soft_deinit(kmodel_soft_t *soft)
{
    free(soft->kpu.ai_ram);
    free(soft->addresses);
    *soft = (kmodel_soft_t){0};
}
