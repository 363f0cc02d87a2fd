#ifndef KENDRYTE_UTILS_H
#define KENDRYTE_UTILS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FIX_CACHE 1

#define KENDRYTE_MIN(a, b) ((a) > (b) ? (b) : (a))
#define KENDRYTE_MAX(a, b) ((a) > (b) ? (a) : (b))
#define KENDRYTE_CAST(type, ptr) ((type)(ptr))

#define kendryte_write_byte(dest, src) (*(volatile uint8_t *)(dest) = (src))
#define kendryte_write_hword(dest, src) (*(volatile uint16_t *)(dest) = (src))
#define kendryte_write_word(dest, src) (*(volatile uint32_t *)(dest) = (src))
#define kendryte_write_dword(dest, src) (*(volatile uint64_t *)(dest) = (src))
#define kendryte_read_byte(src) (*(volatile uint8_t *)(src))
#define kendryte_read_hword(src) (*(volatile uint16_t *)(src))
#define kendryte_read_word(src) (*(volatile uint32_t *)(src))
#define kendryte_read_dword(src) (*(volatile uint64_t *)(src))

#define kendryte_setbits_byte(dest, bits) (kendryte_write_byte(dest, kendryte_read_byte(dest) | (bits)))
#define kendryte_setbits_hword(dest, bits) (kendryte_write_hword(dest, kendryte_read_hword(dest) | (bits)))
#define kendryte_setbits_word(dest, bits) (kendryte_write_word(dest, kendryte_read_word(dest) | (bits)))
#define kendryte_setbits_dword(dest, bits) (kendryte_write_dword(dest, kendryte_read_dword(dest) | (bits)))
#define kendryte_clrbits_byte(dest, bits) (kendryte_write_byte(dest, kendryte_read_byte(dest) & ~(bits)))
#define kendryte_clrbits_hword(dest, bits) (kendryte_write_hword(dest, kendryte_read_hword(dest) & ~(bits)))
#define kendryte_clrbits_word(dest, bits) (kendryte_write_word(dest, kendryte_read_word(dest) & ~(bits)))
#define kendryte_clrbits_dword(dest, bits) (kendryte_write_dword(dest, kendryte_read_dword(dest) & ~(bits)))
#define kendryte_xorbits_byte(dest, bits) (kendryte_write_byte(dest, kendryte_read_byte(dest) ^ (bits)))
#define kendryte_xorbits_hword(dest, bits) (kendryte_write_hword(dest, kendryte_read_hword(dest) ^ (bits)))
#define kendryte_xorbits_word(dest, bits) (kendryte_write_word(dest, kendryte_read_word(dest) ^ (bits)))
#define kendryte_xorbits_dword(dest, bits) (kendryte_write_dword(dest, kendryte_read_dword(dest) ^ (bits)))
#define kendryte_replbits_byte(dest, msk, src) \
    (kendryte_write_byte(dest, (kendryte_read_byte(dest) & ~(msk)) | ((src) & (msk))))
#define kendryte_replbits_hword(dest, msk, src) \
    (kendryte_write_hword(dest, (kendryte_read_hword(dest) & ~(msk)) | ((src) & (msk))))
#define kendryte_replbits_word(dest, msk, src) \
    (kendryte_write_word(dest, (kendryte_read_word(dest) & ~(msk)) | ((src) & (msk))))
#define kendryte_replbits_dword(dest, msk, src) \
    (kendryte_write_dword(dest, (kendryte_read_dword(dest) & ~(msk)) | ((src) & (msk))))

#define configASSERT(x) \
    if ((x) == 0) { \
        printf("(%s:%d) %s\r\n", __FILE__, __LINE__, #x); \
        for (;;) { \
        } \
    }

/* Replaces the bits of mask by value & mask. */
void set_bit(volatile uint32_t *bits, uint32_t mask, uint32_t value);
/* The same with mask and value shifted left by offset. */
void set_bit_offset(volatile uint32_t *bits, uint32_t mask, size_t offset, uint32_t value);
void set_gpio_bit(volatile uint32_t *bits, size_t idx, uint32_t value);
/* (*bits >> offset) & mask. */
uint32_t get_bit(volatile uint32_t *bits, uint32_t mask, size_t offset);
uint32_t get_gpio_bit(volatile uint32_t *bits, size_t offset);
/* 1 when address lies in the cached view of the 6 MiB of general RAM. */
uint32_t is_memory_cache(uintptr_t address);

#ifdef __cplusplus
}
#endif

#endif
