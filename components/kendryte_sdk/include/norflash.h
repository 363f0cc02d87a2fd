#ifndef SDK_NORFLASH_H
#define SDK_NORFLASH_H

/* The board's serial NOR flash: a W25Q / GD25 class part on chip select 0 of SPI3 (spec soc.md 7.11). Data is in
 * natural byte order. Every function returns 0 or a negative errno and waits no longer than the part's own limits:
 * -ENODEV no part answers, -EINVAL range or alignment, -ETIMEDOUT, -EINTR the poll hook asked to stop, -EIO the part
 * refused. One hart at a time. DMA channel 5 is used. */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Probes the part and enables its four-line mode. The SPI clock is the highest not above hz. */
int norflash_init(uint32_t hz);

/* Bytes; 0 before a successful norflash_init(). */
uint32_t norflash_size(void);
/* Manufacturer << 16 | type << 8 | capacity, for instance 0xEF6018. */
uint32_t norflash_jedec_id(void);
int norflash_unique_id(uint8_t id[8]);

/* Reads any range to any alignment. A destination in the uncached view receives the DMA directly; one in the cached
 * view is filled by the CPU from a small uncached buffer while the next part is read, so that no stale cache line can
 * hide or overwrite the data. */
int norflash_read(uint32_t address, void *data, size_t length);

/* Programs bits 1 -> 0, any alignment and length; the range must have been erased. */
int norflash_program(uint32_t address, const void *data, size_t length);

/* address and length are multiples of 4096. */
int norflash_erase(uint32_t address, size_t length);

/* Called about every 64 KiB of a read, every page of a program and every erase command, and while the part is busy;
 * non-zero ends the call with -EINTR once the part is idle. NULL: none. */
void norflash_set_poll(int (*poll)(void));

#ifdef __cplusplus
}
#endif

#endif
