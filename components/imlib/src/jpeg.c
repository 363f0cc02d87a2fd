#include <string.h>

#include "jpeg.h"

static uint32_t clamp(int32_t v)
{
    return (uint32_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

// JFIF's conversion with 16 fractional bits.
static uint16_t ycc_to_565(int32_t y, int32_t cb, int32_t cr)
{
    cb -= 128;
    cr -= 128;
    uint32_t r = clamp(y + ((91881 * cr + 32768) >> 16));
    uint32_t g = clamp(y - ((22554 * cb + 46802 * cr + 32767) >> 16));
    uint32_t b = clamp(y + ((116130 * cb + 32768) >> 16));
    return imlib_rgb_to_565(r, g, b);
}

static inline uint8_t sample(const jpeg_component_t *c, int32_t x, int32_t y)
{
    return c->samples[(y >> c->shift_y) * 8 * c->h + (x >> c->shift_x)];
}

// The part of the MCU at (left, top) that lies inside of the image.
static void write_mcu(const jpeg_t *jpeg, imlib_image_t *image, int32_t left, int32_t top)
{
    int32_t width = image->width - left < 8 * jpeg->h_max ? image->width - left : 8 * jpeg->h_max;
    int32_t height = image->height - top < 8 * jpeg->v_max ? image->height - top : 8 * jpeg->v_max;
    const jpeg_component_t *c = jpeg->component;
    for (int32_t y = 0; y < height; y++) {
        size_t at = (size_t)(top + y) * (size_t)image->width + (size_t)left;
        if (jpeg->components == 1) {
            memcpy(image->pixels + at, c->samples + 8 * y, (size_t)width);
            continue;
        }
        uint8_t *p = image->pixels + 2 * at;
        for (int32_t x = 0; x < width; x++) {
            uint8_t v[3] = {sample(&c[0], x, y), sample(&c[1], x, y), sample(&c[2], x, y)};
            uint16_t raw = jpeg->rgb ? imlib_rgb_to_565(v[0], v[1], v[2]) : ycc_to_565(v[0], v[1], v[2]);
            *p++ = (uint8_t)raw;
            *p++ = (uint8_t)(raw >> 8);
        }
    }
}

static int read_scan(jpeg_t *jpeg, const imlib_env_t *env, imlib_image_t *image, imlib_error_t *error)
{
    int32_t step_x = 8 * jpeg->h_max, step_y = 8 * jpeg->v_max;
    unsigned intervals = 0, left = jpeg->restart_interval;
    jpeg_start_interval(jpeg);
    for (int32_t y = 0; y < image->height; y += step_y) {
        for (int32_t x = 0; x < image->width; x += step_x) {
            bool good = true;
            if (jpeg->restart_interval && left-- == 0) {
                good = jpeg_next_interval(jpeg, intervals++);
                left = jpeg->restart_interval - 1u;
            }
            if (!good || !jpeg_read_mcu(jpeg)) {
                bool ended = jpeg->reader->code != IMLIB_OK;
                return ended ? imlib_fail(error, jpeg->reader->code, jpeg->reader->value, 0)
                             : imlib_fail(error, IMLIB_EJPEG_DAMAGED,
                                          (int32_t)imlib_reader_position(jpeg->reader), 0);
            }
            write_mcu(jpeg, image, x, y);
        }
        if (imlib_stopped(env)) {
            return imlib_fail(error, IMLIB_EABORTED, 0, 0);
        }
    }
    return IMLIB_OK;
}

int imlib_read_jpeg(const imlib_env_t *env, imlib_reader_t *reader, imlib_image_t *image, imlib_error_t *error)
{
    jpeg_t *jpeg = env->alloc(env->ctx, sizeof(*jpeg));
    if (!jpeg) {
        return imlib_fail(error, IMLIB_ENOMEM, (int32_t)sizeof(*jpeg), 0);
    }
    memset(jpeg, 0, sizeof(*jpeg));
    jpeg->reader = reader;
    int rc = jpeg_read_header(jpeg, error);
    if (!rc) {
        imlib_format_t format = jpeg->components == 1 ? IMLIB_GRAYSCALE : IMLIB_RGB565;
        rc = imlib_create(env, image, jpeg->width, jpeg->height, format, error);
    }
    if (!rc) {
        rc = read_scan(jpeg, env, image, error);
    }
    env->release(env->ctx, jpeg);
    if (rc) {
        imlib_destroy(env, image);
    }
    return rc;
}
