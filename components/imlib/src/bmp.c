#include "internal.h"

// File header 14 bytes, information header 12 (OS/2) or 40 and more bytes, masks, palette, rows padded to 4 bytes.
typedef struct {
    uint32_t pixels; // offset of the first row
    int32_t width, height;
    bool top_down, gray;
    uint32_t depth, coding, header, colours;
    uint32_t mask[3];
    uint8_t shift[3], bits[3];
    uint16_t palette[256]; // raw pixels of the result
} bmp_t;

enum { BI_RGB = 0, BI_BITFIELDS = 3, BI_ALPHABITFIELDS = 6 };

static uint32_t le16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
    return le16(p) | le16(p + 2) << 16;
}

static int parse_mask(bmp_t *bmp, int channel, imlib_error_t *error)
{
    uint32_t mask = bmp->mask[channel];
    uint8_t shift = 0, bits = 0;
    while (mask && !(mask & 1)) {
        mask >>= 1;
        shift++;
    }
    while (mask & 1) {
        mask >>= 1;
        bits++;
    }
    bmp->shift[channel] = shift;
    bmp->bits[channel] = bits;
    return mask ? imlib_fail(error, IMLIB_EBMP_MASK, (int32_t)bmp->mask[channel], 0) : IMLIB_OK;
}

// Everything up to the palette.
static int read_header(bmp_t *bmp, imlib_reader_t *reader, imlib_error_t *error)
{
    uint8_t h[14 + 124 - 2];
    imlib_read_bytes(reader, h, 16);
    bmp->pixels = le32(h + 8);
    bmp->header = le32(h + 12);
    if (bmp->header != 12 && (bmp->header < 40 || bmp->header > 124)) {
        return imlib_fail(error, IMLIB_EBMP_HEADER, (int32_t)bmp->header, 0);
    }
    imlib_read_bytes(reader, h, bmp->header - 4);
    bool os2 = bmp->header == 12;
    int64_t width = os2 ? (int64_t)le16(h) : (int32_t)le32(h);
    int64_t height = os2 ? (int64_t)le16(h + 2) : (int32_t)le32(h + 4);
    bmp->top_down = height < 0;
    height = height < 0 ? -height : height;
    if (width < 1 || width > IMLIB_MAX_SIDE || height < 1 || height > IMLIB_MAX_SIDE) {
        int64_t bad = width < 1 || width > IMLIB_MAX_SIDE ? width : height;
        return imlib_fail(error, IMLIB_ESIZE, (int32_t)(bad > INT32_MAX ? INT32_MAX : bad), IMLIB_MAX_SIDE);
    }
    bmp->width = (int32_t)width;
    bmp->height = (int32_t)height;
    bmp->depth = le16(h + (os2 ? 6 : 10));
    bmp->coding = os2 ? BI_RGB : le32(h + 12);
    bmp->colours = os2 ? 0 : le32(h + 28);
    uint32_t d = bmp->depth;
    if (d != 1 && d != 4 && d != 8 && d != 16 && d != 24 && d != 32) {
        return imlib_fail(error, IMLIB_EBMP_DEPTH, (int32_t)d, 0);
    }
    bool fields = (bmp->coding == BI_BITFIELDS || bmp->coding == BI_ALPHABITFIELDS) && (d == 16 || d == 32);
    if (bmp->coding != BI_RGB && !fields) {
        return imlib_fail(error, IMLIB_EBMP_CODING, (int32_t)bmp->coding, 0);
    }
    if (d < 16) {
        return IMLIB_OK;
    }
    bmp->mask[0] = d == 16 ? 0x7c00 : 0xff0000;
    bmp->mask[1] = d == 16 ? 0x03e0 : 0x00ff00;
    bmp->mask[2] = d == 16 ? 0x001f : 0x0000ff;
    if (fields && bmp->header == 40) {
        imlib_read_bytes(reader, h + 36, 12);
    }
    for (int i = 0; i < 3; i++) {
        if (fields) {
            bmp->mask[i] = le32(h + 36 + 4 * i);
        }
        int rc = parse_mask(bmp, i, error);
        if (rc) {
            return rc;
        }
    }
    return IMLIB_OK;
}

// Colours beyond the palette are black.
static void read_palette(bmp_t *bmp, imlib_reader_t *reader)
{
    uint32_t room = 1u << bmp->depth, step = bmp->header == 12 ? 3 : 4;
    uint32_t count = bmp->colours && bmp->colours < room ? bmp->colours : room;
    // Some writers store fewer colours than they say; the pixels follow.
    uint32_t position = imlib_reader_position(reader);
    uint32_t stored = bmp->pixels > position ? (bmp->pixels - position) / step : 0;
    count = count < stored ? count : stored;
    uint8_t rgb[256][3] = {{0}};
    bmp->gray = true;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t c[4];
        imlib_read_bytes(reader, c, step);
        for (int j = 0; j < 3; j++) {
            rgb[i][j] = c[2 - j];
        }
        bmp->gray = bmp->gray && c[0] == c[1] && c[1] == c[2];
    }
    for (uint32_t i = 0; i < room; i++) {
        bmp->palette[i] = bmp->gray ? rgb[i][0] : imlib_rgb_to_565(rgb[i][0], rgb[i][1], rgb[i][2]);
    }
}

// A channel of the pixel, scaled to 8 bits with rounding.
static uint32_t channel(const bmp_t *bmp, uint32_t pixel, int i)
{
    uint32_t v = (pixel & bmp->mask[i]) >> bmp->shift[i];
    uint8_t bits = bmp->bits[i];
    if (bits >= 8) {
        return v >> (bits - 8);
    }
    uint32_t max = (1u << bits) - 1;
    return max ? (v * 255 + max / 2) / max : 0;
}

static void read_row(const bmp_t *bmp, imlib_reader_t *reader, imlib_image_t *image, int32_t y)
{
    uint32_t depth = bmp->depth, bytes = depth / 8;
    uint8_t p[4] = {0};
    for (int32_t x = 0; x < bmp->width; x++) {
        if (depth < 8) {
            uint32_t per_byte = 8 / depth, i = (uint32_t)x % per_byte;
            p[0] = i ? p[0] : imlib_read_byte(reader);
            uint32_t index = (uint32_t)p[0] >> (8 - depth * (i + 1)) & ((1u << depth) - 1);
            imlib_set_pixel(image, x, y, bmp->palette[index]);
            continue;
        }
        imlib_read_bytes(reader, p, bytes);
        uint32_t raw;
        if (depth == 8) {
            raw = bmp->palette[p[0]];
        } else if (depth == 24) {
            raw = imlib_rgb_to_565(p[2], p[1], p[0]);
        } else {
            uint32_t v = depth == 16 ? le16(p) : le32(p);
            raw = imlib_rgb_to_565(channel(bmp, v, 0), channel(bmp, v, 1), channel(bmp, v, 2));
        }
        imlib_set_pixel(image, x, y, raw);
    }
}

int imlib_read_bmp(const imlib_env_t *env, imlib_reader_t *reader, imlib_image_t *image, imlib_error_t *error)
{
    bmp_t bmp = {0};
    int rc = read_header(&bmp, reader, error);
    if (reader->code) {
        return imlib_fail(error, reader->code, reader->value, 0);
    }
    if (rc) {
        return rc;
    }
    if (bmp.depth <= 8) {
        read_palette(&bmp, reader);
    }
    uint32_t position = imlib_reader_position(reader);
    imlib_skip_bytes(reader, bmp.pixels > position ? bmp.pixels - position : 0);
    rc = imlib_create(env, image, bmp.width, bmp.height, bmp.gray ? IMLIB_GRAYSCALE : IMLIB_RGB565, error);
    uint32_t bits = (uint32_t)bmp.width * bmp.depth, padding = (bits + 31) / 32 * 4 - (bits + 7) / 8;
    for (int32_t row = 0; rc == IMLIB_OK && row < bmp.height; row++) {
        // Before the row and not after it: writers may leave out the padding of the last one.
        imlib_skip_bytes(reader, row ? padding : 0);
        read_row(&bmp, reader, image, bmp.top_down ? row : bmp.height - 1 - row);
        if (reader->code) {
            rc = imlib_fail(error, reader->code, reader->value, 0);
        } else if (imlib_stopped(env)) {
            rc = imlib_fail(error, IMLIB_EABORTED, 0, 0);
        }
    }
    if (rc) {
        imlib_destroy(env, image);
    }
    return rc;
}
