#ifndef KENDRYTE_PWM_H
#define KENDRYTE_PWM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    PWM_DEVICE_0, PWM_DEVICE_1, PWM_DEVICE_2, PWM_DEVICE_MAX,
} pwm_device_number_t;

typedef enum {
    PWM_CHANNEL_0, PWM_CHANNEL_1, PWM_CHANNEL_2, PWM_CHANNEL_3, PWM_CHANNEL_MAX,
} pwm_channel_number_t;

/* Enable the clock of TIMERn (no reset). */
void pwm_init(pwm_device_number_t pwm_number);

/* Start (user mode, PWM on, interrupt masked) or stop a channel; zero load counts are replaced by 1. */
void pwm_set_enable(pwm_device_number_t pwm_number, pwm_channel_number_t channel, int enable);

/* frequency in Hz, duty 0..1; sets low and high counts from the timer clock; returns the frequency really set, 0 with a
 * message when it or the duty cannot be. */
double pwm_set_frequency(pwm_device_number_t pwm_number, pwm_channel_number_t channel, double frequency, double duty);

#ifdef __cplusplus
}
#endif

#endif
