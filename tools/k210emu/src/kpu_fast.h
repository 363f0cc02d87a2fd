/* The KPU's data path, fast: the same results and events as kpu_reference_run(), byte for byte. */
#ifndef K210EMU_KPU_FAST_H
#define K210EMU_KPU_FAST_H

#include "kpu_layer.h"

/* As kpu_reference_run(). */
bool kpu_fast_run(const kpu_layer_t *layer, const kpu_parameters_t *parameters, const uint8_t *ai_ram,
                  kpu_profile_t profile, uint8_t *out, unsigned *events);

#endif
