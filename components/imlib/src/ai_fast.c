// RGB565 to planes, eight pixels at a time as the bytes of 64-bit words (little-endian).
//
// Expansion in byte lanes, where products with 527 and 259 have no room:
//   round(255 v / 31) = 8 v + ((8 v - 4 (v >> 3) + 11) >> 5)
//   round(255 v / 63) = 4 v + ((4 v - v + 33) >> 6)
// No lane ever carries into its neighbour: the largest values in brackets are 248 - 12 + 11 and 252 - 63 + 33.
#include <string.h>

#include "internal.h"

#define LANES(byte) ((byte) * 0x0101010101010101u)

static inline uint64_t load(const uint8_t *p, size_t bytes)
{
    uint64_t v = 0;
    memcpy(&v, __builtin_assume_aligned(p, 4), bytes);
    return v;
}

static inline void store(uint8_t *p, uint64_t v)
{
    memcpy(__builtin_assume_aligned(p, 8), &v, 8);
}

// The lanes of b that the mask names change places with those of a, `shift` bits further up.
static inline void exchange(uint64_t *a, uint64_t *b, unsigned shift, uint64_t mask)
{
    uint64_t t = (*a >> shift ^ *b) & mask;
    *b ^= t;
    *a ^= t << shift;
}

// `top` holds five bits at the top of each lane, `quarter` the upper two of them at bit 2.
static inline uint64_t expand5(uint64_t top, uint64_t quarter)
{
    return top | ((top - quarter + LANES(11)) >> 5 & LANES(7));
}

// `top` holds six bits at the top of each lane.
static inline uint64_t expand6(uint64_t top)
{
    return top + ((top - (top >> 2) + LANES(33)) >> 6 & LANES(3));
}

static inline void eight(uint8_t *red, uint8_t *green, uint8_t *blue, const uint8_t *p)
{
    // Pixels 0 1 4 5 and 2 3 6 7, then even and odd ones, then first bytes (RRRRRGGG) and second bytes (GGGBBBBB).
    uint64_t upper = load(__builtin_assume_aligned(p + 8, 8), 8);
    uint64_t a = load(p, 4) | upper << 32;
    uint64_t b = load(p + 4, 4) | (upper & 0xffffffff00000000u);
    exchange(&a, &b, 16, 0x0000ffff0000ffffu);
    exchange(&a, &b, 8, 0x00ff00ff00ff00ffu);
    store(red, expand5(a & LANES(0xf8), a >> 4 & LANES(0x0c)));
    store(green, expand6((a << 5 & LANES(0xe0)) | (b >> 3 & LANES(0x1c))));
    store(blue, expand5(b << 3 & LANES(0xf8), b >> 1 & LANES(0x0c)));
}

void imlib_rgb565_to_planes(uint8_t *planes, size_t plane, const uint8_t *pixels, size_t count)
{
    // Planes of a multiple of eight pixels are aligned like the first; every usual image size is one.
    bool aligned = ((uintptr_t)planes | (uintptr_t)pixels | plane) % 8 == 0;
    size_t done = aligned ? count / 32 * 32 : 0;
    uint8_t *red = planes, *green = planes + plane, *blue = planes + 2 * plane;
    const uint8_t *p = pixels;
    for (const uint8_t *end = planes + done; red != end;) {
        eight(red, green, blue, p);
        eight(red + 8, green + 8, blue + 8, p + 16);
        eight(red + 16, green + 16, blue + 16, p + 32);
        eight(red + 24, green + 24, blue + 24, p + 48);
        red += 32;
        green += 32;
        blue += 32;
        p += 64;
        // Without this the compiler computes the three from one another again and again.
        __asm__("" : "+r"(red), "+r"(green), "+r"(blue), "+r"(p));
    }
    imlib_rgb565_to_planes_reference(planes + done, plane, pixels + 2 * done, count - done);
}
