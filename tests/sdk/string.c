/* memcpy, memmove, memset on every alignment and length around the words, against byte loops; their speed. */

#include "check.h"

#define SPAN 160

static uint8_t got[SPAN], want[SPAN], source[SPAN];
/* Through pointers, so that the compiler does not expand the calls. */
static void *(*volatile copy)(void *restrict, const void *restrict, size_t) = memcpy;
static void *(*volatile move)(void *, const void *, size_t) = memmove;
static void *(*volatile fill)(void *, int, size_t) = memset;

static void prepare(void) {
    for (unsigned i = 0; i < SPAN; i++) {
        got[i] = want[i] = (uint8_t)(i * 7);
        source[i] = (uint8_t)(200 - i * 3);
    }
}

static unsigned differ(void) {
    for (unsigned i = 0; i < SPAN; i++) {
        if (got[i] != want[i]) {
            return 1;
        }
    }
    return 0;
}

static unsigned copies(void) {
    unsigned wrong = 0;
    for (unsigned to = 0; to < 8; to++) {
        for (unsigned from = 0; from < 8; from++) {
            for (unsigned n = 0; n < 90; n++) {
                prepare();
                for (unsigned i = 0; i < n; i++) {
                    want[8 + to + i] = source[8 + from + i];
                }
                wrong += copy(got + 8 + to, source + 8 + from, n) != got + 8 + to;
                wrong += differ();
            }
        }
    }
    return wrong;
}

static unsigned moves(void) {
    unsigned wrong = 0;
    for (unsigned to = 0; to < 40; to++) {
        for (unsigned from = 0; from < 40; from += 1 + from % 3) {
            for (unsigned n = 0; n < 80; n += 1 + n / 16) {
                prepare();
                for (unsigned i = 0; i < n; i++) {
                    want[8 + to + i] = got[8 + from + i];
                }
                move(got + 8 + to, got + 8 + from, n);
                wrong += differ();
            }
        }
    }
    return wrong;
}

static unsigned fills(void) {
    unsigned wrong = 0;
    for (unsigned to = 0; to < 8; to++) {
        for (unsigned n = 0; n < 120; n++) {
            prepare();
            for (unsigned i = 0; i < n; i++) {
                want[8 + to + i] = 0xA5;
            }
            wrong += fill(got + 8 + to, 0xFFA5, n) != got + 8 + to;
            wrong += differ();
        }
    }
    return wrong;
}

static uint8_t big[2][16384] __attribute__((aligned(8)));

static int64_t cycles_of_copy(unsigned offset) {
    uint64_t start = read_cycle();
    copy(big[0], big[1] + offset, 16000);
    return (int64_t)(read_cycle() - start);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    CHECK_EQ("memcpy", copies(), 0);
    CHECK_EQ("memmove", moves(), 0);
    CHECK_EQ("memset", fills(), 0);
    check_between("aligned copy: cycles for 16000 bytes", cycles_of_copy(0), 1000, 8000);
    check_between("misaligned copy: cycles for 16000 bytes", cycles_of_copy(3), 1000, 20000);
    return check_done();
}
