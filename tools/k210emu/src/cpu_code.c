/* Translated code as the harness knows it: lengths of blocks, pages scanned for watched instructions. */
#include "cpu_decode.h"
#include "cpu_state.h"

#include <stdlib.h>
#include <string.h>

uint32_t cpu_fetch(cpu_t *cpu, uint64_t address) {
    const uint8_t *low = cpu->bus.memory(cpu->bus.opaque, (uint32_t)address);
    const uint8_t *high = cpu->bus.memory(cpu->bus.opaque, (uint32_t)address + 2);
    if (!low)
        return 0;
    uint32_t value = low[0] | low[1] << 8;
    return high ? value | (uint32_t)(high[0] | high[1] << 8) << 16 : value;
}

uint32_t cpu_count_instructions(cpu_t *cpu, uint64_t from, uint64_t to) {
    uint32_t count = 0;
    while (from < to) {
        from += decode_length((uint16_t)cpu_fetch(cpu, from));
        count++;
    }
    return count;
}

/* ---- pages and their watched instructions ------------------------------------------------------------------------ */

/* Unicorn 2.1.1 crashes when its translation buffer overflows (64 MiB; an instruction takes about 100 bytes, with memory
 * hooks three times that), and translations that were dropped one by one keep their place in it. */
#define TRANSLATED_MAX 150000u

static bool page_scanned(cpu_t *cpu, uint64_t page) {
    unsigned i = (unsigned)(page * 0x9e3779b97f4a7c15ull >> 52);
    for (; cpu->pages[i & (PAGES - 1)]; i++)
        if (cpu->pages[i & (PAGES - 1)] == page + 1)
            return true;
    return false;
}

static void page_mark(cpu_t *cpu, uint64_t page) {
    unsigned i = (unsigned)(page * 0x9e3779b97f4a7c15ull >> 52);
    while (cpu->pages[i & (PAGES - 1)])
        i++;
    cpu->pages[i & (PAGES - 1)] = page + 1;
    cpu->page_count++;
}

static void hook_address(cpu_t *cpu, uint64_t address) {
    size_t low = 0, high = cpu->hooked_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (cpu->hooked[middle] < address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < cpu->hooked_count && cpu->hooked[low] == address)
        return;
    if (cpu->hooked_count == cpu->hooked_capacity) {
        cpu->hooked_capacity = cpu->hooked_capacity ? 2 * cpu->hooked_capacity : 64;
        cpu->hooked = realloc(cpu->hooked, cpu->hooked_capacity * sizeof *cpu->hooked);
    }
    memmove(cpu->hooked + low + 1, cpu->hooked + low, (cpu->hooked_count - low) * sizeof *cpu->hooked);
    cpu->hooked[low] = address;
    cpu->hooked_count++;
    uc_hook hook;
    uc_hook_add(cpu->uc, &hook, UC_HOOK_CODE, (void *)cpu_on_watched, cpu, address, address);
}

/* Hooks every place of a page that can hold a watched instruction: code hooks act on blocks translated afterwards. */
void cpu_scan_page(cpu_t *cpu, uint64_t page) {
    uint64_t base = page << 12;
    if (cpu->page_count > PAGES / 2) /* a wild program runs through many aliases of memory */
        cpu_forget_code(cpu);
    for (unsigned offset = 0; offset < 4096; offset += 2) {
        uint32_t instruction = cpu_fetch(cpu, base + offset);
        /* Reading mhartid as 0 is right on hart 0. */
        bool right = cpu->hart == 0 && (instruction & 0xfff0007f) == 0xf1400073;
        if (decode_watched(instruction) && !right)
            hook_address(cpu, base + offset);
    }
    uint32_t physical;
    if (cpu->bus.page(cpu->bus.opaque, (uint32_t)base, CPU_FETCH, &physical))
        page_mark(cpu, CODE_PAGE | physical >> 12);
    page_mark(cpu, page);
    uc_ctl_remove_cache(cpu->uc, base, base + 4096);
}

void cpu_forget_code(cpu_t *cpu) {
    cpu->flush = false;
    if (cpu->translated > TRANSLATED_MAX) {
        uc_ctl_flush_tb(cpu->uc);
        cpu->translated = 0;
    }
    /* Page by page: flushing everything clears the whole translation buffer. */
    for (unsigned i = 0; i < PAGES; i++)
        if (cpu->pages[i] && !((cpu->pages[i] - 1) & CODE_PAGE))
            uc_ctl_remove_cache(cpu->uc, (cpu->pages[i] - 1) << 12, ((cpu->pages[i] - 1) << 12) + 4096);
    memset(cpu->pages, 0, sizeof cpu->pages);
    cpu->page_count = 0;
    memset(cpu->blocks, 0xff, sizeof cpu->blocks);
}

/* First run of a block: learns its length in instructions, or has its page scanned first. False stops the engine. */
bool cpu_learn_block(cpu_t *cpu, block_t *block, uint64_t address, uint32_t size) {
    if (!page_scanned(cpu, address >> 12)) {
        cpu->rescan = true;
        cpu->scan_page = address >> 12;
        cpu_stop_at_block(cpu, address);
        return false;
    }
    *block = (block_t){address, size, cpu_count_instructions(cpu, address, address + size)};
    cpu->translated += block->count;
    if (cpu->translated > TRANSLATED_MAX) {
        cpu->flush = true;
        cpu_stop(cpu);
    }
    return true;
}

void cpu_code_changed(cpu_t *cpu, uint32_t address, uint32_t size) {
    for (uint64_t page = address >> 12; page <= ((uint64_t)address + size - 1) >> 12; page++)
        if (page_scanned(cpu, CODE_PAGE | page)) {
            cpu->flush = true;
            cpu_stop(cpu);
            return;
        }
}
