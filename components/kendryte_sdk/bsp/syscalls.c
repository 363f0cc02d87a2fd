/* What the C library needs from the board: console, exit, time, locks (spec sdk-api.md 3.4). */

#include "syscalls.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/lock.h>
#include <sys/time.h>
#include "atomic.h"
#include "bsp.h"
#include "clint.h"
#include "heap.h"
#include "mmio.h"

sys_putchar_t sys_putchar;
sys_getchar_t sys_getchar;

void sys_register_putchar(sys_putchar_t putchar) {
    sys_putchar = putchar;
}

void sys_register_getchar(sys_getchar_t getchar) {
    sys_getchar = getchar;
}

void sys_stdin_flush(void) {
    while (sys_getchar && sys_getchar() != EOF) {
    }
}

/* Stops the calling hart; interrupts stay as they are. */
void sys_exit(int code) {
    printk("W (%lu) SYSCALL: hart %d: exit %d\r\n", read_cycle(), (int)current_coreid(), code);
    for (;;) {
        __asm__ volatile("wfi");
    }
}

__attribute__((noreturn)) void _exit(int code) {
    sys_exit(code);
    for (;;) {
    }
}

/* The library's own would need signals. */
void abort(void) {
    printk("abort\r\n");
    _exit(134);
}

size_t get_free_heap_size(void) {
    return sdk_heap_free();
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz) {
    (void)tz;
    uint64_t ticks = clint_get_time(), hz = clint_timer_get_freq();
    tv->tv_sec = (time_t)(ticks / hz);
    tv->tv_usec = (suseconds_t)(ticks % hz * 1000000 / hz);
    return 0;
}

/* ---- stdio of picolibc: unbuffered, character by character ---- */

static int console_put(char c, FILE *file) {
    (void)file;
    if (sys_putchar) {
        sys_putchar(c);
    }
    return (unsigned char)c;
}

static int console_get(FILE *file) {
    (void)file;
    int c = EOF;
    while (sys_getchar && (c = sys_getchar()) == EOF) {
    }
    if (c != EOF) {
        console_put((char)c, NULL); /* the vendor's read() echoes */
    }
    return c == EOF ? _FDEV_EOF : c;
}

static FILE console = FDEV_SETUP_STREAM(console_put, console_get, NULL, _FDEV_SETUP_RW);
FILE *const stdin = &console;
FILE *const stdout = &console;
FILE *const stderr = &console;

/* ---- locks of picolibc: recursive per hart ---- */

struct __lock {
    corelock_t lock;
};

struct __lock __lock___libc_recursive_mutex = {CORELOCK_INIT};

void __retarget_lock_init(_LOCK_T *lock);
void __retarget_lock_init_recursive(_LOCK_T *lock);

void __retarget_lock_init(_LOCK_T *lock) {
    *lock = calloc(1, sizeof **lock);
}

void __retarget_lock_init_recursive(_LOCK_T *lock) {
    __retarget_lock_init(lock);
}

void __retarget_lock_close(_LOCK_T lock) {
    free(lock);
}

void __retarget_lock_close_recursive(_LOCK_T lock) {
    free(lock);
}

void __retarget_lock_acquire(_LOCK_T lock) {
    if (lock) {
        corelock_lock(&lock->lock);
    }
}

void __retarget_lock_acquire_recursive(_LOCK_T lock) {
    __retarget_lock_acquire(lock);
}

void __retarget_lock_release(_LOCK_T lock) {
    if (lock) {
        corelock_unlock(&lock->lock);
    }
}

void __retarget_lock_release_recursive(_LOCK_T lock) {
    __retarget_lock_release(lock);
}
