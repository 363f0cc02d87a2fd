/* Wires between devices, asked for by number: clocks, interrupts, DMA requests, pins, SPI parts; the camera. */
#include "machine.h"

#include <stdlib.h>

#define UARTHS_IRQ 33u

static listener_t *add_listener(listener_t **list, void *opaque) {
    listener_t *listener = calloc(1, sizeof *listener);
    listener->opaque = opaque;
    while (*list) /* called in the order of registration */
        list = &(*list)->next;
    return *list = listener;
}

static void free_list(listener_t *list) {
    while (list) {
        listener_t *next = list->next;
        free(list);
        list = next;
    }
}

void machine_free_listeners(emu_t *emu) {
    free_list(emu->clock_listeners);
    free_list(emu->reroute_listeners);
    free_list(emu->camera_listeners);
    free_list(emu->dma_listeners);
    for (unsigned i = 0; i < FUNCTIONS; i++)
        free_list(emu->input_listeners[i]);
    for (unsigned i = 0; i < PADS; i++)
        free_list(emu->pad_listeners[i]);
}

/* ---- clocks ---------------------------------------------------------------------------------------------------------- */

void emu_set_clock_source(emu_t *emu, uint64_t (*hz)(void *opaque, emu_clock_t clock), void *opaque) {
    emu->clock_hz = hz;
    emu->clock_opaque = opaque;
}

/* Without a SYSCTL model the clocks are those at the entry of a firmware (spec soc.md 4.9). */
uint64_t emu_clock_hz(emu_t *emu, emu_clock_t clock) {
    if (emu->clock_hz)
        return emu->clock_hz(emu->clock_opaque, clock);
    switch (clock) {
    case EMU_CLOCK_IN0: return 26000000;
    case EMU_CLOCK_PLL0: return 780000000;
    case EMU_CLOCK_APB0: case EMU_CLOCK_APB1: case EMU_CLOCK_APB2: return 195000000;
    default: return 390000000;
    }
}

void emu_on_clocks_changed(emu_t *emu, void (*listener)(void *opaque), void *opaque) {
    add_listener(&emu->clock_listeners, opaque)->call.clocks = listener;
}

void emu_clocks_changed(emu_t *emu) {
    machine_rebase_clock(emu);
    machine_ai_clock_changed(emu);
    for (listener_t *l = emu->clock_listeners; l; l = l->next)
        l->call.clocks(l->opaque);
}

void emu_set_timer_pause(emu_t *emu, uint32_t channels) {
    emu->paused_timers = channels;
}

bool emu_timer_paused(emu_t *emu, unsigned timer, unsigned channel) {
    return emu->paused_timers >> (4 * timer + channel) & 1;
}

/* ---- interrupts, DMA requests ------------------------------------------------------------------------------------------ */

void emu_irq(emu_t *emu, unsigned plic_source, bool level) {
    if (plic_source == UARTHS_IRQ && emu->isp && isp_takes_irq(emu, level))
        return;
    if (emu->plic_level)
        emu->plic_level(emu->plic, plic_source, level);
}

void emu_dma_request(emu_t *emu, unsigned select, bool level) {
    if (select >= DMA_LINES || emu->dma_level[select] == level)
        return;
    emu->dma_level[select] = level;
    for (listener_t *l = emu->dma_listeners; l; l = l->next)
        l->call.dma(l->opaque, select, level);
}

bool emu_dma_requested(emu_t *emu, unsigned select) {
    return select < DMA_LINES && emu->dma_level[select];
}

void emu_on_dma_request(emu_t *emu, void (*listener)(void *opaque, unsigned select, bool level), void *opaque) {
    add_listener(&emu->dma_listeners, opaque)->call.dma = listener;
}

void emu_set_dma_select(emu_t *emu, unsigned channel, unsigned select) {
    if (channel >= DMA_CHANNELS || emu->dma_select[channel] == select)
        return;
    emu->dma_select[channel] = select;
    for (listener_t *l = emu->dma_listeners; l; l = l->next) /* the channel sees another line now */
        l->call.dma(l->opaque, select, emu_dma_requested(emu, select));
}

unsigned emu_dma_select(emu_t *emu, unsigned channel) {
    return channel < DMA_CHANNELS ? emu->dma_select[channel] : 0;
}

void emu_set_dma_stream(emu_t *emu, unsigned select, const emu_dma_stream_t *stream) {
    if (select < DMA_LINES)
        emu->dma_stream[select] = stream;
}

const emu_dma_stream_t *emu_dma_stream(emu_t *emu, unsigned select) {
    return select < DMA_LINES ? emu->dma_stream[select] : NULL;
}

/* ---- pins --------------------------------------------------------------------------------------------------------------- */

void emu_set_pins(emu_t *emu, const emu_pins_t *pins) {
    emu->pins = *pins;
}

void emu_function_drive(emu_t *emu, unsigned function, bool level, bool output_enable) {
    if (emu->pins.drive)
        emu->pins.drive(emu->pins.opaque, function, level, output_enable);
}

bool emu_function_sample(emu_t *emu, unsigned function) {
    return emu->pins.sample ? emu->pins.sample(emu->pins.opaque, function) : true;
}

void emu_on_function_input(emu_t *emu, unsigned function, void (*listener)(void *opaque, bool level), void *opaque) {
    if (function < FUNCTIONS)
        add_listener(&emu->input_listeners[function], opaque)->call.input = listener;
}

void emu_notify_function_input(emu_t *emu, unsigned function, bool level) {
    if (function < FUNCTIONS)
        for (listener_t *l = emu->input_listeners[function]; l; l = l->next)
            l->call.input(l->opaque, level);
}

void emu_on_pad(emu_t *emu, unsigned pad, void (*listener)(void *opaque, bool level), void *opaque) {
    if (pad < PADS)
        add_listener(&emu->pad_listeners[pad], opaque)->call.input = listener;
}

void emu_notify_pad(emu_t *emu, unsigned pad, bool level) {
    for (listener_t *l = pad < PADS ? emu->pad_listeners[pad] : NULL; l; l = l->next)
        l->call.input(l->opaque, level);
}

void emu_pad_drive(emu_t *emu, unsigned pad, bool level) {
    if (emu->pins.pad_drive)
        emu->pins.pad_drive(emu->pins.opaque, pad, level, false);
}

/* A pad with a resistor on the board is never left to itself. */
void emu_pad_release(emu_t *emu, unsigned pad) {
    bool pulled = pad < 48 && emu->board_pull_ups >> pad & 1;
    if (emu->pins.pad_drive)
        emu->pins.pad_drive(emu->pins.opaque, pad, pulled, !pulled);
}

void emu_pull_up(emu_t *emu, unsigned pad) {
    if (pad < PADS) {
        emu->board_pull_ups |= 1ull << pad;
        emu_pad_release(emu, pad);
    }
}

void machine_wire_board(emu_t *emu) {
    for (unsigned pad = 0; pad < PADS; pad++)
        emu_pad_release(emu, pad);
    emu_pull_up(emu, 16); /* BOOT key */
}

bool emu_pad_level(emu_t *emu, unsigned pad) {
    return emu->pins.pad_level ? emu->pins.pad_level(emu->pins.opaque, pad) : true;
}

int emu_pad_of_function(emu_t *emu, unsigned function) {
    return emu->pins.pad_of ? emu->pins.pad_of(emu->pins.opaque, function) : -1;
}

void emu_on_pads_rerouted(emu_t *emu, void (*listener)(void *opaque), void *opaque) {
    add_listener(&emu->reroute_listeners, opaque)->call.clocks = listener;
}

/* ---- SPI parts ----------------------------------------------------------------------------------------------------------- */

void emu_spi_attach(emu_t *emu, unsigned controller, unsigned chip_select, const emu_spi_part_t *part) {
    if (controller < 4 && chip_select < 4)
        emu->spi_parts[controller][chip_select] = *part;
}

const emu_spi_part_t *emu_spi_part(emu_t *emu, unsigned controller, unsigned chip_select) {
    if (controller >= 4 || chip_select >= 4 || !emu->spi_parts[controller][chip_select].transfer)
        return NULL;
    return &emu->spi_parts[controller][chip_select];
}

void emu_spi_slave_set(emu_t *emu, uint32_t (*exchange)(void *opaque, uint32_t out, unsigned bits), void *opaque) {
    emu->spi_slave = exchange;
    emu->spi_slave_opaque = opaque;
}

uint32_t emu_spi_slave_exchange(emu_t *emu, uint32_t out, unsigned bits) {
    return emu->spi_slave ? emu->spi_slave(emu->spi_slave_opaque, out, bits) : UINT32_MAX >> (32 - bits);
}

static void wired_select(void *opaque, bool asserted) {
    (void)opaque; /* SS arrives over its pad */
    (void)asserted;
}

static uint32_t wired_transfer(void *opaque, uint32_t out, unsigned bits, unsigned lanes, bool reading) {
    (void)reading;
    return lanes == 1 ? emu_spi_slave_exchange(opaque, out, bits) : 0; /* the slave has one data line */
}

void emu_spi_wire_slave(emu_t *emu, unsigned controller, unsigned chip_select) {
    emu_spi_attach(emu, controller, chip_select,
                   &(emu_spi_part_t){.select = wired_select, .transfer = wired_transfer, .opaque = emu});
}

void emu_set_spi_xip(emu_t *emu, unsigned controller, bool on) {
    if (controller < 4)
        emu->spi_xip[controller] = on;
}

bool emu_spi_xip(emu_t *emu, unsigned controller) {
    return controller < 4 && emu->spi_xip[controller];
}

/* ---- camera --------------------------------------------------------------------------------------------------------------- */

void emu_camera_attach(emu_t *emu, const emu_camera_t *camera) {
    emu->camera = *camera;
    emu_camera_changed(emu);
}

void emu_camera_changed(emu_t *emu) {
    for (listener_t *l = emu->camera_listeners; l; l = l->next)
        l->call.clocks(l->opaque);
}

const emu_camera_t *emu_camera(emu_t *emu) {
    return emu->camera.period ? &emu->camera : NULL;
}

void emu_on_camera_changed(emu_t *emu, void (*listener)(void *opaque), void *opaque) {
    add_listener(&emu->camera_listeners, opaque)->call.clocks = listener;
}

/* ---- OTP ------------------------------------------------------------------------------------------------------------------- */

uint8_t *emu_otp(emu_t *emu) {
    return emu->otp;
}

uint64_t *emu_fuses(emu_t *emu) {
    return emu->fuses;
}
