#include <string.h>

#include "internal.h"

static int convert(const imlib_image_t *image, size_t from, size_t to)
{
    size_t count = (size_t)image->width * (size_t)image->height;
    if (image->format == IMLIB_RGB565) {
        imlib_rgb565_to_planes(image->ai + from, count, image->pixels + 2 * from, to - from);
    } else if (image->format == IMLIB_GRAYSCALE) {
        memcpy(image->ai + from, image->pixels + from, to - from);
    } else {
        return IMLIB_EFORMAT;
    }
    return IMLIB_OK;
}

int imlib_pix_to_ai(const imlib_image_t *image)
{
    return convert(image, 0, (size_t)image->width * (size_t)image->height);
}

int imlib_pix_to_ai_part(const imlib_image_t *image, unsigned index)
{
    size_t count = (size_t)image->width * (size_t)image->height;
    // The fast kernel works on 32 pixels at a time, and no two harts on one cache line of 64 bytes.
    size_t middle = count / IMLIB_AI_PARTS / 64 * 64;
    return index == 0 ? convert(image, 0, middle) : convert(image, middle, count);
}

int imlib_ai_to_pix(imlib_image_t *image)
{
    size_t count = (size_t)image->width * (size_t)image->height;
    const uint8_t *ai = image->ai;
    if (image->format == IMLIB_GRAYSCALE) {
        memcpy(image->pixels, ai, count);
    } else if (image->format == IMLIB_RGB565) {
        for (size_t i = 0; i < count; i++) {
            uint32_t raw = imlib_rgb_to_565(ai[i], ai[count + i], ai[2 * count + i]);
            image->pixels[2 * i] = (uint8_t)raw;
            image->pixels[2 * i + 1] = (uint8_t)(raw >> 8);
        }
    } else {
        return IMLIB_EFORMAT;
    }
    return IMLIB_OK;
}

void imlib_rgb565_to_planes_reference(uint8_t *planes, size_t plane, const uint8_t *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t raw = pixels[2 * i] | (uint32_t)pixels[2 * i + 1] << 8;
        planes[i] = imlib_expand5(imlib_r5(raw));
        planes[plane + i] = imlib_expand6(imlib_g6(raw));
        planes[2 * plane + i] = imlib_expand5(imlib_b5(raw));
    }
}
