/* Small helpers shared by the device models. */
#ifndef K210EMU_DEVICE_H
#define K210EMU_DEVICE_H

#include "emu.h"

#include <stdlib.h>

static inline void *device_new(size_t size)
{
    void *state = calloc(1, size);
    if (state == NULL) {
        abort(); /* a few KiB at start-up: nothing sensible is left to do */
    }
    return state;
}

static inline uint32_t field(uint64_t value, unsigned low, unsigned width)
{
    return (uint32_t)(value >> low) & (uint32_t)((1ull << width) - 1);
}

static inline bool bit(uint64_t value, unsigned n)
{
    return (value >> n) & 1;
}

/* Picoseconds of `cycles` at `hz`; EMU_NEVER without a clock. */
static inline emu_time_t cycles_to_time(uint64_t cycles, uint64_t hz)
{
    return hz == 0 ? EMU_NEVER : (emu_time_t)((unsigned __int128)cycles * 1000000000000ull / hz);
}

#endif
