/* Inflate, RFC 1950 and 1951: the co-processor's loader takes compressed images. */
#include "esp.h"

#include <setjmp.h>
#include <string.h>

#define MAX_BITS 15

typedef struct {
    const uint8_t *in;
    size_t in_count, at;
    uint32_t bits;
    unsigned bit_count;
    uint8_t *out;
    size_t capacity, produced;
    jmp_buf stop; /* 1: the input ended, 2: it is wrong */
} stream_t;

typedef struct {
    uint16_t count[MAX_BITS + 1], symbol[288];
} code_t;

static unsigned take(stream_t *s, unsigned count)
{
    while (s->bit_count < count) {
        if (s->at == s->in_count) {
            longjmp(s->stop, 1);
        }
        s->bits |= (uint32_t)s->in[s->at++] << s->bit_count;
        s->bit_count += 8;
    }
    unsigned value = s->bits & ((1u << count) - 1);
    s->bits >>= count;
    s->bit_count -= count;
    return value;
}

static void put(stream_t *s, uint8_t byte)
{
    if (s->produced == s->capacity) {
        longjmp(s->stop, 2);
    }
    s->out[s->produced++] = byte;
}

/* Canonical code from the lengths of its symbols. */
static void build(code_t *code, const uint8_t *length, unsigned symbols)
{
    uint16_t offset[MAX_BITS + 2] = {0};
    memset(code->count, 0, sizeof code->count);
    for (unsigned i = 0; i < symbols; i++) {
        code->count[length[i]]++;
    }
    code->count[0] = 0;
    for (unsigned n = 1; n <= MAX_BITS; n++) {
        offset[n + 1] = (uint16_t)(offset[n] + code->count[n]);
    }
    for (unsigned i = 0; i < symbols; i++) {
        if (length[i] != 0) {
            code->symbol[offset[length[i]]++] = (uint16_t)i;
        }
    }
}

static unsigned decode(stream_t *s, const code_t *code)
{
    unsigned value = 0, first = 0, index = 0;
    for (unsigned n = 1; n <= MAX_BITS; n++) {
        value |= take(s, 1);
        unsigned count = code->count[n];
        if (value - first < count) {
            return code->symbol[index + (value - first)];
        }
        index += count;
        first = (first + count) << 1;
        value <<= 1;
    }
    longjmp(s->stop, 2);
}

static void copy(stream_t *s, unsigned length, unsigned distance)
{
    if (distance > s->produced) {
        longjmp(s->stop, 2);
    }
    while (length--) {
        put(s, s->out[s->produced - distance]);
    }
}

static void compressed_block(stream_t *s, const code_t *literals, const code_t *distances)
{
    static const uint16_t length_base[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                             31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const uint8_t length_extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                             2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    static const uint16_t distance_base[30] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,
                                               33,  49,  65,  97,  129, 193,  257,  385,  513,  769,
                                               1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    for (;;) {
        unsigned symbol = decode(s, literals);
        if (symbol < 256) {
            put(s, (uint8_t)symbol);
            continue;
        }
        if (symbol == 256) {
            return;
        }
        if (symbol > 285) {
            longjmp(s->stop, 2);
        }
        unsigned length = length_base[symbol - 257] + take(s, length_extra[symbol - 257]);
        unsigned code = decode(s, distances);
        if (code > 29) {
            longjmp(s->stop, 2);
        }
        copy(s, length, distance_base[code] + take(s, code < 2 ? 0 : code / 2 - 1));
    }
}

static void stored_block(stream_t *s)
{
    take(s, s->bit_count % 8);
    unsigned length = take(s, 16), inverse = take(s, 16);
    if (length != (inverse ^ 0xffff)) {
        longjmp(s->stop, 2);
    }
    while (length--) {
        put(s, (uint8_t)take(s, 8));
    }
}

static void fixed_block(stream_t *s)
{
    code_t literals, distances;
    uint8_t length[288];
    memset(length, 8, 144);
    memset(length + 144, 9, 112);
    memset(length + 256, 7, 24);
    memset(length + 280, 8, 8);
    build(&literals, length, 288);
    memset(length, 5, 30);
    build(&distances, length, 30);
    compressed_block(s, &literals, &distances);
}

static void read_lengths(stream_t *s, uint8_t *length, unsigned total)
{
    static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    code_t code;
    uint8_t code_length[19] = {0};
    unsigned used = take(s, 4) + 4;
    for (unsigned i = 0; i < used; i++) {
        code_length[order[i]] = (uint8_t)take(s, 3);
    }
    build(&code, code_length, 19);
    for (unsigned i = 0; i < total;) {
        unsigned symbol = decode(s, &code), repeat = 1;
        uint8_t value = (uint8_t)symbol;
        if (symbol >= 16) {
            if (symbol == 16 && i == 0) {
                longjmp(s->stop, 2);
            }
            value = symbol == 16 ? length[i - 1] : 0;
            repeat = symbol == 16 ? 3 + take(s, 2) : symbol == 17 ? 3 + take(s, 3) : 11 + take(s, 7);
        }
        if (repeat > total - i) {
            longjmp(s->stop, 2);
        }
        memset(length + i, value, repeat);
        i += repeat;
    }
}

static void dynamic_block(stream_t *s)
{
    code_t literals, distances;
    uint8_t length[288 + 32];
    unsigned literal_count = take(s, 5) + 257, distance_count = take(s, 5) + 1;
    if (literal_count > 286 || distance_count > 30) {
        longjmp(s->stop, 2);
    }
    read_lengths(s, length, literal_count + distance_count);
    build(&literals, length, literal_count);
    build(&distances, length + literal_count, distance_count);
    compressed_block(s, &literals, &distances);
}

static void inflate(stream_t *s)
{
    unsigned head = take(s, 8), flags = take(s, 8), last;
    if ((head & 15) != 8 || (head << 8 | flags) % 31 != 0 || (flags & 32) != 0) {
        longjmp(s->stop, 2);
    }
    do {
        last = take(s, 1);
        switch (take(s, 2)) {
        case 0: stored_block(s); break;
        case 1: fixed_block(s); break;
        case 2: dynamic_block(s); break;
        default: longjmp(s->stop, 2);
        }
    } while (!last);
}

static bool is_stream(stream_t *s)
{
    int stopped = setjmp(s->stop);
    if (stopped == 0) {
        inflate(s);
    }
    return stopped != 2;
}

bool inflate_prefix(const uint8_t *in, size_t count, uint8_t *out, size_t capacity, size_t *produced)
{
    stream_t s = {.in = in, .in_count = count, .out = out, .capacity = capacity};
    bool good = is_stream(&s);
    *produced = s.produced;
    return good;
}
