#include "kmodel_k210.h"

#include <errno.h>
#include <stdlib.h>

#include "encoding.h"
#include "iomem.h"
#include "kpu_hw.h"
#include "platform.h"

// Time for pushing layers and answering interrupts, on top of ten times the computation.
#define MARGIN_US 20000u

typedef struct {
    kmodel_kpu_t kpu;
    kmodel_env_t env;
    int (*poll)(void);
} backend_t;

static backend_t backend;

static uint32_t bus_address(void *ctx, const void *p)
{
    (void)ctx;
    return (uint32_t)(uintptr_t)sdk_uncached(p);
}

// The same bytes through both views: a line that the cache writes back later changes nothing (spec kpu.md 7.6).
static void publish(void *ctx, void *p, size_t len)
{
    (void)ctx;
    const uint64_t *from = p;
    volatile uint64_t *to = sdk_uncached(p);
    for (size_t i = 0; i < len / 8; i++) {
        to[i] = from[i];
    }
}

static int run(void *ctx, const uint64_t (*layers)[12], unsigned count, uint64_t cycles, bool eight_bit_weights)
{
    (void)ctx;
    uint64_t timeout_us = 10000000u * cycles / kpu_hw_clock_hz() + MARGIN_US;
    kpu_hw_set_eight_bit_weights(eight_bit_weights);
    int rc = kpu_hw_run(layers, count, timeout_us, backend.poll);
    return rc == 0            ? 0
           : rc == -ETIMEDOUT ? KMODEL_HOOK_TIMEOUT
           : rc == -EINTR     ? KMODEL_HOOK_INTERRUPTED
                              : KMODEL_HOOK_FAILED;
}

static void *alloc(void *ctx, size_t align, size_t size)
{
    (void)ctx;
    return aligned_alloc(align < 16 ? 16 : align, size);
}

static void release(void *ctx, void *p)
{
    (void)ctx;
    free(p);
}

static int poll(void *ctx)
{
    (void)ctx;
    return backend.poll ? backend.poll() : 0;
}

static uint64_t clock(void *ctx)
{
    (void)ctx;
    return read_csr(mcycle);
}

const kmodel_env_t *kmodel_k210_env(int (*poll_hook)(void))
{
    if (kpu_hw_init()) {
        return NULL;
    }
    backend = (backend_t){
        .kpu = {.ai_ram = (uint8_t *)AI_IO_BASE_ADDR, .bus_address = bus_address, .publish = publish, .run = run},
        .env = {.alloc = alloc, .free = release, .poll = poll, .clock = clock, .kpu = &backend.kpu},
        .poll = poll_hook,
    };
    return &backend.env;
}
