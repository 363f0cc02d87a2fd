/* Clocks: what the registers say, what the counters do, what a millisecond is. */

#include "check.h"

/* spec soc.md 4.2: wanted -> obtained. */
static const struct {
    sysctl_pll_t pll;
    uint32_t want, got;
    const char *name;
} rates[] = {
    {SYSCTL_PLL1, 390000000, 390000000, "pll1 390 MHz"},   {SYSCTL_PLL1, 300000000, 299000000, "pll1 300 MHz"},
    {SYSCTL_PLL1, 400000000, 398666666, "pll1 400 MHz"},   {SYSCTL_PLL2, 45158400, 45066666, "pll2 45.1584 MHz"},
    {SYSCTL_PLL0, 832000000, 832000000, "pll0 832 MHz"},   {SYSCTL_PLL0, 780000000, 780000000, "pll0 780 MHz"},
    {SYSCTL_PLL0, 800000000, 806000000, "pll0 800 MHz"},
};

/* mcycle counts per mtime tick over about 10 ms. */
static uint64_t cycles_per_tick(void) {
    uint64_t t0 = clint_get_time(), c0;
    while (clint_get_time() == t0) {
    }
    t0 = clint_get_time();
    c0 = read_cycle();
    while (clint_get_time() - t0 < 80000) {
    }
    return (read_cycle() - c0 + 40000) / 80000;
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    CHECK_EQ("pll0 as the boot ROM leaves it", sysctl_pll_get_freq(SYSCTL_PLL0), 780000000);
    CHECK_EQ("cpu as the boot ROM leaves it", sysctl_clock_get_freq(SYSCTL_CLOCK_CPU), 390000000);
    CHECK_EQ("reset cause", sysctl_get_reset_status(), SYSCTL_RESET_STATUS_HARD);

    for (unsigned i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        CHECK_EQ(rates[i].name, sysctl_pll_set_freq(rates[i].pll, rates[i].want), rates[i].got);
    }
    CHECK_EQ("no factors for 5 MHz", sysctl_pll_set_freq(SYSCTL_PLL1, 5000000), 0);
    CHECK_EQ("pll1 kept its rate", sysctl_pll_get_freq(SYSCTL_PLL1), 398666666);
    CHECK_EQ("cpu", sysctl_cpu_get_freq(), 403000000);
    CHECK_EQ("cycles per mtime tick", cycles_per_tick(), 50);

    CHECK_EQ("cpu_set_freq returns pll0", sysctl_cpu_set_freq(416000000), 832000000);
    CHECK_EQ("cpu_set_freq", sysctl_cpu_get_freq(), 416000000);
    sysctl_cpu_set_freq(400000000);

    CHECK_EQ("apb0 / 1", sysctl_clock_get_freq(SYSCTL_CLOCK_APB0), 201500000);
    sysctl_clock_set_threshold(SYSCTL_THRESHOLD_APB0, 3);
    CHECK_EQ("apb0 / 4", sysctl_clock_get_freq(SYSCTL_CLOCK_UART1), 100750000);
    sysctl_clock_set_threshold(SYSCTL_THRESHOLD_APB0, 1);
    sysctl_clock_set_threshold(SYSCTL_THRESHOLD_SPI1, 1);
    CHECK_EQ("spi1", sysctl_clock_get_freq(SYSCTL_CLOCK_SPI1), 201500000);
    CHECK_EQ("threshold too large", sysctl_clock_set_threshold(SYSCTL_THRESHOLD_APB0, 8), -1);
    CHECK_EQ("threshold reads back", sysctl_clock_get_threshold(SYSCTL_THRESHOLD_APB0), 1);
    CHECK_EQ("unknown clock", sysctl_clock_get_freq((sysctl_clock_t)38), 0);
    CHECK_EQ("wdt", sysctl_clock_get_freq(SYSCTL_CLOCK_WDT0), 13000000);
    CHECK_EQ("pll0 cannot stop under the cpu", sysctl_clock_disable(SYSCTL_CLOCK_PLL0), -1);
    CHECK_EQ("gate bit", sysctl_clock_disable(SYSCTL_CLOCK_RTC), 0);
    CHECK_EQ("gate off", sysctl->clk_en_peri.rtc_clk_en, 0);
    sysctl_clock_enable(SYSCTL_CLOCK_RTC);
    CHECK_EQ("gate on", sysctl->clk_en_peri.rtc_clk_en, 1);
    CHECK_EQ("dma select", sysctl_dma_select(SYSCTL_DMA_CHANNEL_3, SYSCTL_DMA_SELECT_AI_RX_REQ), 0);
    CHECK_EQ("dma select field", sysctl->dma_sel0.dma_sel3, 22);
    CHECK_EQ("dma select too large", sysctl_dma_select(SYSCTL_DMA_CHANNEL_3, SYSCTL_DMA_SELECT_MAX), -1);
    sysctl_set_power_mode(SYSCTL_POWER_BANK6, SYSCTL_POWER_V18);
    CHECK_EQ("io bank at 1.8 V", sysctl->power_sel.power_mode_sel6, 1);

    uint64_t c0 = read_cycle(), us0 = sysctl_get_time_us();
    usleep(1000);
    uint64_t cycles = read_cycle() - c0, us = sysctl_get_time_us() - us0;
    check_between("usleep in cycles", (int64_t)cycles, 403000, 406000);
    check_between("time in us", (int64_t)us, 1000, 1010);

    /* The test runner measures the virtual time between these two lines. */
    printk("SLEEP\n");
    msleep(50);
    printk("SLEPT\n");
    return check_done();
}
