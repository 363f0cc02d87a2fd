#include "jpeg.h"

// The one-dimensional transform, scaled by sqrt(8), by its even and odd halves:
//   even: x0 +- x4 and the rotation of (x2, x6) by 3 pi / 8; odd: the four products of (x1, x3, x5, x7) with
//   cos(k pi / 16), after Loeffler, Ligtenberg and Moschytz (1989). Constants have 13 fractional bits.
// Damaged files have coefficients up to 16 bits, which fill 37 bits in the second pass.
#define F(x) ((int64_t)((x) * 8192 + 0.5))

static inline void transform(const int64_t x[8], int64_t y[8])
{
    int64_t sum = (x[0] + x[4]) * 8192, difference = (x[0] - x[4]) * 8192;
    int64_t z = (x[2] + x[6]) * F(0.541196100);
    int64_t low = z - x[6] * F(1.847759065), high = z + x[2] * F(0.765366865);
    int64_t even[4] = {sum + high, difference + low, difference - low, sum - high};

    int64_t z1 = x[7] + x[1], z2 = x[5] + x[3], z3 = x[7] + x[3], z4 = x[5] + x[1];
    int64_t z5 = (z3 + z4) * F(1.175875602);
    z1 *= -F(0.899976223);
    z2 *= -F(2.562915447);
    z3 = z5 - z3 * F(1.961570560);
    z4 = z5 - z4 * F(0.390180644);
    int64_t odd[4] = {x[1] * F(1.501321110) + z1 + z4, x[3] * F(3.072711026) + z2 + z3,
                      x[5] * F(2.053119869) + z2 + z4, x[7] * F(0.298631336) + z1 + z3};
    for (int i = 0; i < 4; i++) {
        y[i] = even[i] + odd[i];
        y[7 - i] = even[i] - odd[i];
    }
}

static inline uint8_t clamp(int64_t v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

void jpeg_idct(int16_t block[64], uint8_t *to, size_t stride)
{
    int64_t x[8], y[8], work[64];
    for (int c = 0; c < 8; c++) {
        int64_t any = 0;
        for (int i = 0; i < 8; i++) {
            x[i] = block[8 * i + c];
            any |= i ? x[i] : 0;
        }
        if (!any) { // most columns of most pictures
            for (int i = 0; i < 8; i++) {
                work[8 * i + c] = x[0] * 4;
            }
            continue;
        }
        transform(x, y);
        for (int i = 0; i < 8; i++) {
            work[8 * i + c] = (y[i] + (1 << 10)) >> 11; // two fractional bits stay
        }
    }
    for (int r = 0; r < 8; r++) {
        transform(work + 8 * r, y);
        for (int i = 0; i < 8; i++) {
            to[(size_t)r * stride + (size_t)i] = clamp(((y[i] + (1 << 17)) >> 18) + 128);
        }
    }
}
