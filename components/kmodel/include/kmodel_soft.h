// A KPU in software for hosts, bit-exact to spec kpu.md 5. It works on decoded layer words only and shares nothing with
// the code that writes them.

#ifndef KMODEL_SOFT_H
#define KMODEL_SOFT_H

#include "kmodel.h"

typedef struct {
    kmodel_kpu_t kpu; // give this to kmodel_env_t
    char profile;     // rounding of spec kpu.md 5.4: 'B' or 'A'
    uint64_t macs;    // multiply-accumulates done so far
    uint64_t budget;  // run() times out when macs would exceed it; 0: no limit
    // Called after each layer, may be NULL. `dense` is its output in C,H,W order.
    void (*after_layer)(void *ctx, const uint64_t words[12], const uint8_t *dense, uint32_t w, uint32_t h, uint32_t c);
    void *after_ctx;

    const void **addresses; // bus address 256 * i stands for addresses[i]
    size_t address_count, address_room;
} kmodel_soft_t;

// 0, or -1 without memory.
int kmodel_soft_init(kmodel_soft_t *soft);
// Forget the bus addresses handed out; no model that uses them may be run afterwards.
void kmodel_soft_forget(kmodel_soft_t *soft);
void kmodel_soft_deinit(kmodel_soft_t *soft);

#endif
