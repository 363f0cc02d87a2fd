/* Both harts on one lock, one heap, one console. */

#include <stdlib.h>
#include "check.h"
#include "heap.h"

#define ROUNDS 20000

static spinlock_t lock;
static corelock_t recursive = CORELOCK_INIT;
static semaphore_t semaphore;
static unsigned counter, twice;
static int atomic_counter;
static volatile int hart1_done;

static void work(uint32_t seed) {
    for (int i = 0; i < ROUNDS; i++) {
        spinlock_lock(&lock);
        counter++;
        spinlock_unlock(&lock);
        corelock_lock(&recursive);
        corelock_lock(&recursive);
        twice += 2;
        corelock_unlock(&recursive);
        corelock_unlock(&recursive);
        atomic_add(&atomic_counter, 3);
        if (i % 16 == 0) {
            size_t size = test_random(&seed) % 5000;
            uint8_t *p = malloc(size), fill = (uint8_t)(current_coreid() + 1);
            memset(p, fill, size);
            for (size_t k = 0; k < size; k += 97) {
                if (p[k] != fill) {
                    printk("FAIL block of hart %lu overwritten\n", current_coreid());
                }
            }
            free(p);
        }
    }
}

static int hart1(void *ctx) {
    (void)ctx;
    work(99);
    semaphore_signal(&semaphore, 2);
    hart1_done = 1;
    return 0;
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    free(malloc(1));
    size_t before = sdk_heap_free();
    register_core1(hart1, NULL);
    work(7);
    semaphore_wait(&semaphore, 2);
    WAIT_FOR(hart1_done, 1000);
    CHECK_EQ("spinlock", counter, 2 * ROUNDS);
    CHECK_EQ("corelock", twice, 4 * ROUNDS);
    CHECK_EQ("atomic_add", atomic_counter, 6 * ROUNDS);
    CHECK_EQ("semaphore", semaphore_count(&semaphore), 0);
    CHECK_EQ("heap", sdk_heap_free(), before);
    CHECK_EQ("cas", atomic_cas(&atomic_counter, 6 * ROUNDS, 1), 6 * ROUNDS);
    CHECK_EQ("swap", atomic_swap(&atomic_counter, 9), 1);
    corelock_lock(&recursive);
    CHECK_EQ("trylock of an own lock", corelock_trylock(&recursive), 0);
    CHECK_EQ("trylock of a held spinlock", (spinlock_lock(&lock), spinlock_trylock(&lock) != 0), 1);
    return check_done();
}
