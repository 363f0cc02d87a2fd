#ifndef KENDRYTE_RTC_H
#define KENDRYTE_RTC_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include "platform.h"
#include "plic.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    RTC_TIMER_PAUSE, RTC_TIMER_RUNNING, RTC_TIMER_SETTING, RTC_TIMER_MAX,
} rtc_timer_mode_t;

typedef enum {
    RTC_INT_SECOND, RTC_INT_MINUTE, RTC_INT_HOUR, RTC_INT_DAY, RTC_INT_MAX,
} rtc_tick_interrupt_mode_t;

typedef struct __attribute__((packed, aligned(1))) {
    uint8_t resv : 1;
    uint8_t second : 1;
    uint8_t minute : 1;
    uint8_t hour : 1;
    uint8_t week : 1;
    uint8_t day : 1;
    uint8_t month : 1;
    uint8_t year : 1;
} rtc_mask_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t week : 3;
    uint32_t resv0 : 5;
    uint32_t day : 5;
    uint32_t resv1 : 3;
    uint32_t month : 4;
    uint32_t year : 12;
} rtc_date_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t resv0 : 10;
    uint32_t second : 6;
    uint32_t minute : 6;
    uint32_t resv1 : 2;
    uint32_t hour : 5;
    uint32_t resv2 : 3;
} rtc_time_t;

typedef struct {
    uint32_t sec : 6;
    uint32_t min : 6;
    uint32_t hour : 5;
    uint32_t week : 3;
    uint32_t day : 5;
    uint32_t month : 4;
    uint16_t year;
} rtc_date_time_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t week : 3;
    uint32_t resv0 : 5;
    uint32_t day : 5;
    uint32_t resv1 : 3;
    uint32_t month : 4;
    uint32_t year : 12;
} rtc_alarm_date_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t resv0 : 10;
    uint32_t second : 6;
    uint32_t minute : 6;
    uint32_t resv1 : 2;
    uint32_t hour : 5;
    uint32_t resv2 : 3;
} rtc_alarm_time_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t count : 32;
} rtc_initial_count_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t count : 32;
} rtc_current_count_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t tick_enable : 1;
    uint32_t alarm_enable : 1;
    uint32_t tick_int_mode : 2;
    uint32_t resv : 20;
    uint32_t alarm_compare_mask : 8;
} rtc_interrupt_ctrl_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t read_enable : 1;
    uint32_t write_enable : 1;
    uint32_t resv0 : 11;
    uint32_t timer_mask : 8;
    uint32_t alarm_mask : 8;
    uint32_t initial_count_mask : 1;
    uint32_t interrupt_register_mask : 1;
    uint32_t resv1 : 1;
} rtc_register_ctrl_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t resv : 32;
} rtc_reserved0_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t resv : 32;
} rtc_reserved1_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t century : 5;
    uint32_t leap_year : 1;
    uint32_t resv : 26;
} rtc_extended_t;

typedef struct __attribute__((packed, aligned(4))) {
    rtc_date_t date;
    rtc_time_t time;
    rtc_alarm_date_t alarm_date;
    rtc_alarm_time_t alarm_time;
    rtc_initial_count_t initial_count;
    rtc_current_count_t current_count;
    rtc_interrupt_ctrl_t interrupt_ctrl;
    rtc_register_ctrl_t register_ctrl;
    rtc_reserved0_t reserved0;
    rtc_reserved1_t reserved1;
    rtc_extended_t extended;
} rtc_t;

extern volatile rtc_t *const rtc;
extern volatile uint32_t *const rtc_base;

/* Pause / run / set mode by the read- and write-enable bits, after a short cycle wait; 0. */
int rtc_timer_set_mode(rtc_timer_mode_t timer_mode);

/* Current mode. */
rtc_timer_mode_t rtc_timer_get_mode(void);

/* Write date/time from tm after range checks; 0 or -1. */
int rtc_timer_set_tm(const struct tm *tm);

/* Pointer to a static struct tm, or NULL when not running. */
struct tm *rtc_timer_get_tm(void);

/* rtc_alarm_set_tm() under the name that the vendor declares. */
int rtc_timer_set_alarm_tm(const struct tm *tm);

/* rtc_alarm_get_tm() under the name that the vendor declares. */
struct tm *rtc_timer_get_alarm_tm(void);

/* 1 / 0. */
int rtc_year_is_leap(int year);

/* Day number in the year, January 1 = 1. */
int rtc_get_yday(int year, int month, int day);

/* 0 = Sunday. */
int rtc_get_wday(int year, int month, int day);

/* Set from full year, month 1..12 and so on; 0 / -1. */
int rtc_timer_set(int year, int month, int day, int hour, int minute, int second);

/* Fill any non-NULL pointers; full year, month 1..12; 0 / -1. */
int rtc_timer_get(int *year, int *month, int *day, int *hour, int *minute, int *second);

/* Set the alarm date/time; 0 / -1. */
int rtc_alarm_set(int year, int month, int day, int hour, int minute, int second);

/* Read the alarm date/time; 0 / -1. */
int rtc_alarm_get(int *year, int *month, int *day, int *hour, int *minute, int *second);

/* Sub-second count register. */
unsigned int rtc_timer_get_clock_count_value(void);

/* rtc_tick_set_interrupt() under the name that the vendor declares. */
int rtc_tick_interrupt_set(int enable);

/* rtc_tick_get_interrupt() under the name that the vendor declares. */
int rtc_tick_interrupt_get(void);

/* Second/minute/hour/day tick; 0. */
int rtc_tick_set_interrupt_mode(rtc_tick_interrupt_mode_t mode);

/* Current tick mode. */
rtc_tick_interrupt_mode_t rtc_tick_get_interrupt_mode(void);

/* Enable/disable the alarm interrupt; 0. */
int rtc_alarm_set_interrupt(int enable);

/* Alarm interrupt enable bit. */
int rtc_alarm_get_interrupt(void);

/* Which fields the alarm compares (1 = compare); 0. */
int rtc_alarm_set_mask(rtc_mask_t mask);

/* The mask. */
rtc_mask_t rtc_alarm_get_mask(void);

/* Reset, clock on, unprotect, count frequency = IN0 (26 MHz), run; 0. */
int rtc_init(void);

/* Tick callback in interrupt context; 0. */
int rtc_tick_irq_register(bool is_single_shot, rtc_tick_interrupt_mode_t mode, plic_irq_callback_t callback, void *ctx,
                          uint8_t priority);

/* Remove it. */
void rtc_tick_irq_unregister(void);

/* Alarm callback; the alarm is found by comparing fields at each tick, so it also turns the tick on; 0. */
int rtc_alarm_irq_register(bool is_single_shot, rtc_mask_t mask, plic_irq_callback_t callback, void *ctx,
                           uint8_t priority);

/* Remove it. */
void rtc_alarm_irq_unregister(void);

#ifdef __cplusplus
}
#endif

#endif
