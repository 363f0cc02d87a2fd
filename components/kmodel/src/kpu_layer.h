// The 12-word KPU layer record (spec kpu.md 3) and the layout of feature maps in AI RAM (4.1).

#ifndef KMODEL_KPU_LAYER_H
#define KMODEL_KPU_LAYER_H

#include "internal.h"

typedef struct {
    uint32_t src, dst; // rows
    uint32_t w, h, c, ow, oh, oc;
    uint32_t kernel; // 1 or 3
    uint32_t pool;   // code 0..9
    bool depthwise;
    uint32_t oc_per_load, loads, load_bytes;
    uint32_t weight_bytes; // of the whole layer
} kmodel_kpu_layer_t;

// Channels per row of a map `w` wide.
static inline uint32_t kmodel_kpu_group(uint32_t w)
{
    return w <= 16 ? 4 : w <= 32 ? 2 : 1;
}

// Rows of one image line.
static inline uint32_t kmodel_kpu_line(uint32_t w)
{
    return (w + 63) / 64;
}

// Rows of a map; w, h, c up to 2^32 - 1.
uint64_t kmodel_kpu_rows(uint32_t w, uint32_t h, uint32_t c);

// Decode a stored record, check it (spec kmodel.md 7.2 K1..K7) and choose the weight loads. 0 or a code.
int kmodel_kpu_decode(kmodel_prep_t *prep, const uint64_t stored[12], kmodel_kpu_layer_t *layer);

// The record to push: geometry fields computed, constant fields at their standard values (K4, K7, K10), zero points,
// shifts and pad value as stored, addresses as given.
void kmodel_kpu_encode(const kmodel_kpu_layer_t *layer, const uint64_t stored[12], uint32_t weights, uint32_t bn,
                       uint32_t activation, uint64_t record[12]);

// Expected duration in KPU clocks (spec kpu.md 8.2).
uint64_t kmodel_kpu_cycles(const uint64_t record[12]);

// Copies between dense C,H,W bytes and the layout of AI RAM. `ai` is 64-byte aligned.
void kmodel_kpu_upload(uint8_t *ai, const uint8_t *dense, uint32_t w, uint32_t h, uint32_t c);
void kmodel_kpu_download(uint8_t *dense, const uint8_t *ai, uint32_t w, uint32_t h, uint32_t c);
// All images of a tensor in AI RAM, one behind the other there as in `dense`.
void kmodel_kpu_upload_images(const kmodel_t *model, const kmodel_tensor_t *t, const uint8_t *dense);
void kmodel_kpu_download_images(const kmodel_t *model, const kmodel_tensor_t *t, uint8_t *dense);
// The output map of a record: row, shape of one image.
kmodel_tensor_t kmodel_kpu_output(const uint64_t record[12]);
// The same as upload and download, byte by byte: what the fast ones are tested against.
void kmodel_kpu_upload_ref(uint8_t *ai, const uint8_t *dense, uint32_t w, uint32_t h, uint32_t c);
void kmodel_kpu_download_ref(uint8_t *dense, const uint8_t *ai, uint32_t w, uint32_t h, uint32_t c);

#endif
