// A model in flash at 0x300000, run on the chip with the pseudo-random input of `kmodel_run --lcg`. Prints what the
// tests compare.

#include <errno.h>
#include <stdlib.h>

#include "bsp.h"
#include "encoding.h"
#include "heap.h"
#include "kmodel_k210.h"
#include "norflash.h"

#define MODEL_AT 0x300000u

static int read_flash(void *ctx, uint32_t offset, void *dst, size_t len)
{
    (void)ctx;
    int rc = norflash_read(MODEL_AT + offset, dst, len);
    return rc == 0 ? 0 : rc == -EINTR ? KMODEL_HOOK_INTERRUPTED : KMODEL_HOOK_FAILED;
}

static unsigned crc32(const uint8_t *data, size_t size)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

static void fill(uint8_t *data, const kmodel_tensor_t *t)
{
    uint32_t s = 1, count = t->type == KMODEL_F32 ? t->bytes / 4 : t->bytes;
    for (uint32_t i = 0; i < count; i++) {
        s = 1664525u * s + 1013904223u;
        if (t->type == KMODEL_F32) {
            ((float *)(void *)data)[i] = (float)(s >> 24) / 255.0f;
        } else {
            data[i] = (uint8_t)(s >> 24);
        }
    }
}

static void show(const char *step, int code, const kmodel_error_t *error)
{
    printk("%s %d %s\n", step, code, code ? error->detail : "");
}

static void run_all(kmodel_t *model, const kmodel_input_t *in)
{
    kmodel_error_t error;
    kmodel_stats_t stats;
    kmodel_tensor_t t;
    show("run", kmodel_run(model, in, &error), &error);
    kmodel_stats(model, &stats);
    printk("stats total %lu kpu %lu expected %lu calls %u\n", stats.total, stats.kpu, stats.kpu_expected,
           stats.kpu_calls);
    for (uint32_t i = 0; kmodel_output_info(model, i, &t) == 0; i++) {
        printk("output %u: %u bytes crc %08x\n", i, t.bytes, crc32(t.data, t.bytes));
    }
}

// Each KPU layer's result, by stopping behind it.
static void run_layers(kmodel_t *model, const kmodel_input_t *in)
{
    kmodel_error_t error;
    kmodel_layer_t layer;
    for (uint32_t i = 0, n = 0; kmodel_layer_info(model, i, &layer) == 0; i++) {
        kmodel_tensor_t t;
        if (layer.type != 10240 && layer.type != 0x2002) { // convolutions of the KPU in V3 and V4
            continue;
        }
        if (kmodel_set_layers(model, i + 1, &error) || kmodel_run(model, in, &error)) {
            show("layer", error.code, &error);
        } else {
            kmodel_output_info(model, 0, &t);
            uint32_t image = t.bytes / t.n;
            for (uint32_t k = 0; k < t.n; k++) {
                printk("kpu %u: %ux%ux%u crc %08x\n", n++, t.c, t.h, t.w, crc32((uint8_t *)t.data + k * image, image));
            }
        }
    }
    kmodel_set_layers(model, 0, &error);
}

static void use(const kmodel_env_t *env)
{
    kmodel_error_t error;
    kmodel_info_t info;
    kmodel_tensor_t t;
    kmodel_source_t source = {.read = read_flash, .size = norflash_size() - MODEL_AT};
    uint64_t start = read_cycle();
    kmodel_t *model = kmodel_load(env, &source, &error);
    show("load", error.code, &error);
    if (!model) {
        return;
    }
    kmodel_info(model, &info);
    kmodel_input_info(model, &t);
    printk("loaded %u bytes in %lu cycles, main %u, index %u\n", info.file_bytes, read_cycle() - start, info.main_bytes,
           info.index_bytes);
    uint8_t *data = malloc(t.bytes);
    fill(data, &t);
    kmodel_input_t in = {.data = data, .type = t.type, .count = t.type == KMODEL_F32 ? t.bytes / 4 : t.bytes};
    run_all(model, &in);
    run_layers(model, &in);
    free(data);
    kmodel_free(model);
}

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printk("flash %d\n", norflash_init(40000000));
    size_t before = sdk_heap_free();
    const kmodel_env_t *env = kmodel_k210_env(NULL);
    if (env) {
        use(env);
    }
    printk("heap %ld\nDONE\n", (long)(before - sdk_heap_free()));
    for (;;) {
    }
}
