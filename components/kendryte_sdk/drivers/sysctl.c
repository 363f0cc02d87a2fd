/* Clocks, resets, DMA routing, IO voltage (spec soc.md 4, sdk-api.md 2.16). The PLLs are in pll.c. */

#include "sysctl.h"
#include "mmio.h"
#include "sleep.h"

#define REG_CLK_FREQ (SYSCTL_BASE_ADDR + 0x04)
#define REG_PLL(n) (SYSCTL_BASE_ADDR + 0x08 + 4 * (n))
#define REG_CLK_SEL0 (SYSCTL_BASE_ADDR + 0x20)
#define REG_CLK_EN_CENT (SYSCTL_BASE_ADDR + 0x28)
#define REG_CLK_EN_PERI (SYSCTL_BASE_ADDR + 0x2C)
#define REG_SOFT_RESET (SYSCTL_BASE_ADDR + 0x30)
#define REG_PERI_RESET (SYSCTL_BASE_ADDR + 0x34)
#define REG_MISC (SYSCTL_BASE_ADDR + 0x54)
#define REG_RESET_STATUS (SYSCTL_BASE_ADDR + 0x60)
#define REG_DMA_SEL0 (SYSCTL_BASE_ADDR + 0x64)
#define REG_DMA_SEL1 (SYSCTL_BASE_ADDR + 0x68)
#define REG_POWER_SEL (SYSCTL_BASE_ADDR + 0x6C)

#define PLL_BYPASS (1u << 23)
#define PLL_OUT_EN (1u << 25)

#define IN0_HZ 26000000u

volatile sysctl_t *const sysctl = (volatile sysctl_t *)SYSCTL_BASE_ADDR;

/* A bit-field of SYSCTL: register offset, lowest bit, width. */
typedef struct {
    uint8_t offset, shift, width;
} field_t;

static const field_t thresholds[] = {
    [SYSCTL_THRESHOLD_ACLK] = {0x20, 1, 2},    [SYSCTL_THRESHOLD_APB0] = {0x20, 3, 3},
    [SYSCTL_THRESHOLD_APB1] = {0x20, 6, 3},    [SYSCTL_THRESHOLD_APB2] = {0x20, 9, 3},
    [SYSCTL_THRESHOLD_SRAM0] = {0x38, 0, 4},   [SYSCTL_THRESHOLD_SRAM1] = {0x38, 4, 4},
    [SYSCTL_THRESHOLD_AI] = {0x38, 8, 4},      [SYSCTL_THRESHOLD_DVP] = {0x38, 12, 4},
    [SYSCTL_THRESHOLD_ROM] = {0x38, 16, 4},    [SYSCTL_THRESHOLD_SPI0] = {0x3C, 0, 8},
    [SYSCTL_THRESHOLD_SPI1] = {0x3C, 8, 8},    [SYSCTL_THRESHOLD_SPI2] = {0x3C, 16, 8},
    [SYSCTL_THRESHOLD_SPI3] = {0x3C, 24, 8},   [SYSCTL_THRESHOLD_TIMER0] = {0x40, 0, 8},
    [SYSCTL_THRESHOLD_TIMER1] = {0x40, 8, 8},  [SYSCTL_THRESHOLD_TIMER2] = {0x40, 16, 8},
    [SYSCTL_THRESHOLD_I2S0] = {0x44, 0, 16},   [SYSCTL_THRESHOLD_I2S1] = {0x44, 16, 16},
    [SYSCTL_THRESHOLD_I2S2] = {0x48, 0, 16},   [SYSCTL_THRESHOLD_I2S0_M] = {0x48, 16, 8},
    [SYSCTL_THRESHOLD_I2S1_M] = {0x48, 24, 8}, [SYSCTL_THRESHOLD_I2S2_M] = {0x4C, 0, 8},
    [SYSCTL_THRESHOLD_I2C0] = {0x4C, 8, 8},    [SYSCTL_THRESHOLD_I2C1] = {0x4C, 16, 8},
    [SYSCTL_THRESHOLD_I2C2] = {0x4C, 24, 8},   [SYSCTL_THRESHOLD_WDT0] = {0x50, 0, 8},
    [SYSCTL_THRESHOLD_WDT1] = {0x50, 8, 8},
};

static const field_t selects[] = {
    [SYSCTL_CLOCK_SELECT_PLL0_BYPASS] = {0x08, 23, 1}, [SYSCTL_CLOCK_SELECT_PLL1_BYPASS] = {0x0C, 23, 1},
    [SYSCTL_CLOCK_SELECT_PLL2_BYPASS] = {0x10, 23, 1}, [SYSCTL_CLOCK_SELECT_PLL2] = {0x10, 26, 2},
    [SYSCTL_CLOCK_SELECT_ACLK] = {0x20, 0, 1},         [SYSCTL_CLOCK_SELECT_SPI3] = {0x20, 12, 1},
    [SYSCTL_CLOCK_SELECT_TIMER0] = {0x20, 13, 1},      [SYSCTL_CLOCK_SELECT_TIMER1] = {0x20, 14, 1},
    [SYSCTL_CLOCK_SELECT_TIMER2] = {0x20, 15, 1},      [SYSCTL_CLOCK_SELECT_SPI3_SAMPLE] = {0x24, 0, 1},
};

static int field_set(const field_t *field, uint32_t value) {
    uint32_t mask = (1u << field->width) - 1;
    if (value > mask) {
        return -1;
    }
    mmio_update(SYSCTL_BASE_ADDR + field->offset, mask << field->shift, value << field->shift);
    return 0;
}

static uint32_t field_get(const field_t *field) {
    return (mmio_read(SYSCTL_BASE_ADDR + field->offset) >> field->shift) & ((1u << field->width) - 1);
}

int sysctl_clock_set_threshold(sysctl_threshold_t which, int threshold) {
    return (unsigned)which <= SYSCTL_THRESHOLD_WDT1 ? field_set(&thresholds[which], (uint32_t)threshold) : -1;
}

int sysctl_clock_get_threshold(sysctl_threshold_t which) {
    return (unsigned)which <= SYSCTL_THRESHOLD_WDT1 ? (int)field_get(&thresholds[which]) : 0;
}

int sysctl_clock_set_clock_select(sysctl_clock_select_t which, int select) {
    return (unsigned)which <= SYSCTL_CLOCK_SELECT_SPI3_SAMPLE ? field_set(&selects[which], (uint32_t)select) : -1;
}

int sysctl_clock_get_clock_select(sysctl_clock_select_t which) {
    return (unsigned)which <= SYSCTL_CLOCK_SELECT_SPI3_SAMPLE ? (int)field_get(&selects[which]) : 0;
}

/* ---- gates and resets (spec soc.md 4.5) ---- */

#define PERI_BIT(clock) ((clock) == SYSCTL_CLOCK_RTC ? 29 : (clock) - SYSCTL_CLOCK_ROM)
#define CENT_APB0 (1u << 3)
#define CENT_APB1 (1u << 4)
#define CENT_APB2 (1u << 5)

static uint32_t bus_gate(sysctl_clock_t clock) {
    switch (clock) {
        case SYSCTL_CLOCK_ROM:
        case SYSCTL_CLOCK_DMA:
        case SYSCTL_CLOCK_AI:
        case SYSCTL_CLOCK_FFT:
            return 0;
        case SYSCTL_CLOCK_DVP:
        case SYSCTL_CLOCK_AES:
        case SYSCTL_CLOCK_WDT0:
        case SYSCTL_CLOCK_WDT1:
        case SYSCTL_CLOCK_OTP:
        case SYSCTL_CLOCK_RTC:
            return CENT_APB1;
        case SYSCTL_CLOCK_SPI0:
        case SYSCTL_CLOCK_SPI1:
        case SYSCTL_CLOCK_SPI3:
            return CENT_APB2;
        default:
            return CENT_APB0;
    }
}

static int clock_gate(sysctl_clock_t clock, bool on) {
    if (clock <= SYSCTL_CLOCK_PLL2) {
        if (!on && clock == SYSCTL_CLOCK_PLL0 && (mmio_read(REG_CLK_SEL0) & 1)) {
            return -1; /* the CPU runs from it */
        }
        mmio_update(REG_PLL(clock), PLL_OUT_EN, on ? PLL_OUT_EN : 0);
    } else if (clock <= SYSCTL_CLOCK_APB2) {
        uint32_t bit = 1u << (clock - SYSCTL_CLOCK_CPU);
        mmio_update(REG_CLK_EN_CENT, bit, on ? bit : 0);
    } else if (clock <= SYSCTL_CLOCK_RTC) {
        uint32_t bit = 1u << PERI_BIT(clock);
        if (on) {
            mmio_update(REG_CLK_EN_CENT, bus_gate(clock), bus_gate(clock));
        }
        mmio_update(REG_CLK_EN_PERI, bit, on ? bit : 0);
    } else {
        return -1;
    }
    return 0;
}

int sysctl_clock_enable(sysctl_clock_t clock) {
    return clock_gate(clock, true);
}

int sysctl_clock_disable(sysctl_clock_t clock) {
    return clock_gate(clock, false);
}

void sysctl_reset(sysctl_reset_t reset) {
    if (reset == SYSCTL_RESET_SOC) {
        mmio_write(REG_SOFT_RESET, 1);
        return;
    }
    if (reset > SYSCTL_RESET_RTC) {
        return;
    }
    uint32_t bit = reset == SYSCTL_RESET_RTC ? 1u << 29 : 1u << (reset - SYSCTL_RESET_ROM);
    mmio_update(REG_PERI_RESET, bit, bit);
    usleep(10);
    mmio_update(REG_PERI_RESET, bit, 0);
}

/* ---- rates ---- */

uint32_t sysctl_pll_get_freq(sysctl_pll_t pll) {
    if (pll >= SYSCTL_PLL_MAX) {
        return 0;
    }
    uint32_t reg = mmio_read(REG_PLL(pll));
    uint64_t in = IN0_HZ;
    if (pll == SYSCTL_PLL2 && (reg >> 26 & 3) != 0) {
        uint32_t select = reg >> 26 & 3;
        in = select == 3 ? 0 : sysctl_pll_get_freq((sysctl_pll_t)(select - 1));
    }
    if (reg & PLL_BYPASS) {
        return (uint32_t)in;
    }
    return (uint32_t)(in * ((reg >> 4 & 63) + 1) / (((reg & 15) + 1) * ((reg >> 10 & 15) + 1)));
}

uint32_t sysctl_clock_source_get_freq(sysctl_clock_source_t input) {
    switch (input) {
        case SYSCTL_SOURCE_IN0:
            return IN0_HZ;
        case SYSCTL_SOURCE_PLL0:
        case SYSCTL_SOURCE_PLL1:
        case SYSCTL_SOURCE_PLL2:
            return sysctl_pll_get_freq((sysctl_pll_t)(input - SYSCTL_SOURCE_PLL0));
        case SYSCTL_SOURCE_ACLK:
            return sysctl_clock_get_freq(SYSCTL_CLOCK_ACLK);
        default:
            return 0;
    }
}

static uint32_t aclk_hz(void) {
    uint32_t sel = mmio_read(REG_CLK_SEL0);
    return sel & 1 ? sysctl_pll_get_freq(SYSCTL_PLL0) / (2u << (sel >> 1 & 3)) : IN0_HZ;
}

static uint32_t divided(uint32_t source, sysctl_threshold_t threshold) {
    return source / (field_get(&thresholds[threshold]) + 1);
}

static uint32_t halved(uint32_t source, sysctl_threshold_t threshold) {
    return source / ((field_get(&thresholds[threshold]) + 1) * 2);
}

static uint32_t in0_or_pll0(sysctl_clock_select_t which) {
    return field_get(&selects[which]) ? sysctl_pll_get_freq(SYSCTL_PLL0) : IN0_HZ;
}

uint32_t sysctl_clock_get_freq(sysctl_clock_t clock) {
    switch (clock) {
        case SYSCTL_CLOCK_IN0:
        case SYSCTL_CLOCK_RTC:
            return IN0_HZ;
        case SYSCTL_CLOCK_PLL0:
        case SYSCTL_CLOCK_PLL1:
        case SYSCTL_CLOCK_PLL2:
            return sysctl_pll_get_freq((sysctl_pll_t)clock);
        case SYSCTL_CLOCK_CPU:
        case SYSCTL_CLOCK_DMA:
        case SYSCTL_CLOCK_FFT:
        case SYSCTL_CLOCK_ACLK:
        case SYSCTL_CLOCK_HCLK:
            return aclk_hz();
        case SYSCTL_CLOCK_SRAM0:
        case SYSCTL_CLOCK_SRAM1:
            return divided(aclk_hz(), (sysctl_threshold_t)(SYSCTL_THRESHOLD_SRAM0 + (clock - SYSCTL_CLOCK_SRAM0)));
        case SYSCTL_CLOCK_ROM:
            return divided(aclk_hz(), SYSCTL_THRESHOLD_ROM);
        case SYSCTL_CLOCK_APB0:
        case SYSCTL_CLOCK_GPIO:
        case SYSCTL_CLOCK_UART1:
        case SYSCTL_CLOCK_UART2:
        case SYSCTL_CLOCK_UART3:
        case SYSCTL_CLOCK_FPIOA:
        case SYSCTL_CLOCK_SHA:
            return divided(aclk_hz(), SYSCTL_THRESHOLD_APB0);
        case SYSCTL_CLOCK_APB1:
        case SYSCTL_CLOCK_AES:
        case SYSCTL_CLOCK_OTP:
            return divided(aclk_hz(), SYSCTL_THRESHOLD_APB1);
        case SYSCTL_CLOCK_APB2:
            return divided(aclk_hz(), SYSCTL_THRESHOLD_APB2);
        case SYSCTL_CLOCK_DVP:
            return divided(divided(aclk_hz(), SYSCTL_THRESHOLD_APB1), SYSCTL_THRESHOLD_DVP);
        case SYSCTL_CLOCK_AI:
            return divided(sysctl_pll_get_freq(SYSCTL_PLL1), SYSCTL_THRESHOLD_AI);
        case SYSCTL_CLOCK_SPI0:
        case SYSCTL_CLOCK_SPI1:
        case SYSCTL_CLOCK_SPI2:
            return halved(sysctl_pll_get_freq(SYSCTL_PLL0),
                          (sysctl_threshold_t)(SYSCTL_THRESHOLD_SPI0 + (clock - SYSCTL_CLOCK_SPI0)));
        case SYSCTL_CLOCK_SPI3:
            return halved(in0_or_pll0(SYSCTL_CLOCK_SELECT_SPI3), SYSCTL_THRESHOLD_SPI3);
        case SYSCTL_CLOCK_I2C0:
        case SYSCTL_CLOCK_I2C1:
        case SYSCTL_CLOCK_I2C2:
            return halved(sysctl_pll_get_freq(SYSCTL_PLL0),
                          (sysctl_threshold_t)(SYSCTL_THRESHOLD_I2C0 + (clock - SYSCTL_CLOCK_I2C0)));
        case SYSCTL_CLOCK_I2S0:
        case SYSCTL_CLOCK_I2S1:
        case SYSCTL_CLOCK_I2S2:
            return halved(sysctl_pll_get_freq(SYSCTL_PLL2),
                          (sysctl_threshold_t)(SYSCTL_THRESHOLD_I2S0 + (clock - SYSCTL_CLOCK_I2S0)));
        case SYSCTL_CLOCK_TIMER0:
        case SYSCTL_CLOCK_TIMER1:
        case SYSCTL_CLOCK_TIMER2:
            clock -= SYSCTL_CLOCK_TIMER0;
            return halved(in0_or_pll0((sysctl_clock_select_t)(SYSCTL_CLOCK_SELECT_TIMER0 + clock)),
                          (sysctl_threshold_t)(SYSCTL_THRESHOLD_TIMER0 + clock));
        case SYSCTL_CLOCK_WDT0:
        case SYSCTL_CLOCK_WDT1:
            return halved(IN0_HZ, (sysctl_threshold_t)(SYSCTL_THRESHOLD_WDT0 + (clock - SYSCTL_CLOCK_WDT0)));
        default:
            return 0;
    }
}

uint32_t sysctl_cpu_get_freq(void) {
    return aclk_hz();
}

uint64_t sysctl_get_time_us(void) {
    uint64_t cycles = read_cycle(), hz = aclk_hz();
    return cycles / hz * 1000000 + cycles % hz * 1000000 / hz;
}

/* ---- the rest ---- */

int sysctl_dma_select(sysctl_dma_channel_t channel, sysctl_dma_select_t select) {
    if (channel >= SYSCTL_DMA_CHANNEL_MAX || select >= SYSCTL_DMA_SELECT_MAX) {
        return -1;
    }
    if (channel == SYSCTL_DMA_CHANNEL_5) {
        mmio_update(REG_DMA_SEL1, 63, select);
    } else {
        mmio_update(REG_DMA_SEL0, 63u << (6 * channel), (uint32_t)select << (6 * channel));
    }
    return 0;
}

uint32_t sysctl_set_spi0_dvp_data(uint8_t en) {
    mmio_update(REG_MISC, 1u << 10, en ? 1u << 10 : 0);
    return 0;
}

void sysctl_set_power_mode(sysctl_power_bank_t power_bank, sysctl_io_power_mode_t io_power_mode) {
    if (power_bank < SYSCTL_POWER_BANK_MAX) {
        mmio_update(REG_POWER_SEL, 1u << power_bank, io_power_mode ? 1u << power_bank : 0);
    }
}

void sysctl_enable_irq(void) {
    set_csr(mie, MIP_MEIP);
    set_csr(mstatus, MSTATUS_MIE);
}

void sysctl_disable_irq(void) {
    clear_csr(mie, MIP_MEIP);
    clear_csr(mstatus, MSTATUS_MIE);
}

sysctl_reset_enum_status_t sysctl_get_reset_status(void) {
    static uint8_t cached = SYSCTL_RESET_STATUS_MAX;
    if (cached == SYSCTL_RESET_STATUS_MAX) {
        uint32_t status = mmio_read(REG_RESET_STATUS);
        cached = status & 4    ? SYSCTL_RESET_STATUS_WDT0
                 : status & 8  ? SYSCTL_RESET_STATUS_WDT1
                 : status & 16 ? SYSCTL_RESET_STATUS_SOFT
                               : SYSCTL_RESET_STATUS_HARD;
        mmio_update(REG_RESET_STATUS, 1, 1);
    }
    return (sysctl_reset_enum_status_t)cached;
}

uint32_t sysctl_get_git_id(void) {
    return mmio_read(SYSCTL_BASE_ADDR);
}

uint32_t sysctl_get_freq(void) {
    return mmio_read(REG_CLK_FREQ);
}
