#ifndef KENDRYTE_IO_H
#define KENDRYTE_IO_H

#include <stdint.h>

/* Volatile accesses of one width. The write forms take the value first and are statements. */
#define readb(addr) (*(const volatile uint8_t *)(addr))
#define readw(addr) (*(const volatile uint16_t *)(addr))
#define readl(addr) (*(const volatile uint32_t *)(addr))
#define readq(addr) (*(const volatile uint64_t *)(addr))

#define writeb(v, addr) \
    { \
        (*(volatile uint8_t *)(addr)) = (v); \
    }
#define writew(v, addr) \
    { \
        (*(volatile uint16_t *)(addr)) = (v); \
    }
#define writel(v, addr) \
    { \
        (*(volatile uint32_t *)(addr)) = (v); \
    }
#define writeq(v, addr) \
    { \
        (*(volatile uint64_t *)(addr)) = (v); \
    }

#endif
