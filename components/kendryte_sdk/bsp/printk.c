/* A small formatter: %d %i %u %x %X %o %p %c %s %%, flags - 0 # and +, width, precision of strings, h l ll z j. No
 * floating point. */

#include "printf.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "atomic.h"
#include "syscalls.h"

typedef struct {
    void *putp;
    putcf put;
    bool left, zero, plus, alternate;
    int width;
} field_out_t;

static void pad(const field_out_t *f, char c, int n) {
    while (n-- > 0) {
        f->put(f->putp, c);
    }
}

static void put_field(const field_out_t *f, const char *prefix, const char *text, int length) {
    int prefix_length = (int)strlen(prefix), fill = f->width - length - prefix_length;
    if (!f->left && !f->zero) {
        pad(f, ' ', fill);
    }
    while (*prefix) {
        f->put(f->putp, *prefix++);
    }
    if (!f->left && f->zero) {
        pad(f, '0', fill);
    }
    while (length-- > 0) {
        f->put(f->putp, *text++);
    }
    if (f->left) {
        pad(f, ' ', fill);
    }
}

static void put_number(const field_out_t *f, uint64_t value, unsigned base, bool upper, const char *prefix) {
    char digits[24], *p = digits + sizeof digits;
    do {
        unsigned d = (unsigned)(value % base);
        *--p = (char)(d < 10 ? '0' + d : (upper ? 'A' : 'a') + d - 10);
        value /= base;
    } while (value);
    put_field(f, prefix, p, (int)(digits + sizeof digits - p));
}

static int parse_int(const char **fmt) {
    int n = 0;
    while (**fmt >= '0' && **fmt <= '9' && n < 10000) {
        n = n * 10 + *(*fmt)++ - '0';
    }
    return n;
}

void tfp_format(void *putp, putcf put, const char *fmt, va_list va) {
    while (*fmt) {
        if (*fmt != '%') {
            put(putp, *fmt++);
            continue;
        }
        field_out_t f = {putp, put, false, false, false, false, 0};
        int precision = -1, size = 0;
        for (fmt++;; fmt++) {
            if (*fmt == '-') {
                f.left = true;
            } else if (*fmt == '0') {
                f.zero = true;
            } else if (*fmt == '+') {
                f.plus = true;
            } else if (*fmt == '#') {
                f.alternate = true;
            } else {
                break;
            }
        }
        f.width = *fmt == '*' ? (fmt++, va_arg(va, int)) : parse_int(&fmt);
        if (*fmt == '.') {
            fmt++;
            precision = *fmt == '*' ? (fmt++, va_arg(va, int)) : parse_int(&fmt);
        }
        for (; *fmt == 'l' || *fmt == 'z' || *fmt == 'h' || *fmt == 'j'; fmt++) {
            size += *fmt != 'h';
        }
        char c = *fmt;
        if (c == 0) {
            return;
        }
        fmt++;
        if (c == 'd' || c == 'i') {
            int64_t v = size ? va_arg(va, long) : va_arg(va, int);
            put_number(&f, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, false, v < 0 ? "-" : f.plus ? "+" : "");
        } else if (c == 'u' || c == 'x' || c == 'X' || c == 'o') {
            uint64_t v = size ? va_arg(va, unsigned long) : va_arg(va, unsigned);
            put_number(&f, v, c == 'u' ? 10 : c == 'o' ? 8 : 16, c == 'X', f.alternate && c != 'u' ? "0x" : "");
        } else if (c == 'p') {
            put_number(&f, (uintptr_t)va_arg(va, void *), 16, false, "0x");
        } else if (c == 'c') {
            char text = (char)va_arg(va, int);
            put_field(&f, "", &text, 1);
        } else if (c == 's') {
            const char *text = va_arg(va, const char *);
            text = text ? text : "(null)";
            put_field(&f, "", text, (int)(precision >= 0 ? strnlen(text, (size_t)precision) : strlen(text)));
        } else {
            put(putp, c);
        }
    }
}

/* ---- sinks ---- */

typedef struct {
    char *at, *end;
    int length;
} buffer_t;

static void put_buffer(void *putp, char c) {
    buffer_t *b = putp;
    if (b->at < b->end) {
        *b->at++ = c;
    }
    b->length++;
}

int tfp_vsnprintf(char *str, size_t size, const char *fmt, va_list ap) {
    buffer_t b = {str, size ? str + size - 1 : str, 0};
    tfp_format(&b, put_buffer, fmt, ap);
    if (size) {
        *b.at = 0;
    }
    return b.length;
}

int tfp_snprintf(char *str, size_t size, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int length = tfp_vsnprintf(str, size, fmt, ap);
    va_end(ap);
    return length;
}

int tfp_vsprintf(char *str, const char *fmt, va_list ap) {
    return tfp_vsnprintf(str, 0x7FFFFFFF, fmt, ap);
}

int tfp_sprintf(char *str, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int length = tfp_vsprintf(str, fmt, ap);
    va_end(ap);
    return length;
}

static putcf tfp_put;
static void *tfp_putp;

void init_printf(void *putp, putcf putf) {
    tfp_put = putf;
    tfp_putp = putp;
}

void tfp_printf(char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    if (tfp_put) {
        tfp_format(tfp_putp, tfp_put, fmt, ap);
    }
    va_end(ap);
}

static void put_console(void *putp, char c) {
    (void)putp;
    if (sys_putchar) {
        sys_putchar(c);
    }
}

int printk(const char *format, ...) {
    static corelock_t lock = CORELOCK_INIT;
    va_list ap;
    va_start(ap, format);
    corelock_lock(&lock);
    tfp_format(NULL, put_console, format, ap);
    corelock_unlock(&lock);
    va_end(ap);
    return 0;
}
