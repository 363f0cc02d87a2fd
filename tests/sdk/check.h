/* Checks of a bare-metal test: one line each, `DONE passed failed` at the end. */
#ifndef SDK_TEST_CHECK_H
#define SDK_TEST_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "bsp.h"
#include "clint.h"
#include "sysctl.h"

static unsigned check_passed, check_failed;

static inline void check_equal(const char *name, int64_t got, int64_t want) {
    if (got == want) {
        check_passed++;
        printk("PASS %s\n", name);
    } else {
        check_failed++;
        printk("FAIL %s: got %ld (0x%lx) want %ld (0x%lx)\n", name, got, got, want, want);
    }
}

static inline void check_between(const char *name, int64_t got, int64_t low, int64_t high) {
    if (got >= low && got <= high) {
        check_passed++;
        printk("PASS %s\n", name);
    } else {
        check_failed++;
        printk("FAIL %s: got %ld want %ld .. %ld\n", name, got, low, high);
    }
}

static inline void check_bytes(const char *name, const void *got, const void *want, size_t length) {
    const uint8_t *g = got, *w = want;
    for (size_t i = 0; i < length; i++) {
        if (g[i] != w[i]) {
            check_failed++;
            printk("FAIL %s: byte %lu: got %02x want %02x\n", name, i, g[i], w[i]);
            return;
        }
    }
    check_passed++;
    printk("PASS %s\n", name);
}

#define CHECK_EQ(name, got, want) check_equal(name, (int64_t)(got), (int64_t)(want))
#define CHECK(name, condition) check_equal(name, (condition) ? 1 : 0, 1)

static inline int check_done(void) {
    printk("DONE %u %u\n", check_passed, check_failed);
    return check_failed != 0;
}

/* Spins until the condition holds; false after `ms`. */
#define WAIT_FOR(condition, ms) \
    __extension__({ \
        uint64_t wait_end_ = clint_get_time() + clint_timer_get_freq() * (ms) / 1000; \
        while (!(condition) && clint_get_time() < wait_end_) { \
        } \
        (condition) != 0; \
    })

static inline uint32_t test_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

#endif
