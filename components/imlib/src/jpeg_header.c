#include <string.h>

#include "jpeg.h"

typedef struct {
    jpeg_t *jpeg;
    imlib_error_t *error;
    uint32_t left; // bytes of the segment
} segment_t;

static int damaged(const segment_t *s)
{
    return imlib_fail(s->error, IMLIB_EJPEG_DAMAGED, (int32_t)imlib_reader_position(s->jpeg->reader), 0);
}

// Beyond the end of a segment there are zeros; `left` then stays 0 and the caller has checked the length.
static uint8_t take(segment_t *s)
{
    if (s->left == 0) {
        return 0;
    }
    s->left--;
    return imlib_read_byte(s->jpeg->reader);
}

static uint16_t take16(segment_t *s)
{
    uint16_t high = take(s);
    return (uint16_t)(high << 8 | take(s));
}

static int read_quant(segment_t *s)
{
    while (s->left) {
        uint8_t which = take(s), wide = which >> 4, table = which & 15;
        if (wide > 1 || table > 3 || s->left < (wide ? 128u : 64u)) {
            return damaged(s);
        }
        for (int i = 0; i < 64; i++) {
            s->jpeg->quant[table][i] = wide ? take16(s) : take(s);
        }
        s->jpeg->quant_defined |= (uint8_t)(1u << table);
    }
    return IMLIB_OK;
}

static void fill_fast(jpeg_huffman_t *huffman, uint32_t code, uint8_t length, uint8_t symbol)
{
    uint32_t first = code << (8 - length);
    for (uint32_t i = 0; i < 1u << (8 - length); i++) {
        huffman->fast[first + i][0] = length;
        huffman->fast[first + i][1] = symbol;
    }
}

static int build_huffman(segment_t *s, jpeg_huffman_t *huffman)
{
    uint8_t counts[17] = {0};
    uint32_t total = 0;
    for (int i = 1; i <= 16; i++) {
        counts[i] = take(s);
        total += counts[i];
    }
    if (total > 256 || total > s->left) {
        return damaged(s);
    }
    memset(huffman, 0, sizeof(*huffman));
    for (uint32_t i = 0; i < total; i++) {
        huffman->symbols[i] = take(s);
    }
    uint32_t code = 0, index = 0;
    for (uint8_t length = 1; length <= 16; length++) {
        huffman->offset[length] = (int32_t)index - (int32_t)code;
        if (code + counts[length] > 1u << length) {
            return damaged(s);
        }
        for (int i = 0; i < counts[length]; i++, code++, index++) {
            if (length <= 8) {
                fill_fast(huffman, code, length, huffman->symbols[index]);
            }
        }
        huffman->end[length] = (int32_t)code;
        code <<= 1;
    }
    huffman->defined = true;
    return IMLIB_OK;
}

static int read_huffman(segment_t *s)
{
    while (s->left) {
        uint8_t which = take(s), table = which & 15;
        if (which >> 4 > 1 || table > 3 || s->left < 17) {
            return damaged(s);
        }
        int rc = build_huffman(s, which >> 4 ? &s->jpeg->ac[table] : &s->jpeg->dc[table]);
        if (rc) {
            return rc;
        }
    }
    return IMLIB_OK;
}

static uint8_t log2_of(uint8_t v)
{
    return v == 4 ? 2 : v >> 1;
}

static bool power_of_two(uint8_t v)
{
    return v == 1 || v == 2 || v == 4;
}

// Sampling factors of 1, 2 and 4, up to the ten blocks per MCU that T.81 allows.
static int check_sampling(segment_t *s)
{
    jpeg_t *jpeg = s->jpeg;
    if (jpeg->components == 1) {
        // The only channel of a scan is stored block by block, whatever its factors are (T.81 A.2.2).
        jpeg->component[0].h = jpeg->component[0].v = 1;
    }
    uint32_t blocks = 0;
    jpeg->h_max = jpeg->v_max = 1;
    for (int i = 0; i < jpeg->components; i++) {
        jpeg_component_t *c = &jpeg->component[i];
        if (!power_of_two(c->h) || !power_of_two(c->v) || blocks + c->h * c->v > 10) {
            return imlib_fail(s->error, IMLIB_EJPEG_SAMPLING, c->h << 4 | c->v, 0);
        }
        c->samples = jpeg->samples + 64 * blocks;
        blocks += (uint32_t)c->h * c->v;
        jpeg->h_max = c->h > jpeg->h_max ? c->h : jpeg->h_max;
        jpeg->v_max = c->v > jpeg->v_max ? c->v : jpeg->v_max;
    }
    for (int i = 0; i < jpeg->components; i++) {
        jpeg_component_t *c = &jpeg->component[i];
        c->shift_x = (uint8_t)(log2_of(jpeg->h_max) - log2_of(c->h));
        c->shift_y = (uint8_t)(log2_of(jpeg->v_max) - log2_of(c->v));
    }
    return IMLIB_OK;
}

static int read_frame(segment_t *s)
{
    jpeg_t *jpeg = s->jpeg;
    if (s->left < 6 || jpeg->components) {
        return damaged(s);
    }
    uint8_t bits = take(s);
    jpeg->height = take16(s);
    jpeg->width = take16(s);
    uint8_t components = take(s);
    if (bits != 8) {
        return imlib_fail(s->error, IMLIB_EJPEG_BITS, bits, 0);
    }
    if (components != 1 && components != 3) {
        return imlib_fail(s->error, IMLIB_EJPEG_CHANNELS, components, 0);
    }
    if (s->left < 3u * components) {
        return damaged(s);
    }
    jpeg->components = components;
    for (int i = 0; i < components; i++) {
        jpeg_component_t *c = &jpeg->component[i];
        c->id = take(s);
        uint8_t factors = take(s);
        c->h = factors >> 4;
        c->v = factors & 15;
        c->quant = take(s);
        if (c->quant > 3) {
            return damaged(s);
        }
    }
    return check_sampling(s);
}

static int read_scan(segment_t *s)
{
    jpeg_t *jpeg = s->jpeg;
    uint8_t count = take(s);
    if (!jpeg->components || s->left < 2u * count + 3) {
        return damaged(s);
    }
    if (count != jpeg->components) {
        return imlib_fail(s->error, IMLIB_EJPEG_SCANS, count, jpeg->components);
    }
    for (int i = 0; i < count; i++) {
        jpeg_component_t *c = &jpeg->component[i];
        uint8_t id = take(s), tables = take(s);
        c->dc = tables >> 4;
        c->ac = tables & 15;
        bool ready = id == c->id && c->dc < 4 && c->ac < 4 && jpeg->dc[c->dc].defined && jpeg->ac[c->ac].defined &&
                     jpeg->quant_defined >> c->quant & 1;
        if (!ready) {
            return damaged(s);
        }
    }
    return IMLIB_OK;
}

// Adobe's segment says when three channels are RGB and not YCbCr.
static int read_adobe(segment_t *s)
{
    uint8_t body[12] = {0};
    for (int i = 0; i < 12; i++) {
        body[i] = take(s);
    }
    s->jpeg->rgb = memcmp(body, "Adobe", 5) == 0 && body[11] == 0;
    return IMLIB_OK;
}

enum { SOF0 = 0xc0, SOF2 = 0xc2, DHT = 0xc4, SOF15 = 0xcf, JPG = 0xc8, DAC = 0xcc, EOI = 0xd9, SOS = 0xda, DQT = 0xdb,
       DRI = 0xdd, APP14 = 0xee };

static int read_segment(segment_t *s, uint8_t marker)
{
    switch (marker) {
    case SOF0:
    case SOF0 + 1: // extended sequential: the same with more tables
        return read_frame(s);
    case DHT:
        return read_huffman(s);
    case DQT:
        return read_quant(s);
    case SOS:
        return read_scan(s);
    case DRI:
        s->jpeg->restart_interval = take16(s);
        return IMLIB_OK;
    case APP14:
        return read_adobe(s);
    case SOF2:
        return imlib_fail(s->error, IMLIB_EPROGRESSIVE, 0, 0);
    default:
        if (marker > SOF2 && marker <= SOF15) {
            return imlib_fail(s->error, IMLIB_EJPEG_KIND, marker, 0);
        }
        return IMLIB_OK;
    }
}

int jpeg_read_header(jpeg_t *jpeg, imlib_error_t *error)
{
    segment_t s = {.jpeg = jpeg, .error = error};
    imlib_reader_t *reader = jpeg->reader;
    for (;;) {
        uint8_t byte = imlib_read_byte(reader);
        if (byte != 0xff && !reader->code) {
            return damaged(&s);
        }
        while (byte == 0xff) {
            byte = imlib_read_byte(reader);
        }
        if (byte == EOI || (byte < SOF0 && !reader->code)) {
            return damaged(&s);
        }
        s.left = 2;
        uint16_t length = take16(&s);
        s.left = length - 2u;
        int rc = length < 2 ? damaged(&s) : read_segment(&s, byte);
        if (reader->code) {
            return imlib_fail(error, reader->code, reader->value, 0);
        }
        if (rc) {
            return rc;
        }
        imlib_skip_bytes(reader, s.left);
        if (byte == SOS) {
            return IMLIB_OK;
        }
    }
}
