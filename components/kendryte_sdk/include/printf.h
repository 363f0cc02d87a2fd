#ifndef KENDRYTE_PRINTF_H
#define KENDRYTE_PRINTF_H

#include <stdarg.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*putcf)(void *, char);

/* Core formatter: emits each character through putf(putp, c). */
void tfp_format(void *putp, putcf putf, const char *fmt, va_list va);

/* Bounded formatting into str, always terminated when size>0; returns the length it wanted to write. */
int tfp_vsnprintf(char *str, size_t size, const char *fmt, va_list ap);

/* Variadic form of tfp_vsnprintf. */
int tfp_snprintf(char *str, size_t size, const char *fmt, ...);

/* Unbounded formatting; returns length. */
int tfp_vsprintf(char *str, const char *fmt, va_list ap);

/* Variadic form of tfp_vsprintf. */
int tfp_sprintf(char *str, const char *fmt, ...);

/* Set the sink used by tfp_printf. */
void init_printf(void *putp, putcf putf);

/* Small formatted print to the sink set by init_printf. */
void tfp_printf(char *fmt, ...);

/* Formatted print straight to sys_putchar (no newlib buffer), under one recursive core lock so both harts may use it;
 * always returns 0; usable in interrupt callbacks. */
int printk(const char *format, ...);

#ifdef __cplusplus
}
#endif

#endif
