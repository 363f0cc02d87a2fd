#include "internal.h"

static int decode(const imlib_env_t *env, const imlib_source_t *source, bool bmp, imlib_image_t *image,
                  imlib_error_t *error)
{
    imlib_reader_t reader;
    imlib_reader_init(&reader, source);
    *image = (imlib_image_t){0};
    int32_t magic = imlib_read_byte(&reader) << 8;
    magic |= imlib_read_byte(&reader);
    if (magic == 0xffd8) {
        return imlib_read_jpeg(env, &reader, image, error);
    }
    if (magic == ('B' << 8 | 'M') && bmp) {
        return imlib_read_bmp(env, &reader, image, error);
    }
    if (reader.code == IMLIB_EREAD) {
        return imlib_fail(error, reader.code, reader.value, 0);
    }
    return imlib_fail(error, IMLIB_EUNKNOWN, magic, 0);
}

int imlib_decode(const imlib_env_t *env, const imlib_source_t *source, imlib_image_t *image, imlib_error_t *error)
{
    return decode(env, source, true, image, error);
}

int imlib_decode_jpeg(const imlib_env_t *env, const imlib_source_t *source, imlib_image_t *image,
                      imlib_error_t *error)
{
    return decode(env, source, false, image, error);
}
