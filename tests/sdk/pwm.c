/* PWM read back by GPIOHS: the output pad is left with its input on, and GPIOHS 3 listens on pad 25, which the test
 * runner wires to pad 24. */

#include "check.h"
#include "fpioa.h"
#include "gpiohs.h"
#include "pwm.h"
#include "timer.h"

static volatile unsigned edges;
static volatile uint64_t at[8];
static volatile uint8_t level[8];

static int on_edge(void *ctx) {
    uint64_t now = clint_get_time();
    (void)ctx;
    if (edges < 8) {
        at[edges] = now;
        level[edges] = (uint8_t)gpiohs_get_pin(3);
        edges++;
    }
    return 0;
}

/* Two periods as their edges show them, in ticks of mtime. */
static void duty(const char *name, double frequency, double wanted) {
    double got = pwm_set_frequency(PWM_DEVICE_1, PWM_CHANNEL_2, frequency, wanted);
    check_between("frequency", (int64_t)(got * 1000), (int64_t)(frequency * 999), (int64_t)(frequency * 1001));
    pwm_set_enable(PWM_DEVICE_1, PWM_CHANNEL_2, 1);
    edges = 0;
    gpiohs_set_pin_edge(3, GPIO_PE_BOTH);
    CHECK("edges", WAIT_FOR(edges == 8, 50));
    gpiohs_set_pin_edge(3, GPIO_PE_NONE);
    pwm_set_enable(PWM_DEVICE_1, PWM_CHANNEL_2, 0);
    unsigned rise = 2 + !level[2];
    CHECK("levels alternate", level[rise] == 1 && level[rise + 1] == 0 && level[rise + 2] == 1);
    double period = (double)clint_timer_get_freq() / frequency;
    check_between("period", (int64_t)(at[rise + 2] - at[rise]), (int64_t)period - 20, (int64_t)period + 20);
    check_between(name, (int64_t)(at[rise + 1] - at[rise]), (int64_t)(period * wanted) - 20,
                  (int64_t)(period * wanted) + 20);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    fpioa_set_function(25, FUNC_GPIOHS3);
    gpiohs_set_drive_mode(3, GPIO_DM_INPUT);
    gpiohs_irq_register(3, 3, on_edge, NULL);
    fpioa_set_function(24, FUNC_TIMER1_TOGGLE3);
    pwm_init(PWM_DEVICE_1);
    printk("WIRED\n");
    duty("high for a quarter", 1000, 0.25);
    duty("high for half", 2000, 0.5);
    duty("high for nine tenths", 500, 0.9);

    pwm_set_frequency(PWM_DEVICE_1, PWM_CHANNEL_2, 1000, 0);
    pwm_set_enable(PWM_DEVICE_1, PWM_CHANNEL_2, 1);
    CHECK_EQ("a zero count becomes 1", timer[1]->load_count2[2], 1);
    pwm_set_enable(PWM_DEVICE_1, PWM_CHANNEL_2, 0);
    CHECK_EQ("no frequency", (int)pwm_set_frequency(PWM_DEVICE_1, PWM_CHANNEL_2, 0, 0.5), 0);
    CHECK_EQ("too fast", (int)pwm_set_frequency(PWM_DEVICE_1, PWM_CHANNEL_2, 20e6, 0.5), 0);
    CHECK_EQ("duty above 1", (int)pwm_set_frequency(PWM_DEVICE_1, PWM_CHANNEL_2, 1000, 1.5), 0);
    CHECK_EQ("no device 3", (int)pwm_set_frequency(PWM_DEVICE_MAX, PWM_CHANNEL_2, 1000, 0.5), 0);
    return check_done();
}
