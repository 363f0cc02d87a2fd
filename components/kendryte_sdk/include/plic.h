#ifndef KENDRYTE_PLIC_H
#define KENDRYTE_PLIC_H

#include <stdint.h>
#include "encoding.h"
#include "platform.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PLIC_NUM_SOURCES (IRQN_MAX - 1)
#define PLIC_NUM_PRIORITIES (7)
#define PLIC_NUM_CORES (2)

typedef int (*plic_irq_callback_t)(void *ctx);

typedef enum {
    IRQN_NO_INTERRUPT, IRQN_SPI0_INTERRUPT, IRQN_SPI1_INTERRUPT, IRQN_SPI_SLAVE_INTERRUPT, IRQN_SPI3_INTERRUPT,
    IRQN_I2S0_INTERRUPT, IRQN_I2S1_INTERRUPT, IRQN_I2S2_INTERRUPT, IRQN_I2C0_INTERRUPT, IRQN_I2C1_INTERRUPT,
    IRQN_I2C2_INTERRUPT, IRQN_UART1_INTERRUPT, IRQN_UART2_INTERRUPT, IRQN_UART3_INTERRUPT, IRQN_TIMER0A_INTERRUPT,
    IRQN_TIMER0B_INTERRUPT, IRQN_TIMER1A_INTERRUPT, IRQN_TIMER1B_INTERRUPT, IRQN_TIMER2A_INTERRUPT,
    IRQN_TIMER2B_INTERRUPT, IRQN_RTC_INTERRUPT, IRQN_WDT0_INTERRUPT, IRQN_WDT1_INTERRUPT, IRQN_APB_GPIO_INTERRUPT,
    IRQN_DVP_INTERRUPT, IRQN_AI_INTERRUPT, IRQN_FFT_INTERRUPT, IRQN_DMA0_INTERRUPT, IRQN_DMA1_INTERRUPT,
    IRQN_DMA2_INTERRUPT, IRQN_DMA3_INTERRUPT, IRQN_DMA4_INTERRUPT, IRQN_DMA5_INTERRUPT, IRQN_UARTHS_INTERRUPT,
    IRQN_GPIOHS0_INTERRUPT, IRQN_GPIOHS1_INTERRUPT, IRQN_GPIOHS2_INTERRUPT, IRQN_GPIOHS3_INTERRUPT,
    IRQN_GPIOHS4_INTERRUPT, IRQN_GPIOHS5_INTERRUPT, IRQN_GPIOHS6_INTERRUPT, IRQN_GPIOHS7_INTERRUPT,
    IRQN_GPIOHS8_INTERRUPT, IRQN_GPIOHS9_INTERRUPT, IRQN_GPIOHS10_INTERRUPT, IRQN_GPIOHS11_INTERRUPT,
    IRQN_GPIOHS12_INTERRUPT, IRQN_GPIOHS13_INTERRUPT, IRQN_GPIOHS14_INTERRUPT, IRQN_GPIOHS15_INTERRUPT,
    IRQN_GPIOHS16_INTERRUPT, IRQN_GPIOHS17_INTERRUPT, IRQN_GPIOHS18_INTERRUPT, IRQN_GPIOHS19_INTERRUPT,
    IRQN_GPIOHS20_INTERRUPT, IRQN_GPIOHS21_INTERRUPT, IRQN_GPIOHS22_INTERRUPT, IRQN_GPIOHS23_INTERRUPT,
    IRQN_GPIOHS24_INTERRUPT, IRQN_GPIOHS25_INTERRUPT, IRQN_GPIOHS26_INTERRUPT, IRQN_GPIOHS27_INTERRUPT,
    IRQN_GPIOHS28_INTERRUPT, IRQN_GPIOHS29_INTERRUPT, IRQN_GPIOHS30_INTERRUPT, IRQN_GPIOHS31_INTERRUPT, IRQN_MAX,
} plic_irq_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t priority[1024];
} plic_source_priorities_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t u32[32];
    uint8_t resv[0xF80];
} plic_pending_bits_t;

typedef struct __attribute__((packed, aligned(4))) {
    struct {
        uint32_t enable[32 * 2];
    } target[15872 / 2];
    uint8_t resv[0xE000];
} plic_target_enables_t;

typedef struct __attribute__((packed, aligned(4))) {
    struct {
        uint32_t priority_threshold;
        uint32_t claim_complete;
        uint8_t resv[0x1FF8];
    } target[15872 / 2];
} plic_target_t;

typedef struct __attribute__((packed, aligned(4))) {
    plic_source_priorities_t source_priorities;
    const plic_pending_bits_t pending_bits;
    plic_target_enables_t target_enables;
    plic_target_t targets;
} plic_t;

typedef struct {
    plic_irq_callback_t callback;
    void *ctx;
} plic_instance_t;

typedef struct {
    plic_irq_callback_t callback;
    void *ctx;
    uint32_t priority;
} plic_interrupt_t;

extern volatile plic_t *const plic;

/* For the calling hart: all enables off, threshold 0, callbacks forgotten, claim drained, MEIE set; on the first call
 * ever also all priorities 0. */
void plic_init(void);

/* Set the enable bit for the calling hart; 0 / -1 out of range. */
int plic_irq_enable(plic_irq_t irq_number);

/* Clear it; 0 / -1. */
int plic_irq_disable(plic_irq_t irq_number);

/* 0..7, shared by the harts; 0 / -1. */
int plic_set_priority(plic_irq_t irq_number, uint32_t priority);

/* Priority or 0. */
uint32_t plic_get_priority(plic_irq_t irq_number);

/* Read this hart's claim register. */
uint32_t plic_irq_claim(void);

/* Write it; 0. */
int plic_irq_complete(uint32_t source);

/* Store callback and ctx in the calling hart's table (does not enable). */
void plic_irq_register(plic_irq_t irq, plic_irq_callback_t callback, void *ctx);

/* Weak alias of plic_irq_unregister. */
void plic_irq_deregister(plic_irq_t irq);

/* Callback NULL. */
void plic_irq_unregister(plic_irq_t irq);

/* Pointer to the table [2][IRQN_MAX]. */
plic_instance_t (*plic_get_instance(void))[IRQN_MAX];

#ifdef __cplusplus
}
#endif

#endif
