// Result codes and the text that goes with them.

#include <stdarg.h>

#include "internal.h"

typedef struct {
    char *at, *end;
} sink_t;

static void put(sink_t *sink, char c)
{
    if (sink->at < sink->end) {
        *sink->at++ = c;
    }
}

static void put_number(sink_t *sink, unsigned long long value, unsigned base, unsigned width, char pad)
{
    char digits[20];
    unsigned n = 0;
    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    for (unsigned i = n; i < width; i++) {
        put(sink, pad);
    }
    while (n) {
        put(sink, digits[--n]);
    }
}

static void put_format(sink_t *sink, const char *f, va_list args)
{
    for (; *f; f++) {
        if (*f != '%') {
            put(sink, *f);
            continue;
        }
        char pad = f[1] == '0' ? '0' : ' ';
        unsigned width = 0, longs = 0;
        for (f++; *f >= '0' && *f <= '9'; f++) {
            width = width * 10 + (unsigned)(*f - '0');
        }
        for (; *f == 'l'; f++) {
            longs++;
        }
        if (*f == 's') {
            for (const char *s = va_arg(args, const char *); *s; s++) {
                put(sink, *s);
            }
        } else if (*f == 'd') {
            int value = va_arg(args, int);
            if (value < 0) {
                put(sink, '-');
            }
            put_number(sink, value < 0 ? 0ull - (unsigned long long)value : (unsigned long long)value, 10, width, pad);
        } else if (*f == 'u' || *f == 'x') {
            unsigned long long value = longs > 1   ? va_arg(args, unsigned long long)
                                       : longs > 0 ? va_arg(args, unsigned long)
                                                   : va_arg(args, unsigned);
            put_number(sink, value, *f == 'x' ? 16 : 10, width, pad);
        } else {
            put(sink, *f == 'c' ? (char)va_arg(args, int) : *f);
        }
    }
}

int kmodel_fail_in(kmodel_error_t *error, int code, const char *prefix, uint32_t index, const char *name,
                   const char *format, va_list args)
{
    if (error) {
        error->code = code;
        sink_t sink = {error->detail, error->detail + sizeof(error->detail) - 1};
        if (prefix) {
            for (; *prefix; prefix++) {
                put(&sink, *prefix);
            }
            put_number(&sink, index, 10, 0, ' ');
            put(&sink, ' ');
            put(&sink, '(');
            for (; *name; name++) {
                put(&sink, *name);
            }
            put(&sink, ')');
            put(&sink, ':');
            put(&sink, ' ');
        }
        put_format(&sink, format, args);
        *sink.at = 0;
    }
    return code;
}

int kmodel_fail(kmodel_error_t *error, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    kmodel_fail_in(error, code, NULL, 0, NULL, format, args);
    va_end(args);
    return code;
}

int kmodel_reject(kmodel_prep_t *prep, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    kmodel_fail_in(prep->error, KMODEL_ERR_FORMAT, "layer ", prep->index, prep->node->op->name, format, args);
    va_end(args);
    return KMODEL_ERR_FORMAT;
}

// Texts of spec maixpy-kpu.md 1.1; 2002 names the formats of this runtime, with the prefix that users look for.
const char *kmodel_error_text(int code)
{
    static const char *const text[] = {
        "ERR_PARAM: please check param, load address or kmodel file name",
        "ERR_KMODEL_VERSION: only support kmodel V3, V4 and V5",
        "ERR_KMODEL_FORMAT: layer_header.body_size <=0",
        "ERR_DECRYPT: check smodel match with your board",
        "ERR_READ_FILE: read file failed",
        "ERR_NO_MEM: memory not enough",
        "ERR_GET_CONV_LAYER: first layer should be conv layer",
        "ERR_RUN_MODEL: maybe model dirty",
        "ERR_MODELS_FULL: we only support load 5 models in the same time",
        "ERR_PERMITION",
        "SIPEED_KPU_ERR_IDX_OUTRANGE",
        "SIPEED_KPU_ERR_SIZE_NOTMATCH",
        "ERR_OUTPUTS_SET: need kpu.set_outputs() to set shape",
        "ERR_NOT_IMPLEMENT",
    };
    if (code == KMODEL_OK) {
        return "ERR_NONE";
    }
    if (code < KMODEL_ERR_PARAM || code >= KMODEL_ERR_UNKNOWN) {
        return "ERR_UNKNOWN";
    }
    return text[code - KMODEL_ERR_PARAM];
}
