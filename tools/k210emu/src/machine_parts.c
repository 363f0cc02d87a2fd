/* Wires between pads and parts of the board, and from pad to pad. */
#include "machine.h"

#include <stdlib.h>

#define TOLERANCE 20u /* a twentieth of the rate, spec isp-flash.md 10.5 */

/* FPIOA functions of each UART (spec soc.md 5.4). */
static const uint8_t rx_function[EMU_UART_COUNT] = {18, 64, 66, 68}, tx_function[EMU_UART_COUNT] = {19, 65, 67, 69};

void emu_wire_serial(emu_t *emu, unsigned pad, void (*receive)(void *opaque, uint8_t byte, uint32_t baud),
                     void *opaque) {
    part_t *part = calloc(1, sizeof *part);
    *part = (part_t){.next = emu->parts, .pad = pad, .receive = receive, .opaque = opaque};
    emu->parts = part;
}

void machine_part_receives(emu_t *emu, emu_uart_t uart, uint8_t byte, uint32_t baud) {
    for (part_t *part = emu->parts; part; part = part->next)
        if (emu_pad_of_function(emu, tx_function[uart]) == (int)part->pad)
            part->receive(part->opaque, byte, baud);
}

static emu_wire_t offer(serial_t *serial, uint8_t byte, uint32_t baud) {
    uint32_t rate = serial->rate ? serial->rate(serial->opaque) : baud; /* 0: it cannot receive now */
    if (rate != 0 && (rate > baud ? rate - baud : baud - rate) > baud / TOLERANCE)
        return EMU_WIRE_LOST;
    return serial->receive(serial->opaque, byte) ? EMU_WIRE_TAKEN : EMU_WIRE_BUSY;
}

emu_wire_t emu_wire_send(emu_t *emu, unsigned pad, uint8_t byte, uint32_t baud) {
    for (unsigned uart = 0; uart < EMU_UART_COUNT; uart++)
        if (emu_pad_of_function(emu, rx_function[uart]) == (int)pad && emu->serial[uart].receive)
            return offer(&emu->serial[uart], byte, baud);
    return EMU_WIRE_LOST;
}

static void forward(void *opaque, uint8_t byte, uint32_t baud) {
    jumper_end_t *end = opaque;
    emu_wire_send(end->emu, end->to, byte, baud); /* a receiver without room loses it, as on a wire */
}

static void connect(emu_t *emu, unsigned from, unsigned to) {
    emu->jumper[from] = (int8_t)(to + 1);
    emu->jumper_end[from] = (jumper_end_t){emu, to};
    emu_wire_serial(emu, from, forward, &emu->jumper_end[from]);
}

bool emu_jumper(emu_t *emu, unsigned pad_a, unsigned pad_b) {
    if (pad_a >= PADS || pad_b >= PADS || pad_a == pad_b || emu->jumper[pad_a] || emu->jumper[pad_b])
        return false;
    connect(emu, pad_a, pad_b);
    connect(emu, pad_b, pad_a);
    if (emu->pins.rewired) {
        emu->pins.rewired(emu->pins.opaque, pad_a);
        emu->pins.rewired(emu->pins.opaque, pad_b);
    }
    return true;
}

int emu_jumper_of(emu_t *emu, unsigned pad) {
    return pad < PADS ? emu->jumper[pad] - 1 : -1;
}

void machine_free_parts(emu_t *emu) {
    while (emu->parts) {
        part_t *next = emu->parts->next;
        free(emu->parts);
        emu->parts = next;
    }
}
