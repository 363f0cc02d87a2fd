/* Registers of the RTC (spec soc.md 10.5), and its functions without a public prototype (sdk-api.md 6.1). */
#ifndef SDK_RTC_REGS_H
#define SDK_RTC_REGS_H

#include "platform.h"

#define RTC_REG(offset) (RTC_BASE_ADDR + (offset))
#define DATE 0x00
#define TIME 0x04
#define ALARM_DATE 0x08
#define ALARM_TIME 0x0C
#define INITIAL_COUNT 0x10
#define CURRENT_COUNT 0x14
#define INTERRUPT_CTRL 0x18
#define REGISTER_CTRL 0x1C
#define EXTENDED 0x28

int rtc_alarm_set_tm(const struct tm *tm);
struct tm *rtc_alarm_get_tm(void);
int rtc_timer_set_clock_frequency(unsigned frequency);
unsigned rtc_timer_get_clock_frequency(void);
int rtc_timer_set_clock_count_value(unsigned count);
int rtc_tick_set_interrupt(int enable);
int rtc_tick_get_interrupt(void);
int rtc_protect_set(int enable);

#endif
