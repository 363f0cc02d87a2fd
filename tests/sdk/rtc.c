/* Calendar arithmetic, the clock over a leap day and the turn of a century, ticks and alarms. */

#include "check.h"
#include "plic.h"
#include "rtc.h"

int rtc_alarm_set_tm(const struct tm *tm);
struct tm *rtc_alarm_get_tm(void);
int rtc_tick_get_interrupt(void);
unsigned rtc_timer_get_clock_frequency(void);
int rtc_timer_set_clock_frequency(unsigned frequency);

static volatile unsigned ticks, alarms;
static volatile uint64_t ticked_at[4];

static int on_tick(void *ctx) {
    if (ticks < 4) {
        ticked_at[ticks] = clint_get_time();
    }
    ticks += (unsigned)(uintptr_t)ctx;
    return 0;
}

static int on_alarm(void *ctx) {
    alarms += (unsigned)(uintptr_t)ctx;
    return 0;
}

/* Asleep between interrupts: the emulated board skips that time. */
static bool sleep_until(const volatile unsigned *count, unsigned wanted, uint64_t ms) {
    uint64_t end = clint_get_time() + clint_timer_get_freq() * ms / 1000;
    while (*count < wanted && clint_get_time() < end) {
        clint_wait_until(end);
    }
    return *count == wanted;
}

static void pass(uint64_t ms) {
    static const volatile unsigned never;
    sleep_until(&never, 1, ms);
}

/* Read as one number: yyyymmddhhmmss. */
static int64_t now(void) {
    int y, mo, d, h, mi, s;
    if (rtc_timer_get(&y, &mo, &d, &h, &mi, &s)) {
        return -1;
    }
    return ((((y * 100LL + mo) * 100 + d) * 100 + h) * 100 + mi) * 100 + s;
}

static void calendar(void) {
    CHECK_EQ("1970-01-01 was a Thursday", rtc_get_wday(1970, 1, 1), 4);
    CHECK_EQ("2000-02-29 was a Tuesday", rtc_get_wday(2000, 2, 29), 2);
    CHECK_EQ("2024-12-31 was a Tuesday", rtc_get_wday(2024, 12, 31), 2);
    CHECK_EQ("leap years", rtc_year_is_leap(2000) * 8 + rtc_year_is_leap(1900) * 4 + rtc_year_is_leap(2024) * 2 +
                               rtc_year_is_leap(2023), 10);
    CHECK_EQ("first day of a year", rtc_get_yday(2023, 1, 1), 1);
    CHECK_EQ("last day of a leap year", rtc_get_yday(2024, 12, 31), 366);
    CHECK_EQ("29 February 2023", rtc_timer_set(2023, 2, 29, 0, 0, 0), -1);
    CHECK_EQ("month 13", rtc_timer_set(2023, 13, 1, 0, 0, 0), -1);
    CHECK_EQ("second 60", rtc_timer_set(2023, 1, 1, 0, 0, 60), -1);
    CHECK_EQ("31 April", rtc_alarm_set(2023, 4, 31, 0, 0, 0), -1);
}

/* A clock of 2.6 MHz: ten seconds in one. */
static void turn(const char *name, int year, int month, int day, int64_t wanted) {
    rtc_timer_set(year, month, day, 23, 59, 58);
    pass(250);
    CHECK_EQ(name, now(), wanted);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    calendar();
    CHECK_EQ("init", rtc_init(), 0);
    CHECK_EQ("running", rtc_timer_get_mode(), RTC_TIMER_RUNNING);
    CHECK_EQ("clocks per second", rtc_timer_get_clock_frequency(), 26000000);
    CHECK_EQ("set", rtc_timer_set(2024, 2, 28, 12, 34, 56), 0);
    CHECK_EQ("get", now(), 20240228123456);
    struct tm *tm = rtc_timer_get_tm();
    CHECK("tm", tm && tm->tm_year == 124 && tm->tm_mon == 1 && tm->tm_mday == 28 && tm->tm_wday == 3 &&
                    tm->tm_yday == 58);
    rtc_tick_irq_register(false, RTC_INT_SECOND, on_tick, (void *)1, 1);
    CHECK("second ticks", sleep_until(&ticks, 2, 2500));
    check_between("a second", (int64_t)(ticked_at[1] - ticked_at[0]), (int64_t)(clint_timer_get_freq() * 0.999),
                  (int64_t)(clint_timer_get_freq() * 1.001));
    CHECK_EQ("two seconds on", now(), 20240228123458);
    rtc_tick_irq_unregister();
    CHECK_EQ("tick is off", rtc_tick_get_interrupt(), 0);

    rtc_timer_set_clock_frequency(2600000);
    turn("leap day", 2024, 2, 28, 20240229000000);
    turn("no leap day in 2100", 2100, 2, 28, 21000301000000);
    turn("new century", 1999, 12, 31, 20000101000000);

    struct tm at = {.tm_year = 130, .tm_mon = 5, .tm_mday = 7, .tm_hour = 8, .tm_min = 9, .tm_sec = 3};
    CHECK_EQ("alarm is set", rtc_alarm_set_tm(&at), 0);
    struct tm *back = rtc_alarm_get_tm();
    CHECK("alarm reads back", back && back->tm_mday == 7 && back->tm_hour == 8 && back->tm_min == 9 &&
                                  back->tm_sec == 3);
    rtc_timer_set(2030, 6, 7, 8, 9, 0);
    ticks = 0;
    rtc_tick_irq_register(false, RTC_INT_MINUTE, on_tick, (void *)1, 1);
    rtc_alarm_irq_register(true, (rtc_mask_t){.second = 1, .minute = 1, .hour = 1}, on_alarm, (void *)1, 1);
    pass(250);
    CHECK_EQ("before the alarm", alarms, 0);
    CHECK("alarm", sleep_until(&alarms, 1, 100));
    CHECK_EQ("at its second", now(), 20300607080903);
    CHECK_EQ("no minute has passed", ticks, 0);
    rtc_timer_set(2030, 6, 7, 8, 9, 58);
    CHECK("minute tick", sleep_until(&ticks, 1, 300));
    CHECK_EQ("on the minute", now(), 20300607081000);

    rtc_timer_set_mode(RTC_TIMER_PAUSE);
    CHECK("paused: no time", rtc_timer_get_tm() == NULL && now() == -1);
    return check_done();
}
