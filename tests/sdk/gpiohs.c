/* Pads, pulls, edges. Pin 0 is on pad 20, driven by this program and by the test runner in turn. */

#include "check.h"
#include "fpioa.h"
#include "gpiohs.h"

static volatile unsigned hits;

static int count(void *ctx) {
    hits += (unsigned)(uintptr_t)ctx;
    return 0;
}

static void count_plain() {
    hits += 100;
}

/* An output pin whose input is on too sees its own pad. */
static void make_loop(void) {
    fpioa_set_function(20, FUNC_GPIOHS0);
    gpiohs_set_pin(0, GPIO_PV_LOW);
    gpiohs_set_drive_mode(0, GPIO_DM_OUTPUT);
    CHECK_EQ("an output does not read back", gpiohs_get_pin(0), 0);
    gpiohs->input_en.u32[0] |= 1;
}

static void edges(const char *name, gpio_pin_edge_t edge, unsigned want) {
    gpiohs_set_pin(0, GPIO_PV_LOW);
    gpiohs_set_pin_edge(0, edge);
    hits = 0;
    for (int i = 0; i < 5; i++) {
        gpiohs_set_pin(0, GPIO_PV_HIGH);
        usleep(1);
        gpiohs_set_pin(0, GPIO_PV_LOW);
        usleep(1);
    }
    gpiohs_set_pin_edge(0, GPIO_PE_NONE);
    CHECK_EQ(name, hits, want);
}

static void fpioa_table(void) {
    /* spec soc.md 5.4, one of each kind */
    static const struct {
        fpioa_function_t function;
        uint32_t word;
    } words[] = {
        {FUNC_JTAG_TCLK, 0x00900000},  {FUNC_JTAG_TDO, 0x00001F03},  {FUNC_SPI0_D3, 0x00B03F07},
        {FUNC_UARTHS_TX, 0x00001F13},  {FUNC_GPIOHS31, 0x00901F37},  {FUNC_RESV0, 0x00000078},
        {FUNC_I2C0_SCLK, 0x0099107E},  {FUNC_CMOS_D7, 0x00900091},   {FUNC_SCCB_SDA, 0x00993093},
        {FUNC_INTERNAL8, 0x00001FD4},  {FUNC_INTERNAL13, 0x009100D9}, {FUNC_INTERNAL14, 0x00991FDA},
        {FUNC_CONSTANT, 0x000000DE},   {FUNC_DEBUG31, 0x00001FFF},   {FUNC_SPI1_ARB, 0x00900052},
    };
    unsigned wrong = 0;
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        fpioa_set_function_raw(30, words[i].function);
        uint32_t got;
        fpioa_io_config_t config;
        fpioa_get_io(30, &config);
        memcpy(&got, &config, 4);
        wrong += (got & 0x7FFFFFFF) != words[i].word;
    }
    CHECK_EQ("default pad configurations", wrong, 0);
    CHECK_EQ("no pad 48", fpioa_set_function(48, FUNC_GPIOHS0), -1);
    CHECK_EQ("ties", fpioa->tie.en[0] == 0x10000 && fpioa->tie.val[2] == 0x40000, 1);
    fpioa_set_function(21, FUNC_GPIOHS5);
    fpioa_set_function(22, FUNC_GPIOHS5);
    CHECK_EQ("a function moves", fpioa_get_io_by_function(FUNC_GPIOHS5), 22);
    CHECK_EQ("the old pad is reserved", fpioa->io[21].ch_sel, FUNC_RESV0);
    fpioa_set_io_pull(22, FPIOA_PULL_UP);
    CHECK_EQ("pull", fpioa_get_io_pull(22), FPIOA_PULL_UP);
    fpioa_set_io_driving(22, FPIOA_DRIVING_3);
    CHECK_EQ("driving", fpioa_get_io_driving(22), 3);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    fpioa_table();
    make_loop();
    gpiohs_set_pin(0, GPIO_PV_HIGH);
    CHECK_EQ("loop high", gpiohs_get_pin(0), 1);
    gpiohs_set_pin(0, GPIO_PV_LOW);
    CHECK_EQ("loop low", gpiohs_get_pin(0), 0);
    gpiohs_irq_register(0, 3, count, (void *)1);
    edges("rising edges", GPIO_PE_RISING, 5);
    edges("falling edges", GPIO_PE_FALLING, 5);
    edges("both edges", GPIO_PE_BOTH, 10);
    edges("no edges", GPIO_PE_NONE, 0);
    gpiohs_set_irq(0, 3, count_plain);
    edges("callback without argument", GPIO_PE_RISING, 500);
    gpiohs_irq_unregister(0);
    edges("unregistered", GPIO_PE_RISING, 0);

    /* From outside: the runner drives pad 20 low, high, low, high after PULSE. */
    gpiohs_set_drive_mode(0, GPIO_DM_INPUT_PULL_UP);
    CHECK_EQ("pulled up", gpiohs_get_pin(0), 1);
    gpiohs_set_drive_mode(0, GPIO_DM_INPUT_PULL_DOWN);
    CHECK_EQ("pulled down", gpiohs_get_pin(0), 0);
    gpiohs_irq_register(0, 3, count, (void *)1);
    gpiohs_set_pin_edge(0, GPIO_PE_RISING);
    hits = 0;
    printk("PULSE\n");
    WAIT_FOR(hits == 3, 100);
    CHECK_EQ("edges from outside", hits, 3);
    CHECK_EQ("level from outside", gpiohs_get_pin(0), 1);
    /* The runner checks pad 20 after each of these lines. */
    gpiohs_set_drive_mode(0, GPIO_DM_OUTPUT);
    gpiohs_set_pin(0, GPIO_PV_HIGH);
    printk("PAD 1\n");
    msleep(5); /* the line is out before the pad changes */
    gpiohs_set_pin(0, GPIO_PV_LOW);
    printk("PAD 0\n");
    msleep(5);
    return check_done();
}
