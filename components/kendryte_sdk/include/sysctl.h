#ifndef KENDRYTE_SYSCTL_H
#define KENDRYTE_SYSCTL_H

#include <stdint.h>
#include "platform.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SYSCTL_PLL0, SYSCTL_PLL1, SYSCTL_PLL2, SYSCTL_PLL_MAX,
} sysctl_pll_t;

typedef enum {
    SYSCTL_SOURCE_IN0, SYSCTL_SOURCE_PLL0, SYSCTL_SOURCE_PLL1, SYSCTL_SOURCE_PLL2, SYSCTL_SOURCE_ACLK,
    SYSCTL_SOURCE_MAX,
} sysctl_clock_source_t;

typedef enum {
    SYSCTL_DMA_CHANNEL_0, SYSCTL_DMA_CHANNEL_1, SYSCTL_DMA_CHANNEL_2, SYSCTL_DMA_CHANNEL_3, SYSCTL_DMA_CHANNEL_4,
    SYSCTL_DMA_CHANNEL_5, SYSCTL_DMA_CHANNEL_MAX,
} sysctl_dma_channel_t;

typedef enum {
    SYSCTL_DMA_SELECT_SSI0_RX_REQ, SYSCTL_DMA_SELECT_SSI0_TX_REQ, SYSCTL_DMA_SELECT_SSI1_RX_REQ,
    SYSCTL_DMA_SELECT_SSI1_TX_REQ, SYSCTL_DMA_SELECT_SSI2_RX_REQ, SYSCTL_DMA_SELECT_SSI2_TX_REQ,
    SYSCTL_DMA_SELECT_SSI3_RX_REQ, SYSCTL_DMA_SELECT_SSI3_TX_REQ, SYSCTL_DMA_SELECT_I2C0_RX_REQ,
    SYSCTL_DMA_SELECT_I2C0_TX_REQ, SYSCTL_DMA_SELECT_I2C1_RX_REQ, SYSCTL_DMA_SELECT_I2C1_TX_REQ,
    SYSCTL_DMA_SELECT_I2C2_RX_REQ, SYSCTL_DMA_SELECT_I2C2_TX_REQ, SYSCTL_DMA_SELECT_UART1_RX_REQ,
    SYSCTL_DMA_SELECT_UART1_TX_REQ, SYSCTL_DMA_SELECT_UART2_RX_REQ, SYSCTL_DMA_SELECT_UART2_TX_REQ,
    SYSCTL_DMA_SELECT_UART3_RX_REQ, SYSCTL_DMA_SELECT_UART3_TX_REQ, SYSCTL_DMA_SELECT_AES_REQ,
    SYSCTL_DMA_SELECT_SHA_RX_REQ, SYSCTL_DMA_SELECT_AI_RX_REQ, SYSCTL_DMA_SELECT_FFT_RX_REQ,
    SYSCTL_DMA_SELECT_FFT_TX_REQ, SYSCTL_DMA_SELECT_I2S0_TX_REQ, SYSCTL_DMA_SELECT_I2S0_RX_REQ,
    SYSCTL_DMA_SELECT_I2S1_TX_REQ, SYSCTL_DMA_SELECT_I2S1_RX_REQ, SYSCTL_DMA_SELECT_I2S2_TX_REQ,
    SYSCTL_DMA_SELECT_I2S2_RX_REQ, SYSCTL_DMA_SELECT_I2S0_BF_DIR_REQ, SYSCTL_DMA_SELECT_I2S0_BF_VOICE_REQ,
    SYSCTL_DMA_SELECT_MAX,
} sysctl_dma_select_t;

typedef enum {
    SYSCTL_CLOCK_PLL0, SYSCTL_CLOCK_PLL1, SYSCTL_CLOCK_PLL2, SYSCTL_CLOCK_CPU, SYSCTL_CLOCK_SRAM0, SYSCTL_CLOCK_SRAM1,
    SYSCTL_CLOCK_APB0, SYSCTL_CLOCK_APB1, SYSCTL_CLOCK_APB2, SYSCTL_CLOCK_ROM, SYSCTL_CLOCK_DMA, SYSCTL_CLOCK_AI,
    SYSCTL_CLOCK_DVP, SYSCTL_CLOCK_FFT, SYSCTL_CLOCK_GPIO, SYSCTL_CLOCK_SPI0, SYSCTL_CLOCK_SPI1, SYSCTL_CLOCK_SPI2,
    SYSCTL_CLOCK_SPI3, SYSCTL_CLOCK_I2S0, SYSCTL_CLOCK_I2S1, SYSCTL_CLOCK_I2S2, SYSCTL_CLOCK_I2C0, SYSCTL_CLOCK_I2C1,
    SYSCTL_CLOCK_I2C2, SYSCTL_CLOCK_UART1, SYSCTL_CLOCK_UART2, SYSCTL_CLOCK_UART3, SYSCTL_CLOCK_AES,
    SYSCTL_CLOCK_FPIOA, SYSCTL_CLOCK_TIMER0, SYSCTL_CLOCK_TIMER1, SYSCTL_CLOCK_TIMER2, SYSCTL_CLOCK_WDT0,
    SYSCTL_CLOCK_WDT1, SYSCTL_CLOCK_SHA, SYSCTL_CLOCK_OTP, SYSCTL_CLOCK_RTC, SYSCTL_CLOCK_ACLK = 40,
    SYSCTL_CLOCK_HCLK, SYSCTL_CLOCK_IN0, SYSCTL_CLOCK_MAX,
} sysctl_clock_t;

typedef enum {
    SYSCTL_CLOCK_SELECT_PLL0_BYPASS, SYSCTL_CLOCK_SELECT_PLL1_BYPASS, SYSCTL_CLOCK_SELECT_PLL2_BYPASS,
    SYSCTL_CLOCK_SELECT_PLL2, SYSCTL_CLOCK_SELECT_ACLK, SYSCTL_CLOCK_SELECT_SPI3, SYSCTL_CLOCK_SELECT_TIMER0,
    SYSCTL_CLOCK_SELECT_TIMER1, SYSCTL_CLOCK_SELECT_TIMER2, SYSCTL_CLOCK_SELECT_SPI3_SAMPLE, SYSCTL_CLOCK_SELECT_MAX =
    11,
} sysctl_clock_select_t;

typedef enum {
    SYSCTL_THRESHOLD_ACLK, SYSCTL_THRESHOLD_APB0, SYSCTL_THRESHOLD_APB1, SYSCTL_THRESHOLD_APB2,
    SYSCTL_THRESHOLD_SRAM0, SYSCTL_THRESHOLD_SRAM1, SYSCTL_THRESHOLD_AI, SYSCTL_THRESHOLD_DVP, SYSCTL_THRESHOLD_ROM,
    SYSCTL_THRESHOLD_SPI0, SYSCTL_THRESHOLD_SPI1, SYSCTL_THRESHOLD_SPI2, SYSCTL_THRESHOLD_SPI3,
    SYSCTL_THRESHOLD_TIMER0, SYSCTL_THRESHOLD_TIMER1, SYSCTL_THRESHOLD_TIMER2, SYSCTL_THRESHOLD_I2S0,
    SYSCTL_THRESHOLD_I2S1, SYSCTL_THRESHOLD_I2S2, SYSCTL_THRESHOLD_I2S0_M, SYSCTL_THRESHOLD_I2S1_M,
    SYSCTL_THRESHOLD_I2S2_M, SYSCTL_THRESHOLD_I2C0, SYSCTL_THRESHOLD_I2C1, SYSCTL_THRESHOLD_I2C2,
    SYSCTL_THRESHOLD_WDT0, SYSCTL_THRESHOLD_WDT1, SYSCTL_THRESHOLD_MAX = 28,
} sysctl_threshold_t;

typedef enum {
    SYSCTL_RESET_SOC, SYSCTL_RESET_ROM, SYSCTL_RESET_DMA, SYSCTL_RESET_AI, SYSCTL_RESET_DVP, SYSCTL_RESET_FFT,
    SYSCTL_RESET_GPIO, SYSCTL_RESET_SPI0, SYSCTL_RESET_SPI1, SYSCTL_RESET_SPI2, SYSCTL_RESET_SPI3, SYSCTL_RESET_I2S0,
    SYSCTL_RESET_I2S1, SYSCTL_RESET_I2S2, SYSCTL_RESET_I2C0, SYSCTL_RESET_I2C1, SYSCTL_RESET_I2C2, SYSCTL_RESET_UART1,
    SYSCTL_RESET_UART2, SYSCTL_RESET_UART3, SYSCTL_RESET_AES, SYSCTL_RESET_FPIOA, SYSCTL_RESET_TIMER0,
    SYSCTL_RESET_TIMER1, SYSCTL_RESET_TIMER2, SYSCTL_RESET_WDT0, SYSCTL_RESET_WDT1, SYSCTL_RESET_SHA,
    SYSCTL_RESET_RTC, SYSCTL_RESET_MAX = 31,
} sysctl_reset_t;

typedef enum {
    SYSCTL_POWER_BANK0, SYSCTL_POWER_BANK1, SYSCTL_POWER_BANK2, SYSCTL_POWER_BANK3, SYSCTL_POWER_BANK4,
    SYSCTL_POWER_BANK5, SYSCTL_POWER_BANK6, SYSCTL_POWER_BANK7, SYSCTL_POWER_BANK_MAX,
} sysctl_power_bank_t;

typedef enum {
    SYSCTL_POWER_V33, SYSCTL_POWER_V18,
} sysctl_io_power_mode_t;

typedef enum {
    SYSCTL_RESET_STATUS_HARD, SYSCTL_RESET_STATUS_SOFT, SYSCTL_RESET_STATUS_WDT0, SYSCTL_RESET_STATUS_WDT1,
    SYSCTL_RESET_STATUS_MAX,
} sysctl_reset_enum_status_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t git_id : 32;
} sysctl_git_id_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t clk_freq : 32;
} sysctl_clk_freq_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t clkr0 : 4;
    uint32_t clkf0 : 6;
    uint32_t clkod0 : 4;
    uint32_t bwadj0 : 6;
    uint32_t pll_reset0 : 1;
    uint32_t pll_pwrd0 : 1;
    uint32_t pll_intfb0 : 1;
    uint32_t pll_bypass0 : 1;
    uint32_t pll_test0 : 1;
    uint32_t pll_out_en0 : 1;
    uint32_t pll_test_en : 1;
    uint32_t reserved : 5;
} sysctl_pll0_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t clkr1 : 4;
    uint32_t clkf1 : 6;
    uint32_t clkod1 : 4;
    uint32_t bwadj1 : 6;
    uint32_t pll_reset1 : 1;
    uint32_t pll_pwrd1 : 1;
    uint32_t pll_intfb1 : 1;
    uint32_t pll_bypass1 : 1;
    uint32_t pll_test1 : 1;
    uint32_t pll_out_en1 : 1;
    uint32_t reserved : 6;
} sysctl_pll1_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t clkr2 : 4;
    uint32_t clkf2 : 6;
    uint32_t clkod2 : 4;
    uint32_t bwadj2 : 6;
    uint32_t pll_reset2 : 1;
    uint32_t pll_pwrd2 : 1;
    uint32_t pll_intfb2 : 1;
    uint32_t pll_bypass2 : 1;
    uint32_t pll_test2 : 1;
    uint32_t pll_out_en2 : 1;
    uint32_t pll_ckin_sel2 : 2;
    uint32_t reserved : 4;
} sysctl_pll2_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t pll_lock0 : 2;
    uint32_t pll_slip_clear0 : 1;
    uint32_t test_clk_out0 : 1;
    uint32_t reserved0 : 4;
    uint32_t pll_lock1 : 2;
    uint32_t pll_slip_clear1 : 1;
    uint32_t test_clk_out1 : 1;
    uint32_t reserved1 : 4;
    uint32_t pll_lock2 : 2;
    uint32_t pll_slip_clear2 : 1;
    uint32_t test_clk_out2 : 1;
    uint32_t reserved2 : 12;
} sysctl_pll_lock_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t rom_mul_error : 1;
    uint32_t rom_one_error : 1;
    uint32_t reserved : 30;
} sysctl_rom_error_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t aclk_sel : 1;
    uint32_t aclk_divider_sel : 2;
    uint32_t apb0_clk_sel : 3;
    uint32_t apb1_clk_sel : 3;
    uint32_t apb2_clk_sel : 3;
    uint32_t spi3_clk_sel : 1;
    uint32_t timer0_clk_sel : 1;
    uint32_t timer1_clk_sel : 1;
    uint32_t timer2_clk_sel : 1;
    uint32_t reserved : 16;
} sysctl_clk_sel0_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t spi3_sample_clk_sel : 1;
    uint32_t reserved0 : 30;
    uint32_t reserved1 : 1;
} sysctl_clk_sel1_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t cpu_clk_en : 1;
    uint32_t sram0_clk_en : 1;
    uint32_t sram1_clk_en : 1;
    uint32_t apb0_clk_en : 1;
    uint32_t apb1_clk_en : 1;
    uint32_t apb2_clk_en : 1;
    uint32_t reserved : 26;
} sysctl_clk_en_cent_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t rom_clk_en : 1;
    uint32_t dma_clk_en : 1;
    uint32_t ai_clk_en : 1;
    uint32_t dvp_clk_en : 1;
    uint32_t fft_clk_en : 1;
    uint32_t gpio_clk_en : 1;
    uint32_t spi0_clk_en : 1;
    uint32_t spi1_clk_en : 1;
    uint32_t spi2_clk_en : 1;
    uint32_t spi3_clk_en : 1;
    uint32_t i2s0_clk_en : 1;
    uint32_t i2s1_clk_en : 1;
    uint32_t i2s2_clk_en : 1;
    uint32_t i2c0_clk_en : 1;
    uint32_t i2c1_clk_en : 1;
    uint32_t i2c2_clk_en : 1;
    uint32_t uart1_clk_en : 1;
    uint32_t uart2_clk_en : 1;
    uint32_t uart3_clk_en : 1;
    uint32_t aes_clk_en : 1;
    uint32_t fpioa_clk_en : 1;
    uint32_t timer0_clk_en : 1;
    uint32_t timer1_clk_en : 1;
    uint32_t timer2_clk_en : 1;
    uint32_t wdt0_clk_en : 1;
    uint32_t wdt1_clk_en : 1;
    uint32_t sha_clk_en : 1;
    uint32_t otp_clk_en : 1;
    uint32_t reserved : 1;
    uint32_t rtc_clk_en : 1;
    uint32_t reserved0 : 2;
} sysctl_clk_en_peri_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t soft_reset : 1;
    uint32_t reserved : 31;
} sysctl_soft_reset_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t rom_reset : 1;
    uint32_t dma_reset : 1;
    uint32_t ai_reset : 1;
    uint32_t dvp_reset : 1;
    uint32_t fft_reset : 1;
    uint32_t gpio_reset : 1;
    uint32_t spi0_reset : 1;
    uint32_t spi1_reset : 1;
    uint32_t spi2_reset : 1;
    uint32_t spi3_reset : 1;
    uint32_t i2s0_reset : 1;
    uint32_t i2s1_reset : 1;
    uint32_t i2s2_reset : 1;
    uint32_t i2c0_reset : 1;
    uint32_t i2c1_reset : 1;
    uint32_t i2c2_reset : 1;
    uint32_t uart1_reset : 1;
    uint32_t uart2_reset : 1;
    uint32_t uart3_reset : 1;
    uint32_t aes_reset : 1;
    uint32_t fpioa_reset : 1;
    uint32_t timer0_reset : 1;
    uint32_t timer1_reset : 1;
    uint32_t timer2_reset : 1;
    uint32_t wdt0_reset : 1;
    uint32_t wdt1_reset : 1;
    uint32_t sha_reset : 1;
    uint32_t reserved : 2;
    uint32_t rtc_reset : 1;
    uint32_t reserved0 : 2;
} sysctl_peri_reset_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t sram0_gclk_threshold : 4;
    uint32_t sram1_gclk_threshold : 4;
    uint32_t ai_gclk_threshold : 4;
    uint32_t dvp_gclk_threshold : 4;
    uint32_t rom_gclk_threshold : 4;
    uint32_t reserved : 12;
} sysctl_clk_th0_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t spi0_clk_threshold : 8;
    uint32_t spi1_clk_threshold : 8;
    uint32_t spi2_clk_threshold : 8;
    uint32_t spi3_clk_threshold : 8;
} sysctl_clk_th1_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t timer0_clk_threshold : 8;
    uint32_t timer1_clk_threshold : 8;
    uint32_t timer2_clk_threshold : 8;
    uint32_t reserved : 8;
} sysctl_clk_th2_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t i2s0_clk_threshold : 16;
    uint32_t i2s1_clk_threshold : 16;
} sysctl_clk_th3_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t i2s2_clk_threshold : 16;
    uint32_t i2s0_mclk_threshold : 8;
    uint32_t i2s1_mclk_threshold : 8;
} sysctl_clk_th4_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t i2s2_mclk_threshold : 8;
    uint32_t i2c0_clk_threshold : 8;
    uint32_t i2c1_clk_threshold : 8;
    uint32_t i2c2_clk_threshold : 8;
} sysctl_clk_th5_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t wdt0_clk_threshold : 8;
    uint32_t wdt1_clk_threshold : 8;
    uint32_t reserved0 : 8;
    uint32_t reserved1 : 8;
} sysctl_clk_th6_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t debug_sel : 6;
    uint32_t reserved0 : 4;
    uint32_t spi_dvp_data_enable : 1;
    uint32_t reserved1 : 21;
} sysctl_misc_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t timer0_pause : 1;
    uint32_t timer1_pause : 1;
    uint32_t timer2_pause : 1;
    uint32_t timer3_pause : 1;
    uint32_t timer4_pause : 1;
    uint32_t timer5_pause : 1;
    uint32_t timer6_pause : 1;
    uint32_t timer7_pause : 1;
    uint32_t timer8_pause : 1;
    uint32_t timer9_pause : 1;
    uint32_t timer10_pause : 1;
    uint32_t timer11_pause : 1;
    uint32_t spi0_xip_en : 1;
    uint32_t spi1_xip_en : 1;
    uint32_t spi2_xip_en : 1;
    uint32_t spi3_xip_en : 1;
    uint32_t spi0_clk_bypass : 1;
    uint32_t spi1_clk_bypass : 1;
    uint32_t spi2_clk_bypass : 1;
    uint32_t i2s0_clk_bypass : 1;
    uint32_t i2s1_clk_bypass : 1;
    uint32_t i2s2_clk_bypass : 1;
    uint32_t jtag_clk_bypass : 1;
    uint32_t dvp_clk_bypass : 1;
    uint32_t debug_clk_bypass : 1;
    uint32_t reserved0 : 1;
    uint32_t reserved1 : 6;
} sysctl_peri_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t ssi0_sleep : 1;
    uint32_t ssi1_sleep : 1;
    uint32_t ssi2_sleep : 1;
    uint32_t ssi3_sleep : 1;
    uint32_t reserved : 28;
} sysctl_spi_sleep_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t reset_sts_clr : 1;
    uint32_t pin_reset_sts : 1;
    uint32_t wdt0_reset_sts : 1;
    uint32_t wdt1_reset_sts : 1;
    uint32_t soft_reset_sts : 1;
    uint32_t reserved : 27;
} sysctl_reset_status_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t dma_sel0 : 6;
    uint32_t dma_sel1 : 6;
    uint32_t dma_sel2 : 6;
    uint32_t dma_sel3 : 6;
    uint32_t dma_sel4 : 6;
    uint32_t reserved : 2;
} sysctl_dma_sel0_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t dma_sel5 : 6;
    uint32_t reserved : 26;
} sysctl_dma_sel1_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t power_mode_sel0 : 1;
    uint32_t power_mode_sel1 : 1;
    uint32_t power_mode_sel2 : 1;
    uint32_t power_mode_sel3 : 1;
    uint32_t power_mode_sel4 : 1;
    uint32_t power_mode_sel5 : 1;
    uint32_t power_mode_sel6 : 1;
    uint32_t power_mode_sel7 : 1;
    uint32_t reserved : 24;
} sysctl_power_sel_t;

typedef struct __attribute__((packed, aligned(4))) {
    sysctl_git_id_t git_id;
    sysctl_clk_freq_t clk_freq;
    sysctl_pll0_t pll0;
    sysctl_pll1_t pll1;
    sysctl_pll2_t pll2;
    uint32_t resv5;
    sysctl_pll_lock_t pll_lock;
    sysctl_rom_error_t rom_error;
    sysctl_clk_sel0_t clk_sel0;
    sysctl_clk_sel1_t clk_sel1;
    sysctl_clk_en_cent_t clk_en_cent;
    sysctl_clk_en_peri_t clk_en_peri;
    sysctl_soft_reset_t soft_reset;
    sysctl_peri_reset_t peri_reset;
    sysctl_clk_th0_t clk_th0;
    sysctl_clk_th1_t clk_th1;
    sysctl_clk_th2_t clk_th2;
    sysctl_clk_th3_t clk_th3;
    sysctl_clk_th4_t clk_th4;
    sysctl_clk_th5_t clk_th5;
    sysctl_clk_th6_t clk_th6;
    sysctl_misc_t misc;
    sysctl_peri_t peri;
    sysctl_spi_sleep_t spi_sleep;
    sysctl_reset_status_t reset_status;
    sysctl_dma_sel0_t dma_sel0;
    sysctl_dma_sel1_t dma_sel1;
    sysctl_power_sel_t power_sel;
    uint32_t resv28;
    uint32_t resv29;
    uint32_t resv30;
    uint32_t resv31;
} sysctl_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t clkr : 4;
    uint32_t clkf : 6;
    uint32_t clkod : 4;
    uint32_t bwadj : 6;
    uint32_t pll_reset : 1;
    uint32_t pll_pwrd : 1;
    uint32_t pll_intfb : 1;
    uint32_t pll_bypass : 1;
    uint32_t pll_test : 1;
    uint32_t pll_out_en : 1;
    uint32_t pll_ckin_sel : 2;
    uint32_t reserved : 4;
} sysctl_general_pll_t;

extern volatile sysctl_t *const sysctl;

/* Enable the bus gate and the device gate; 0 / -1. */
int sysctl_clock_enable(sysctl_clock_t clock);

/* Disable the device gate only; 0 / -1. */
int sysctl_clock_disable(sysctl_clock_t clock);

/* Divider field; 0 / -1. */
int sysctl_clock_set_threshold(sysctl_threshold_t which, int threshold);

/* Divider field; 0 for an unknown index. */
int sysctl_clock_get_threshold(sysctl_threshold_t which);

/* Source mux; 0 / -1. */
int sysctl_clock_set_clock_select(sysctl_clock_select_t which, int select);

/* Source mux; 0 for an unknown index. */
int sysctl_clock_get_clock_select(sysctl_clock_select_t which);

/* Hz computed from the PLL register; 0 for a bad index. */
uint32_t sysctl_pll_get_freq(sysctl_pll_t pll);

/* Hz computed from registers; 0 for unknown. */
uint32_t sysctl_clock_get_freq(sysctl_clock_t clock);

/* Assert, wait 10 µs, release. */
void sysctl_reset(sysctl_reset_t reset);

/* Power on and pulse reset (does not wait for lock); 0 / -1. */
int sysctl_pll_enable(sysctl_pll_t pll);

/* Bypass and power off; 0 / -1. */
int sysctl_pll_disable(sysctl_pll_t pll);

/* Route a handshake to a DMA channel; 0 / -1. */
int sysctl_dma_select(sysctl_dma_channel_t channel, sysctl_dma_select_t select);

/* 1: the dedicated pins carry SPI0 D0-7 and DVP data; returns 0. */
uint32_t sysctl_set_spi0_dvp_data(uint8_t en);

/* Bank 0..7 at 3.3 V or 1.8 V. */
void sysctl_set_power_mode(sysctl_power_bank_t power_bank, sysctl_io_power_mode_t io_power_mode);

/* Clock of the CPU in Hz, from the registers. */
uint32_t sysctl_cpu_get_freq(void);

/* Sets PLL0 to freq*2*(divider+1); returns what sysctl_pll_set_freq returned (the PLL rate). */
uint32_t sysctl_cpu_set_freq(uint32_t freq);

/* Find dividers, program, wait for lock (10 ms at most); returns the PLL rate obtained, 0 when impossible. For PLL0 the
 * CPU runs from the crystal meanwhile, and stays there when there is no lock. */
uint32_t sysctl_pll_set_freq(sysctl_pll_t pll, uint32_t pll_freq);

/* Set MEIE and MIE of this hart. */
void sysctl_enable_irq(void);

/* Clear both. */
void sysctl_disable_irq(void);

/* mcycle scaled by the present CPU clock, in µs. */
uint64_t sysctl_get_time_us(void);

/* Cause of the last reset, cached after the first call (start-up calls it). */
sysctl_reset_enum_status_t sysctl_get_reset_status(void);

#ifdef __cplusplus
}
#endif

#endif
