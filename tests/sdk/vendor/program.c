/* Written as programs for Kendryte's SDK are: its header names, its console (UART3 on pads 4 and 5), its calls. */

#include <gpiohs.h>
#include <plic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "bsp.h"
#include "dmac.h"
#include "fpioa.h"
#include "spi.h"
#include "sysctl.h"
#include "syslog.h"
#include "uart.h"
#include "utils.h"

static const char *TAG = "demo";
static int irq_flag;
static volatile int core1_says;

static void irq_gpiohs2(void) {
    irq_flag++;
}

static int core1_function(void *ctx) {
    uint64_t core = current_coreid();
    core1_says = (int)core + *(int *)ctx;
    return 0;
}

int main(void) {
    int argument = 41;
    sysctl_pll_set_freq(SYSCTL_PLL0, 800000000);
    sysctl_pll_set_freq(SYSCTL_PLL1, 160000000);
    plic_init();
    sysctl_enable_irq();
    printf("cpu %u\n", sysctl_clock_get_freq(SYSCTL_CLOCK_CPU));

    fpioa_set_function(24, FUNC_GPIOHS3);
    gpiohs_set_drive_mode(3, GPIO_DM_OUTPUT);
    gpiohs->input_en.bits.b3 = 1;
    gpiohs_set_pin(3, GPIO_PV_LOW);
    gpiohs_set_pin_edge(3, GPIO_PE_BOTH);
    gpiohs_set_irq(3, 1, irq_gpiohs2);
    for (gpio_pin_value_t value = GPIO_PV_HIGH; irq_flag < 4; value = (gpio_pin_value_t)!value) {
        gpiohs_set_pin(3, value);
        usleep(10);
    }
    printf("edges %d\n", irq_flag);

    spi_init(1, SPI_WORK_MODE_0, SPI_FF_STANDARD, 8, 0);
    printf("spi %u\n", spi_set_clk_rate(1, 10000000));

    register_core1(core1_function, &argument);
    while (core1_says == 0)
        ;
    printf("core 1 says %d\n", core1_says);
    LOGI(TAG, "double %.2f", 2.25);
    configASSERT(KENDRYTE_MIN(3, 4) == 3);
    void *block = malloc(1000);
    printf("heap %d\n", block != NULL && get_free_heap_size() > 5000000);
    free(block);
    char c = (char)getchar();
    printf("got %c\n", c);
    printf("end\n");
    return 0;
}
