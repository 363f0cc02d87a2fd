/* Runs one layer: data path, then write-back. Also the entry for programs outside the machine. */
#ifndef K210EMU_KPU_RUN_H
#define K210EMU_KPU_RUN_H

#include "kpu_layer.h"

typedef enum { KPU_FAST = 0, KPU_REFERENCE = 1 } kpu_path_t;

typedef struct {
    uint8_t *bytes; /* packed planar output [O][H'][W']; the caller frees it */
    size_t size;
} kpu_output_t;

/* Computes the layer from `ai_ram` and, unless full_add is set, writes its map back there. The whole input counts as
 * read before the first byte is written. Kernel types and pool codes without meaning give no output (size 0);
 * load_activation 0 gives zeros. Returns false when memory is short. */
bool kpu_run(const kpu_layer_t *layer, const kpu_parameters_t *parameters, uint8_t *ai_ram, kpu_profile_t profile,
             kpu_path_t path, kpu_output_t *output, unsigned *events);

/* The same for one layer by itself: `memory` stands for bus addresses from `memory_base`. Parameters must lie in it.
 * Returns KPU_EVENT_* bits, -1 when a parameter lies outside, -2 when memory is short. */
int kpu_run_layer(const uint64_t words[KPU_WORDS], uint8_t ai_ram[KPU_AI_RAM_BYTES], const uint8_t *memory,
                  uint32_t memory_base, uint32_t memory_size, int eight_bit, int profile, int path);
/* Clocks of the layer, and the sentences of kpu_layer_check() one a line, cut at `size`. */
uint64_t kpu_describe_layer(const uint64_t words[KPU_WORDS], int eight_bit, char *text, size_t size);

#endif
