/* SYSCTL: PLLs, clock selects, dividers, gates, block resets, DMA request routing (spec soc.md 4).
 *
 * Gates and resets stop the clock of a block, so that it stands still; register accesses to a gated block are answered
 * all the same (spec soc.md 4.9). */
#include "device.h"

#include <stdio.h>

enum {
    GIT_ID = 0x00, CLK_FREQ = 0x04, PLL0 = 0x08, PLL1 = 0x0c, PLL2 = 0x10, PLL_LOCK = 0x18, ROM_ERROR = 0x1c,
    CLK_SEL0 = 0x20, CLK_SEL1 = 0x24, CLK_EN_CENT = 0x28, CLK_EN_PERI = 0x2c, SOFT_RESET = 0x30, PERI_RESET = 0x34,
    CLK_TH0 = 0x38, CLK_TH1 = 0x3c, CLK_TH2 = 0x40, CLK_TH3 = 0x44, CLK_TH4 = 0x48, CLK_TH5 = 0x4c, CLK_TH6 = 0x50,
    MISC = 0x54, PERI = 0x58, SPI_SLEEP = 0x5c, RESET_STATUS = 0x60, DMA_SEL0 = 0x64, DMA_SEL1 = 0x68,
    POWER_SEL = 0x6c, SYSCTL_END = 0x70
};

/* PLL control bits, spec 4.2 */
#define PLL_RESET (1u << 20)
#define PLL_PWRD (1u << 21)
#define PLL_BYPASS (1u << 23)
#define PLL_OUT_EN (1u << 25)
#define PLL_FACTORS 0x0c0fffffu /* dividers, bandwidth, input of PLL2: a change of these loses the lock */

#define IN0_HZ 26000000ull
#define LOCK_TIME (20 * EMU_PS_PER_US) /* "tens of microseconds" */
#define TEST_CLK_OUT 0x00080808u       /* the only stored bits of pll_lock */

typedef struct {
    emu_t *emu;
    uint32_t reg[SYSCTL_END / 4];
    emu_time_t locked_at[3]; /* EMU_NEVER while a PLL is off or in reset */
    uint32_t reset_flags;
    uint64_t hz[EMU_CLOCK_COUNT]; /* asked for at every frame on a wire, so kept */
} sysctl_t;

/* Bit numbers of clk_en_peri and peri_reset (spec 4.5) with the device behind each. */
static const char *const peri_device[32] = {
    [1] = "dmac",    [2] = "kpu",     [3] = "dvp",     [4] = "fft",   [5] = "gpio",  [6] = "spi0",  [7] = "spi1",
    [8] = "spi2",    [9] = "spi3",    [10] = "i2s0",   [11] = "i2s1", [12] = "i2s2", [13] = "i2c0", [14] = "i2c1",
    [15] = "i2c2",   [16] = "uart1",  [17] = "uart2",  [18] = "uart3", [19] = "aes", [20] = "fpioa", [21] = "timer0",
    [22] = "timer1", [23] = "timer2", [24] = "wdt0",   [25] = "wdt1", [26] = "sha256", [29] = "rtc",
};

/* Gate of a clock: bit in clk_en_cent and, unless -1, bit in clk_en_peri and peri_reset. -1 in both: always on. */
static const struct {
    int8_t cent, peri;
} gate_of[EMU_CLOCK_COUNT] = {
    [EMU_CLOCK_IN0] = {-1, -1},    [EMU_CLOCK_PLL0] = {-1, -1},   [EMU_CLOCK_PLL1] = {-1, -1},
    [EMU_CLOCK_PLL2] = {-1, -1},   [EMU_CLOCK_CPU] = {-1, -1},    [EMU_CLOCK_APB0] = {3, -1},
    [EMU_CLOCK_APB1] = {4, -1},    [EMU_CLOCK_APB2] = {5, -1},    [EMU_CLOCK_SRAM0] = {1, -1},
    [EMU_CLOCK_SRAM1] = {2, -1},   [EMU_CLOCK_AI] = {-1, 2},      [EMU_CLOCK_DVP] = {4, 3},
    [EMU_CLOCK_ROM] = {-1, 0},     [EMU_CLOCK_SPI0] = {5, 6},     [EMU_CLOCK_SPI1] = {5, 7},
    [EMU_CLOCK_SPI2] = {3, 8},     [EMU_CLOCK_SPI3] = {5, 9},     [EMU_CLOCK_I2C0] = {3, 13},
    [EMU_CLOCK_I2C1] = {3, 14},    [EMU_CLOCK_I2C2] = {3, 15},    [EMU_CLOCK_TIMER0] = {3, 21},
    [EMU_CLOCK_TIMER1] = {3, 22},  [EMU_CLOCK_TIMER2] = {3, 23},  [EMU_CLOCK_WDT0] = {4, 24},
    [EMU_CLOCK_WDT1] = {4, 25},    [EMU_CLOCK_I2S0] = {3, 10},    [EMU_CLOCK_I2S1] = {3, 11},
    [EMU_CLOCK_I2S2] = {3, 12},
};

static const char *const clock_name[EMU_CLOCK_COUNT] = {
    "in0",  "pll0", "pll1", "pll2", "cpu",    "apb0",   "apb1",   "apb2", "sram0", "sram1",
    "ai",   "dvp",  "rom",  "spi0", "spi1",   "spi2",   "spi3",   "i2c0", "i2c1",  "i2c2",
    "timer0", "timer1", "timer2",   "wdt0",   "wdt1",   "i2s0",   "i2s1", "i2s2",
};

static uint32_t get(const sysctl_t *s, unsigned offset)
{
    return s->reg[offset / 4];
}

static uint64_t pll_hz(const sysctl_t *s, unsigned n)
{
    uint32_t control = get(s, PLL0 + 4 * n);
    if (!(control & PLL_OUT_EN)) {
        return 0;
    }
    uint64_t in = IN0_HZ;
    if (n == 2 && field(control, 26, 2) != 0) {
        in = field(control, 26, 2) == 3 ? 0 : pll_hz(s, field(control, 26, 2) - 1);
    }
    if (control & PLL_BYPASS) {
        return in;
    }
    if (!(control & PLL_PWRD) || (control & PLL_RESET)) {
        return 0;
    }
    return in * (field(control, 4, 6) + 1) / ((field(control, 0, 4) + 1) * (field(control, 10, 4) + 1));
}

static uint64_t cpu_hz(const sysctl_t *s)
{
    uint32_t sel = get(s, CLK_SEL0);
    uint64_t pll0 = bit(sel, 0) ? pll_hz(s, 0) : 0;
    /* The harts would stop for good on a PLL that is off; write_pll() says so. IN0 keeps the emulation alive. */
    return pll0 == 0 ? IN0_HZ : pll0 / (2u << field(sel, 1, 2));
}

static uint64_t ungated_hz(const sysctl_t *s, emu_clock_t clock)
{
    uint32_t sel = get(s, CLK_SEL0), th0 = get(s, CLK_TH0);
    uint64_t selected;
    switch (clock) {
    case EMU_CLOCK_IN0: return IN0_HZ;
    case EMU_CLOCK_PLL0: case EMU_CLOCK_PLL1: case EMU_CLOCK_PLL2: return pll_hz(s, clock - EMU_CLOCK_PLL0);
    case EMU_CLOCK_CPU: return cpu_hz(s);
    case EMU_CLOCK_APB0: case EMU_CLOCK_APB1: case EMU_CLOCK_APB2:
        return cpu_hz(s) / (field(sel, 3 + 3 * (clock - EMU_CLOCK_APB0), 3) + 1);
    case EMU_CLOCK_SRAM0: return cpu_hz(s) / (field(th0, 0, 4) + 1);
    case EMU_CLOCK_SRAM1: return cpu_hz(s) / (field(th0, 4, 4) + 1);
    case EMU_CLOCK_AI: return pll_hz(s, 1) / (field(th0, 8, 4) + 1);
    case EMU_CLOCK_DVP: return ungated_hz(s, EMU_CLOCK_APB1) / (field(th0, 12, 4) + 1);
    case EMU_CLOCK_ROM: return cpu_hz(s) / (field(th0, 16, 4) + 1);
    case EMU_CLOCK_SPI0: case EMU_CLOCK_SPI1: case EMU_CLOCK_SPI2: case EMU_CLOCK_SPI3:
        selected = clock == EMU_CLOCK_SPI3 && !bit(sel, 12) ? IN0_HZ : pll_hz(s, 0);
        return selected / (2 * (field(get(s, CLK_TH1), 8 * (clock - EMU_CLOCK_SPI0), 8) + 1));
    case EMU_CLOCK_TIMER0: case EMU_CLOCK_TIMER1: case EMU_CLOCK_TIMER2:
        selected = bit(sel, 13 + (clock - EMU_CLOCK_TIMER0)) ? pll_hz(s, 0) : IN0_HZ;
        return selected / (2 * (field(get(s, CLK_TH2), 8 * (clock - EMU_CLOCK_TIMER0), 8) + 1));
    case EMU_CLOCK_I2S0: case EMU_CLOCK_I2S1: case EMU_CLOCK_I2S2: {
        unsigned n = clock - EMU_CLOCK_I2S0;
        return pll_hz(s, 2) / (2 * (field(get(s, n == 2 ? CLK_TH4 : CLK_TH3), n == 1 ? 16 : 0, 16) + 1));
    }
    case EMU_CLOCK_I2C0: case EMU_CLOCK_I2C1: case EMU_CLOCK_I2C2:
        return pll_hz(s, 0) / (2 * (field(get(s, CLK_TH5), 8 + 8 * (clock - EMU_CLOCK_I2C0), 8) + 1));
    case EMU_CLOCK_WDT0: case EMU_CLOCK_WDT1:
        return IN0_HZ / (2 * (field(get(s, CLK_TH6), 8 * (clock - EMU_CLOCK_WDT0), 8) + 1));
    case EMU_CLOCK_COUNT: break;
    }
    return 0;
}

static uint64_t gated_hz(const sysctl_t *s, emu_clock_t clock)
{
    int cent = gate_of[clock].cent, peri = gate_of[clock].peri;
    if ((cent >= 0 && !bit(get(s, CLK_EN_CENT), (unsigned)cent)) ||
        (peri >= 0 && (!bit(get(s, CLK_EN_PERI), (unsigned)peri) || bit(get(s, PERI_RESET), (unsigned)peri)))) {
        return 0;
    }
    return ungated_hz(s, clock);
}

static uint64_t clock_hz(void *opaque, emu_clock_t clock)
{
    return ((sysctl_t *)opaque)->hz[clock];
}

static void update_clocks(sysctl_t *s)
{
    for (unsigned clock = 0; clock < EMU_CLOCK_COUNT; clock++) {
        s->hz[clock] = gated_hz(s, (emu_clock_t)clock);
    }
    emu_clocks_changed(s->emu);
}

static uint32_t lock_status(const sysctl_t *s)
{
    uint32_t status = get(s, PLL_LOCK) & TEST_CLK_OUT;
    for (unsigned n = 0; n < 3; n++) {
        if (s->locked_at[n] != EMU_NEVER && emu_now(s->emu) >= s->locked_at[n]) {
            status |= 3u << (8 * n);
        }
    }
    return status;
}

static uint64_t sysctl_read(void *opaque, uint64_t offset, unsigned size)
{
    sysctl_t *s = opaque;
    (void)size;
    switch (offset) {
    case GIT_ID: case ROM_ERROR: case SOFT_RESET: return 0;
    case PLL_LOCK: return lock_status(s);
    case RESET_STATUS: return s->reset_flags;
    case 0x14: break;
    default:
        if (offset < SYSCTL_END) {
            return get(s, (unsigned)offset);
        }
    }
    emu_unmodelled(s->emu, "sysctl", offset, false, 0);
    return 0;
}

static void write_pll(sysctl_t *s, unsigned n, uint32_t old)
{
    uint32_t control = get(s, PLL0 + 4 * n);
    bool runs = (control & PLL_PWRD) && !(control & PLL_RESET);
    bool ran = (old & PLL_PWRD) && !(old & PLL_RESET);
    if (!runs) {
        s->locked_at[n] = EMU_NEVER;
    } else if (!ran || ((old ^ control) & PLL_FACTORS)) {
        s->locked_at[n] = emu_now(s->emu) + LOCK_TIME;
    }
    if (n == 0 && bit(get(s, CLK_SEL0), 0) && pll_hz(s, 0) == 0) {
        emu_warn(s->emu, "sysctl", "PLL0 switched off while it clocks the harts: select IN0 (aclk_sel 0) first");
    }
}

static void write_peri_reset(sysctl_t *s, uint32_t old)
{
    for (uint32_t changed = old ^ get(s, PERI_RESET); changed != 0; changed &= changed - 1) {
        const char *name = peri_device[__builtin_ctz(changed)];
        if (name != NULL) {
            emu_reset_device(s->emu, name); /* at both edges: writes in between do not stick */
        }
    }
}

static void route_dma(sysctl_t *s)
{
    for (unsigned channel = 0; channel < 5; channel++) {
        emu_set_dma_select(s->emu, channel, field(get(s, DMA_SEL0), 6 * channel, 6));
    }
    emu_set_dma_select(s->emu, 5, field(get(s, DMA_SEL1), 0, 6));
}

static void route_peri(sysctl_t *s)
{
    emu_set_timer_pause(s->emu, field(get(s, PERI), 0, 12));
    for (unsigned controller = 0; controller < 4; controller++) {
        emu_set_spi_xip(s->emu, controller, bit(get(s, PERI), 12 + controller));
    }
}

static void sysctl_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    sysctl_t *s = opaque;
    (void)size;
    if (offset >= SYSCTL_END || offset == 0x14) {
        emu_unmodelled(s->emu, "sysctl", offset, true, value);
        return;
    }
    uint32_t old = s->reg[offset / 4];
    s->reg[offset / 4] = (uint32_t)value;
    switch (offset) {
    case SOFT_RESET:
        if (bit(value, 0)) {
            emu_request_reset(s->emu, EMU_RESET_SOFT);
        }
        return;
    case RESET_STATUS:
        if (bit(value, 0)) {
            s->reset_flags = 0;
        }
        return;
    case DMA_SEL0: case DMA_SEL1: route_dma(s); return;
    case PERI: route_peri(s); break;
    case PLL0: case PLL1: case PLL2: write_pll(s, ((unsigned)offset - PLL0) / 4, old); break;
    case PERI_RESET: write_peri_reset(s, old); break;
    case CLK_SEL0:
        if (bit(value, 0) && pll_hz(s, 0) == 0) {
            emu_warn(s->emu, "sysctl", "ACLK switched to PLL0, which has no output: the harts would stop");
        }
        break;
    case CLK_EN_CENT: case CLK_EN_PERI: break;
    default:
        if (offset < CLK_TH0 || offset > CLK_TH6) {
            return;
        }
    }
    if (old != (uint32_t)value) {
        update_clocks(s);
    }
}

/* What the boot ROM leaves behind (spec 4.9). */
static void sysctl_reset(void *opaque)
{
    sysctl_t *s = opaque;
    for (unsigned i = 0; i < SYSCTL_END / 4; i++) {
        s->reg[i] = 0;
    }
    s->reg[CLK_FREQ / 4] = 337; /* the ROM's first UARTHS divisor, spec 1.4 */
    s->reg[PLL0 / 4] = 0x022ec7b0;
    s->reg[PLL1 / 4] = 0x00058560;
    s->reg[PLL2 / 4] = 0x00058560;
    s->reg[CLK_SEL0 / 4] = 0x249;
    s->reg[CLK_EN_CENT / 4] = 0x3f;
    s->reg[CLK_EN_PERI / 4] = 0xffffffff;
    s->locked_at[0] = 0;
    s->locked_at[1] = s->locked_at[2] = EMU_NEVER;
    switch (emu_last_reset(s->emu)) {
    case EMU_RESET_PIN: s->reset_flags = 1u << 1; break;
    case EMU_RESET_WDT0: s->reset_flags |= 1u << 2; break;
    case EMU_RESET_WDT1: s->reset_flags |= 1u << 3; break;
    case EMU_RESET_SOFT: s->reset_flags |= 1u << 4; break;
    }
    route_dma(s);
    route_peri(s);
    update_clocks(s);
}

static void sysctl_state(void *opaque, emu_json_t *json)
{
    sysctl_t *s = opaque;
    char name[8];
    emu_json_begin(json, "clocks");
    for (unsigned clock = 0; clock < EMU_CLOCK_COUNT; clock++) {
        emu_json_u64(json, clock_name[clock], clock_hz(s, (emu_clock_t)clock));
    }
    emu_json_end(json);
    emu_json_begin(json, "registers");
    for (unsigned offset = 0; offset < SYSCTL_END; offset += 4) {
        snprintf(name, sizeof name, "0x%02x", offset);
        emu_json_u64(json, name, offset == 0x14 ? 0 : sysctl_read(s, offset, 4));
    }
    emu_json_end(json);
}

void sysctl_create(emu_t *emu)
{
    sysctl_t *s = device_new(sizeof *s);
    s->emu = emu;
    emu_set_clock_source(emu, clock_hz, s);
    emu_add_device(emu, &(emu_device_t){.name = "sysctl", .base = 0x50440000, .size = 0x10000, .word = 4,
                                        .read = sysctl_read, .write = sysctl_write, .reset = sysctl_reset,
                                        .state = sysctl_state, .destroy = free, .opaque = s});
    sysctl_reset(s);
}
