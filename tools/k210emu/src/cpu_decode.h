/* The little of RV64GC decoding that the harness needs: lengths, operands of loads and stores, CSR instructions. */
#ifndef K210EMU_CPU_DECODE_H
#define K210EMU_CPU_DECODE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    bool valid, store, amo;
    unsigned base;  /* integer register with the base address */
    int64_t offset;
} decoded_access_t;

static inline unsigned decode_length(uint16_t first) {
    return (first & 3) == 3 ? 4 : 2;
}

decoded_access_t decode_access(uint32_t instruction);

/* True for instructions whose Unicorn behaviour is not the K210's and which the harness therefore executes or watches. */
bool decode_watched(uint32_t instruction);

#endif
