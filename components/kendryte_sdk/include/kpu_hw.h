#ifndef SDK_KPU_HW_H
#define SDK_KPU_HW_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Starts PLL1 (400 MHz unless it runs already), resets the KPU and takes PLIC source 25 for the calling hart. Once
 * before the rest; the layers must then be run from this hart. 0, or -EIO when PLL1 does not lock. */
int kpu_hw_init(void);

/* 8-bit (true) or 16-bit weights, for all layers. Only while nothing runs. */
void kpu_hw_set_eight_bit_weights(bool on);

/* KPU clocks per second, to turn an expected cycle count into a time limit. */
uint32_t kpu_hw_clock_hz(void);

/* Runs layers of 12 words each (spec kpu.md 3) and sleeps until the last has been written back. Inputs are in AI RAM,
 * parameters where the KPU sees them (not in the data cache: spec kpu.md 7.6). int_en and send_data_out are set by
 * the driver. `poll` is called before each sleep, at least every 10 ms; it may be NULL.
 * 0; -EINTR when poll returned non-zero and -ETIMEDOUT after timeout_us: the KPU has then been reset and is ready. */
int kpu_hw_run(const uint64_t (*layers)[12], unsigned count, uint64_t timeout_us, int (*poll)(void));

#ifdef __cplusplus
}
#endif

#endif
