// Memory of images: the C heap, with the Python heap's help when it is full.
#include <stdlib.h>

#include "image_objects.h"
#include "py/gc.h"

// Pixels whose Image is gone and that memoryviews, which only hold an address, may still show.
typedef struct deferred {
    struct deferred *next;
    void *pixels;
} deferred_t;

static deferred_t *deferred;

// A memoryview is four words in a block of its own: type, flags and offset, length, address of the buffer.
static bool shown_by_a_view(const void *pixels)
{
    for (mp_state_mem_area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
        void *const *end = (void *const *)(area->gc_pool_end) - 3;
        for (void *const *p = (void *const *)area->gc_pool_start; p < end; p += MICROPY_BYTES_PER_GC_BLOCK / sizeof(*p)) {
            if (p[0] == &mp_type_memoryview && p[3] == pixels && gc_nbytes(p)) {
                return true;
            }
        }
    }
    return false;
}

void py_image_release_unviewed(void)
{
    for (deferred_t **at = &deferred; *at;) {
        deferred_t *entry = *at;
        if (shown_by_a_view(entry->pixels)) {
            at = &entry->next;
        } else {
            *at = entry->next;
            free(entry->pixels);
            free(entry);
        }
    }
}

// Called by finalisers, in the midst of a collection: what is alive cannot be told before its end. Without memory for
// the note the pixels are lost, which is better than being read after they were freed.
void py_image_defer_release(void *pixels)
{
    deferred_t *entry = malloc(sizeof(*entry));
    if (entry) {
        *entry = (deferred_t){deferred, pixels};
        deferred = entry;
    }
}

static void *allocate(void *ctx, size_t size)
{
    (void)ctx;
    py_image_release_unviewed();
    void *p = malloc(size);
    if (!p) {
        gc_collect();
        py_image_release_unviewed();
        p = malloc(size);
    }
    return p;
}

static void release(void *ctx, void *p)
{
    (void)ctx;
    free(p);
}

const imlib_env_t py_image_env = {.alloc = allocate, .release = release, .poll = kpu_py_poll};
