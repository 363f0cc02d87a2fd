/* Creates the peripherals of spec soc.md 10, DVP and SPI2. */
#include "peripherals.h"

void peripherals_create(emu_t *emu)
{
    for (unsigned i = 0; i < 3; i++) {
        timer_create(emu, i);
        i2c_create(emu, i);
        i2s_create(emu, i);
    }
    wdt_create(emu, 0);
    wdt_create(emu, 1);
    rtc_create(emu);
    sha256_create(emu);
    aes_create(emu);
    fft_create(emu);
    dvp_create(emu);
    apu_create(emu);
    otp_create(emu);
    spi2_create(emu);
}
