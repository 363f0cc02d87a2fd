/* Registers of a timer block (spec soc.md 10.2). */
#ifndef SDK_TIMER_REGS_H
#define SDK_TIMER_REGS_H

#include "platform.h"

#define TIMER_REG(device, offset) (TIMER0_BASE_ADDR + 0x10000ul * (device) + (offset))
#define CHANNEL_REG(device, channel, offset) TIMER_REG(device, 0x14ul * (channel) + (offset))
#define LOAD_COUNT 0x00
#define CURRENT_VALUE 0x04
#define CONTROL 0x08
#define EOI 0x0C
#define INTR_STAT 0x10
#define ALL_INTR_STAT 0xA0
#define ALL_EOI 0xA4
#define ALL_RAW_INTR_STAT 0xA8
#define LOAD_COUNT2(channel) (0xB0ul + 4 * (channel))

#endif
