#ifndef KENDRYTE_SYSCALLS_H
#define KENDRYTE_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int (*sys_putchar_t)(char c);
typedef int (*sys_getchar_t)(void);

extern sys_putchar_t sys_putchar;
extern sys_getchar_t sys_getchar;

/* Replace the character sink used by printf/printk/write. */
void sys_register_putchar(sys_putchar_t putchar);

/* Replace the character source used by read/scanf; it must return EOF (-1) when nothing is waiting. */
void sys_register_getchar(sys_getchar_t getchar);

/* Read and drop input until the source returns EOF. */
void sys_stdin_flush(void);

/* Log core and code at warning level, then spin for ever on the calling hart (no reset, other hart keeps running). */
void sys_exit(int code);

/* Bytes between the heap's high-water mark and the lowest block of the uncached pool. */
size_t get_free_heap_size(void);

#ifdef __cplusplus
}
#endif

#endif
