/* memcpy, memmove and memset by 64-bit words: the C library is built for size and moves single bytes, at 5 cycles each
 * from cache and many more from the uncached view. Only whole words that hold wanted bytes are read. */

#include <stdint.h>
#include <string.h>

#define WORD 8u
#define SMALL 24u /* below this the set-up costs more than it saves */

typedef uint64_t __attribute__((may_alias)) word_t;

/* Forward. Right for overlap when to <= from: what a store overwrites has been loaded. */
static inline __attribute__((always_inline)) void copy_up(uint8_t *to, const uint8_t *from, size_t n) {
    if (n >= SMALL) {
        for (; (uintptr_t)to % WORD; n--) {
            *to++ = *from++;
        }
        word_t *out = (word_t *)(void *)to;
        unsigned shift = (unsigned)((uintptr_t)from % WORD) * 8;
        const word_t *in = (const word_t *)(const void *)(from - shift / 8);
        size_t words = n / WORD;
        if (shift == 0) {
            for (; words >= 4; words -= 4, in += 4, out += 4) {
                uint64_t a = in[0], b = in[1], c = in[2], d = in[3];
                out[0] = a;
                out[1] = b;
                out[2] = c;
                out[3] = d;
            }
            while (words--) {
                *out++ = *in++;
            }
        } else {
            uint64_t low = *in++;
            while (words--) {
                uint64_t high = *in++;
                *out++ = low >> shift | high << (64 - shift);
                low = high;
            }
        }
        to += n & ~(size_t)(WORD - 1);
        from += n & ~(size_t)(WORD - 1);
        n %= WORD;
    }
    while (n--) {
        *to++ = *from++;
    }
}

/* Backward, for overlap with to > from. */
static void copy_down(uint8_t *to, const uint8_t *from, size_t n) {
    to += n;
    from += n;
    if (n >= SMALL && ((uintptr_t)to - (uintptr_t)from) % WORD == 0) {
        for (; (uintptr_t)to % WORD; n--) {
            *--to = *--from;
        }
        for (; n >= WORD; n -= WORD) {
            to -= WORD;
            from -= WORD;
            *(word_t *)(void *)to = *(const word_t *)(const void *)from;
        }
    }
    while (n--) {
        *--to = *--from;
    }
}

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    copy_up(to, from, n);
    return to;
}

void *memmove(void *to, const void *from, size_t n) {
    if ((uintptr_t)to - (uintptr_t)from >= n) {
        copy_up(to, from, n);
    } else {
        copy_down(to, from, n);
    }
    return to;
}

void *memset(void *to, int value, size_t n) {
    uint8_t *p = to, byte = (uint8_t)value;
    if (n >= SMALL) {
        for (; (uintptr_t)p % WORD; n--) {
            *p++ = byte;
        }
        uint64_t word = 0x0101010101010101ull * byte;
        word_t *out = (word_t *)(void *)p;
        for (; n >= 4 * WORD; n -= 4 * WORD, out += 4) {
            out[0] = word;
            out[1] = word;
            out[2] = word;
            out[3] = word;
        }
        for (; n >= WORD; n -= WORD) {
            *out++ = word;
        }
        p = (uint8_t *)out;
    }
    while (n--) {
        *p++ = byte;
    }
    return to;
}
