#include <string.h>

#include "internal.h"

static size_t binary_stride(int32_t width)
{
    return ((size_t)width + 31) / 32 * 4;
}

size_t imlib_pixel_bytes(int32_t width, int32_t height, imlib_format_t format)
{
    size_t stride = format == IMLIB_BINARY ? binary_stride(width) : (size_t)width * (format == IMLIB_RGB565 ? 2 : 1);
    return stride * (size_t)height;
}

size_t imlib_ai_bytes(const imlib_image_t *image)
{
    return (size_t)image->width * (size_t)image->height * (image->format == IMLIB_RGB565 ? 3 : 1);
}

int imlib_create(const imlib_env_t *env, imlib_image_t *image, int32_t width, int32_t height, imlib_format_t format,
                 imlib_error_t *error)
{
    *image = (imlib_image_t){0};
    if (width < 1 || width > IMLIB_MAX_SIDE || height < 1 || height > IMLIB_MAX_SIDE) {
        bool wide = width < 1 || width > IMLIB_MAX_SIDE;
        return imlib_fail(error, IMLIB_ESIZE, wide ? width : height, IMLIB_MAX_SIDE);
    }
    size_t size = imlib_pixel_bytes(width, height, format);
    uint8_t *pixels = env->alloc(env->ctx, size);
    if (!pixels) {
        return imlib_fail(error, IMLIB_ENOMEM, (int32_t)size, 0);
    }
    memset(pixels, 0, size);
    *image = (imlib_image_t){.width = width, .height = height, .format = format, .size = size, .pixels = pixels};
    return IMLIB_OK;
}

void imlib_destroy(const imlib_env_t *env, imlib_image_t *image)
{
    if (image->pixels) {
        env->release(env->ctx, image->pixels);
    }
    if (image->ai) {
        env->release(env->ctx, image->ai);
    }
    *image = (imlib_image_t){0};
}

uint32_t imlib_get_pixel(const imlib_image_t *image, int32_t x, int32_t y)
{
    size_t i = (size_t)y * (size_t)image->width + (size_t)x;
    switch (image->format) {
    case IMLIB_RGB565:
        return image->pixels[2 * i] | (uint32_t)image->pixels[2 * i + 1] << 8;
    case IMLIB_BINARY:
        return image->pixels[(size_t)y * binary_stride(image->width) + (size_t)x / 8] >> (x % 8) & 1;
    default:
        return image->pixels[i];
    }
}

void imlib_set_pixel(imlib_image_t *image, int32_t x, int32_t y, uint32_t raw)
{
    size_t i = (size_t)y * (size_t)image->width + (size_t)x;
    uint8_t *p;
    switch (image->format) {
    case IMLIB_RGB565:
        image->pixels[2 * i] = (uint8_t)raw;
        image->pixels[2 * i + 1] = (uint8_t)(raw >> 8);
        break;
    case IMLIB_BINARY:
        p = &image->pixels[(size_t)y * binary_stride(image->width) + (size_t)x / 8];
        *p = (uint8_t)((*p & ~(1u << (x % 8))) | (raw & 1) << (x % 8));
        break;
    default:
        image->pixels[i] = (uint8_t)raw;
    }
}
