/* The host's view of a machine at rest: memory, registers, counters, state. */
#include "machine.h"
#include "emu_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t emu_next_event(emu_t *emu) {
    return events_next(emu);
}

uint64_t emu_cycle_count(emu_t *emu) {
    return emu->cycle;
}

uint64_t emu_cycles_of_ps(emu_t *emu, uint64_t ps) {
    return (uint64_t)(((unsigned __int128)ps << 32) / emu->ps_per_cycle);
}

uint64_t emu_instruction_count(emu_t *emu) {
    uint64_t count = 0;
    for (unsigned i = 0; i < emu->hart_count; i++)
        count += cpu_retired(emu->harts[i].cpu);
    return count;
}

/* The host looks at AI RAM without the chip noticing. */
static bool quiet_dma(emu_t *emu, uint64_t address, void *data, uint64_t length, bool write) {
    bool on = emu->ai_ram_on;
    emu->ai_ram_on = true;
    bool done = write ? emu_dma_write(emu, address, data, length) : emu_dma_read(emu, address, data, length);
    emu->ai_ram_on = on;
    return done;
}

/* Whole words where registers are meant, so that a person sees what the firmware would. */
static unsigned access_width(uint64_t address, uint64_t length) {
    for (unsigned width = 8; width > 1; width /= 2)
        if (length >= width && address % width == 0)
            return width;
    return 1;
}

bool emu_memory_read(emu_t *emu, uint64_t address, void *data, uint64_t length) {
    uint8_t *bytes = data;
    if ((uint32_t)address - ROM_BASE < ROM_SIZE && length <= ROM_SIZE - ((uint32_t)address - ROM_BASE)) {
        memcpy(data, emu->rom + ((uint32_t)address - ROM_BASE), length);
        return true;
    }
    if (quiet_dma(emu, address, data, length, false))
        return true;
    while (length) {
        unsigned width = access_width(address, length);
        uint64_t value;
        if (!emu_bus_read(emu, address, width, &value))
            return false;
        memcpy(bytes, &value, width);
        bytes += width, address += width, length -= width;
    }
    return true;
}

bool emu_memory_write(emu_t *emu, uint64_t address, const void *data, uint64_t length) {
    const uint8_t *bytes = data;
    if (quiet_dma(emu, address, (void *)data, length, true))
        return true;
    while (length) {
        unsigned width = access_width(address, length);
        uint64_t value = 0;
        memcpy(&value, bytes, width);
        if (!emu_bus_write(emu, address, width, value))
            return false;
        bytes += width, address += width, length -= width;
    }
    return true;
}

uint64_t emu_register(emu_t *emu, unsigned hart, unsigned index) {
    return hart < emu->hart_count ? cpu_get(emu->harts[hart].cpu, index) : 0;
}

bool emu_asleep(emu_t *emu, unsigned hart) {
    return hart >= emu->hart_count || emu->harts[hart].asleep;
}

const char *emu_rom_note(emu_t *emu) {
    return emu->rom_note;
}

static void hart_state(emu_t *emu, emu_json_t *json, unsigned index) {
    char key[16];
    hart_t *hart = &emu->harts[index];
    snprintf(key, sizeof key, "hart%u", index);
    emu_json_begin(json, key);
    emu_json_bool(json, "asleep", hart->asleep);
    emu_json_u64(json, "instructions", cpu_retired(hart->cpu));
    emu_json_u64(json, "pc", cpu_get(hart->cpu, CPU_PC));
    emu_json_u64(json, "mip", cpu_get(hart->cpu, CPU_CSR + CSR_MIP));
    emu_json_u64(json, "mie", cpu_get(hart->cpu, CPU_CSR + CSR_MIE));
    emu_json_u64(json, "mstatus", cpu_get(hart->cpu, CPU_CSR + CSR_MSTATUS));
    emu_json_end(json);
}

const char *emu_state(emu_t *emu) {
    emu_json_t *json = json_open();
    emu_json_u64(json, "cycles", emu->cycle);
    emu_json_u64(json, "picoseconds", emu_now(emu));
    emu_json_u64(json, "cpu_hz", emu->cpu_hz);
    emu_json_text(json, "boot", emu->rom_note);
    for (unsigned i = 0; i < emu->hart_count; i++)
        hart_state(emu, json, i);
    emu_json_begin(json, "devices");
    for (unsigned i = 0; i < emu->slot_count; i++) {
        const emu_device_t *device = &emu->slots[i].device;
        if (!device->state)
            continue;
        emu_json_begin(json, device->name);
        device->state(device->opaque, json);
        emu_json_end(json);
    }
    emu_json_end(json);
    free(emu->json_text);
    return emu->json_text = json_close(json);
}
