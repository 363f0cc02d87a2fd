#include <string.h>

#include "internal.h"

void imlib_reader_init(imlib_reader_t *reader, const imlib_source_t *source)
{
    reader->source = source;
    reader->code = IMLIB_OK;
    reader->value = 0;
    reader->position = 0;
    reader->at = reader->end = 0;
}

bool imlib_reader_fill(imlib_reader_t *reader)
{
    reader->position += reader->at;
    reader->at = reader->end = 0;
    if (reader->code) {
        return false;
    }
    int got = reader->source->read(reader->source->ctx, reader->buffer, sizeof(reader->buffer));
    if (got <= 0) {
        reader->code = got ? IMLIB_EREAD : IMLIB_EEND;
        reader->value = got ? got : (int32_t)reader->position;
        return false;
    }
    reader->end = (uint16_t)got;
    return true;
}

void imlib_read_bytes(imlib_reader_t *reader, uint8_t *to, size_t length)
{
    while (length) {
        if (reader->at == reader->end && !imlib_reader_fill(reader)) {
            memset(to, 0, length);
            return;
        }
        size_t part = (size_t)(reader->end - reader->at) < length ? (size_t)(reader->end - reader->at) : length;
        memcpy(to, reader->buffer + reader->at, part);
        reader->at = (uint16_t)(reader->at + part);
        to += part;
        length -= part;
    }
}

void imlib_skip_bytes(imlib_reader_t *reader, uint32_t length)
{
    while (length && (reader->at < reader->end || imlib_reader_fill(reader))) {
        uint32_t part = (uint32_t)(reader->end - reader->at) < length ? (uint32_t)(reader->end - reader->at) : length;
        reader->at = (uint16_t)(reader->at + part);
        length -= part;
    }
}
