/* Calendar clock of 26 MHz ticks, lost when power goes (spec soc.md 10.5). Interrupts are in rtc_irq.c. */

#include "rtc.h"
#include "mmio.h"
#include "rtc_regs.h"
#include "sleep.h"
#include "sysctl.h"

#define READ_ENABLE 1u
#define WRITE_ENABLE 2u
#define WRITE_MASKS (0x3FFFFu << 13) /* timer, alarm, initial count, interrupt control */
#define TICKS_PER_SECOND 26000000u

#define YEAR_MAX 3199 /* five bits of century */

volatile rtc_t *const rtc = (volatile rtc_t *)RTC_BASE_ADDR;
volatile uint32_t *const rtc_base = (volatile uint32_t *)RTC_BASE_ADDR;

/* The block takes a cycle of its own clock between changes of register_ctrl. */
static void control(uint32_t mask, uint32_t value) {
    usleep(1);
    mmio_update(RTC_REG(REGISTER_CTRL), mask, value);
    usleep(1);
}

int rtc_timer_set_mode(rtc_timer_mode_t timer_mode) {
    if ((unsigned)timer_mode >= RTC_TIMER_MAX) {
        return -1;
    }
    control(READ_ENABLE | WRITE_ENABLE, timer_mode == RTC_TIMER_RUNNING   ? READ_ENABLE
                                        : timer_mode == RTC_TIMER_SETTING ? WRITE_ENABLE
                                                                          : 0);
    return 0;
}

rtc_timer_mode_t rtc_timer_get_mode(void) {
    uint32_t bits = mmio_read(RTC_REG(REGISTER_CTRL));
    return bits & WRITE_ENABLE ? RTC_TIMER_SETTING : bits & READ_ENABLE ? RTC_TIMER_RUNNING : RTC_TIMER_PAUSE;
}

int rtc_protect_set(int enable) {
    control(WRITE_MASKS, enable ? 0 : WRITE_MASKS);
    return 0;
}

/* Changes a register in setting mode and goes back to the mode that was. */
static void set_registers(uintptr_t first, const uint32_t *values, unsigned count) {
    rtc_timer_mode_t mode = rtc_timer_get_mode();
    rtc_timer_set_mode(RTC_TIMER_SETTING);
    for (unsigned i = 0; i < count; i++) {
        mmio_write(RTC_REG(first + 4 * i), values[i]);
    }
    rtc_timer_set_mode(mode);
}

int rtc_timer_set_clock_frequency(unsigned frequency) {
    set_registers(INITIAL_COUNT, &frequency, 1);
    return 0;
}

unsigned rtc_timer_get_clock_frequency(void) {
    return mmio_read(RTC_REG(INITIAL_COUNT));
}

int rtc_timer_set_clock_count_value(unsigned count) {
    set_registers(CURRENT_COUNT, &count, 1);
    return 0;
}

unsigned int rtc_timer_get_clock_count_value(void) {
    return mmio_read(RTC_REG(CURRENT_COUNT));
}

int rtc_init(void) {
    sysctl_reset(SYSCTL_RESET_RTC);
    sysctl_clock_enable(SYSCTL_CLOCK_RTC);
    rtc_protect_set(0);
    rtc_timer_set_mode(RTC_TIMER_SETTING);
    rtc_timer_set_clock_frequency(TICKS_PER_SECOND);
    rtc_timer_set_clock_count_value(1);
    rtc_timer_set_mode(RTC_TIMER_RUNNING);
    return 0;
}

/* ---- calendar ---- */

int rtc_year_is_leap(int year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in(int year, int month) {
    return month == 2 ? 28 + rtc_year_is_leap(year) : 30 + ((month + month / 8) & 1);
}

int rtc_get_yday(int year, int month, int day) {
    for (int m = 1; m < month; m++) {
        day += days_in(year, m);
    }
    return day;
}

/* 1 January 1 was a Monday. */
int rtc_get_wday(int year, int month, int day) {
    int before = year - 1;
    return (before * 365 + before / 4 - before / 100 + before / 400 + rtc_get_yday(year, month, day)) % 7;
}

static bool valid(int year, int month, int day, int hour, int minute, int second) {
    return year >= 1 && year <= YEAR_MAX && month >= 1 && month <= 12 && day >= 1 && day <= days_in(year, month) &&
           hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60;
}

static uint32_t date_word(int year, int month, int day) {
    return (uint32_t)(rtc_get_wday(year, month, day) | day << 8 | month << 16 | (year % 100) << 20);
}

static uint32_t time_word(int hour, int minute, int second) {
    return (uint32_t)(second << 10 | minute << 16 | hour << 24);
}

static void put(int *to, int value) {
    if (to) {
        *to = value;
    }
}

static void unpack(uint32_t date, uint32_t time, int *year, int *month, int *day, int *hour, int *minute,
                   int *second) {
    put(year, (int)((mmio_read(RTC_REG(EXTENDED)) & 31) * 100 + (date >> 20)));
    put(month, date >> 16 & 15);
    put(day, date >> 8 & 31);
    put(hour, time >> 24 & 31);
    put(minute, time >> 16 & 63);
    put(second, time >> 10 & 63);
}

int rtc_timer_set(int year, int month, int day, int hour, int minute, int second) {
    if (!valid(year, month, day, hour, minute, second)) {
        return -1;
    }
    uint32_t words[2] = {date_word(year, month, day), time_word(hour, minute, second)};
    uint32_t extended = (uint32_t)(year / 100) | (uint32_t)rtc_year_is_leap(year) << 5;
    rtc_timer_set_mode(RTC_TIMER_SETTING);
    set_registers(EXTENDED, &extended, 1);
    set_registers(CURRENT_COUNT, (const uint32_t[]){1}, 1); /* the second begins now */
    set_registers(DATE, words, 2);
    rtc_timer_set_mode(RTC_TIMER_RUNNING);
    return 0;
}

int rtc_timer_get(int *year, int *month, int *day, int *hour, int *minute, int *second) {
    if (rtc_timer_get_mode() != RTC_TIMER_RUNNING) {
        return -1;
    }
    uint32_t time, date = mmio_read(RTC_REG(DATE)), again = date;
    do {
        date = again;
        time = mmio_read(RTC_REG(TIME));
        again = mmio_read(RTC_REG(DATE));
    } while (again != date); /* once a day */
    unpack(date, time, year, month, day, hour, minute, second);
    return 0;
}

int rtc_alarm_set(int year, int month, int day, int hour, int minute, int second) {
    if (!valid(year, month, day, hour, minute, second)) {
        return -1;
    }
    uint32_t words[2] = {date_word(year, month, day), time_word(hour, minute, second)};
    set_registers(ALARM_DATE, words, 2);
    return 0;
}

int rtc_alarm_get(int *year, int *month, int *day, int *hour, int *minute, int *second) {
    unpack(mmio_read(RTC_REG(ALARM_DATE)), mmio_read(RTC_REG(ALARM_TIME)), year, month, day, hour, minute, second);
    return 0;
}

/* ---- struct tm ---- */

static int set_tm(const struct tm *tm, int (*set)(int, int, int, int, int, int)) {
    return tm ? set(tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday, tm->tm_hour, tm->tm_min, tm->tm_sec) : -1;
}

static struct tm *get_tm(struct tm *tm, int (*get)(int *, int *, int *, int *, int *, int *)) {
    int year, month;
    memset(tm, 0, sizeof *tm);
    if (get(&year, &month, &tm->tm_mday, &tm->tm_hour, &tm->tm_min, &tm->tm_sec)) {
        return NULL;
    }
    tm->tm_year = year - 1900;
    tm->tm_mon = month - 1;
    tm->tm_yday = rtc_get_yday(year, month, tm->tm_mday) - 1;
    tm->tm_wday = rtc_get_wday(year, month, tm->tm_mday);
    tm->tm_isdst = -1;
    return tm;
}

int rtc_timer_set_tm(const struct tm *tm) {
    return set_tm(tm, rtc_timer_set);
}

struct tm *rtc_timer_get_tm(void) {
    static struct tm now;
    return get_tm(&now, rtc_timer_get);
}

int rtc_alarm_set_tm(const struct tm *tm) {
    return set_tm(tm, rtc_alarm_set);
}

struct tm *rtc_alarm_get_tm(void) {
    static struct tm alarm;
    return get_tm(&alarm, rtc_alarm_get);
}

int rtc_timer_set_alarm_tm(const struct tm *tm) {
    return rtc_alarm_set_tm(tm);
}

struct tm *rtc_timer_get_alarm_tm(void) {
    return rtc_alarm_get_tm();
}
