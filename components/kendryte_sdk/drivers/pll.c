/* The three PLLs: factors, the sequence of a change, lock (spec soc.md 4.2, 4.3, 4.10). */

#include "bsp.h"
#include "mmio.h"
#include "sysctl.h"

#define REG_PLL(n) (SYSCTL_BASE_ADDR + 0x08 + 4 * (n))
#define REG_PLL_LOCK (SYSCTL_BASE_ADDR + 0x18)
#define REG_CLK_SEL0 (SYSCTL_BASE_ADDR + 0x20)

#define PLL_RESET (1u << 20)
#define PLL_PWRD (1u << 21)
#define PLL_BYPASS (1u << 23)
#define PLL_OUT_EN (1u << 25)
#define PLL_FACTORS 0x000FFFFFu

#define IN0_HZ 26000000u
#define LOCK_LIMIT_US 10000 /* real lock takes tens of microseconds */

int sysctl_pll_enable(sysctl_pll_t pll) {
    if (pll >= SYSCTL_PLL_MAX) {
        return -1;
    }
    mmio_update(REG_PLL(pll), PLL_BYPASS | PLL_PWRD, PLL_PWRD);
    usleep(1);
    mmio_update(REG_PLL(pll), PLL_RESET, 0);
    mmio_update(REG_PLL(pll), PLL_RESET, PLL_RESET);
    usleep(1);
    mmio_update(REG_PLL(pll), PLL_RESET, 0);
    return 0;
}

int sysctl_pll_disable(sysctl_pll_t pll) {
    if (pll >= SYSCTL_PLL_MAX) {
        return -1;
    }
    mmio_update(REG_PLL(pll), PLL_BYPASS | PLL_PWRD, PLL_BYPASS);
    return 0;
}

static bool pll_wait_lock(sysctl_pll_t pll) {
    uint32_t lock = pll == SYSCTL_PLL0 ? 3u : 1u << (8 * pll), slip_clear = 4u << (8 * pll);
    uint64_t deadline = sdk_deadline(LOCK_LIMIT_US);
    while ((mmio_read(REG_PLL_LOCK) & lock) != lock) {
        if (sdk_expired(deadline)) {
            return false;
        }
        mmio_update(REG_PLL_LOCK, slip_clear, slip_clear);
    }
    return true;
}

/* The factors (register bits 19:0) nearest to `want` within the limits of the block: VCO 350 .. 1750 MHz, reference at
 * least 13.67 MHz, error below 1/64; of equal errors the higher VCO (spec soc.md 4.2). False when there are none. */
static bool pll_factors(uint64_t in, uint64_t want, uint32_t *factors) {
    uint64_t best_error = UINT64_MAX, best_vco = 0;
    for (uint64_t r = 1; r <= 16 && in >= r * 13670000; r++) {
        for (uint64_t od = 1; od <= 16; od++) {
            uint64_t f = (want * r * od + in / 2) / in;
            uint64_t vco = f * in / r;
            if (f < 1 || f > 64 || vco < 350000000 || vco > 1750000000) {
                continue;
            }
            uint64_t got = f * in * 1000 / (r * od), target = want * 1000; /* mHz: ties must be exact */
            uint64_t error = got > target ? got - target : target - got;
            if (error * 64 >= target || error > best_error || (error == best_error && vco <= best_vco)) {
                continue;
            }
            best_error = error;
            best_vco = vco;
            *factors = (uint32_t)((r - 1) | (f - 1) << 4 | (od - 1) << 10 | (f - 1) << 14);
        }
    }
    return best_vco != 0;
}

static uint64_t pll_input_hz(sysctl_pll_t pll) {
    uint32_t select = pll == SYSCTL_PLL2 ? mmio_read(REG_PLL(pll)) >> 26 & 3 : 0;
    return select == 0 ? IN0_HZ : select == 3 ? 0 : sysctl_pll_get_freq((sysctl_pll_t)(select - 1));
}

/* spec soc.md 4.10. When the PLL does not lock the CPU stays on the crystal, so that the console still works. */
uint32_t sysctl_pll_set_freq(sysctl_pll_t pll, uint32_t pll_freq) {
    uint32_t factors = 0;
    if (pll >= SYSCTL_PLL_MAX || pll_freq == 0 || !pll_factors(pll_input_hz(pll), pll_freq, &factors)) {
        return 0;
    }
    if (pll == SYSCTL_PLL0) {
        bsp_console_drain();
        mmio_update(REG_CLK_SEL0, 1, 0);
    }
    mmio_update(REG_PLL(pll), PLL_OUT_EN, 0);
    mmio_update(REG_PLL(pll), PLL_PWRD, 0);
    mmio_update(REG_PLL(pll), PLL_FACTORS, factors);
    sysctl_pll_enable(pll);
    bool locked = pll_wait_lock(pll);
    if (locked) {
        mmio_update(REG_PLL(pll), PLL_OUT_EN, PLL_OUT_EN);
    }
    if (pll == SYSCTL_PLL0) {
        if (locked) {
            mmio_update(REG_CLK_SEL0, 1, 1);
        }
        bsp_console_reclock();
    }
    return locked ? sysctl_pll_get_freq(pll) : 0;
}

uint32_t sysctl_cpu_set_freq(uint32_t freq) {
    int divider = sysctl_clock_get_threshold(SYSCTL_THRESHOLD_ACLK);
    return sysctl_pll_set_freq(SYSCTL_PLL0, freq * (2u << divider));
}

/* The vendor's fixed set-up, without a public prototype (spec sdk-api.md 6.1). 1 when all three lock, else 0. */
uint32_t sysctl_pll_fast_enable_pll(void) {
    return sysctl_pll_set_freq(SYSCTL_PLL0, 793000000) && sysctl_pll_set_freq(SYSCTL_PLL1, 390000000) &&
           sysctl_pll_set_freq(SYSCTL_PLL2, 390000000);
}
