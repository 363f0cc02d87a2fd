// Decodes mutations of picture files under the sanitizers: mutate COUNT SEED FILE...
// Every run must give back its memory; an image that is made must be one that can be read to its last byte.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imlib.h"

static size_t allocated;
static unsigned blocks;

static void *allocate(void *ctx, size_t size)
{
    (void)ctx;
    // As on a board: a damaged header may not take all memory.
    if (size > 4u << 20) {
        return NULL;
    }
    uint8_t *p = malloc(size);
    blocks += p != NULL;
    allocated += size;
    return p;
}

static void release(void *ctx, void *p)
{
    (void)ctx;
    blocks--;
    free(p);
}

typedef struct {
    const uint8_t *data;
    size_t length, at, most; // most bytes per read
} file_t;

static int read_file(void *ctx, uint8_t *to, size_t length)
{
    file_t *f = ctx;
    size_t n = f->length - f->at < length ? f->length - f->at : length;
    n = n < f->most ? n : f->most;
    memcpy(to, f->data + f->at, n);
    f->at += n;
    return (int)n;
}

static uint64_t state;

static uint32_t next_random(uint32_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 20) % limit;
}

// Most mutations hit the headers, where the structure is.
static size_t mutate(uint8_t *data, size_t length)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0x10, 0x11, 0x22, 0xc0, 0xd0, 0xda};
    for (uint32_t n = 1 + next_random(4); n; n--) {
        size_t range = next_random(2) && length > 700 ? 700 : length;
        size_t at = next_random((uint32_t)range);
        switch (next_random(5)) {
        case 0:
            data[at] ^= (uint8_t)(1u << next_random(8));
            break;
        case 1:
            data[at] = (uint8_t)next_random(256);
            break;
        case 2:
            data[at] = values[next_random(sizeof(values))];
            break;
        case 3:
            length = at ? at : 1;
            break;
        default: {
            size_t from = next_random((uint32_t)length), n_bytes = next_random(16);
            n_bytes = n_bytes < length - from ? n_bytes : length - from;
            n_bytes = at < length && n_bytes < length - at ? n_bytes : 0;
            memmove(data + (at < length ? at : 0), data + from, n_bytes);
        }
        }
    }
    return length;
}

static void fail(const char *what, unsigned long run)
{
    fprintf(stderr, "run %lu: %s\n", run, what);
    exit(1);
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 3 ? strtoul(argv[1], NULL, 10) : 0, codes[20] = {0};
    state = argc > 3 ? strtoull(argv[2], NULL, 10) * 2 + 1 : 1;
    const imlib_env_t env = {.alloc = allocate, .release = release};
    for (unsigned long i = 0; i < count; i++) {
        FILE *f = fopen(argv[3 + i % (unsigned long)(argc - 3)], "rb");
        uint8_t buffer[65536];
        size_t length = f ? fread(buffer, 1, sizeof(buffer), f) : 0;
        if (!f || !length) {
            fail("cannot read a file", i);
        }
        fclose(f);
        length = mutate(buffer, length);
        uint8_t *exact = malloc(length); // a block of its own, so that reading beyond its end is seen
        memcpy(exact, buffer, length);
        file_t file = {exact, length, 0, 1 + next_random(600)};
        imlib_source_t source = {&file, read_file};
        imlib_image_t image;
        imlib_error_t error = {0};
        int rc = imlib_decode(&env, &source, &image, &error);
        if (rc == 0) {
            uint32_t sum = 0;
            for (size_t k = 0; k < image.size; k++) {
                sum += image.pixels[k];
            }
            codes[0] += sum != 0xffffffff;
            imlib_destroy(&env, &image);
        } else {
            if (rc < -18 || error.code != rc || image.pixels) {
                fail("code", i);
            }
            codes[-rc]++;
        }
        free(exact);
        if (blocks) {
            fail("memory is not given back", i);
        }
    }
    for (int i = 0; i < 19; i++) {
        printf("%d %lu\n", -i, codes[i]);
    }
    return 0;
}
