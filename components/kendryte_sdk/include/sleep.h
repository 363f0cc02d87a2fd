#ifndef KENDRYTE_SLEEP_H
#define KENDRYTE_SLEEP_H

#include "clint.h"
#include "encoding.h"
#include "syscalls.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Busy-wait on the cycle counter for usec µs at the CPU clock read at call time; returns 0. */
int usleep(uint64_t usec);

/* usleep(msec*1000); returns 0. */
int msleep(uint64_t msec);

/* msleep(seconds*1000) in 32-bit arithmetic; returns 0. */
unsigned int sleep(unsigned int seconds);

#ifdef __cplusplus
}
#endif

#endif
