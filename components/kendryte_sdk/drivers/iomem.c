/* Uncached memory for bus masters, in chunks taken from the C heap (spec soc.md 1.3, sdk-api.md 2.14). A chunk is
 * evicted from the cache once, when it is taken, and touched only through the uncached view until it goes back. */

#include "iomem.h"
#include <stdlib.h>
#include <malloc.h>
#include "atomic.h"
#include "heap.h"
#include "mmio.h"
#include "platform.h"

#define LINE 64u
#define LARGE 256u /* from here on blocks are aligned to 256, as the vendor's granules and activation tables are */
#define SMALL_CHUNK (16u << 10) /* stays with the pool when empty */
#define EVICT_BYTES (1u << 20)  /* 32 times the cache: random replacement leaves no line of the range behind */

typedef struct chunk {
    struct chunk *next;
    size_t size; /* with this header, which takes one line */
} chunk_t;

static heap_t pool;
static chunk_t *chunks;
static spinlock_t lock = SPINLOCK_INIT;

void sdk_cache_evict(const void *address, size_t size) {
    uintptr_t start = (uintptr_t)address & ~(uintptr_t)(LINE - 1), end = (uintptr_t)address + size;
    uintptr_t at = RAM_BASE_ADDR;
    mmio_fence();
    for (unsigned n = 0; n < EVICT_BYTES; n += LINE, at += LINE) {
        if (at >= start && at < end) {
            at = (end + LINE - 1) & ~(uintptr_t)(LINE - 1);
        }
        if (at >= RAM_BASE_ADDR + RAM_SIZE) {
            at = RAM_BASE_ADDR;
        }
        mmio_read(at);
    }
    mmio_fence();
}

static void *take(size_t size) {
    unsigned long state = irq_save();
    spinlock_lock(&lock);
    void *p = pool.base ? heap_alloc(&pool, size, size < LARGE ? LINE : LARGE) : NULL;
    spinlock_unlock(&lock);
    irq_restore(state);
    return p;
}

static bool grow(size_t size) {
    size_t need = (size + 2 * LARGE + LINE - 1) & ~(size_t)(LINE - 1);
    need = need < SMALL_CHUNK ? SMALL_CHUNK : need;
    void *memory = memalign(LINE, need);
    if (memory == NULL) {
        return false;
    }
    sdk_cache_evict(memory, need);
    chunk_t *chunk = sdk_uncached(memory);
    unsigned long state = irq_save();
    spinlock_lock(&lock);
    if (pool.base == 0) {
        heap_init(&pool, (void *)IO_BASE_ADDR);
    }
    chunk->next = chunks;
    chunk->size = need;
    chunks = chunk;
    heap_add(&pool, (char *)chunk + LINE, need - LINE);
    spinlock_unlock(&lock);
    irq_restore(state);
    return true;
}

void *iomem_malloc(uint32_t size) {
    size_t whole = ((size_t)size + LINE - 1) & ~(size_t)(LINE - 1);
    whole = whole ? whole : LINE;
    void *p = take(whole);
    return p ? p : grow(whole) ? take(whole) : NULL;
}

/* Takes the chunk of p out of the pool if it is empty and not small. */
static chunk_t *reclaim(const void *p) {
    for (chunk_t **link = &chunks; *link; link = &(*link)->next) {
        chunk_t *chunk = *link;
        if ((uintptr_t)p - (uintptr_t)chunk < chunk->size) {
            char *start = (char *)chunk + LINE;
            if (chunk->size == SMALL_CHUNK || !heap_region_unused(&pool, start)) {
                return NULL;
            }
            heap_remove(&pool, start);
            *link = chunk->next;
            return chunk;
        }
    }
    return NULL;
}

void iomem_free(void *paddr) {
    if (paddr == NULL) {
        return;
    }
    unsigned long state = irq_save();
    spinlock_lock(&lock);
    heap_fault_t fault = heap_free(&pool, paddr);
    chunk_t *chunk = fault ? NULL : reclaim(paddr);
    spinlock_unlock(&lock);
    irq_restore(state);
    if (fault) {
        sdk_heap_fault(paddr, fault);
    }
    if (chunk) {
        free(sdk_cached(chunk));
    }
}

uint32_t iomem_unused(void) {
    size_t own = heap_largest(&pool), rest = sdk_heap_largest();
    rest = rest > 3 * LARGE ? (rest - 3 * LARGE) & ~(size_t)(LINE - 1) : 0;
    return (uint32_t)(own > rest ? own & ~(size_t)(LINE - 1) : rest);
}
