#include "kpu_pool.h"

#include "kpu_simd.h"

#include <string.h>

#pragma GCC optimize("O3")

static uint8_t larger(uint8_t a, uint8_t b)
{
    return a > b ? a : b;
}

KPU_CLONES static void maximum_2(const uint8_t *a, const uint8_t *b, uint8_t *out, int count)
{
    for (int x = 0; x < count; x++) {
        out[x] = larger(larger(a[2 * x], a[2 * x + 1]), larger(b[2 * x], b[2 * x + 1]));
    }
}

KPU_CLONES static void mean_2(const uint8_t *a, const uint8_t *b, uint8_t *out, int count)
{
    for (int x = 0; x < count; x++) {
        out[x] = (uint8_t)((a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1]) / 4);
    }
}

KPU_CLONES static void window_4(const uint8_t *map, int stride, uint8_t *out, int count, int maximum)
{
    for (int x = 0; x < count; x++) {
        unsigned sum = 0;
        uint8_t largest = 0;
        for (int y = 0; y < 4; y++) {
            for (int i = 0; i < 4; i++) {
                uint8_t value = map[y * stride + 4 * x + i];
                largest = larger(largest, value);
                sum += value;
            }
        }
        out[x] = maximum ? largest : (uint8_t)(sum / 16);
    }
}

/* Stride 1: the line and the one below, the last column repeated. */
KPU_CLONES static void sliding_mean(const uint8_t *a, const uint8_t *b, uint8_t *out, int width)
{
    for (int x = 0; x < width - 1; x++) {
        out[x] = (uint8_t)((a[x] + a[x + 1] + b[x] + b[x + 1]) / 4);
    }
    out[width - 1] = (uint8_t)((2 * a[width - 1] + 2 * b[width - 1]) / 4);
}

KPU_CLONES static void sliding_maximum(const uint8_t *a, const uint8_t *b, uint8_t *out, int width)
{
    for (int x = 0; x < width - 1; x++) {
        out[x] = larger(larger(a[x], a[x + 1]), larger(b[x], b[x + 1]));
    }
    out[width - 1] = larger(a[width - 1], b[width - 1]);
}

void kpu_pool(unsigned code, const uint8_t *map, int width, int stride, int available, uint8_t *out, int lines)
{
    for (int y = 0; y < lines; y++) {
        const uint8_t *two = map + 2 * y * stride, *four = map + 4 * y * stride, *line = map + y * stride;
        const uint8_t *below = y + 1 < available ? line + stride : line;
        switch (code) {
        case 0:
            memcpy(out, line, (size_t)width);
            out += width;
            break;
        case 1:
            maximum_2(two, two + stride, out, width / 2);
            out += width / 2;
            break;
        case 2:
            mean_2(two, two + stride, out, width / 2);
            out += width / 2;
            break;
        case 3:
        case 4:
            window_4(four, stride, out, width / 4, code == 3);
            out += width / 4;
            break;
        case 8:
            sliding_mean(line, below, out, width);
            out += width;
            break;
        default:
            sliding_maximum(line, below, out, width);
            out += width;
        }
    }
}
