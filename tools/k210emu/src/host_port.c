/* The board's serial port: what the USB bridge exchanges with pads IO4 (into the chip) and IO5 (out of it), and the
 * reset pin (spec isp-flash.md 1.1, 2, 10.3 to 10.5).
 *
 * Whichever UART is routed to the pads gets the bytes. They wait here until it has room, so none is lost. A byte at a
 * rate that the other side does not run at is noise and dropped, in both directions. */
#include "machine.h"
#include "emu_api.h"

#include <stdlib.h>
#include <string.h>

#define RX_PAD 4u
#define TX_PAD 5u
#define TOLERANCE 20u /* a twentieth of the rate */
#define QUIET_TIME (500 * EMU_PS_PER_US)

static const uint8_t rx_function[EMU_UART_COUNT] = {18, 64, 66, 68}, tx_function[EMU_UART_COUNT] = {19, 65, 67, 69};

static int uart_on(emu_t *emu, unsigned pad, const uint8_t functions[EMU_UART_COUNT]) {
    int function = emu->pins.function_of ? emu->pins.function_of(emu->pins.opaque, pad) : functions[EMU_UART_HS];
    for (int uart = 0; uart < EMU_UART_COUNT; uart++)
        if (functions[uart] == function)
            return uart;
    return -1;
}

/* Rate 0 is not known and fits any. */
static bool rates_differ(uint32_t a, uint32_t b) {
    uint32_t apart = a > b ? a - b : b - a;
    return a != 0 && b != 0 && (uint64_t)apart * TOLERANCE > a;
}

static void grow(host_port_t *port, size_t needed) {
    if (needed <= port->in_capacity)
        return;
    port->in_capacity = 2 * needed + 4096;
    port->in = realloc(port->in, port->in_capacity * sizeof *port->in);
}

/* True when the byte has left the queue. */
static bool deliver(emu_t *emu, const host_byte_t *byte) {
    int uart = uart_on(emu, RX_PAD, rx_function);
    if (uart < 0)
        return false;
    serial_t *serial = &emu->serial[uart];
    uint32_t rate = serial->rate ? serial->rate(serial->opaque) : 0;
    if (rates_differ(byte->rate, rate)) {
        emu->port.noise_in++;
        return true;
    }
    return serial->receive && serial->receive(serial->opaque, byte->value);
}

void port_pump(emu_t *emu) {
    host_port_t *port = &emu->port;
    if (port->pumping || rom_deaf(emu) || emu_now(emu) < port->held_until)
        return;
    port->pumping = true; /* a UART that takes a byte may ask for the next at once */
    while (port->in_count && deliver(emu, &port->in[port->in_start])) {
        port->in_start++;
        port->in_count--;
        port->active = emu_now(emu);
    }
    port->pumping = false;
    if (port->in_count == 0)
        port->in_start = 0;
}

static void hold_ends(void *opaque) {
    port_pump(opaque);
}

void port_create(emu_t *emu) {
    emu->port.hold_ends = EMU_EVENT(hold_ends, emu);
}

void port_destroy(emu_t *emu) {
    free(emu->port.in);
    free(emu->port.out);
}

void port_hold(emu_t *emu, emu_time_t duration) {
    emu->port.held_until = emu_now(emu) + duration;
    emu_event_at(emu, &emu->port.hold_ends, emu->port.held_until);
}

void port_reset(emu_t *emu) {
    emu->port.held_until = 0;
    emu_event_cancel(emu, &emu->port.hold_ends);
}

void port_sent(emu_t *emu, emu_uart_t uart, uint8_t byte, uint32_t baud) {
    host_port_t *port = &emu->port;
    if (uart_on(emu, TX_PAD, tx_function) != (int)uart)
        return;
    if (rates_differ(port->rate, baud)) {
        port->noise_out++;
        return;
    }
    if (port->out_count == port->out_capacity) {
        port->out_capacity = 2 * port->out_capacity + 4096;
        port->out = realloc(port->out, port->out_capacity);
    }
    port->out[port->out_count++] = byte;
    port->active = emu_now(emu);
}

bool port_quiet(emu_t *emu) {
    return emu->port.active == 0 || emu->port.active + QUIET_TIME <= emu_now(emu);
}

/* ---- the host's side ----------------------------------------------------------------------------------------------- */

void emu_pads_rerouted(emu_t *emu) {
    for (listener_t *l = emu->reroute_listeners; l; l = l->next)
        l->call.clocks(l->opaque);
    port_pump(emu);
}

void emu_port_send(emu_t *emu, const uint8_t *data, uint64_t length, uint32_t rate) {
    host_port_t *port = &emu->port;
    if (emu->in_reset) /* nobody listens on the wire */
        return;
    grow(port, port->in_start + port->in_count + length);
    for (uint64_t i = 0; i < length; i++)
        port->in[port->in_start + port->in_count + i] = (host_byte_t){rate, data[i]};
    port->in_count += length;
    port->active = emu_now(emu);
    port_pump(emu);
}

uint64_t emu_port_queued(emu_t *emu) {
    return emu->port.in_count;
}

void emu_port_set_rate(emu_t *emu, uint32_t rate) {
    emu->port.rate = rate;
}

uint64_t emu_port_output(emu_t *emu, const uint8_t **data) {
    *data = emu->port.out;
    return emu->port.out_count;
}

void emu_hold_reset(emu_t *emu, bool hold) {
    if (hold == emu->in_reset)
        return;
    if (hold) {
        emu->port.in_count = emu->port.in_start = 0; /* passed by on the wire */
        machine_reset(emu, EMU_RESET_PIN);
        emu->in_reset = true;
    } else {
        emu->in_reset = false;
        rom_power_up(emu);
    }
}
