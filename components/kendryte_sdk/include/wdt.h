#ifndef KENDRYTE_WDT_H
#define KENDRYTE_WDT_H

#include <stddef.h>
#include <stdint.h>
#include "plic.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WDT_RESET_ALL 0x00000000U
#define WDT_RESET_CPU 0x00000001U
#define WDT_CR_ENABLE 0x00000001U
#define WDT_CR_RMOD_MASK 0x00000002U
#define WDT_CR_RMOD_RESET 0x00000000U
#define WDT_CR_RMOD_INTERRUPT 0x00000002U
#define WDT_CR_RPL_MASK 0x0000001CU
#define WDT_CR_RPL(x) ((x) << 2)
#define WDT_TORR_TOP_MASK 0x000000FFU
#define WDT_TORR_TOP(x) ((x) << 4 | (x) << 0)
#define WDT_CCVR_MASK 0xFFFFFFFFU
#define WDT_CRR_MASK 0x00000076U
#define WDT_STAT_MASK 0x00000001U
#define WDT_EOI_MASK 0x00000001U
#define WDT_PROT_LEVEL_MASK 0x00000007U

typedef enum {
    WDT_DEVICE_0, WDT_DEVICE_1, WDT_DEVICE_MAX,
} wdt_device_number_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t cr;
    uint32_t torr;
    uint32_t ccvr;
    uint32_t crr;
    uint32_t stat;
    uint32_t eoi;
    uint32_t resv1;
    uint32_t prot_level;
    uint32_t resv4[49];
    uint32_t comp_param_5;
    uint32_t comp_param_4;
    uint32_t comp_param_3;
    uint32_t comp_param_2;
    uint32_t comp_param_1;
    uint32_t comp_version;
    uint32_t comp_type;
} wdt_t;

/* Restart the counter (writes 0x76). */
void wdt_feed(wdt_device_number_t id);

/* Older start: resets the block, interrupt-then-reset mode, on_irq(NULL) at PLIC priority 1. */
void wdt_start(wdt_device_number_t id, uint64_t time_out_ms, plic_irq_callback_t on_irq);

/* Start with a context pointer; returns the real time-out in ms (power-of-two steps of 2^17 cycles of the WDT clock).
 * */
uint32_t wdt_init(wdt_device_number_t id, uint64_t time_out_ms, plic_irq_callback_t on_irq, void *ctx);

/* Disable (feeds first). */
void wdt_stop(wdt_device_number_t id);

/* Acknowledge the first-stage interrupt; without it the second time-out resets the chip. */
void wdt_clear_interrupt(wdt_device_number_t id);

#ifdef __cplusplus
}
#endif

#endif
