/* Writer of device state. Keys are the models' own identifiers and need no escaping; texts are escaped. */
#include "emu.h"
#include "machine.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct emu_json {
    char *text;
    size_t count, capacity;
    bool comma;
};

static void append(emu_json_t *json, const char *format, ...) {
    va_list arguments;
    char piece[256];
    va_start(arguments, format);
    int length = vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof piece)
        length = (int)sizeof piece - 1;
    if (json->count + (size_t)length + 1 > json->capacity) {
        json->capacity = 2 * json->capacity + (size_t)length + 1024;
        json->text = realloc(json->text, json->capacity);
    }
    memcpy(json->text + json->count, piece, (size_t)length + 1);
    json->count += (size_t)length;
}

static void key_of(emu_json_t *json, const char *key) {
    append(json, "%s\"%s\":", json->comma ? "," : "", key);
    json->comma = true;
}

void emu_json_u64(emu_json_t *json, const char *key, uint64_t value) {
    key_of(json, key);
    append(json, "%" PRIu64, value);
}

void emu_json_bool(emu_json_t *json, const char *key, bool value) {
    key_of(json, key);
    append(json, value ? "true" : "false");
}

void emu_json_text(emu_json_t *json, const char *key, const char *value) {
    key_of(json, key);
    append(json, "\"");
    for (; *value; value++)
        append(json, (unsigned char)*value < 0x20 || *value == '"' || *value == '\\' ? "\\u%04x" : "%c",
               (unsigned char)*value);
    append(json, "\"");
}

void emu_json_begin(emu_json_t *json, const char *key) {
    key_of(json, key);
    append(json, "{");
    json->comma = false;
}

void emu_json_end(emu_json_t *json) {
    append(json, "}");
    json->comma = true;
}

emu_json_t *json_open(void) {
    emu_json_t *json = calloc(1, sizeof *json);
    append(json, "{");
    return json;
}

char *json_close(emu_json_t *json) {
    append(json, "}");
    char *text = json->text;
    free(json);
    return text;
}
