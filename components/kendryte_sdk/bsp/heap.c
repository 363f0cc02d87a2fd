/* Two-level segregated fit. Memory is counted in units of 16 bytes. A block is an 8-byte header and its payload; the
 * header stands 8 bytes before a multiple of 16, so that payloads are 16-byte aligned:
 *
 *   bits 19:0 units of this block, 39:20 units of the block before it (0: first of its region), 40 allocated,
 *   63:41 check value over the rest and the address.
 *
 * A free block holds two links, offsets from heap->base, at the start of its payload. A region ends with an allocated
 * header of 0 units. Free blocks are never neighbours. */

#include "heap.h"
#include <string.h>

#define UNIT 16u
#define HEADER 8u
#define UNITS_MASK 0xFFFFFu
#define USED (1ull << 40)
#define CHECK_SHIFT 41

typedef struct {
    uint64_t word;
    uint32_t next, previous; /* only in a free block */
} block_t;

static uint64_t sealed(const block_t *b, uint64_t word) {
    uint64_t x = (word & ((1ull << CHECK_SHIFT) - 1)) ^ ((uint64_t)(uintptr_t)b << 37);
    return (word & ((1ull << CHECK_SHIFT) - 1)) | (x * 0x9E3779B97F4A7C15ull) >> CHECK_SHIFT << CHECK_SHIFT;
}

static void set(block_t *b, uint32_t units, uint32_t before, bool used) {
    b->word = sealed(b, units | (uint64_t)before << 20 | (used ? USED : 0));
}

static uint32_t units(const block_t *b) {
    return (uint32_t)b->word & UNITS_MASK;
}

static uint32_t before(const block_t *b) {
    return (uint32_t)(b->word >> 20) & UNITS_MASK;
}

static bool used(const block_t *b) {
    return b->word & USED;
}

static bool valid(const block_t *b) {
    return b->word == sealed(b, b->word);
}

static block_t *after(const block_t *b) {
    return (block_t *)((uintptr_t)b + (uintptr_t)units(b) * UNIT);
}

static block_t *preceding(const block_t *b) {
    return (block_t *)((uintptr_t)b - (uintptr_t)before(b) * UNIT);
}

static void set_before(block_t *b, uint32_t value) {
    set(b, units(b), value, used(b));
}

static void *payload(const block_t *b) {
    return (void *)((uintptr_t)b + HEADER);
}

static block_t *block_of(const void *p) {
    return (block_t *)((uintptr_t)p - HEADER);
}

static size_t bytes(uint32_t n) {
    return (size_t)n * UNIT - HEADER;
}

/* Units for a payload; 0 when it cannot exist. */
static uint32_t units_for(size_t size) {
    return size > HEAP_MAX_BYTES - 2 * UNIT ? 0 : (uint32_t)((size + HEADER + UNIT - 1) / UNIT);
}

/* ---- lists of free blocks by size class: one class per unit below 8, then eight per power of two ---- */

static unsigned class_of(uint32_t n) {
    if (n < 8) {
        return n;
    }
    unsigned level = 29 - (unsigned)__builtin_clz(n);
    return level * 8 + (n >> (level - 1) & 7);
}

static block_t *at(const heap_t *heap, uint32_t offset) {
    return (block_t *)(heap->base + offset);
}

static void insert(heap_t *heap, block_t *b) {
    unsigned c = class_of(units(b));
    uint32_t offset = (uint32_t)((uintptr_t)b - heap->base);
    b->next = heap->first[c];
    b->previous = 0;
    if (b->next) {
        at(heap, b->next)->previous = offset;
    }
    heap->first[c] = offset;
    heap->level1 |= 1u << (c / 8);
    heap->level2[c / 8] |= (uint8_t)(1u << (c % 8));
    heap->free_bytes += bytes(units(b));
}

static void detach(heap_t *heap, block_t *b) {
    unsigned c = class_of(units(b));
    if (b->next) {
        at(heap, b->next)->previous = b->previous;
    }
    if (b->previous) {
        at(heap, b->previous)->next = b->next;
    } else {
        heap->first[c] = b->next;
        if (b->next == 0) {
            heap->level2[c / 8] &= (uint8_t)~(1u << (c % 8));
            if (heap->level2[c / 8] == 0) {
                heap->level1 &= ~(1u << (c / 8));
            }
        }
    }
    heap->free_bytes -= bytes(units(b));
}

/* A free block of at least n units: first fit in the class of n, else any block of the next class that has one. */
static block_t *find(const heap_t *heap, uint32_t n) {
    unsigned c = class_of(n);
    for (uint32_t offset = heap->first[c]; offset; offset = at(heap, offset)->next) {
        if (units(at(heap, offset)) >= n) {
            return at(heap, offset);
        }
    }
    unsigned level = c / 8;
    uint32_t within = heap->level2[level] & (0xFEu << (c % 8));
    if (within == 0) {
        uint32_t above = heap->level1 & (0xFFFFFFFEu << level);
        if (above == 0) {
            return NULL;
        }
        level = (unsigned)__builtin_ctz(above);
        within = heap->level2[level];
    }
    return at(heap, heap->first[level * 8 + (unsigned)__builtin_ctz(within)]);
}

/* ---- regions ---- */

void heap_init(heap_t *heap, void *base) {
    memset(heap, 0, sizeof *heap);
    heap->base = (uintptr_t)base & ~(uintptr_t)(UNIT - 1);
}

static block_t *first_block(const void *start) {
    return (block_t *)((((uintptr_t)start + HEADER + UNIT - 1) & ~(uintptr_t)(UNIT - 1)) - HEADER);
}

bool heap_add(heap_t *heap, void *start, size_t size) {
    block_t *first = first_block(start);
    uintptr_t end = (uintptr_t)start + size;
    if (end < (uintptr_t)first + UNIT + HEADER || (uintptr_t)start < heap->base || end - heap->base > HEAP_MAX_BYTES) {
        return false;
    }
    uint32_t n = (uint32_t)((end - HEADER - (uintptr_t)first) / UNIT);
    set(first, n, 0, false);
    set(after(first), 0, n, true);
    insert(heap, first);
    return true;
}

bool heap_region_unused(const heap_t *heap, const void *start) {
    (void)heap;
    const block_t *b = first_block(start);
    return valid(b) && !used(b) && before(b) == 0 && units(after(b)) == 0;
}

void heap_remove(heap_t *heap, void *start) {
    detach(heap, first_block(start));
}

/* ---- allocation ---- */

/* Cuts b, which is in no list, to n units; the rest becomes free and joins a free neighbour. */
static void trim(heap_t *heap, block_t *b, uint32_t n) {
    uint32_t rest = units(b) - n;
    if (rest == 0) {
        return;
    }
    block_t *next = after(b);
    if (units(next) && !used(next)) {
        detach(heap, next);
        rest += units(next);
        next = after(next);
    }
    set(b, n, before(b), used(b));
    block_t *tail = after(b);
    set(tail, rest, n, false);
    set_before(next, rest);
    insert(heap, tail);
}

void *heap_alloc(heap_t *heap, size_t size, size_t align) {
    uint32_t n = units_for(size), slack = align > UNIT ? (uint32_t)(align / UNIT) - 1 : 0;
    if (n == 0 || align > HEAP_MAX_BYTES / 2 || n + slack > UNITS_MASK) {
        return NULL;
    }
    block_t *b = find(heap, n + slack);
    if (b == NULL) {
        return NULL;
    }
    detach(heap, b);
    uint32_t head = slack ? (uint32_t)((-(uintptr_t)payload(b) & (align - 1)) / UNIT) : 0;
    if (head) {
        uint32_t rest = units(b) - head;
        set(b, head, before(b), false);
        insert(heap, b);
        b = after(b);
        set(b, rest, head, false);
        set_before(after(b), rest);
    }
    set(b, units(b), before(b), true);
    trim(heap, b, n);
    heap->used_bytes += bytes(n);
    heap->used_blocks++;
    return payload(b);
}

static heap_fault_t examine(const heap_t *heap, const void *p) {
    uintptr_t offset = (uintptr_t)p - heap->base;
    if (offset % UNIT || offset < UNIT || offset >= HEAP_MAX_BYTES || !valid(block_of(p)) || units(block_of(p)) == 0) {
        return HEAP_BAD_POINTER;
    }
    const block_t *b = block_of(p);
    if (!used(b)) {
        return HEAP_DOUBLE_FREE;
    }
    const block_t *next = after(b);
    if (!valid(next) || before(next) != units(b) || (before(b) && !valid(preceding(b)))) {
        return HEAP_CORRUPT;
    }
    return HEAP_OK;
}

heap_fault_t heap_free(heap_t *heap, void *p) {
    heap_fault_t fault = examine(heap, p);
    if (fault != HEAP_OK) {
        return fault;
    }
    block_t *b = block_of(p), *next = after(b);
    uint32_t n = units(b);
    heap->used_bytes -= bytes(n);
    heap->used_blocks--;
    set(b, n, before(b), false); /* kept even if the block joins the one before: a second free finds it */
    if (units(next) && !used(next)) {
        detach(heap, next);
        n += units(next);
    }
    if (before(b) && !used(preceding(b))) {
        b = preceding(b);
        detach(heap, b);
        n += units(b);
    }
    set(b, n, before(b), false);
    set_before(after(b), n);
    insert(heap, b);
    return HEAP_OK;
}

/* Grows b over the free block behind it, and over the one before it when `down`; false when that is not enough. */
static bool grow(heap_t *heap, block_t **block, uint32_t n, bool down) {
    block_t *b = *block, *next = after(b), *low = b;
    uint32_t own = units(b), sum = own;
    bool join_next = units(next) && !used(next);
    sum += join_next ? units(next) : 0;
    if (down && before(b) && !used(preceding(b))) {
        low = preceding(b);
        sum += units(low);
    }
    if (sum < n) {
        return false;
    }
    if (join_next) {
        detach(heap, next);
    }
    uint32_t low_before = before(low);
    if (low != b) {
        detach(heap, low);
        memmove(payload(low), payload(b), bytes(own));
    }
    set(low, sum, low_before, true);
    set_before(after(low), sum);
    trim(heap, low, n);
    heap->used_bytes += bytes(n) - bytes(own);
    *block = low;
    return true;
}

bool heap_resize(heap_t *heap, void **p, size_t size, heap_fault_t *fault) {
    *fault = examine(heap, *p);
    uint32_t n = units_for(size);
    if (*fault != HEAP_OK || n == 0) {
        return false;
    }
    block_t *b = block_of(*p);
    uint32_t own = units(b);
    if (n <= own) {
        trim(heap, b, n);
        heap->used_bytes -= bytes(own) - bytes(n);
        return true;
    }
    if (grow(heap, &b, n, false)) {
        return true;
    }
    void *moved = heap_alloc(heap, size, UNIT);
    if (moved) {
        memcpy(moved, *p, bytes(own));
        *fault = heap_free(heap, *p);
        *p = moved;
        return true;
    }
    if (grow(heap, &b, n, true)) {
        *p = payload(b);
        return true;
    }
    return false;
}

/* ---- inspection ---- */

size_t heap_block_size(const void *p) {
    return bytes(units(block_of(p)));
}

size_t heap_largest(const heap_t *heap) {
    if (heap->level1 == 0) {
        return 0;
    }
    unsigned level = 31 - (unsigned)__builtin_clz(heap->level1);
    unsigned c = level * 8 + 31 - (unsigned)__builtin_clz(heap->level2[level]);
    uint32_t most = 0;
    for (uint32_t offset = heap->first[c]; offset; offset = at(heap, offset)->next) {
        uint32_t n = units(at(heap, offset));
        most = n > most ? n : most;
    }
    return bytes(most);
}

heap_fault_t heap_check(const heap_t *heap, const void *start) {
    const block_t *b = first_block(start);
    uint32_t last = 0;
    bool last_free = false;
    for (;; b = after(b)) {
        if (!valid(b) || before(b) != last || (last_free && !used(b))) {
            return HEAP_CORRUPT;
        }
        if (units(b) == 0) {
            break;
        }
        last = units(b);
        last_free = !used(b);
    }
    size_t total = 0;
    for (unsigned c = 0; c < HEAP_CLASSES; c++) {
        bool marked = heap->level2[c / 8] >> (c % 8) & 1;
        if (marked != (heap->first[c] != 0) || (marked && !(heap->level1 >> (c / 8) & 1))) {
            return HEAP_CORRUPT;
        }
        uint32_t previous = 0;
        for (uint32_t offset = heap->first[c]; offset; offset = at(heap, offset)->next) {
            const block_t *f = at(heap, offset);
            if (!valid(f) || used(f) || class_of(units(f)) != c || f->previous != previous) {
                return HEAP_CORRUPT;
            }
            total += bytes(units(f));
            previous = offset;
        }
    }
    return total == heap->free_bytes ? HEAP_OK : HEAP_CORRUPT;
}
