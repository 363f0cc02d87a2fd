/* Tick and alarm callbacks of the RTC. Both come from the tick interrupt, as the vendor does it; while an alarm waits
 * it comes every second and slower ticks are told apart here. */

#include "mmio.h"
#include "rtc.h"
#include "rtc_regs.h"

#define TICK_ENABLE 1u
#define ALARM_ENABLE 2u
#define TICK_MODE 0xCu
#define MASK_SHIFT 24

typedef struct {
    plic_irq_callback_t callback;
    void *ctx;
    bool single_shot;
} handler_t;

static handler_t tick, alarm;
static rtc_tick_interrupt_mode_t tick_mode;
static uint64_t last_alarm; /* date and time: an alarm that both interrupts report is one */

static void interrupt_control(uint32_t mask, uint32_t value) {
    mmio_update(RTC_REG(INTERRUPT_CTRL), mask, value);
}

int rtc_tick_set_interrupt(int enable) {
    interrupt_control(TICK_ENABLE, enable ? TICK_ENABLE : 0);
    return 0;
}

int rtc_tick_get_interrupt(void) {
    return mmio_read(RTC_REG(INTERRUPT_CTRL)) & TICK_ENABLE;
}

int rtc_tick_interrupt_set(int enable) {
    return rtc_tick_set_interrupt(enable);
}

int rtc_tick_interrupt_get(void) {
    return rtc_tick_get_interrupt();
}

int rtc_tick_set_interrupt_mode(rtc_tick_interrupt_mode_t mode) {
    if ((unsigned)mode >= RTC_INT_MAX) {
        return -1;
    }
    tick_mode = mode;
    interrupt_control(TICK_MODE, (alarm.callback ? RTC_INT_SECOND : (uint32_t)mode) << 2);
    return 0;
}

rtc_tick_interrupt_mode_t rtc_tick_get_interrupt_mode(void) {
    return tick_mode;
}

int rtc_alarm_set_interrupt(int enable) {
    interrupt_control(ALARM_ENABLE, enable ? ALARM_ENABLE : 0);
    return 0;
}

int rtc_alarm_get_interrupt(void) {
    return (mmio_read(RTC_REG(INTERRUPT_CTRL)) & ALARM_ENABLE) != 0;
}

int rtc_alarm_set_mask(rtc_mask_t mask) {
    uint8_t byte;
    memcpy(&byte, &mask, 1);
    interrupt_control(0xFFu << MASK_SHIFT, (uint32_t)byte << MASK_SHIFT);
    return 0;
}

rtc_mask_t rtc_alarm_get_mask(void) {
    uint8_t byte = (uint8_t)(mmio_read(RTC_REG(INTERRUPT_CTRL)) >> MASK_SHIFT);
    rtc_mask_t mask;
    memcpy(&mask, &byte, 1);
    return mask;
}

/* ---- interrupt ---- */

static bool alarm_due(uint32_t date, uint32_t time) {
    rtc_mask_t mask = rtc_alarm_get_mask();
    uint32_t time_bits = (mask.second ? 63u << 10 : 0) | (mask.minute ? 63u << 16 : 0) | (mask.hour ? 31u << 24 : 0);
    uint32_t date_bits = (mask.week ? 7u : 0) | (mask.day ? 31u << 8 : 0) | (mask.month ? 15u << 16 : 0) |
                         (mask.year ? 0xFFFu << 20 : 0);
    return ((time ^ mmio_read(RTC_REG(ALARM_TIME))) & time_bits) == 0 &&
           ((date ^ mmio_read(RTC_REG(ALARM_DATE))) & date_bits) == 0;
}

static bool tick_due(uint32_t time) {
    static const uint32_t zero[] = {
        [RTC_INT_SECOND] = 0,
        [RTC_INT_MINUTE] = 63u << 10,
        [RTC_INT_HOUR] = 63u << 10 | 63u << 16,
        [RTC_INT_DAY] = 63u << 10 | 63u << 16 | 31u << 24,
    };
    return alarm.callback == NULL || (time & zero[tick_mode]) == 0;
}

static void call(handler_t *handler, void (*unregister)(void)) {
    handler_t copy = *handler; /* the callback may register another */
    if (copy.single_shot) {
        unregister();
    }
    copy.callback(copy.ctx);
}

static int on_irq(void *ctx) {
    uint32_t date = mmio_read(RTC_REG(DATE)), time = mmio_read(RTC_REG(TIME));
    uint64_t now = (uint64_t)date << 32 | time;
    (void)ctx;
    if (tick.callback && tick_due(time)) {
        call(&tick, rtc_tick_irq_unregister);
    }
    if (alarm.callback && now != last_alarm && alarm_due(date, time)) {
        last_alarm = now;
        call(&alarm, rtc_alarm_irq_unregister);
    }
    return 0;
}

/* The tick runs while anybody needs it. */
static void update(void) {
    rtc_tick_set_interrupt_mode(tick_mode);
    rtc_tick_set_interrupt(tick.callback || alarm.callback);
    if (tick.callback == NULL && alarm.callback == NULL) {
        plic_irq_disable(IRQN_RTC_INTERRUPT);
        plic_irq_unregister(IRQN_RTC_INTERRUPT);
    }
}

static int add(handler_t *handler, handler_t value, uint8_t priority) {
    unsigned long state = irq_save();
    *handler = value;
    update();
    irq_restore(state);
    plic_set_priority(IRQN_RTC_INTERRUPT, priority);
    plic_irq_register(IRQN_RTC_INTERRUPT, on_irq, NULL);
    plic_irq_enable(IRQN_RTC_INTERRUPT);
    return 0;
}

static void drop(handler_t *handler) {
    unsigned long state = irq_save();
    handler->callback = NULL;
    update();
    irq_restore(state);
}

int rtc_tick_irq_register(bool is_single_shot, rtc_tick_interrupt_mode_t mode, plic_irq_callback_t callback, void *ctx,
                          uint8_t priority) {
    if ((unsigned)mode >= RTC_INT_MAX || callback == NULL) {
        return -1;
    }
    tick_mode = mode;
    return add(&tick, (handler_t){callback, ctx, is_single_shot}, priority);
}

void rtc_tick_irq_unregister(void) {
    drop(&tick);
}

int rtc_alarm_irq_register(bool is_single_shot, rtc_mask_t mask, plic_irq_callback_t callback, void *ctx,
                           uint8_t priority) {
    if (callback == NULL) {
        return -1;
    }
    rtc_alarm_set_mask(mask);
    last_alarm = 0;
    return add(&alarm, (handler_t){callback, ctx, is_single_shot}, priority);
}

void rtc_alarm_irq_unregister(void) {
    drop(&alarm);
}
