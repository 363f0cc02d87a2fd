/* Constructors of the devices that peripherals.c creates. */
#ifndef K210EMU_PERIPHERALS_H
#define K210EMU_PERIPHERALS_H

#include "device.h"

void timer_create(emu_t *emu, unsigned index); /* 0..2 */
void wdt_create(emu_t *emu, unsigned index);   /* 0, 1 */
void rtc_create(emu_t *emu);
void i2c_create(emu_t *emu, unsigned index);   /* 0..2 */
void sha256_create(emu_t *emu);
void aes_create(emu_t *emu);
void fft_create(emu_t *emu);
void dvp_create(emu_t *emu);
void i2s_create(emu_t *emu, unsigned index); /* 0..2 */
void apu_create(emu_t *emu);
void otp_create(emu_t *emu);
void spi2_create(emu_t *emu);

#endif
