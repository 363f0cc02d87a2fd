/* The machine: construction, virtual time, turns of the harts, resets. */
#include "machine.h"
#include "emu_api.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALONE_QUANTUM 2000000u /* cycles of a turn while one hart is awake: bounds the reaction to emu_stop() */
#define SHARED_QUANTUM 2000u   /* while both are: a spinning hart waits that long for the other */
#define PS_PER_S 1000000000000ull

/* Models that are linked when they exist. */
__attribute__((weak)) void sysctl_create(emu_t *emu);
__attribute__((weak)) void fpioa_create(emu_t *emu);
__attribute__((weak)) void gpiohs_create(emu_t *emu);
__attribute__((weak)) void gpio_create(emu_t *emu);
__attribute__((weak)) void uarths_create(emu_t *emu);
__attribute__((weak)) void uart_create(emu_t *emu, unsigned index);
__attribute__((weak)) void spi_create(emu_t *emu, unsigned index);
__attribute__((weak)) void dmac_create(emu_t *emu);
__attribute__((weak)) void kpu_create(emu_t *emu, int rounding_profile);
__attribute__((weak)) norflash_t *norflash_create(emu_t *emu, unsigned controller, unsigned chip_select,
                                                  uint8_t *image, uint32_t size, uint32_t jedec,
                                                  const uint8_t unique[8]);
__attribute__((weak)) void norflash_cut_power_after(norflash_t *flash, uint32_t count);
__attribute__((weak)) void norflash_set_speed(norflash_t *flash, unsigned speed);

/* ---- virtual time ---------------------------------------------------------------------------------------------------- */

emu_time_t emu_time_of(emu_t *emu, uint64_t cycle) {
    if (cycle < emu->base_cycle)
        return emu->base_time;
    unsigned __int128 elapsed = (unsigned __int128)(cycle - emu->base_cycle) * emu->ps_per_cycle >> 32;
    return elapsed < EMU_NEVER - emu->base_time ? emu->base_time + (emu_time_t)elapsed : EMU_NEVER;
}

uint64_t emu_cycle_at(emu_t *emu, emu_time_t when) {
    if (when <= emu->base_time)
        return emu->base_cycle;
    unsigned __int128 scaled = (unsigned __int128)(when - emu->base_time) << 32;
    unsigned __int128 cycles = (scaled + emu->ps_per_cycle - 1) / emu->ps_per_cycle;
    return cycles > UINT64_MAX - emu->base_cycle ? UINT64_MAX : emu->base_cycle + (uint64_t)cycles;
}

static uint64_t hart_cycle(const hart_t *hart) {
    return hart->cycle + (cpu_retired(hart->cpu) - hart->retired_start);
}

uint64_t emu_cycles(emu_t *emu) {
    uint64_t cycle = emu->running ? hart_cycle(emu->running) : emu->cycle;
    if (cycle > emu->cycle_high)
        emu->cycle_high = cycle;
    return emu->cycle_high;
}

emu_time_t emu_now(emu_t *emu) {
    return emu_time_of(emu, emu_cycles(emu));
}

static uint64_t cycle_of_hart(void *opaque, unsigned index) {
    emu_t *emu = opaque;
    hart_t *hart = &emu->harts[index];
    return emu->running == hart ? hart_cycle(hart) : emu->cycle;
}

void machine_rebase_clock(emu_t *emu) {
    uint64_t hz = emu_clock_hz(emu, EMU_CLOCK_CPU);
    if (hz == 0 || hz == emu->cpu_hz)
        return;
    uint64_t cycle = emu_cycles(emu);
    emu->base_time = emu->cpu_hz ? emu_time_of(emu, cycle) : 0;
    emu->base_cycle = cycle;
    emu->ps_per_cycle = (uint64_t)(((unsigned __int128)PS_PER_S << 32) / hz);
    emu->cpu_hz = hz;
    machine_stop_turn(emu);
}

/* ---- turns -------------------------------------------------------------------------------------------------------------- */

void machine_stop_turn(emu_t *emu) {
    if (!emu->running)
        return;
    uint64_t cycle = hart_cycle(emu->running);
    if (cycle < emu->turn_end)
        emu->turn_end = cycle;
    cpu_stop(emu->running->cpu);
}

void machine_set_lines(emu_t *emu, unsigned index, uint32_t mask, uint32_t levels) {
    if (index >= emu->hart_count)
        return;
    hart_t *hart = &emu->harts[index];
    uint32_t lines = (hart->lines & ~mask) | levels;
    if (lines == hart->lines)
        return;
    hart->lines = lines;
    cpu_set_lines(hart->cpu, lines);
    if (hart->asleep && cpu_wakes(hart->cpu)) {
        hart->asleep = false;
        hart->cycle = emu->running ? hart_cycle(emu->running) : emu->cycle;
        machine_stop_turn(emu);
    }
}

static bool interrupted(const emu_t *emu) {
    return emu->stop_requested || emu->failed || emu->power_off || emu->reset_requested || emu->stop_text_seen;
}

static void run_hart(emu_t *emu, hart_t *hart) {
    if (hart->cycle < emu->cycle)
        hart->cycle = emu->cycle;
    emu->running = hart;
    while (!hart->asleep && hart->cycle < emu->turn_end && !interrupted(emu)) {
        hart->retired_start = cpu_retired(hart->cpu);
        cpu_stop_t why = cpu_run(hart->cpu, emu->turn_end - hart->cycle);
        hart->cycle = hart_cycle(hart);
        hart->retired_start = cpu_retired(hart->cpu);
        if (why == CPU_STOP_WFI)
            hart->asleep = true;
        else if (why == CPU_STOP_SERVICE)
            rom_service(emu, hart, cpu_service(hart->cpu));
    }
    emu_cycles(emu);
    emu->running = NULL;
}

static unsigned awake(const emu_t *emu) {
    unsigned count = 0;
    for (unsigned i = 0; i < emu->hart_count; i++)
        count += !emu->harts[i].asleep;
    return count;
}

/* The machine's time after a turn: where the slowest hart that is awake stands, or the last one that fell asleep. */
static uint64_t time_after_turn(const emu_t *emu) {
    uint64_t slowest = UINT64_MAX, last = emu->cycle;
    for (unsigned i = 0; i < emu->hart_count; i++) {
        const hart_t *hart = &emu->harts[i];
        if (!hart->asleep && hart->cycle < slowest)
            slowest = hart->cycle;
        if (hart->cycle > last)
            last = hart->cycle;
    }
    if (slowest == UINT64_MAX)
        return last;
    return slowest > emu->cycle ? slowest : emu->cycle;
}

static void run_turn(emu_t *emu, uint64_t end, unsigned awake_count) {
    uint64_t quantum = emu->cycle + (awake_count > 1 ? SHARED_QUANTUM : ALONE_QUANTUM);
    uint64_t event = emu_cycle_at(emu, events_next(emu));
    emu->turn_end = end < quantum ? end : quantum;
    if (event < emu->turn_end)
        emu->turn_end = event;
    for (unsigned i = 0; i < emu->hart_count; i++)
        if (!emu->harts[i].asleep)
            run_hart(emu, &emu->harts[i]);
    emu->cycle = time_after_turn(emu);
}

void machine_reset(emu_t *emu, emu_reset_cause_t cause) {
    rom_reset(emu);
    emu->reset_requested = false;
    emu->in_reset = true;
    emu->power_off = emu->failed = false;
    emu->reset_cause = cause;
    for (unsigned i = 0; i < emu->hart_count; i++) {
        cpu_reset(emu->harts[i].cpu, ROM_BASE);
        emu->harts[i].asleep = true;
    }
    machine_reset_devices(emu);
    emu_clocks_changed(emu);
    emu->in_reset = false;
}

/* Every hart sleeps: time passes to the next event. False when the run ends here. */
static bool skip_idle(emu_t *emu, uint64_t end, bool stop_idle, int *reason) {
    emu_time_t next = events_next(emu);
    uint64_t cycle = emu_cycle_at(emu, next);
    if (stop_idle || cycle > end || next == EMU_NEVER) {
        *reason = stop_idle ? RUN_IDLE : next == EMU_NEVER ? RUN_STALLED : RUN_LIMIT;
        if (!stop_idle && end != UINT64_MAX)
            emu->cycle = end;
        return false;
    }
    if (cycle > emu->cycle)
        emu->cycle = cycle;
    return true;
}

static bool ended(emu_t *emu, int *reason) {
    if (emu->power_off)
        *reason = RUN_POWER_CUT;
    else if (emu->failed)
        *reason = RUN_STRICT;
    else if (emu->stop_text_seen)
        *reason = RUN_TEXT;
    else if (emu->stop_requested)
        *reason = RUN_STOPPED;
    else
        return false;
    emu->stop_text_seen = false;
    emu->stop_requested = false;
    return true;
}

int emu_run(emu_t *emu, uint64_t cycles, bool stop_idle) {
    uint64_t end = cycles > UINT64_MAX - emu->cycle ? UINT64_MAX : emu->cycle + cycles;
    int reason;
    for (;;) {
        if (emu->reset_requested) {
            machine_reset(emu, emu->reset_cause);
            rom_power_up(emu);
        }
        if (ended(emu, &reason))
            return reason;
        events_run_due(emu, emu_now(emu));
        if (interrupted(emu))
            continue;
        unsigned count = awake(emu);
        if (count == 0) {
            if (!skip_idle(emu, end, stop_idle, &reason))
                return reason;
            continue;
        }
        if (emu->cycle >= end)
            return RUN_LIMIT;
        run_turn(emu, end, count);
    }
}

/* ---- resets, power -------------------------------------------------------------------------------------------------------- */

void emu_request_reset(emu_t *emu, emu_reset_cause_t cause) {
    emu->reset_requested = true;
    emu->reset_cause = cause;
    machine_stop_turn(emu);
}

emu_reset_cause_t emu_last_reset(emu_t *emu) {
    return emu->reset_cause;
}

void emu_power_cut(emu_t *emu) {
    emu->power_off = true;
    machine_stop_turn(emu);
}

void emu_boot(emu_t *emu, int cause) {
    machine_reset(emu, (emu_reset_cause_t)cause);
    rom_start(emu);
}

void emu_start(emu_t *emu, uint64_t pc) {
    machine_reset(emu, EMU_RESET_PIN);
    rom_enter(emu, pc);
}

void emu_stop(emu_t *emu) {
    emu->stop_requested = true;
}

void emu_cut_power_after(emu_t *emu, uint32_t operations) {
    if (emu->norflash && norflash_cut_power_after)
        norflash_cut_power_after(emu->norflash, operations);
}

void emu_set_flash_speed(emu_t *emu, uint32_t speed) {
    if (emu->norflash && norflash_set_speed)
        norflash_set_speed(emu->norflash, speed);
}

/* ---- construction ---------------------------------------------------------------------------------------------------------- */

static void misaligned(void *opaque, uint64_t address, unsigned size, bool store) {
    emu_warn(opaque, "cpu", "misaligned %u-byte %s at 0x%llx: the core traps it", size, store ? "store" : "load",
             (unsigned long long)address);
}

static void trap_loop(void *opaque, unsigned hart, uint64_t cause, uint64_t pc) {
    emu_warn(opaque, "cpu", "hart %u: exception %llu at its own trap vector 0x%llx", hart,
             (unsigned long long)cause, (unsigned long long)pc);
}

static bool create_harts(emu_t *emu, unsigned harts) {
    cpu_bus_t bus = {.cycle = cycle_of_hart, .misaligned = misaligned, .trap_loop = trap_loop};
    machine_bus_callbacks(emu, &bus);
    for (unsigned i = 0; i < harts; i++) {
        emu->harts[i].cpu = cpu_create(i, &bus, emu->strict);
        if (!emu->harts[i].cpu)
            return false;
        emu->harts[i].asleep = true;
        emu->hart_count++;
    }
    return true;
}

static void create_devices(emu_t *emu, int rounding) {
    static const uint8_t unique_id[8] = {0xd1, 0x64, 0x4b, 0x21, 0x0d, 0x10, 0x27, 0x33};
    void (*const single[])(emu_t *) = {clint_create, plic_create, sysctl_create, fpioa_create, gpiohs_create,
                                       gpio_create, uarths_create};
    for (unsigned i = 0; i < sizeof single / sizeof single[0]; i++)
        if (single[i])
            single[i](emu);
    for (unsigned i = 1; i <= 3 && uart_create; i++)
        uart_create(emu, i);
    for (unsigned i = 0; i <= 3 && spi_create; i++)
        if (i != 2)
            spi_create(emu, i);
    if (dmac_create)
        dmac_create(emu);
    if (kpu_create)
        kpu_create(emu, rounding);
    if (norflash_create && emu->flash)
        emu->norflash = norflash_create(emu, 3, 0, emu->flash, emu->flash_size, 0xef4018, unique_id);
    peripherals_create(emu);
}

emu_t *emu_create(unsigned harts, bool strict, int rounding, uint8_t *flash, uint32_t flash_size) {
    emu_t *emu = calloc(1, sizeof *emu);
    emu->strict = strict;
    emu->flash = flash;
    emu->flash_size = flash_size;
    emu->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    emu->rom = mmap(NULL, ROM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (emu->ram == MAP_FAILED || emu->rom == MAP_FAILED || !create_harts(emu, harts > HARTS ? HARTS : harts)) {
        emu_destroy(emu);
        return NULL;
    }
    machine_rebase_clock(emu);
    rom_create(emu);
    port_create(emu);
    create_devices(emu, rounding);
    machine_wire_board(emu);
    machine_rebase_clock(emu);
    machine_map(emu);
    return emu;
}

void emu_destroy(emu_t *emu) {
    machine_destroy_devices(emu);
    for (unsigned i = 0; i < emu->hart_count; i++)
        cpu_destroy(emu->harts[i].cpu);
    machine_free_listeners(emu);
    machine_free_parts(emu);
    machine_free_i2c(emu);
    machine_free_audio(emu);
    for (unsigned i = 0; i < EMU_UART_COUNT; i++) {
        free(emu->serial[i].sent);
        free(emu->serial[i].queue);
    }
    for (unsigned i = 0; i < emu->report_count; i++)
        free(emu->reports[i].text);
    free(emu->reports);
    port_destroy(emu);
    isp_destroy(emu);
    free(emu->heap);
    free(emu->stop_text);
    free(emu->json_text);
    if (emu->ram != MAP_FAILED)
        munmap(emu->ram, RAM_SIZE);
    if (emu->rom != MAP_FAILED)
        munmap(emu->rom, ROM_SIZE);
    free(emu);
}
