// The console on UARTHS: both directions run by interrupt through rings, so that the hart sleeps instead of polling.
#include <string.h>

#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "clint.h"
#include "plic.h"
#include "sleep.h"
#include "uarths.h"

#define FIFO_DEPTH 8
#define IRQ_PRIORITY 1
#define WAIT_TICKS 4000 // 0.5 ms

// Receiving must bridge one flash sector erase (up to 400 ms, 4.6 KB at 115200 baud) for hosts without flow control.
#define RX_SIZE 8192
#define TX_SIZE 1024

static struct {
    uint32_t baud;
    volatile uint32_t rx_head, rx_tail;
    volatile uint32_t tx_head, tx_tail;
    uint8_t rx[RX_SIZE];
    uint8_t tx[TX_SIZE];
} console;

static void receive(void) {
    uint8_t bytes[FIFO_DEPTH];
    size_t count;
    while ((count = uarths_receive_data(bytes, sizeof(bytes))) != 0) {
        for (size_t i = 0; i < count; i++) {
            if (bytes[i] == mp_interrupt_char) {
                mp_sched_keyboard_interrupt();
            } else if (console.rx_head - console.rx_tail < RX_SIZE) {
                console.rx[console.rx_head++ % RX_SIZE] = bytes[i];
            }
        }
        mp_hal_signal_event();
    }
}

// Fills the empty transmit FIFO. The watermark interrupt stays enabled as long as there is something to send.
static void transmit(void) {
    if (uarths_get_interrupt_mode() & UARTHS_SEND) {
        for (int room = FIFO_DEPTH; room > 0 && console.tx_head != console.tx_tail; room--) {
            uarths_send_data(&console.tx[console.tx_tail++ % TX_SIZE], 1);
        }
    }
    uarths->ie.txwm = console.tx_head != console.tx_tail;
}

static int console_irq(void *context) {
    (void)context;
    receive();
    transmit();
    return 0;
}

void console_init(uint32_t baud) {
    console.baud = baud;
    uarths_init();
    uarths_config(baud, UARTHS_STOP_1);
    uarths_set_interrupt_cnt(UARTHS_RECEIVE, 0);
    uarths_set_interrupt_cnt(UARTHS_SEND, 1); // pending while fewer than one byte is waiting
    uarths_set_irq(UARTHS_SEND_RECEIVE, console_irq, NULL, IRQ_PRIORITY);
    uarths->ie.txwm = 0;
}

void console_set_clock(void) {
    uarths_config(console.baud, UARTHS_STOP_1);
}

// Runs with interrupts disabled: sleeps until the UART (or anything else) wants attention and serves the UART. The time
// limit is for a caller inside an interrupt handler, where the PLIC's threshold holds the UART's interrupt back.
static void wait_and_serve(void) {
    clint_wait_until(clint_get_time() + WAIT_TICKS);
    console_irq(NULL);
}

void console_flush(void) {
    mp_uint_t state = mp_hal_irq_disable();
    while (console.tx_head != console.tx_tail) {
        wait_and_serve();
    }
    mp_hal_irq_restore(state);
    while (!(uarths_get_interrupt_mode() & UARTHS_SEND)) {
    }
    usleep(12 * 1000000 / console.baud); // the byte that has left the FIFO is still on the line
}

bool console_interrupt_waiting(void) {
    for (uint32_t i = console.rx_tail; i != console.rx_head; i++) {
        if (console.rx[i % RX_SIZE] == 3) {
            return true;
        }
    }
    return false;
}

int mp_hal_stdin_rx_chr(void) {
    while (console.rx_head == console.rx_tail) {
        mp_event_wait_indefinite();
    }
    return console.rx[console.rx_tail++ % RX_SIZE];
}

mp_uint_t mp_hal_stdout_tx_strn(const char *str, size_t len) {
    for (size_t i = 0; i < len; i++) {
        mp_uint_t state = mp_hal_irq_disable();
        while (console.tx_head - console.tx_tail >= TX_SIZE) {
            wait_and_serve();
        }
        console.tx[console.tx_head++ % TX_SIZE] = str[i];
        mp_hal_irq_restore(state);
    }
    mp_uint_t state = mp_hal_irq_disable();
    transmit();
    mp_hal_irq_restore(state);
    return len;
}

uintptr_t mp_hal_stdio_poll(uintptr_t poll_flags) {
    uintptr_t ready = poll_flags & MP_STREAM_POLL_WR;
    if ((poll_flags & MP_STREAM_POLL_RD) && console.rx_head != console.rx_tail) {
        ready |= MP_STREAM_POLL_RD;
    }
    return ready;
}
