/* Pooling of a band of lines (spec kpu.md 5.5). */
#ifndef K210EMU_KPU_POOL_H
#define K210EMU_KPU_POOL_H

#include <stdint.h>

/* Pools `lines` output lines from `map`, which starts at the input line of the first of them and has lines `stride`
 * bytes apart. It holds `available` lines; codes 8 and 9 repeat the last of them beyond. Codes 0..4, 8, 9: the others
 * pick single pixels and need no map. */
void kpu_pool(unsigned code, const uint8_t *map, int width, int stride, int available, uint8_t *out, int lines);

#endif
