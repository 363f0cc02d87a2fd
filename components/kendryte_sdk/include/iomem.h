#ifndef KENDRYTE_IOMEM_H
#define KENDRYTE_IOMEM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Memory for bus masters: addresses of the uncached view (0x40000000 ..), 64-byte aligned (256-byte from 256
 * bytes on), whole cache lines, no line of it in this hart's data cache. NULL when there is not enough. */
void *iomem_malloc(uint32_t size);
/* NULL is ignored. */
void iomem_free(void *paddr);
/* Bytes that iomem_malloc could still take. */
uint32_t iomem_unused(void);

/* Writes back and drops every line of [address, address + size) from the data cache of the calling hart, by reading
 * 1 MiB of other memory: the core has no instruction for it (spec kpu.md 7.6). About 2 ms at 400 MHz. Call it before
 * memory that the CPU used through the cached view is handed to the KPU, DMA or the uncached view. */
void sdk_cache_evict(const void *address, size_t size);

/* The same byte in the uncached (cached) view of SRAM; other addresses are returned unchanged. */
static inline void *sdk_uncached(const void *address) {
    uintptr_t a = (uintptr_t)address;
    return (void *)(a - 0x80000000UL < 0x800000UL ? a - 0x40000000UL : a);
}
static inline void *sdk_cached(const void *address) {
    uintptr_t a = (uintptr_t)address;
    return (void *)(a - 0x40000000UL < 0x800000UL ? a + 0x40000000UL : a);
}

#ifdef __cplusplus
}
#endif

#endif
