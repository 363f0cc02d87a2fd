/* Address map: RAM and its aliases, ROM, device registers, and the bus as masters other than the harts use it. */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 4096u
#define SHADOWED 1024u /* registers per device whose last written word is kept */

/* ---- memory ------------------------------------------------------------------------------------------------------- */

/* Offset in RAM of a bus address in either view, or -1. */
static int64_t ram_offset(uint32_t address) {
    if (address - SRAM_BASE < RAM_SIZE)
        return address - SRAM_BASE;
    if (address - UNCACHED_BASE < RAM_SIZE)
        return address - UNCACHED_BASE;
    return -1;
}

static void check_ai_ram(emu_t *emu, int64_t offset, uint64_t length) {
    if (!emu->ai_ram_on && (uint64_t)offset + length > SRAM_SIZE)
        emu_warn(emu, "ai_ram", "accessed while the AI clock is off: real hardware hangs or returns garbage");
}

uint8_t *emu_ram(emu_t *emu, uint64_t bus, uint64_t length) {
    int64_t offset = ram_offset((uint32_t)bus);
    if (offset < 0 || length > RAM_SIZE - (uint64_t)offset)
        return NULL;
    check_ai_ram(emu, offset, length);
    return emu->ram + offset;
}

bool emu_dma_read(emu_t *emu, uint64_t bus, void *data, uint64_t length) {
    const uint8_t *source = emu_ram(emu, bus, length);
    if (source)
        memcpy(data, source, length);
    return source != NULL;
}

bool emu_dma_write(emu_t *emu, uint64_t bus, const void *data, uint64_t length) {
    uint8_t *target = emu_ram(emu, bus, length);
    if (!target || length == 0)
        return target != NULL;
    memcpy(target, data, length);
    for (unsigned i = 0; i < emu->hart_count; i++)
        cpu_code_changed(emu->harts[i].cpu, SRAM_BASE + (uint32_t)(target - emu->ram), (uint32_t)length);
    return true;
}

/* ---- devices ------------------------------------------------------------------------------------------------------- */

void emu_add_device(emu_t *emu, const emu_device_t *device) {
    emu->slots = realloc(emu->slots, (emu->slot_count + 1) * sizeof *emu->slots);
    slot_t *slot = &emu->slots[emu->slot_count++];
    *slot = (slot_t){.device = *device};
    if (device->size && device->word == 4) {
        slot->shadow = calloc(SHADOWED, sizeof *slot->shadow);
        slot->written = calloc(SHADOWED, 1);
    }
    emu->last_slot = NULL;
}

static slot_t *find_slot(emu_t *emu, uint32_t address) {
    slot_t *slot = emu->last_slot;
    if (slot && address - slot->device.base < slot->device.size)
        return slot;
    for (unsigned i = 0; i < emu->slot_count; i++)
        if (address - emu->slots[i].device.base < emu->slots[i].device.size)
            return emu->last_slot = &emu->slots[i];
    return NULL;
}

static uint64_t mask_of(unsigned size) {
    return size == 8 ? UINT64_MAX : (1ull << (8 * size)) - 1;
}

static uint64_t slot_read(slot_t *slot, uint64_t offset, unsigned size) {
    const emu_device_t *d = &slot->device;
    if (!d->read)
        return 0;
    if (d->word == 0 || d->word == size)
        return d->read(d->opaque, offset, size);
    if (size > d->word) { /* 64-bit access to 32-bit registers: low word first (spec soc.md 0.3) */
        uint64_t low = d->read(d->opaque, offset, d->word);
        return low | d->read(d->opaque, offset + d->word, d->word) << 32;
    }
    unsigned lane = (unsigned)(offset & (d->word - 1));
    return d->read(d->opaque, offset - lane, d->word) >> (8 * lane) & mask_of(size);
}

static void write_word(slot_t *slot, uint64_t offset, uint64_t value) {
    const emu_device_t *d = &slot->device;
    if (slot->shadow && offset / 4 < SHADOWED) {
        slot->shadow[offset / 4] = (uint32_t)value;
        slot->written[offset / 4] = 1;
    }
    d->write(d->opaque, offset, d->word, value);
}

/* The rest of the word of a narrow store is what software wrote last: reading could pop a FIFO. */
static uint64_t word_to_merge(slot_t *slot, uint64_t offset) {
    if (slot->shadow && offset / 4 < SHADOWED && slot->written[offset / 4])
        return slot->shadow[offset / 4];
    return slot->device.read ? slot->device.read(slot->device.opaque, offset, slot->device.word) : 0;
}

static void slot_write(slot_t *slot, uint64_t offset, unsigned size, uint64_t value) {
    const emu_device_t *d = &slot->device;
    if (!d->write)
        return;
    if (d->word == 0) {
        d->write(d->opaque, offset, size, value);
    } else if (d->word == size) {
        write_word(slot, offset, value & mask_of(size));
    } else if (size > d->word) {
        write_word(slot, offset, value & mask_of(d->word));
        write_word(slot, offset + d->word, value >> 32);
    } else {
        unsigned lane = (unsigned)(offset & (d->word - 1));
        uint64_t mask = mask_of(size) << (8 * lane);
        uint64_t rest = word_to_merge(slot, offset - lane) & ~mask;
        write_word(slot, offset - lane, rest | (value << (8 * lane) & mask));
    }
}

static uint64_t bus_read(void *opaque, uint64_t address, unsigned size) {
    emu_t *emu = opaque;
    slot_t *slot = find_slot(emu, (uint32_t)address);
    if (slot)
        return slot_read(slot, address - slot->device.base, size);
    emu_unmodelled(emu, "bus", address, false, 0);
    return 0;
}

static void bus_write(void *opaque, uint64_t address, unsigned size, uint64_t value) {
    emu_t *emu = opaque;
    slot_t *slot = find_slot(emu, (uint32_t)address);
    if (slot)
        slot_write(slot, address - slot->device.base, size, value);
    else
        emu_unmodelled(emu, "bus", address, true, value);
}

bool emu_bus_read(emu_t *emu, uint64_t bus, unsigned width, uint64_t *value) {
    *value = 0;
    if (ram_offset((uint32_t)bus) >= 0)
        return emu_dma_read(emu, bus, value, width);
    if (!find_slot(emu, (uint32_t)bus))
        return false;
    *value = bus_read(emu, (uint32_t)bus, width);
    return true;
}

bool emu_bus_write(emu_t *emu, uint64_t bus, unsigned width, uint64_t value) {
    if (ram_offset((uint32_t)bus) >= 0)
        return emu_dma_write(emu, bus, &value, width);
    if (!find_slot(emu, (uint32_t)bus))
        return false;
    bus_write(emu, (uint32_t)bus, width, value);
    return true;
}

void machine_reset_devices(emu_t *emu) {
    for (unsigned i = 0; i < emu->slot_count; i++) {
        slot_t *slot = &emu->slots[i];
        if (slot->written)
            memset(slot->written, 0, SHADOWED);
        if (slot->device.reset)
            slot->device.reset(slot->device.opaque);
    }
}

void emu_reset_device(emu_t *emu, const char *name) {
    for (unsigned i = 0; i < emu->slot_count; i++) {
        slot_t *slot = &emu->slots[i];
        if (strcmp(slot->device.name, name) != 0)
            continue;
        if (slot->written)
            memset(slot->written, 0, SHADOWED);
        if (slot->device.reset)
            slot->device.reset(slot->device.opaque);
    }
}

void machine_destroy_devices(emu_t *emu) {
    for (unsigned i = emu->slot_count; i-- > 0;) {
        if (emu->slots[i].device.destroy)
            emu->slots[i].device.destroy(emu->slots[i].device.opaque);
        free(emu->slots[i].shadow);
        free(emu->slots[i].written);
    }
    free(emu->slots);
}

/* ---- what the harts see ------------------------------------------------------------------------------------------------ */

static bool device_page(emu_t *emu, uint32_t page) {
    for (unsigned i = 0; i < emu->slot_count; i++) {
        const emu_device_t *d = &emu->slots[i].device;
        if (d->size && page + PAGE > d->base && page < d->base + d->size)
            return true;
    }
    return false;
}

static bool page_of(void *opaque, uint32_t address, cpu_access_t access, uint32_t *physical) {
    emu_t *emu = opaque;
    uint32_t page = address & ~(PAGE - 1);
    int64_t offset = ram_offset(page);
    if (offset >= 0) {
        check_ai_ram(emu, offset, PAGE);
        *physical = SRAM_BASE + (uint32_t)offset;
        return true;
    }
    *physical = page;
    if (page - ROM_BASE < ROM_SIZE)
        return access != CPU_STORE;
    return access != CPU_FETCH && device_page(emu, page);
}

static const uint8_t *memory_at(void *opaque, uint32_t address) {
    emu_t *emu = opaque;
    int64_t offset = ram_offset(address);
    if (offset >= 0)
        return emu->ram + offset;
    return address - ROM_BASE < ROM_SIZE ? emu->rom + (address - ROM_BASE) : NULL;
}

void machine_bus_callbacks(emu_t *emu, cpu_bus_t *bus) {
    bus->opaque = emu;
    bus->read = bus_read;
    bus->write = bus_write;
    bus->page = page_of;
    bus->memory = memory_at;
}

static int by_base(const void *a, const void *b) {
    const slot_t *x = a, *y = b;
    return x->device.base < y->device.base ? -1 : x->device.base > y->device.base;
}

/* Gives the harts one window per run of pages that hold registers. */
void machine_map(emu_t *emu) {
    slot_t *sorted = malloc(emu->slot_count * sizeof *sorted);
    memcpy(sorted, emu->slots, emu->slot_count * sizeof *sorted);
    qsort(sorted, emu->slot_count, sizeof *sorted, by_base);
    for (unsigned h = 0; h < emu->hart_count; h++) {
        uint64_t mapped = 0;
        cpu_map_memory(emu->harts[h].cpu, SRAM_BASE, RAM_SIZE, emu->ram);
        cpu_map_memory(emu->harts[h].cpu, ROM_BASE, ROM_SIZE, emu->rom);
        for (unsigned i = 0; i < emu->slot_count; i++) {
            const emu_device_t *d = &sorted[i].device;
            uint64_t from = d->base & ~(uint64_t)(PAGE - 1);
            uint64_t to = (d->base + d->size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
            from = from < mapped ? mapped : from;
            if (d->size == 0 || from >= to)
                continue;
            cpu_map_device(emu->harts[h].cpu, (uint32_t)from, (uint32_t)(to - from));
            mapped = to;
        }
    }
    free(sorted);
}

void machine_ai_clock_changed(emu_t *emu) {
    bool on = emu_clock_hz(emu, EMU_CLOCK_AI) != 0;
    if (on == emu->ai_ram_on)
        return;
    emu->ai_ram_on = on;
    for (unsigned h = 0; h < emu->hart_count; h++)
        cpu_pages_changed(emu->harts[h].cpu);
}
