// From the tables of a model to its bytes in memory: V3 and V4, whose layers have headers of type and body size.

#include "internal.h"

#define ENTRY_BYTES 8u
#define TABLE_CHUNK 64u     // entries read at a time while the length is computed
#define MAX_PADDING_SHORT 7 // bytes of the last body's padding that a file may lack

static int truncated(uint64_t needed, uint64_t size, kmodel_error_t *error)
{
    return kmodel_fail(error, KMODEL_ERR_FORMAT, "truncated: the model needs %llu bytes, %llu are there",
                       (unsigned long long)needed, (unsigned long long)size);
}

// Read piecewise: nothing is allocated before the length is known.
int kmodel_measure(kmodel_t *m, const kmodel_source_t *source, uint64_t table, uint32_t count, kmodel_error_t *error)
{
    uint64_t length = table + (uint64_t)ENTRY_BYTES * count;
    if (length > source->size || length > UINT32_MAX) {
        return truncated(length, source->size, error);
    }
    uint32_t at = (uint32_t)table;
    for (uint32_t done = 0; done < count;) {
        uint32_t entries[TABLE_CHUNK][2];
        uint32_t n = count - done < TABLE_CHUNK ? count - done : TABLE_CHUNK;
        int rc = kmodel_read(&m->env, source, m->word_swapped, at, entries, n * ENTRY_BYTES, error);
        if (rc) {
            return rc;
        }
        for (uint32_t i = 0; i < n; i++) {
            length += entries[i][1];
        }
        done += n;
        at += n * ENTRY_BYTES;
    }
    if (length > source->size + MAX_PADDING_SHORT || length > UINT32_MAX - KMODEL_BLOCK_ALIGN) {
        return truncated(length, source->size, error);
    }
    m->length = (uint32_t)length;
    m->available = length < source->size ? m->length : (uint32_t)source->size;
    // Words of a swapped file are whole or absent.
    m->available -= m->word_swapped ? m->available % 4 : 0;
    return 0;
}

int kmodel_read_file(kmodel_t *m, const kmodel_source_t *source, kmodel_error_t *error)
{
    uint32_t block = (m->length + 7) & ~7u;
    m->file = m->env.alloc(m->env.ctx, KMODEL_BLOCK_ALIGN, block);
    if (!m->file) {
        return kmodel_fail(error, KMODEL_ERR_MEMORY,
                           "no %u bytes in one piece for the model, %u more for its work memory", (unsigned)block,
                           (unsigned)m->main_bytes);
    }
    memset(m->file + m->available, 0, block - m->available);
    return kmodel_read(&m->env, source, m->word_swapped, 0, m->file, m->available, error);
}
