#include <string.h>

#include "internal.h"

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> 8 * i);
    }
}

static int write_palette(const imlib_sink_t *sink)
{
    int rc = 0;
    for (uint32_t i = 0; i < 256 && !rc; i++) {
        uint8_t c[4];
        put32(c, i * 0x010101);
        rc = sink->write(sink->ctx, c, sizeof(c));
    }
    return rc;
}

static int write_row(const imlib_sink_t *sink, const imlib_image_t *image, imlib_rect_t roi, int32_t y)
{
    uint8_t buffer[192];
    size_t used = 0;
    int rc = 0;
    for (int32_t x = roi.x; x < roi.x + roi.w && !rc; x++) {
        uint32_t raw = imlib_get_pixel(image, x, y);
        if (image->format == IMLIB_GRAYSCALE) {
            buffer[used++] = (uint8_t)raw;
        } else {
            buffer[used++] = imlib_expand5(imlib_b5(raw));
            buffer[used++] = imlib_expand6(imlib_g6(raw));
            buffer[used++] = imlib_expand5(imlib_r5(raw));
        }
        if (used == sizeof(buffer)) {
            rc = sink->write(sink->ctx, buffer, used);
            used = 0;
        }
    }
    // The buffer holds a multiple of 4 bytes, so what is left decides on the padding.
    memset(buffer + used, 0, used % 4 ? 4 - used % 4 : 0);
    used = (used + 3) / 4 * 4;
    return rc || !used ? rc : sink->write(sink->ctx, buffer, used);
}

int imlib_write_bmp(const imlib_sink_t *sink, const imlib_image_t *image, imlib_rect_t roi)
{
    if (image->format != IMLIB_GRAYSCALE && image->format != IMLIB_RGB565) {
        return IMLIB_EFORMAT;
    }
    bool gray = image->format == IMLIB_GRAYSCALE;
    uint32_t pixels = gray ? 14 + 40 + 1024 : 14 + 40;
    uint32_t stride = ((uint32_t)roi.w * (gray ? 1 : 3) + 3) / 4 * 4;
    uint8_t h[54] = {'B', 'M'};
    put32(h + 2, pixels + stride * (uint32_t)roi.h);
    put32(h + 10, pixels);
    put32(h + 14, 40);
    put32(h + 18, (uint32_t)roi.w);
    put32(h + 22, (uint32_t)roi.h);
    h[26] = 1;
    h[28] = gray ? 8 : 24;
    put32(h + 34, stride * (uint32_t)roi.h);
    put32(h + 38, 2835); // pixels per metre: 72 per inch
    put32(h + 42, 2835);
    int rc = sink->write(sink->ctx, h, sizeof(h));
    if (!rc && gray) {
        rc = write_palette(sink);
    }
    for (int32_t y = roi.h; y-- > 0 && !rc;) {
        rc = write_row(sink, image, roi, roi.y + y);
    }
    return rc;
}
