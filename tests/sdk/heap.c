/* malloc on the board against a shadow record, large blocks, alignment, exact statistics. */

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include "check.h"
#include "heap.h"

#define SLOTS 400

static struct {
    uint8_t *p;
    size_t size;
    uint8_t fill;
} slots[SLOTS];

static unsigned damaged;

static void verify_slot(unsigned i) {
    for (size_t k = 0; k < slots[i].size; k++) {
        if (slots[i].p[k] != slots[i].fill) {
            damaged++;
            return;
        }
    }
}

static void fuzz(void) {
    uint32_t seed = 12345;
    unsigned misaligned = 0, failed = 0;
    for (unsigned round = 0; round < 20000; round++) {
        unsigned i = test_random(&seed) % SLOTS, what = test_random(&seed) % 4;
        size_t size = test_random(&seed) % (test_random(&seed) % 8 == 0 ? 20000 : 200);
        if (slots[i].p == NULL) {
            size_t align = what == 0 ? 16u << test_random(&seed) % 7 : 16;
            slots[i].p = align == 16 ? malloc(size) : memalign(align, size);
            failed += slots[i].p == NULL;
            misaligned += (uintptr_t)slots[i].p % align != 0;
        } else if (what == 0) {
            verify_slot(i);
            uint8_t *moved = realloc(slots[i].p, size);
            for (size_t k = 0; k < size && k < slots[i].size; k++) {
                damaged += moved[k] != slots[i].fill;
            }
            slots[i].p = moved;
        } else {
            verify_slot(i);
            free(slots[i].p);
            slots[i].p = NULL;
            continue;
        }
        slots[i].size = size;
        slots[i].fill = (uint8_t)round;
        memset(slots[i].p, slots[i].fill, size);
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slots[i].p) {
            verify_slot(i);
            free(slots[i].p);
        }
    }
    CHECK_EQ("contents", damaged, 0);
    CHECK_EQ("alignment", misaligned, 0);
    CHECK_EQ("every request served", failed, 0);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    size_t total = sdk_heap_total(), start = sdk_heap_free(), largest = sdk_heap_largest();
    check_between("most of 6 MiB", (int64_t)total, 6160000, 6291456);
    CHECK_EQ("one free block", start, largest);
    CHECK("its overhead is small", total - largest <= 32);
    fuzz();
    CHECK_EQ("all given back", sdk_heap_free(), start);
    CHECK_EQ("nothing in use", sdk_heap_used(), 0);
    CHECK_EQ("one block again", sdk_heap_largest(), largest);

    void *p = malloc(5 << 20);
    CHECK("5 MiB", p != NULL);
    CHECK_EQ("the rest", sdk_heap_free(), start - (5 << 20) - 16);
    void *rest = malloc(sdk_heap_largest());
    CHECK("exactly the largest", rest != NULL);
    CHECK_EQ("nothing is left", sdk_heap_free(), 0);
    errno = 0;
    CHECK("no more", malloc(1) == NULL && errno == ENOMEM);
    free(p);
    free(rest);
    CHECK("more than there is", malloc(largest + 1) == NULL);
    volatile size_t huge = 1ul << 62; /* hidden from the compiler's own check */
    CHECK("overflow", calloc(huge, 8) == NULL);
    CHECK("negative", malloc(huge * 4 - 1) == NULL);
    CHECK("bad alignment", memalign(24, 10) == NULL && errno == EINVAL);
    CHECK_EQ("back to the start", sdk_heap_largest(), largest);
    uint8_t *z = calloc(100, 7);
    unsigned nonzero = 0;
    for (unsigned i = 0; i < 700; i++) {
        nonzero += z[i] != 0;
    }
    CHECK_EQ("calloc clears", nonzero, 0);
    free(z);
    free(NULL);
    return check_done();
}
