#ifndef KENDRYTE_GPIOHS_H
#define KENDRYTE_GPIOHS_H

#include <stddef.h>
#include <stdint.h>
#include "gpio_common.h"
#include "platform.h"
#include "plic.h"

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
} gpiohs_bits_t;

#define GPIOHS_INPUT_VAL (0x00)
#define GPIOHS_INPUT_EN (0x04)
#define GPIOHS_OUTPUT_EN (0x08)
#define GPIOHS_OUTPUT_VAL (0x0C)
#define GPIOHS_PULLUP_EN (0x10)
#define GPIOHS_DRIVE (0x14)
#define GPIOHS_RISE_IE (0x18)
#define GPIOHS_RISE_IP (0x1C)
#define GPIOHS_FALL_IE (0x20)
#define GPIOHS_FALL_IP (0x24)
#define GPIOHS_HIGH_IE (0x28)
#define GPIOHS_HIGH_IP (0x2C)
#define GPIOHS_LOW_IE (0x30)
#define GPIOHS_LOW_IP (0x34)
#define GPIOHS_IOF_EN (0x38)
#define GPIOHS_IOF_SEL (0x3C)
#define GPIOHS_OUTPUT_XOR (0x40)

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t input_val;
    uint32_t input_en;
    uint32_t output_en;
    uint32_t output_val;
    uint32_t pullup_en;
    uint32_t drive;
    uint32_t rise_ie;
    uint32_t rise_ip;
    uint32_t fall_ie;
    uint32_t fall_ip;
    uint32_t high_ie;
    uint32_t high_ip;
    uint32_t low_ie;
    uint32_t low_ip;
    uint32_t iof_en;
    uint32_t iof_sel;
    uint32_t output_xor;
} gpiohs_raw_t;

typedef union __attribute__((packed, aligned(4))) {
    uint32_t u32[1];
    uint16_t u16[2];
    uint8_t u8[4];
    gpiohs_bits_t bits;
} gpiohs_u32_t;

typedef struct __attribute__((packed, aligned(4))) {
    gpiohs_u32_t input_val;
    gpiohs_u32_t input_en;
    gpiohs_u32_t output_en;
    gpiohs_u32_t output_val;
    gpiohs_u32_t pullup_en;
    gpiohs_u32_t drive;
    gpiohs_u32_t rise_ie;
    gpiohs_u32_t rise_ip;
    gpiohs_u32_t fall_ie;
    gpiohs_u32_t fall_ip;
    gpiohs_u32_t high_ie;
    gpiohs_u32_t high_ip;
    gpiohs_u32_t low_ie;
    gpiohs_u32_t low_ip;
    gpiohs_u32_t iof_en;
    gpiohs_u32_t iof_sel;
    gpiohs_u32_t output_xor;
} gpiohs_t;

extern volatile gpiohs_t *const gpiohs;

/* pin 0..31; finds the pad mapped to FUNC_GPIOHS0+pin (says so if none), sets pull, enables exactly one of
 * input/output. OUTPUT sets pull-down and turns input off. */
void gpiohs_set_drive_mode(uint8_t pin, gpio_drive_mode_t mode);

/* Level from the input register (an output-mode pin has its input off, so its latch is not read back). */
gpio_pin_value_t gpiohs_get_pin(uint8_t pin);

/* Set the output latch (may be called before the drive mode). */
void gpiohs_set_pin(uint8_t pin, gpio_pin_value_t value);

/* Clear all four interrupt kinds and their pending bits, then enable those whose bit is in edge (FALLING 1, RISING 2,
 * LOW 4, HIGH 8). */
void gpiohs_set_pin_edge(uint8_t pin, gpio_pin_edge_t edge);

/* Older form: callback without argument; sets PLIC priority, registers and enables the pin's own interrupt on this
 * hart. Edge must be set separately. */
void gpiohs_set_irq(uint8_t pin, uint32_t priority, void (*func)());

/* As above with callback(ctx); runs in interrupt context after pending bits were cleared. */
void gpiohs_irq_register(uint8_t pin, uint32_t priority, plic_irq_callback_t callback, void *ctx);

/* Clear callbacks and the four enables, drop the PLIC handler and disable it in the PLIC. */
void gpiohs_irq_unregister(uint8_t pin);

/* Stop the PLIC from delivering the pin's interrupt to this hart. */
void gpiohs_irq_disable(size_t pin);

#ifdef __cplusplus
}
#endif

#endif
