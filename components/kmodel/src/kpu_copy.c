// Feature maps into and out of AI RAM (spec kpu.md 4.1). AI RAM is uncached: it is read and written in 64-bit words.
// A lane (one channel's part of a row) is 16, 32 or 64 bytes, so the word that holds a line's last pixels stays in it.

#include "kpu_layer.h"

// Address of line y of channel c, in bytes from the map.
static uint32_t line_at(uint32_t w, uint32_t h, uint32_t c, uint32_t y)
{
    uint32_t group = kmodel_kpu_group(w), rows = kmodel_kpu_line(w);
    return 64 * (c / group * rows * h + y * rows) + c % group * (64 / group);
}

void kmodel_kpu_upload_ref(uint8_t *ai, const uint8_t *dense, uint32_t w, uint32_t h, uint32_t c)
{
    for (uint32_t ch = 0; ch < c; ch++) {
        for (uint32_t y = 0; y < h; y++) {
            for (uint32_t x = 0; x < w; x++) {
                ai[line_at(w, h, ch, y) + x] = *dense++;
            }
        }
    }
}

void kmodel_kpu_download_ref(uint8_t *dense, const uint8_t *ai, uint32_t w, uint32_t h, uint32_t c)
{
    for (uint32_t ch = 0; ch < c; ch++) {
        for (uint32_t y = 0; y < h; y++) {
            for (uint32_t x = 0; x < w; x++) {
                *dense++ = ai[line_at(w, h, ch, y) + x];
            }
        }
    }
}

static void copy_words(kmodel_word_t *dst, const kmodel_word_t *src, uint32_t words)
{
    for (; words >= 8; words -= 8, dst += 8, src += 8) {
        kmodel_word_t a = src[0], b = src[1], c = src[2], d = src[3];
        kmodel_word_t e = src[4], f = src[5], g = src[6], i = src[7];
        dst[0] = a, dst[1] = b, dst[2] = c, dst[3] = d;
        dst[4] = e, dst[5] = f, dst[6] = g, dst[7] = i;
    }
    while (words--) {
        *dst++ = *src++;
    }
}

static bool aligned(const void *p)
{
    return (uintptr_t)p % 8 == 0;
}

// 8 bytes in main memory, where a line may start at any byte.
static kmodel_word_t gather(const uint8_t *p)
{
    if ((uintptr_t)p % 4 == 0) {
        const uint32_t __attribute__((may_alias)) *half = (const void *)p;
        return half[0] | (kmodel_word_t)half[1] << 32;
    }
    kmodel_word_t word = 0;
    for (unsigned i = 0; i < 8; i++) {
        word |= (kmodel_word_t)p[i] << 8 * i;
    }
    return word;
}

static void scatter(uint8_t *p, kmodel_word_t word)
{
    if ((uintptr_t)p % 4 == 0) {
        uint32_t __attribute__((may_alias)) *half = (void *)p;
        half[0] = (uint32_t)word;
        half[1] = (uint32_t)(word >> 32);
        return;
    }
    for (unsigned i = 0; i < 8; i++) {
        p[i] = (uint8_t)(word >> 8 * i);
    }
}

static void upload_line(kmodel_word_t *line, const uint8_t *dense, uint32_t w)
{
    for (; w >= 8; w -= 8, dense += 8) {
        *line++ = gather(dense);
    }
    kmodel_word_t rest = 0;
    for (uint32_t i = 0; i < w; i++) {
        rest |= (kmodel_word_t)dense[i] << 8 * i;
    }
    if (w) {
        *line = rest;
    }
}

static void download_line(uint8_t *dense, const kmodel_word_t *line, uint32_t w)
{
    for (; w >= 8; w -= 8, dense += 8) {
        scatter(dense, *line++);
    }
    if (w) {
        kmodel_word_t rest = *line;
        for (uint32_t i = 0; i < w; i++) {
            dense[i] = (uint8_t)(rest >> 8 * i);
        }
    }
}

void kmodel_kpu_upload(uint8_t *ai, const uint8_t *dense, uint32_t w, uint32_t h, uint32_t c)
{
    bool words = aligned(dense) && w % 8 == 0;
    if (words && w % 64 == 0) {
        copy_words((kmodel_word_t *)(void *)ai, (const kmodel_word_t *)(const void *)dense, w / 8 * h * c);
        return;
    }
    uint32_t pitch = 64 * kmodel_kpu_line(w);
    for (uint32_t ch = 0; ch < c; ch++) {
        uint8_t *line = ai + line_at(w, h, ch, 0);
        for (uint32_t y = 0; y < h; y++, line += pitch, dense += w) {
            kmodel_word_t *to = (kmodel_word_t *)(void *)line;
            if (words) {
                copy_words(to, (const kmodel_word_t *)(const void *)dense, w / 8);
            } else {
                upload_line(to, dense, w);
            }
        }
    }
}

void kmodel_kpu_download(uint8_t *dense, const uint8_t *ai, uint32_t w, uint32_t h, uint32_t c)
{
    bool words = aligned(dense) && w % 8 == 0;
    if (words && w % 64 == 0) {
        copy_words((kmodel_word_t *)(void *)dense, (const kmodel_word_t *)(const void *)ai, w / 8 * h * c);
        return;
    }
    uint32_t pitch = 64 * kmodel_kpu_line(w);
    for (uint32_t ch = 0; ch < c; ch++) {
        const uint8_t *line = ai + line_at(w, h, ch, 0);
        for (uint32_t y = 0; y < h; y++, line += pitch, dense += w) {
            const kmodel_word_t *from = (const kmodel_word_t *)(const void *)line;
            if (words) {
                copy_words((kmodel_word_t *)(void *)dense, from, w / 8);
            } else {
                download_line(dense, from, w);
            }
        }
    }
}

void kmodel_kpu_upload_images(const kmodel_t *m, const kmodel_tensor_t *t, const uint8_t *dense)
{
    uint32_t rows = (uint32_t)kmodel_kpu_rows(t->w, t->h, t->c);
    for (uint32_t n = 0; n < t->n; n++, dense += (size_t)t->w * t->h * t->c) {
        kmodel_kpu_upload(kmodel_kpu_at(m, t->address + n * rows), dense, t->w, t->h, t->c);
    }
}

void kmodel_kpu_download_images(const kmodel_t *m, const kmodel_tensor_t *t, uint8_t *dense)
{
    uint32_t rows = (uint32_t)kmodel_kpu_rows(t->w, t->h, t->c);
    for (uint32_t n = 0; n < t->n; n++, dense += (size_t)t->w * t->h * t->c) {
        kmodel_kpu_download(dense, kmodel_kpu_at(m, t->address + n * rows), t->w, t->h, t->c);
    }
}
