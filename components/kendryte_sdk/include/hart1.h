/* Ours: work for hart 1. A job runs there with interrupts off while hart 0 does its own share; one job at a time. */
#ifndef KENDRYTE_HART1_H
#define KENDRYTE_HART1_H

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*hart1_job_t)(void *argument);

/* Starts job(argument) on hart 1. The job must not allocate, print or wait. Where a program has taken hart 1 by
 * register_core1(), the job runs here before this returns. Call from hart 0, and hart1_wait() before the next. */
void hart1_start(hart1_job_t job, void *argument);

/* Returns when the job is done; what it wrote is visible. */
void hart1_wait(void);

#ifdef __cplusplus
}
#endif

#endif
