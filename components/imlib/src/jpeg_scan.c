#include <string.h>

#include "jpeg.h"

static const uint8_t natural[64] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
};

// At least 32 bits, which are enough for a code and its difference; zeros where the scan has no more.
static void fill(jpeg_t *jpeg)
{
    while (jpeg->count <= 32) {
        uint8_t byte = 0;
        if (!jpeg->marker) {
            byte = imlib_read_byte(jpeg->reader);
            if (byte == 0xff) {
                uint8_t next;
                do {
                    next = imlib_read_byte(jpeg->reader);
                } while (next == 0xff);
                jpeg->marker = next;
                byte = next ? 0 : 0xff;
            }
        }
        jpeg->invented += jpeg->marker || jpeg->reader->code ? 8 : 0;
        jpeg->bits = jpeg->bits << 8 | byte;
        jpeg->count += 8;
    }
}

static inline uint32_t peek(const jpeg_t *jpeg, int32_t n)
{
    return (uint32_t)(jpeg->bits >> (jpeg->count - n)) & ((1u << n) - 1);
}

static uint8_t symbol(jpeg_t *jpeg, const jpeg_huffman_t *huffman)
{
    const uint8_t *fast = huffman->fast[peek(jpeg, 8)];
    if (fast[0]) {
        jpeg->count -= fast[0];
        return fast[1];
    }
    for (int32_t length = 9; length <= 16; length++) {
        int32_t code = (int32_t)peek(jpeg, length);
        if (code < huffman->end[length]) {
            jpeg->count -= length;
            return huffman->symbols[(code + huffman->offset[length]) & 255];
        }
    }
    jpeg->damaged = true;
    return 0;
}

// The next n bits as a difference: values of the lower half are negative.
static int32_t extend(jpeg_t *jpeg, int32_t n)
{
    if (n == 0) {
        return 0;
    }
    int32_t v = (int32_t)peek(jpeg, n);
    jpeg->count -= n;
    return v >> (n - 1) ? v : v - (1 << n) + 1;
}

static int16_t narrow(int32_t v)
{
    return (int16_t)(v < -32768 ? -32768 : v > 32767 ? 32767 : v);
}

static void read_block(jpeg_t *jpeg, jpeg_component_t *component, uint8_t *to, size_t stride)
{
    const uint16_t *quant = jpeg->quant[component->quant];
    memset(jpeg->block, 0, sizeof(jpeg->block));
    fill(jpeg);
    uint8_t size = symbol(jpeg, &jpeg->dc[component->dc]);
    jpeg->damaged |= size > 11;
    component->predictor = narrow(component->predictor + extend(jpeg, size & 15));
    jpeg->block[0] = narrow(component->predictor * quant[0]);
    bool flat = true;
    for (int k = 1; k < 64; k++) {
        fill(jpeg);
        uint8_t run_size = symbol(jpeg, &jpeg->ac[component->ac]);
        size = run_size & 15;
        k += run_size >> 4;
        if (size == 0) {
            if (run_size != 0xf0) {
                break;
            }
            continue;
        }
        if (k > 63) {
            jpeg->damaged = true;
            break;
        }
        jpeg->block[natural[k]] = narrow(extend(jpeg, size) * quant[k]);
        flat = false;
    }
    if (flat) {
        int32_t v = ((jpeg->block[0] + 4) >> 3) + 128;
        for (int y = 0; y < 8; y++) {
            memset(to + (size_t)y * stride, v < 0 ? 0 : v > 255 ? 255 : v, 8);
        }
    } else {
        jpeg_idct(jpeg->block, to, stride);
    }
}

bool jpeg_read_mcu(jpeg_t *jpeg)
{
    for (int i = 0; i < jpeg->components; i++) {
        jpeg_component_t *c = &jpeg->component[i];
        size_t stride = 8u * c->h;
        for (size_t y = 0; y < c->v; y++) {
            for (size_t x = 0; x < c->h; x++) {
                read_block(jpeg, c, c->samples + 8 * y * stride + 8 * x, stride);
            }
        }
    }
    return !jpeg->damaged && jpeg->count >= jpeg->invented;
}

void jpeg_start_interval(jpeg_t *jpeg)
{
    jpeg->bits = 0;
    jpeg->count = jpeg->invented = 0;
    jpeg->marker = 0;
    for (int i = 0; i < jpeg->components; i++) {
        jpeg->component[i].predictor = 0;
    }
}

bool jpeg_next_interval(jpeg_t *jpeg, unsigned index)
{
    while (!jpeg->marker && !jpeg->reader->code) {
        uint8_t byte = imlib_read_byte(jpeg->reader);
        while (byte == 0xff) {
            byte = imlib_read_byte(jpeg->reader);
            jpeg->marker = byte == 0xff ? 0 : byte;
        }
    }
    bool good = jpeg->marker == 0xd0 + (index & 7);
    jpeg_start_interval(jpeg);
    return good;
}
