#include <string.h>

#include "internal.h"

int imlib_crop(const imlib_env_t *env, imlib_image_t *to, const imlib_image_t *from, imlib_rect_t roi, int32_t width,
               int32_t height, imlib_error_t *error)
{
    if (from->format > IMLIB_BAYER) {
        return imlib_fail(error, IMLIB_EFORMAT, from->format, 0);
    }
    int rc = imlib_create(env, to, width, height, from->format, error);
    size_t pixel = from->format == IMLIB_RGB565 ? 2 : 1;
    bool rows = width == roi.w && from->format != IMLIB_BINARY;
    for (int32_t y = 0; rc == IMLIB_OK && y < height; y++) {
        int32_t sy = roi.y + (int32_t)((int64_t)y * roi.h / height);
        if (rows) {
            memcpy(to->pixels + (size_t)y * (size_t)width * pixel,
                   from->pixels + ((size_t)sy * (size_t)from->width + (size_t)roi.x) * pixel, (size_t)width * pixel);
        }
        for (int32_t x = 0; !rows && x < width; x++) {
            int32_t sx = roi.x + (int32_t)((int64_t)x * roi.w / width);
            imlib_set_pixel(to, x, y, imlib_get_pixel(from, sx, sy));
        }
        if (imlib_stopped(env)) {
            imlib_destroy(env, to);
            rc = imlib_fail(error, IMLIB_EABORTED, 0, 0);
        }
    }
    return rc;
}

int imlib_cut(const imlib_env_t *env, imlib_image_t *to, const imlib_image_t *from, imlib_rect_t roi,
              imlib_error_t *error)
{
    if (from->format != IMLIB_GRAYSCALE && from->format != IMLIB_RGB565) {
        return imlib_fail(error, IMLIB_EFORMAT, from->format, 0);
    }
    int rc = imlib_create(env, to, roi.w, roi.h, from->format, error);
    if (rc) {
        return rc;
    }
    int64_t x0 = roi.x < 0 ? 0 : roi.x, y0 = roi.y < 0 ? 0 : roi.y;
    int64_t x1 = (int64_t)roi.x + roi.w, y1 = (int64_t)roi.y + roi.h;
    x1 = x1 < from->width ? x1 : from->width;
    y1 = y1 < from->height ? y1 : from->height;
    size_t pixel = from->format == IMLIB_RGB565 ? 2 : 1;
    for (int64_t y = y0; y < y1 && x0 < x1; y++) {
        memcpy(to->pixels + (size_t)((y - roi.y) * roi.w + x0 - roi.x) * pixel,
               from->pixels + (size_t)(y * from->width + x0) * pixel, (size_t)(x1 - x0) * pixel);
    }
    return IMLIB_OK;
}
