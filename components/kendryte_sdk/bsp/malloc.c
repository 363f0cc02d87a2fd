/* The C library's allocator on heap.c: one heap from _heap_start to _heap_end. Interrupts are masked while the lock is
 * held, so callbacks and both harts may allocate. */

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include "atomic.h"
#include "bsp.h"
#include "heap.h"
#include "platform.h"
#include "mmio.h"

extern char _heap_start[], _heap_end[];

static heap_t heap;
static spinlock_t lock = SPINLOCK_INIT;

static unsigned long enter(void) {
    unsigned long state = irq_save();
    spinlock_lock(&lock);
    if (heap.base == 0) {
        heap_init(&heap, (void *)RAM_BASE_ADDR);
        heap_add(&heap, _heap_start, (size_t)(_heap_end - _heap_start));
    }
    return state;
}

static void leave(unsigned long state) {
    spinlock_unlock(&lock);
    irq_restore(state);
}

__attribute__((weak)) void sdk_heap_fault(const void *block, heap_fault_t fault) {
    static const char *const text[] = {"", "not an allocated block", "freed twice", "memory around it overwritten"};
    printk("\r\nheap: block %p: %s\r\n", block, text[fault]);
    sys_exit(1337);
    for (;;) {
    }
}

void *memalign(size_t align, size_t size) {
    if (align == 0 || (align & (align - 1))) {
        errno = EINVAL;
        return NULL;
    }
    unsigned long state = enter();
    void *p = heap_alloc(&heap, size, align);
    leave(state);
    if (p == NULL) {
        errno = ENOMEM;
    }
    return p;
}

void *malloc(size_t size) {
    return memalign(HEAP_ALIGN, size);
}

void *aligned_alloc(size_t align, size_t size) {
    return memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size) {
    void *p = memalign(align, size);
    if (p == NULL) {
        return ENOMEM;
    }
    *out = p;
    return 0;
}

void free(void *p) {
    if (p) {
        unsigned long state = enter();
        heap_fault_t fault = heap_free(&heap, p);
        leave(state);
        if (fault) {
            sdk_heap_fault(p, fault);
        }
    }
}

void *calloc(size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    void *p = malloc(total);
    return p ? memset(p, 0, total) : NULL;
}

void *realloc(void *p, size_t size) {
    if (p == NULL) {
        return malloc(size);
    }
    heap_fault_t fault;
    void *block = p;
    unsigned long state = enter();
    bool done = heap_resize(&heap, &block, size, &fault);
    leave(state);
    if (fault) {
        sdk_heap_fault(p, fault);
    }
    if (!done) {
        errno = ENOMEM;
        return NULL;
    }
    return block;
}

size_t malloc_usable_size(void *p) {
    return p ? heap_block_size(p) : 0;
}

size_t sdk_heap_total(void) {
    return (size_t)(_heap_end - _heap_start);
}

size_t sdk_heap_free(void) {
    unsigned long state = enter();
    size_t n = heap.free_bytes;
    leave(state);
    return n;
}

size_t sdk_heap_used(void) {
    unsigned long state = enter();
    size_t n = heap.used_bytes;
    leave(state);
    return n;
}

size_t sdk_heap_largest(void) {
    unsigned long state = enter();
    size_t n = heap_largest(&heap);
    leave(state);
    return n;
}
