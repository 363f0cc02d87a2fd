#ifndef IMLIB_INTERNAL_H
#define IMLIB_INTERNAL_H

#include "imlib.h"

static inline int imlib_fail(imlib_error_t *error, int code, int32_t value, int32_t limit)
{
    *error = (imlib_error_t){code, value, limit};
    return code;
}

static inline bool imlib_stopped(const imlib_env_t *env)
{
    return env->poll && env->poll(env->ctx);
}

// Bytes of a source through a small buffer. After a failure every further byte is 0 and `code` says why.
typedef struct {
    const imlib_source_t *source;
    int code;      // 0, IMLIB_EREAD or IMLIB_EEND
    int32_t value; // for imlib_error_t
    uint32_t position; // of the buffer in the source
    uint16_t at, end;
    uint8_t buffer[512];
} imlib_reader_t;

void imlib_reader_init(imlib_reader_t *reader, const imlib_source_t *source);
bool imlib_reader_fill(imlib_reader_t *reader);
static inline uint8_t imlib_read_byte(imlib_reader_t *reader)
{
    return reader->at < reader->end || imlib_reader_fill(reader) ? reader->buffer[reader->at++] : 0;
}
void imlib_read_bytes(imlib_reader_t *reader, uint8_t *to, size_t length);
void imlib_skip_bytes(imlib_reader_t *reader, uint32_t length);
static inline uint32_t imlib_reader_position(const imlib_reader_t *reader)
{
    return reader->position + reader->at;
}

// The two bytes of the magic have been read from the reader.
int imlib_read_bmp(const imlib_env_t *env, imlib_reader_t *reader, imlib_image_t *image, imlib_error_t *error);
int imlib_read_jpeg(const imlib_env_t *env, imlib_reader_t *reader, imlib_image_t *image, imlib_error_t *error);

#endif
