/* heap.c on the host under ASan and UBSan, against a shadow record: random operations on several regions, every size
 * class, exact statistics, success if and only if a free block is large enough, faults found. Prints OK. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "heap.h"

#define REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            printf("%s:%d: %s (seed %u)\n", __FILE__, __LINE__, #condition, seed_of_run); \
            exit(1); \
        } \
    } while (0)

#define SLOTS 300
#define REGIONS 3

static unsigned seed_of_run;
static uint32_t state;

static uint32_t random32(void) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

typedef struct {
    uint8_t *p;
    size_t size;
    uint8_t fill;
} slot_t;

static void check_slot(const slot_t *s) {
    for (size_t i = 0; i < s->size; i++) {
        REQUIRE(s->p[i] == s->fill);
    }
}

static size_t random_size(size_t most) {
    switch (random32() % 4) {
        case 0:
            return random32() % 64;
        case 1:
            return random32() % 1024;
        case 2:
            return random32() % most;
        default:
            return (1u << random32() % 18) + random32() % 3; /* at the limits of the classes */
    }
}

static void fuzz(uint8_t *memory, size_t bytes) {
    heap_t heap;
    uint8_t *regions[REGIONS];
    size_t sizes[REGIONS] = {bytes / 2, bytes / 4, bytes / 8};
    heap_init(&heap, memory);
    uint8_t *at = memory + random32() % 16;
    for (int r = 0; r < REGIONS; r++) {
        regions[r] = at;
        REQUIRE(heap_add(&heap, at, sizes[r]));
        at += sizes[r] + random32() % 100;
    }
    size_t free_at_start = heap.free_bytes, largest_at_start = heap_largest(&heap);
    static slot_t slots[SLOTS];
    memset(slots, 0, sizeof slots);
    for (int round = 0; round < 6000; round++) {
        slot_t *s = &slots[random32() % SLOTS];
        size_t size = random_size(bytes / 3), largest = heap_largest(&heap);
        if (s->p == NULL) {
            size_t align = random32() % 4 ? 16 : 16u << random32() % 9;
            s->p = heap_alloc(&heap, size, align);
            if (align == 16) {
                REQUIRE((s->p != NULL) == (size <= largest));
            }
            REQUIRE(((uintptr_t)s->p & (align - 1)) == 0);
        } else if (random32() % 3 == 0) {
            void *block = s->p;
            heap_fault_t fault;
            check_slot(s);
            bool done = heap_resize(&heap, &block, size, &fault);
            REQUIRE(fault == HEAP_OK);
            REQUIRE(done || size > largest);
            if (!done) {
                REQUIRE(block == s->p);
                continue;
            }
            s->p = block;
            s->size = size < s->size ? size : s->size;
            check_slot(s);
        } else {
            check_slot(s);
            REQUIRE(heap_free(&heap, s->p) == HEAP_OK);
            s->p = NULL;
        }
        if (s->p) {
            REQUIRE(heap_block_size(s->p) >= size && heap_block_size(s->p) < size + 16 + 16 * (size == 0));
            s->size = size;
            s->fill = (uint8_t)random32();
            memset(s->p, s->fill, size);
        }
        if (round % 50 == 0) {
            size_t used = 0, blocks = 0;
            for (int i = 0; i < SLOTS; i++) {
                used += slots[i].p ? heap_block_size(slots[i].p) : 0;
                blocks += slots[i].p != NULL;
            }
            REQUIRE(used == heap.used_bytes && blocks == heap.used_blocks);
            for (int r = 0; r < REGIONS; r++) {
                REQUIRE(heap_check(&heap, regions[r]) == HEAP_OK);
            }
        }
    }
    for (int i = 0; i < SLOTS; i++) {
        if (slots[i].p) {
            check_slot(&slots[i]);
            REQUIRE(heap_free(&heap, slots[i].p) == HEAP_OK);
        }
    }
    REQUIRE(heap.free_bytes == free_at_start && heap_largest(&heap) == largest_at_start && heap.used_bytes == 0);
    for (int r = 0; r < REGIONS; r++) {
        REQUIRE(heap_region_unused(&heap, regions[r]));
        heap_remove(&heap, regions[r]);
    }
    REQUIRE(heap.free_bytes == 0 && heap_largest(&heap) == 0 && heap_alloc(&heap, 0, 16) == NULL);
}

static void faults(uint8_t *memory, size_t bytes) {
    heap_t heap;
    heap_init(&heap, memory);
    heap_add(&heap, memory, bytes);
    uint8_t *a = heap_alloc(&heap, 100, 16), *b = heap_alloc(&heap, 100, 16), *c = heap_alloc(&heap, 100, 16);
    memset(b, 0xAA, 100); /* else headers of an earlier heap may stand there */
    REQUIRE(heap_free(&heap, b + 16) == HEAP_BAD_POINTER);
    REQUIRE(heap_free(&heap, b + 1) == HEAP_BAD_POINTER);
    REQUIRE(heap_free(&heap, memory - 4096) == HEAP_BAD_POINTER);
    REQUIRE(heap_free(&heap, memory + HEAP_MAX_BYTES) == HEAP_BAD_POINTER);
    REQUIRE(heap_free(&heap, NULL) == HEAP_BAD_POINTER);
    REQUIRE(heap_free(&heap, b) == HEAP_OK);
    REQUIRE(heap_free(&heap, b) == HEAP_DOUBLE_FREE);
    REQUIRE(heap_free(&heap, a) == HEAP_OK);
    REQUIRE(heap_free(&heap, b) == HEAP_DOUBLE_FREE); /* joined to the block before it */
    REQUIRE(heap_check(&heap, memory) == HEAP_OK);
    uint8_t *d = heap_alloc(&heap, 40, 16);
    d[heap_block_size(d)] ^= 1; /* the header behind it */
    REQUIRE(heap_free(&heap, d) == HEAP_CORRUPT);
    heap_fault_t fault;
    void *block = d;
    REQUIRE(!heap_resize(&heap, &block, 500, &fault) && fault == HEAP_CORRUPT);
    REQUIRE(heap_check(&heap, memory) == HEAP_CORRUPT);
    d[heap_block_size(d)] ^= 1;
    REQUIRE(heap_free(&heap, d) == HEAP_OK && heap_free(&heap, c) == HEAP_OK);
    REQUIRE(heap_check(&heap, memory) == HEAP_OK);
}

static void limits(uint8_t *memory, size_t bytes) {
    heap_t heap;
    heap_init(&heap, memory);
    REQUIRE(!heap_add(&heap, memory, 15));
    REQUIRE(!heap_add(&heap, memory + 16, HEAP_MAX_BYTES));
    REQUIRE(heap_add(&heap, memory, bytes));
    REQUIRE(heap_alloc(&heap, SIZE_MAX, 16) == NULL && heap_alloc(&heap, SIZE_MAX - 7, 16) == NULL);
    REQUIRE(heap_alloc(&heap, 1, (size_t)1 << 40) == NULL && heap_alloc(&heap, 1ull << 32, 16) == NULL);
    size_t largest = heap_largest(&heap);
    REQUIRE(largest >= bytes - 40);
    REQUIRE(heap_alloc(&heap, largest + 1, 16) == NULL);
    void *all = heap_alloc(&heap, largest, 16);
    REQUIRE(all && heap.free_bytes == 0);
    REQUIRE(heap_free(&heap, all) == HEAP_OK);
    /* A block that can only grow over its neighbours on both sides. */
    uint8_t *low = heap_alloc(&heap, 1000, 16), *middle = heap_alloc(&heap, 1000, 16);
    memset(middle, 0x5A, 1000);
    heap_free(&heap, low);
    void *block = middle;
    heap_fault_t fault;
    REQUIRE(heap_resize(&heap, &block, largest, &fault) && block == low);
    for (int i = 0; i < 1000; i++) {
        REQUIRE(low[i] == 0x5A);
    }
    REQUIRE(heap_free(&heap, block) == HEAP_OK && heap_largest(&heap) == largest);
}

int main(int argc, char **argv) {
    unsigned runs = argc > 1 ? (unsigned)atoi(argv[1]) : 20;
    for (seed_of_run = 1; seed_of_run <= runs; seed_of_run++) {
        state = seed_of_run * 2654435761u;
        size_t bytes = 4096u << seed_of_run % 9;
        uint8_t *memory = malloc(bytes + 1024); /* exact: ASan sees what is touched beyond */
        fuzz(memory, bytes);
        faults(memory, bytes);
        limits(memory, bytes);
        free(memory);
    }
    puts("OK");
    return 0;
}
