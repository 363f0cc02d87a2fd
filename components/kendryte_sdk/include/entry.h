#ifndef KENDRYTE_ENTRY_H
#define KENDRYTE_ENTRY_H

#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int (*core_function)(void *ctx);

typedef struct {
    core_function callback;
    void *ctx;
} core_instance_t;

extern core_instance_t core1_instance;

/* Starts func(ctx) on hart 1 with interrupts enabled there; 0, or -1 when func is NULL. Once per boot: after func
 * returns hart 1 is parked. */
int register_core1(core_function func, void *ctx);

/* Wakes hart 1 without changing what it runs (spec sdk-api.md 6.1); 0, or -1 for another hart than 1. */
int core_enable(int core_id);

/* What start-up runs on hart 0 in place of main() when a program defines it. */
int os_entry(int core_id, int number_of_cores, int (*user_main)(int, char **));

#ifdef __cplusplus
}
#endif

#endif
