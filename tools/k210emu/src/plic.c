/* PLIC: 65 sources, four contexts (hart 0 M and S, hart 1 M and S), priorities 0..7 (spec soc.md 3.2). */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXTS 4u
#define WORDS 3u /* of 32 sources */
#define PENDING 0x1000u
#define ENABLE 0x2000u
#define ENABLE_STRIDE 0x80u
#define CONTEXT 0x200000u
#define CONTEXT_STRIDE 0x1000u

typedef struct {
    emu_t *emu;
    uint8_t priority[PLIC_SOURCES];
    uint32_t level[WORDS], latched[WORDS], claimed[WORDS];
    uint32_t enable[CONTEXTS][WORDS];
    uint8_t threshold[CONTEXTS];
} plic_t;

/* RTC and the watchdogs pulse: an edge is kept until it is claimed. */
static bool is_pulse(unsigned source) {
    return source >= 20 && source <= 22;
}

static uint32_t pending_word(const plic_t *p, unsigned word) {
    return (p->level[word] | p->latched[word]) & ~p->claimed[word];
}

/* Highest priority above the threshold, lowest number among equals; 0 for none. */
static unsigned best_source(const plic_t *p, unsigned context) {
    unsigned best = 0, best_priority = p->threshold[context];
    for (unsigned word = 0; word < WORDS; word++)
        for (uint32_t set = pending_word(p, word) & p->enable[context][word]; set; set &= set - 1) {
            unsigned source = 32 * word + (unsigned)__builtin_ctz(set);
            if (p->priority[source] > best_priority) {
                best = source;
                best_priority = p->priority[source];
            }
        }
    return best;
}

static void update(plic_t *p) {
    for (unsigned context = 0; context < CONTEXTS; context++) {
        uint32_t line = context & 1 ? MIP_SEIP : MIP_MEIP;
        machine_set_lines(p->emu, context / 2, line, best_source(p, context) ? line : 0);
    }
}

static void set_level(void *opaque, unsigned source, bool level) {
    plic_t *p = opaque;
    if (source == 0 || source >= PLIC_SOURCES)
        return;
    uint32_t bit = 1u << source % 32, *word = &p->level[source / 32];
    if (!(*word & bit) == !level)
        return;
    *word ^= bit;
    if (level && is_pulse(source))
        p->latched[source / 32] |= bit;
    update(p);
}

static unsigned claim(plic_t *p, unsigned context) {
    unsigned source = best_source(p, context);
    if (source) {
        p->claimed[source / 32] |= 1u << source % 32;
        p->latched[source / 32] &= ~(1u << source % 32);
        update(p);
    }
    return source;
}

static void complete(plic_t *p, uint64_t source) {
    if (source == 0 || source >= PLIC_SOURCES)
        return;
    p->claimed[source / 32] &= ~(1u << source % 32);
    update(p);
}

static uint64_t plic_read(void *opaque, uint64_t offset, unsigned size) {
    plic_t *p = opaque;
    (void)size;
    if (offset < 4 * PLIC_SOURCES)
        return p->priority[offset / 4];
    if (offset - PENDING < 4 * WORDS)
        return pending_word(p, (unsigned)(offset - PENDING) / 4);
    if (offset - ENABLE < CONTEXTS * ENABLE_STRIDE) {
        unsigned word = (unsigned)(offset % ENABLE_STRIDE) / 4;
        return word < WORDS ? p->enable[(offset - ENABLE) / ENABLE_STRIDE][word] : 0;
    }
    if (offset - CONTEXT < CONTEXTS * CONTEXT_STRIDE) {
        unsigned context = (unsigned)((offset - CONTEXT) / CONTEXT_STRIDE);
        if (offset % CONTEXT_STRIDE == 0)
            return p->threshold[context];
        if (offset % CONTEXT_STRIDE == 4)
            return claim(p, context);
    }
    return 0;
}

static void plic_write(void *opaque, uint64_t offset, unsigned size, uint64_t value) {
    plic_t *p = opaque;
    (void)size;
    if (offset >= 4 && offset < 4 * PLIC_SOURCES) {
        p->priority[offset / 4] = value & 7;
    } else if (offset - ENABLE < CONTEXTS * ENABLE_STRIDE) {
        unsigned word = (unsigned)(offset % ENABLE_STRIDE) / 4;
        static const uint32_t existing[WORDS] = {0xfffffffe, 0xffffffff, 3}; /* sources 1..65 */
        if (word < WORDS)
            p->enable[(offset - ENABLE) / ENABLE_STRIDE][word] = (uint32_t)value & existing[word];
    } else if (offset - CONTEXT < CONTEXTS * CONTEXT_STRIDE) {
        unsigned context = (unsigned)((offset - CONTEXT) / CONTEXT_STRIDE);
        if (offset % CONTEXT_STRIDE == 0)
            p->threshold[context] = value & 7;
        else if (offset % CONTEXT_STRIDE == 4)
            complete(p, value);
    }
    update(p);
}

static void plic_reset(void *opaque) {
    plic_t *p = opaque;
    memset(p->priority, 0, sizeof p->priority);
    memset(p->latched, 0, sizeof p->latched);
    memset(p->claimed, 0, sizeof p->claimed);
    memset(p->enable, 0, sizeof p->enable);
    memset(p->threshold, 0, sizeof p->threshold);
    update(p);
}

static void plic_state(void *opaque, emu_json_t *json) {
    plic_t *p = opaque;
    char key[32];
    for (unsigned context = 0; context < CONTEXTS; context++) {
        snprintf(key, sizeof key, "threshold%u", context);
        emu_json_u64(json, key, p->threshold[context]);
    }
    emu_json_begin(json, "sources"); /* those with a priority, a level or a claim */
    for (unsigned source = 1; source < PLIC_SOURCES; source++) {
        unsigned word = source / 32, shift = source % 32;
        bool level = p->level[word] >> shift & 1, claimed = p->claimed[word] >> shift & 1;
        if (!p->priority[source] && !level && !claimed)
            continue;
        snprintf(key, sizeof key, "%u", source);
        emu_json_begin(json, key);
        emu_json_u64(json, "priority", p->priority[source]);
        emu_json_bool(json, "level", level);
        emu_json_bool(json, "claimed", claimed);
        emu_json_end(json);
    }
    emu_json_end(json);
}

static void plic_destroy(void *opaque) {
    free(opaque);
}

void plic_create(emu_t *emu) {
    plic_t *p = calloc(1, sizeof *p);
    p->emu = emu;
    emu->plic = p;
    emu->plic_level = set_level;
    emu_add_device(emu, &(emu_device_t){.name = "plic", .base = 0x0c000000, .size = 0x4000000, .word = 4,
                                        .read = plic_read, .write = plic_write, .reset = plic_reset,
                                        .state = plic_state, .destroy = plic_destroy, .opaque = p});
}
