#ifndef SDK_HEAP_H
#define SDK_HEAP_H

/* The allocator behind malloc(): two-level segregated fit over any number of memory regions. 8 bytes per block, 16-byte
 * alignment. A request succeeds if and only if a free block is large enough. Every header carries a check value: a
 * wrong pointer, a second free and an overrun into the next header are found when the block is freed or resized. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEAP_ALIGN 16
#define HEAP_CLASSES 144
#define HEAP_MAX_BYTES (16u << 20) /* of address space from `base` to the end of the last region */

typedef struct {
    uintptr_t base;      /* links are offsets from here */
    size_t free_bytes;   /* payload bytes of all free blocks */
    size_t used_bytes;   /* payload bytes of all allocated blocks */
    uint32_t used_blocks;
    uint32_t level1;                   /* bit n: a class of level n has blocks */
    uint8_t level2[HEAP_CLASSES / 8];  /* bit m of byte n: class 8n + m has blocks */
    uint32_t first[HEAP_CLASSES];
} heap_t;

typedef enum { HEAP_OK = 0, HEAP_BAD_POINTER, HEAP_DOUBLE_FREE, HEAP_CORRUPT } heap_fault_t;

/* An empty heap for regions in [base, base + HEAP_MAX_BYTES). */
void heap_init(heap_t *heap, void *base);
/* Adds memory; false when it is too small or out of range. */
bool heap_add(heap_t *heap, void *start, size_t size);

/* NULL when no free block is large enough; size 0 gives a block. `align` is a power of two. */
void *heap_alloc(heap_t *heap, size_t size, size_t align);
heap_fault_t heap_free(heap_t *heap, void *block);
/* In place when the neighbours allow, else by copying; *block is the result, or unchanged when there is no room
 * (returns false). */
bool heap_resize(heap_t *heap, void **block, size_t size, heap_fault_t *fault);
/* What was allocated, at least the size asked for. */
size_t heap_block_size(const void *block);
/* Largest size that heap_alloc(heap, size, 16) can return now. */
size_t heap_largest(const heap_t *heap);
/* True when the region that starts at `start` is one free block. */
bool heap_region_unused(const heap_t *heap, const void *start);
/* Takes such a region out of the heap. */
void heap_remove(heap_t *heap, void *start);
/* Walks one region and all lists: for tests and for a crash report. */
heap_fault_t heap_check(const heap_t *heap, const void *start);

/* ---- the C heap: malloc, free, realloc, calloc, memalign, aligned_alloc, safe on both harts and in callbacks ---- */

size_t sdk_heap_total(void);   /* bytes between _heap_start and _heap_end */
size_t sdk_heap_free(void);    /* payload bytes in free blocks */
size_t sdk_heap_largest(void); /* the largest malloc() that would succeed */
size_t sdk_heap_used(void);    /* payload bytes in allocated blocks */
/* Called by free() and realloc() on a bad pointer or a damaged heap. The default prints both and stops. */
void sdk_heap_fault(const void *block, heap_fault_t fault) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif
