#ifndef KENDRYTE_TIMER_H
#define KENDRYTE_TIMER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TIMER_CR_ENABLE 0x00000001
#define TIMER_CR_MODE_MASK 0x00000002
#define TIMER_CR_FREE_MODE 0x00000000
#define TIMER_CR_USER_MODE 0x00000002
#define TIMER_CR_INTERRUPT_MASK 0x00000004
#define TIMER_CR_PWM_ENABLE 0x00000008

typedef int (*timer_callback_t)(void *ctx);

typedef enum {
    TIMER_DEVICE_0, TIMER_DEVICE_1, TIMER_DEVICE_2, TIMER_DEVICE_MAX,
} timer_device_number_t;

typedef enum {
    TIMER_CHANNEL_0, TIMER_CHANNEL_1, TIMER_CHANNEL_2, TIMER_CHANNEL_3, TIMER_CHANNEL_MAX,
} timer_channel_number_t;

typedef struct __attribute__((packed, aligned(4))) {
    volatile uint32_t load_count;
    volatile uint32_t current_value;
    volatile uint32_t control;
    volatile uint32_t eoi;
    volatile uint32_t intr_stat;
} timer_channel_t;

typedef struct __attribute__((packed, aligned(4))) {
    volatile timer_channel_t channel[4];
    volatile uint32_t resv1[20];
    volatile uint32_t intr_stat;
    volatile uint32_t eoi;
    volatile uint32_t raw_intr_stat;
    volatile uint32_t comp_version;
    volatile uint32_t load_count2[4];
} kendryte_timer_t;

extern volatile kendryte_timer_t *const timer[3];

/* Set the period in ns at the timer clock, a whole number of its clocks, 2 at least; returns the ns really obtained, 0
 * with a message when it is 0 or too long. */
size_t timer_set_interval(timer_device_number_t timer_number, timer_channel_number_t channel, size_t nanoseconds);

/* Forget callbacks of that timer and enable its clock (no reset). */
void timer_init(timer_device_number_t timer_number);

/* Older form: callback without argument. A interrupt for channels 0/1, B for 2/3. */
void timer_set_irq(timer_device_number_t timer_number, timer_channel_number_t channel, void (*func)(),
                   uint32_t priority);

/* Register callback(ctx); single shot stops the channel at the first call. 0 / -1 bad index. Runs in interrupt
 * context on the calling hart. */
int timer_irq_register(timer_device_number_t device, timer_channel_number_t channel, int is_single_shot,
                       uint32_t priority, timer_callback_t callback, void *ctx);

/* Forget the callback; drops the PLIC handler when a channel pair is empty. 0 / -1. */
int timer_irq_unregister(timer_device_number_t device, timer_channel_number_t channel);

/* 1: user mode, enabled, interrupt unmasked; 0: stopped, interrupt masked. */
void timer_set_enable(timer_device_number_t timer_number, timer_channel_number_t channel, uint32_t enable);

#ifdef __cplusplus
}
#endif

#endif
