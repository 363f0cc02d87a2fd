// Reading a model in either byte order (spec kmodel.md 1.3).

#include "internal.h"

static int read_raw(const kmodel_env_t *env, const kmodel_source_t *source, uint32_t offset, void *dst, uint32_t len,
                    kmodel_error_t *error)
{
    for (uint32_t done = 0; done < len;) {
        uint32_t n = len - done < KMODEL_READ_CHUNK ? len - done : KMODEL_READ_CHUNK;
        int rc = env->poll && env->poll(env->ctx) ? KMODEL_HOOK_INTERRUPTED
                                                  : source->read(source->ctx, offset + done, (uint8_t *)dst + done, n);
        if (rc == KMODEL_HOOK_INTERRUPTED) {
            return kmodel_fail(error, KMODEL_ERR_INTERRUPTED, "interrupted after %u bytes", (unsigned)(offset + done));
        }
        if (rc) {
            return kmodel_fail(error, KMODEL_ERR_READ, "reading %u bytes at %u failed (%d)", (unsigned)n,
                               (unsigned)(offset + done), rc);
        }
        done += n;
    }
    return 0;
}

static void unswap(uint8_t *bytes, uint32_t len)
{
    for (uint32_t i = 0; i + 4 <= len; i += 4) {
        uint32_t w;
        memcpy(&w, bytes + i, 4);
        w = __builtin_bswap32(w);
        memcpy(bytes + i, &w, 4);
    }
}

// Only whole words can be put in order, so offset and length are multiples of 4 except at the end of the source.
int kmodel_read(const kmodel_env_t *env, const kmodel_source_t *source, bool word_swapped, uint32_t offset, void *dst,
                uint32_t len, kmodel_error_t *error)
{
    int rc = read_raw(env, source, offset, dst, len, error);
    if (!rc && word_swapped) {
        unswap(dst, len);
    }
    return rc;
}
