#ifndef KENDRYTE_UTIL_H
#define KENDRYTE_UTIL_H

#include <stdint.h>
#include "encoding.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HOST_DEBUG 0
#define PREALLOCATE 0

#define stringify_1(s) #s
#define stringify(s) stringify_1(s)

/* 0 when equal, else the 1-based index of the first difference. */
static inline int verify(int n, const volatile int *test, const int *expected) {
    for (int i = 0; i < n; i++) {
        if (test[i] != expected[i]) {
            return i + 1;
        }
    }
    return 0;
}

static inline int verifyDouble(int n, const volatile double *test, const double *expected) {
    for (int i = 0; i < n; i++) {
        if (test[i] < expected[i] || test[i] > expected[i]) {
            return i + 1;
        }
    }
    return 0;
}

/* One step of a 63-bit linear feedback shift register. */
static inline uint64_t lfsr(uint64_t x) {
    uint64_t bit = (x ^ (x >> 1)) & 1;
    return (x >> 1) | (bit << 62);
}

#ifdef __cplusplus
}
#endif

#endif
