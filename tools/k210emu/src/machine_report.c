/* Reports: accesses that no model answers, and facts about the firmware worth a person's attention. Each once. */
#include "machine.h"
#include "emu_api.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_REPORTS 1000u

static uint64_t hash(uint64_t seed, const void *data, size_t length) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < length; i++)
        seed = (seed ^ bytes[i]) * 0x100000001b3ull;
    return seed;
}

static uint64_t running_pc(emu_t *emu, uint64_t address) {
    hart_t *hart = emu->running ? emu->running : &emu->harts[0];
    return cpu_locate(hart->cpu, address);
}

static void add_report(emu_t *emu, uint64_t key, const char *text, uint64_t address) {
    for (unsigned i = 0; i < emu->report_count; i++)
        if (emu->reports[i].key == key)
            return;
    if (emu->report_count == MOST_REPORTS)
        return;
    if (emu->report_count == emu->report_capacity) {
        emu->report_capacity = 2 * emu->report_capacity + 16;
        emu->reports = realloc(emu->reports, emu->report_capacity * sizeof *emu->reports);
    }
    char line[400];
    unsigned hart = emu->running ? (unsigned)(emu->running - emu->harts) : 0;
    snprintf(line, sizeof line, "%s (hart %u, pc 0x%08" PRIx64 ")", text, hart, running_pc(emu, address));
    emu->reports[emu->report_count++] = (report_t){strdup(line), key};
    if (emu->strict) {
        emu->failed = true;
        machine_stop_turn(emu);
    }
}

void emu_unmodelled(emu_t *emu, const char *device, uint64_t offset, bool write, uint64_t value) {
    char text[160];
    uint64_t base = 0;
    for (unsigned i = 0; i < emu->slot_count; i++)
        if (strcmp(emu->slots[i].device.name, device) == 0)
            base = emu->slots[i].device.base;
    if (write)
        snprintf(text, sizeof text, "%s: write of 0x%" PRIx64 " to offset 0x%" PRIx64 " is not modelled", device,
                 value, offset);
    else
        snprintf(text, sizeof text, "%s: read of offset 0x%" PRIx64 " is not modelled", device, offset);
    uint64_t key = hash(hash(0xcbf29ce484222325ull, device, strlen(device)), &offset, sizeof offset) * 2 + write;
    add_report(emu, key, text, base + offset);
}

void emu_vwarn(emu_t *emu, const char *device, const char *format, va_list arguments) {
    char text[300];
    int prefix = snprintf(text, sizeof text, "%s: ", device);
    vsnprintf(text + prefix, sizeof text - (size_t)prefix, format, arguments);
    /* The key is the format, not the text: a value that changes must not repeat the report. */
    add_report(emu, hash(hash(1, device, strlen(device)), format, strlen(format)), text, UINT64_MAX);
}

void emu_warn(emu_t *emu, const char *device, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    emu_vwarn(emu, device, format, arguments);
    va_end(arguments);
}

unsigned emu_report_count(emu_t *emu) {
    return emu->report_count;
}

const char *emu_report(emu_t *emu, unsigned index) {
    return index < emu->report_count ? emu->reports[index].text : "";
}
