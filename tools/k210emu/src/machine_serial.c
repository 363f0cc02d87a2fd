/* Serial lines: bytes between the UART models and the host's port. */
#include "machine.h"
#include "emu_api.h"

#include <stdlib.h>
#include <string.h>

#define QUIET_TIME (500 * EMU_PS_PER_US) /* a few frames at 115200 baud */

static void grow(uint8_t **data, size_t *capacity, size_t needed) {
    if (needed <= *capacity)
        return;
    *capacity = 2 * needed + 4096;
    *data = realloc(*data, *capacity);
}

static void look_for_text(emu_t *emu, const serial_t *serial) {
    size_t length = emu->stop_text_count;
    if (length == 0 || emu->stop_text_seen || serial->sent_count < emu->stop_text_from + length)
        return;
    if (memcmp(serial->sent + serial->sent_count - length, emu->stop_text, length) == 0) {
        emu->stop_text_seen = true;
        machine_stop_turn(emu);
    }
}

void emu_uart_sent(emu_t *emu, emu_uart_t uart, uint8_t byte, uint32_t baud) {
    serial_t *serial = &emu->serial[uart];
    grow(&serial->sent, &serial->sent_capacity, serial->sent_count + 1);
    serial->sent[serial->sent_count++] = byte;
    serial->active = emu_now(emu);
    machine_part_receives(emu, uart, byte, baud);
    if (uart == EMU_UART_HS)
        look_for_text(emu, serial);
    port_sent(emu, uart, byte, baud);
}

void machine_pump(emu_t *emu, emu_uart_t uart) {
    serial_t *serial = &emu->serial[uart];
    while (serial->queue_count && serial->receive &&
           serial->receive(serial->opaque, serial->queue[serial->queue_start])) {
        serial->queue_start++;
        serial->queue_count--;
        serial->active = emu_now(emu);
    }
    if (serial->queue_count == 0)
        serial->queue_start = 0;
}

void emu_set_uart_receiver(emu_t *emu, emu_uart_t uart, bool (*receive)(void *opaque, uint8_t byte), void *opaque) {
    emu->serial[uart].receive = receive;
    emu->serial[uart].opaque = opaque;
}

void emu_set_uart_rate(emu_t *emu, emu_uart_t uart, uint32_t (*rate)(void *opaque)) {
    emu->serial[uart].rate = rate;
}

void emu_uart_ready(emu_t *emu, emu_uart_t uart) {
    machine_pump(emu, uart);
    port_pump(emu);
}

void emu_serial_send(emu_t *emu, int uart, const uint8_t *data, uint64_t length) {
    serial_t *serial = &emu->serial[uart];
    grow(&serial->queue, &serial->queue_capacity, serial->queue_start + serial->queue_count + length);
    memcpy(serial->queue + serial->queue_start + serial->queue_count, data, length);
    serial->queue_count += length;
    machine_pump(emu, (emu_uart_t)uart);
}

uint64_t emu_serial_queued(emu_t *emu, int uart) {
    return emu->serial[uart].queue_count;
}

uint64_t emu_serial_output(emu_t *emu, int uart, const uint8_t **data) {
    *data = emu->serial[uart].sent;
    return emu->serial[uart].sent_count;
}

void emu_stop_on_text(emu_t *emu, const uint8_t *text, uint64_t length, uint64_t from) {
    free(emu->stop_text);
    emu->stop_text = NULL;
    emu->stop_text_count = length;
    emu->stop_text_from = from;
    emu->stop_text_seen = false;
    if (length) {
        emu->stop_text = malloc(length);
        memcpy(emu->stop_text, text, length);
    }
}

bool emu_idle(emu_t *emu) {
    for (unsigned i = 0; i < emu->hart_count; i++)
        if (!emu->harts[i].asleep)
            return false;
    for (unsigned i = 0; i < EMU_UART_COUNT; i++)
        if (emu->serial[i].queue_count || (emu->serial[i].active && emu->serial[i].active + QUIET_TIME > emu_now(emu)))
            return false;
    return port_quiet(emu);
}
