/* The KPU's data path written down from the formulas of spec kpu.md 5, without regard to speed: what the fast path
 * is compared with. */
#ifndef K210EMU_KPU_REFERENCE_H
#define K210EMU_KPU_REFERENCE_H

#include "kpu_layer.h"

/* Computes the output map, packed planar [O][H'][W'] (spec kpu.md 5.5), from a map in AI RAM. The kernel and the pool
 * code must have a meaning. Arithmetic beyond 64 bits wraps. Sets KPU_EVENT_* in `events`. Returns false when memory
 * is short. */
bool kpu_reference_run(const kpu_layer_t *layer, const kpu_parameters_t *parameters, const uint8_t *ai_ram,
                       kpu_profile_t profile, uint8_t *out, unsigned *events);

#endif
