// Images in memory: pixel formats, conversion for the KPU, resizing, and reading and writing of picture files.
// Portable C11. Memory comes from a caller's allocator; results are 0 or a negative code, details are in imlib_error_t.
#ifndef IMLIB_H
#define IMLIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Longest side of an image. Larger pictures are refused before memory is asked for.
#define IMLIB_MAX_SIDE 16384

// Codes of spec maixpy-image.md 2.1 (a JPEG's "bytes per pixel" is its length there; here `size` holds it).
typedef enum {
    IMLIB_BINARY = 0,
    IMLIB_GRAYSCALE = 1,
    IMLIB_RGB565 = 2,
    IMLIB_BAYER = 3,
    IMLIB_JPEG = 4,
} imlib_format_t;

// RGB565 is big-endian in memory: RRRRRGGG GGGBBBBB (spec maixpy-image.md 2.2). Rows are dense, except binary ones,
// which are padded to 32 bits. `ai` is NULL or the KPU's input: planes R, G, B (grayscale: one) of width * height bytes.
typedef struct {
    int32_t width, height;
    imlib_format_t format;
    size_t size; // bytes at pixels
    uint8_t *pixels;
    uint8_t *ai;
} imlib_image_t;

enum {
    IMLIB_OK = 0,
    IMLIB_ENOMEM = -1,      // value: bytes asked for
    IMLIB_EABORTED = -2,    // the poll hook stopped the work
    IMLIB_EREAD = -3,       // value: what the source's read returned
    IMLIB_EEND = -4,        // data end early; value: bytes read
    IMLIB_EUNKNOWN = -5,    // neither BMP nor JPEG; value: the first two bytes, big-endian
    IMLIB_ESIZE = -6,       // value, limit: side of the image
    IMLIB_EBMP_HEADER = -7, // value: length of the information header
    IMLIB_EBMP_DEPTH = -8,  // value: bits per pixel
    IMLIB_EBMP_CODING = -9, // value: the file's compression code
    IMLIB_EBMP_MASK = -10,  // value: the bit mask of a channel
    IMLIB_EPROGRESSIVE = -11,
    IMLIB_EJPEG_KIND = -12,      // value: low byte of the SOFn marker
    IMLIB_EJPEG_BITS = -13,      // value: bits per sample
    IMLIB_EJPEG_CHANNELS = -14,  // value: components
    IMLIB_EJPEG_SAMPLING = -15,  // value: sampling factors of a component, hexadecimal HV
    IMLIB_EJPEG_SCANS = -16,     // value, limit: components in the scan and in the frame
    IMLIB_EJPEG_DAMAGED = -17,   // value: byte position
    IMLIB_EFORMAT = -18,         // the operation does not know this pixel format
};

typedef struct {
    int code;
    int32_t value, limit;
} imlib_error_t;

// printf format for the code, with up to two %d for value and limit in this order.
const char *imlib_error_format(int code);

// Surroundings of longer operations. poll may be NULL; nonzero from it ends the operation with IMLIB_EABORTED.
typedef struct {
    void *ctx;
    void *(*alloc)(void *ctx, size_t size); // NULL when there is no room; aligned to 8
    void (*release)(void *ctx, void *p);
    int (*poll)(void *ctx);
} imlib_env_t;

// Sequential bytes of a file: read returns the number of bytes stored, 0 at the end, or a negative error.
typedef struct {
    void *ctx;
    int (*read)(void *ctx, uint8_t *to, size_t length);
} imlib_source_t;

typedef struct {
    void *ctx;
    int (*write)(void *ctx, const uint8_t *from, size_t length); // 0 or a negative error
} imlib_sink_t;

// ---- image.c: the struct -------------------------------------------------------------------------------------------

// Bytes of the pixels of an uncompressed image.
size_t imlib_pixel_bytes(int32_t width, int32_t height, imlib_format_t format);
// Bytes of its AI buffer.
size_t imlib_ai_bytes(const imlib_image_t *image);
// A black image without AI buffer. ENOMEM, ESIZE.
int imlib_create(const imlib_env_t *env, imlib_image_t *image, int32_t width, int32_t height, imlib_format_t format,
                 imlib_error_t *error);
// Returns both buffers; the struct is empty afterwards. Harmless when it already is.
void imlib_destroy(const imlib_env_t *env, imlib_image_t *image);
// Raw pixel: byte-swapped 565, gray value or bit. The caller has checked the coordinates (binary, grayscale, RGB565).
uint32_t imlib_get_pixel(const imlib_image_t *image, int32_t x, int32_t y);
void imlib_set_pixel(imlib_image_t *image, int32_t x, int32_t y, uint32_t raw);

// ---- color.c: spec maixpy-image.md 2.2 -----------------------------------------------------------------------------

// Rounding of v * 255 / 31 and v * 255 / 63, and the nearest inverses.
static inline uint8_t imlib_expand5(uint32_t v)
{
    return (uint8_t)((v * 527 + 23) >> 6);
}
static inline uint8_t imlib_expand6(uint32_t v)
{
    return (uint8_t)((v * 259 + 33) >> 6);
}
static inline uint32_t imlib_reduce5(uint32_t v)
{
    return (v * 249 + 1014) >> 11;
}
static inline uint32_t imlib_reduce6(uint32_t v)
{
    return (v * 253 + 505) >> 10;
}
// The 16-bit integer of the API, read little-endian from big-endian memory.
static inline uint16_t imlib_pack565(uint32_t r5, uint32_t g6, uint32_t b5)
{
    return (uint16_t)(r5 << 3 | g6 >> 3 | (g6 & 7) << 13 | b5 << 8);
}
static inline uint32_t imlib_r5(uint32_t raw)
{
    return raw >> 3 & 31;
}
static inline uint32_t imlib_g6(uint32_t raw)
{
    return (raw & 7) << 3 | (raw >> 13 & 7);
}
static inline uint32_t imlib_b5(uint32_t raw)
{
    return raw >> 8 & 31;
}
static inline uint16_t imlib_rgb_to_565(uint32_t r, uint32_t g, uint32_t b)
{
    return imlib_pack565(imlib_reduce5(r), imlib_reduce6(g), imlib_reduce5(b));
}
// 0.299 R + 0.587 G + 0.114 B, truncated.
static inline uint8_t imlib_luminance(uint32_t r, uint32_t g, uint32_t b)
{
    return (uint8_t)((299 * r + 587 * g + 114 * b) / 1000);
}

// ---- ai.c: between pixels and AI buffer ----------------------------------------------------------------------------

// image->ai must be there. EFORMAT for other formats than grayscale and RGB565.
int imlib_pix_to_ai(const imlib_image_t *image);
// The same for a part of the pixels: part `index` of IMLIB_AI_PARTS, so that two harts can share the work.
#define IMLIB_AI_PARTS 2
int imlib_pix_to_ai_part(const imlib_image_t *image, unsigned index);
int imlib_ai_to_pix(imlib_image_t *image);
// The kernels: `count` big-endian 565 pixels to three planes `plane` bytes apart. The first is the plain form that the
// tests hold the second against.
void imlib_rgb565_to_planes_reference(uint8_t *planes, size_t plane, const uint8_t *pixels, size_t count);
void imlib_rgb565_to_planes(uint8_t *planes, size_t plane, const uint8_t *pixels, size_t count);

// ---- resize.c, crop.c: new images without AI buffer ------------------------------------------------------------------

// `to` is created. Grayscale and RGB565 (else EFORMAT) by the rules of spec maixpy-image.md 4.1. ENOMEM, ESIZE, EABORTED.
int imlib_resize(const imlib_env_t *env, imlib_image_t *to, const imlib_image_t *from, int32_t width, int32_t height,
                 imlib_error_t *error);

typedef struct {
    int32_t x, y, w, h;
} imlib_rect_t;

// The rectangle, which lies inside of `from`, scaled to width x height by nearest neighbour. Any uncompressed format.
int imlib_crop(const imlib_env_t *env, imlib_image_t *to, const imlib_image_t *from, imlib_rect_t roi, int32_t width,
               int32_t height, imlib_error_t *error);
// Exactly roi.w x roi.h; what lies outside of `from` is black.
int imlib_cut(const imlib_env_t *env, imlib_image_t *to, const imlib_image_t *from, imlib_rect_t roi,
              imlib_error_t *error);

// ---- decode.c, bmp.c, jpeg*.c: picture files -------------------------------------------------------------------------

// Reads a BMP or a baseline JPEG; the first two bytes decide. `image` is created without AI buffer.
int imlib_decode(const imlib_env_t *env, const imlib_source_t *source, imlib_image_t *image, imlib_error_t *error);
// JPEG only (spec maixpy-image.md 3.1: open files and bytes).
int imlib_decode_jpeg(const imlib_env_t *env, const imlib_source_t *source, imlib_image_t *image,
                      imlib_error_t *error);
// Writes the rectangle: grayscale as 8 bit with a gray palette, RGB565 as 24 bit. EFORMAT, or what the sink returned.
int imlib_write_bmp(const imlib_sink_t *sink, const imlib_image_t *image, imlib_rect_t roi);

#endif
