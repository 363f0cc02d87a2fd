#ifndef KENDRYTE_CLINT_H
#define KENDRYTE_CLINT_H

#include <stddef.h>
#include <stdint.h>
#include "platform.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CLINT_MSIP (0x0000)
#define CLINT_MSIP_SIZE (0x4)
#define CLINT_MTIMECMP (0x4000)
#define CLINT_MTIMECMP_SIZE (0x8)
#define CLINT_MTIME (0xBFF8)
#define CLINT_MTIME_SIZE (0x8)
#define CLINT_MAX_CORES (4095)
#define CLINT_NUM_CORES (2)
#define CLINT_CLOCK_DIV (50)

typedef uint64_t clint_mtimecmp_t;
typedef uint64_t clint_mtime_t;
typedef int (*clint_timer_callback_t)(void *ctx);
typedef int (*clint_ipi_callback_t)(void *ctx);

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t msip : 1;
    uint32_t zero : 31;
} clint_msip_t;

typedef struct __attribute__((packed, aligned(4))) {
    clint_msip_t msip[CLINT_MAX_CORES];
    uint32_t resv0;
    clint_mtimecmp_t mtimecmp[CLINT_MAX_CORES];
    clint_mtime_t mtime;
} clint_t;

typedef struct {
    uint64_t interval;
    uint64_t cycles;
    uint64_t single_shot;
    clint_timer_callback_t callback;
    void *ctx;
} clint_timer_instance_t;

typedef struct {
    clint_ipi_callback_t callback;
    void *ctx;
} clint_ipi_instance_t;

extern volatile clint_t *const clint;

/* mtime (CPU clock / 50). */
uint64_t clint_get_time(void);

/* Mask the machine timer interrupt and clear this hart's record; 0. */
int clint_timer_init(void);

/* Mask the timer interrupt; 0. */
int clint_timer_stop(void);

/* interval in ms; programs mtimecmp, enables MIE and MTIE; 0, or -1 for a zero interval. */
int clint_timer_start(uint64_t interval, int single_shot);

/* Interval in ms of this hart. */
uint64_t clint_timer_get_interval(void);

/* Set ms and derived ticks (ms * CPU/50/1000); -1 when 0. */
int clint_timer_set_interval(uint64_t interval);

/* This hart's single-shot flag. */
int clint_timer_get_single_shot(void);

/* Set the flag; 0. */
int clint_timer_set_single_shot(int single_shot);

/* Set this hart's timer callback (interrupt context, other interrupts re-enabled, MTIE/MSIE masked); 0. */
int clint_timer_register(clint_timer_callback_t callback, void *ctx);

/* Callback NULL; 0. */
int clint_timer_unregister(void);

/* Mask software interrupts, clear this hart's record; 0. */
int clint_ipi_init(void);

/* Enable MIE and MSIE on this hart; 0. */
int clint_ipi_enable(void);

/* Mask MSIE; 0. */
int clint_ipi_disable(void);

/* Raise msip of hart core_id; -1 when >= 2. */
int clint_ipi_send(size_t core_id);

/* Lower msip; 1 when it was set, 0 when not, -1 bad hart. */
int clint_ipi_clear(size_t core_id);

/* Callback for this hart's software interrupt; 0. */
int clint_ipi_register(clint_ipi_callback_t callback, void *ctx);

/* Callback NULL; 0. */
int clint_ipi_unregister(void);

/* CPU clock / 50. */
uint64_t clint_timer_get_freq(void);

/* Ours: sleeps until an enabled interrupt of this hart is pending or mtime reaches the deadline, whichever is first;
 * may return early. To wait for a flag that a callback sets, mask interrupts (mstatus.MIE), test the flag, call this,
 * unmask: then no wake-up can be lost. A timer started by clint_timer_start() keeps its time. */
void clint_wait_until(uint64_t deadline);

#ifdef __cplusplus
}
#endif

#endif
