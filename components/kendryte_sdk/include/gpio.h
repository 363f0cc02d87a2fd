#ifndef KENDRYTE_GPIO_H
#define KENDRYTE_GPIO_H

#include <inttypes.h>
#include <stddef.h>
#include "gpio_common.h"
#include "platform.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t b0 : 1; uint32_t b1 : 1; uint32_t b2 : 1; uint32_t b3 : 1; uint32_t b4 : 1; uint32_t b5 : 1; uint32_t b6
    : 1; uint32_t b7 : 1; uint32_t b8 : 1; uint32_t b9 : 1; uint32_t b10 : 1; uint32_t b11 : 1; uint32_t b12 : 1;
    uint32_t b13 : 1; uint32_t b14 : 1; uint32_t b15 : 1; uint32_t b16 : 1; uint32_t b17 : 1; uint32_t b18 : 1;
    uint32_t b19 : 1; uint32_t b20 : 1; uint32_t b21 : 1; uint32_t b22 : 1; uint32_t b23 : 1; uint32_t b24 : 1;
    uint32_t b25 : 1; uint32_t b26 : 1; uint32_t b27 : 1; uint32_t b28 : 1; uint32_t b29 : 1; uint32_t b30 : 1;
    uint32_t b31 : 1;
} gpio_bits_t;

typedef union __attribute__((packed, aligned(4))) {
    uint32_t u32[1];
    uint16_t u16[2];
    uint8_t u8[4];
    gpio_bits_t bits;
} gpio_access_tp_t;

typedef struct __attribute__((packed, aligned(4))) {
    gpio_access_tp_t data_output;
    gpio_access_tp_t direction;
    gpio_access_tp_t source;
    uint32_t unused_0[9];
    gpio_access_tp_t interrupt_enable;
    gpio_access_tp_t interrupt_mask;
    gpio_access_tp_t interrupt_level;
    gpio_access_tp_t interrupt_polarity;
    gpio_access_tp_t interrupt_status;
    gpio_access_tp_t interrupt_status_raw;
    gpio_access_tp_t interrupt_debounce;
    gpio_access_tp_t interrupt_clear;
    gpio_access_tp_t data_input;
    uint32_t unused_1[3];
    gpio_access_tp_t sync_level;
    gpio_access_tp_t id_code;
    gpio_access_tp_t interrupt_bothedge;
} gpio_t;

extern volatile gpio_t *const gpio;

/* Enable the GPIO (and APB0) clock; returns 0. */
int gpio_init(void);

/* pin 0..7; finds the pad mapped to FUNC_GPIO0+pin (says so if none), sets its pull and the direction. OUTPUT sets
 * pull-down. */
void gpio_set_drive_mode(uint8_t pin, gpio_drive_mode_t mode);

/* Input level when the pin is an input, else the output latch. */
gpio_pin_value_t gpio_get_pin(uint8_t pin);

/* Set the output latch; refused with a message when the pin is not an output. */
void gpio_set_pin(uint8_t pin, gpio_pin_value_t value);

#ifdef __cplusplus
}
#endif

#endif
