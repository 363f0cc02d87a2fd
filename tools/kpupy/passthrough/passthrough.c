/* Carries bytes between the board's serial port and the co-processor's, and moves the co-processor's EN and GPIO0.
 *
 * Runs from SRAM, loaded by `kpupy esp`. Bytes pass as they are except ESCAPE, which is doubled; a single ESCAPE begins
 *
 *     from the host                               to the host
 *     ESCAPE 'e' level   EN                       ESCAPE 'k' command    done
 *     ESCAPE 'g' level   GPIO0                    ESCAPE 'n' command    not wired, or not known
 *     ESCAPE 'u' rate32  both lines' baud rate    ESCAPE 's' host32 esp32  bytes lost for want of room
 *     ESCAPE '?'         answers 's'
 *     ESCAPE 'q'         resets the K210
 *
 * Numbers are little endian. 'u' is acknowledged at the old rate. */

#include <stdbool.h>

#include "bsp.h"
#include "clint.h"
#include "encoding.h"
#include "fpioa.h"
#include "gpiohs.h"
#include "sleep.h"
#include "sysctl.h"
#include "uart.h"
#include "uarths.h"

#define ESCAPE 0x9E
#define UART UART_DEVICE_1
#define FROM_HOST_SIZE (64u << 10)
#define FROM_ESP_SIZE (512u << 10) /* twice what a host lets a flash reader have under way */
#define BURST 4u /* less than a transmit FIFO holds: the other one does not run empty meanwhile */
#define SLOWEST 1200u
#define FASTEST 5000000u
#define FRAMES_IN_FIFO 18u

enum { EN_PIN = 1, GPIO0_PIN, GPIO15_PIN }; /* of GPIOHS */

/* The host finds this by the magic and fills it in before loading. Pads of the K210; -1: not wired to it. */
static const volatile struct {
    char magic[8];
    int8_t rx, tx, en, gpio0, gpio15;
    uint8_t reserved[3];
} settings __attribute__((used, aligned(8), section(".data"))) = {"KPUPYESP", -1, -1, -1, -1, -1, {0}};

typedef struct {
    uint8_t *data;
    unsigned size;
    volatile unsigned head, tail; /* written by the interrupt, by the main loop */
    volatile uint32_t lost;
} ring_t;

static uint8_t host_bytes[FROM_HOST_SIZE], esp_bytes[FROM_ESP_SIZE];
static ring_t from_host = {.data = host_bytes, .size = FROM_HOST_SIZE};
static ring_t from_esp = {.data = esp_bytes, .size = FROM_ESP_SIZE};
static uint32_t baud = 115200;

static void push(ring_t *ring, const uint8_t *data, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        unsigned next = (ring->head + 1) % ring->size;
        if (next == ring->tail) {
            ring->lost += count - i;
            return;
        }
        ring->data[ring->head] = data[i];
        ring->head = next;
    }
}

static bool pop(ring_t *ring, uint8_t *byte) {
    if (ring->tail == ring->head) {
        return false;
    }
    *byte = ring->data[ring->tail];
    ring->tail = (ring->tail + 1) % ring->size;
    return true;
}

static int on_host(void *ctx) {
    (void)ctx;
    uint8_t data[16];
    push(&from_host, data, (unsigned)uarths_receive_data(data, sizeof data));
    return 0;
}

static int on_esp(void *ctx) {
    (void)ctx;
    uint8_t data[32];
    push(&from_esp, data, (unsigned)uart_receive_data(UART, (char *)data, sizeof data));
    return 0;
}

/* ---- pins -------------------------------------------------------------------------------------------------------- */

static void output(int pad, uint8_t pin, gpio_pin_value_t level) {
    if (pad >= 0) {
        gpiohs_set_drive_mode(pin, GPIO_DM_OUTPUT);
        gpiohs_set_pin(pin, level);
        fpioa_set_function(pad, (fpioa_function_t)(FUNC_GPIOHS0 + pin));
    }
}

static bool set_level(int pad, uint8_t pin, uint8_t level) {
    if (pad >= 0) {
        gpiohs_set_pin(pin, level ? GPIO_PV_HIGH : GPIO_PV_LOW);
    }
    return pad >= 0;
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

static void answer(char kind, const void *data, size_t count) {
    const uint8_t head[2] = {ESCAPE, (uint8_t)kind};
    uarths_send_data(head, sizeof head);
    uarths_send_data(data, count);
}

/* From reset, because a UART in the middle of a byte ignores a new format. */
static void start_uart(void) {
    uart_init(UART);
    uart_configure(UART, baud, UART_BITWIDTH_8BIT, UART_STOP_1, UART_PARITY_NONE);
    uart_irq_register(UART, UART_RECEIVE, on_esp, NULL, 2);
}

static bool set_baud(uint32_t rate) {
    if (rate < SLOWEST || rate > FASTEST) {
        return false;
    }
    answer('k', "u", 1);
    uarths_drain();
    usleep(1 + FRAMES_IN_FIFO * 10000000ull / baud); /* what the other line still sends */
    baud = rate;
    uarths_config(rate, UARTHS_STOP_1);
    start_uart();
    return true;
}

static unsigned arguments_of(uint8_t command) {
    return command == 'u' ? 4 : command == 'e' || command == 'g' ? 1 : 0;
}

static void execute(uint8_t command, const uint8_t *argument) {
    bool done = false;
    uint32_t lost[2] = {from_host.lost, from_esp.lost};
    switch (command) {
    case 'e': done = set_level(settings.en, EN_PIN, argument[0]); break;
    case 'g': done = set_level(settings.gpio0, GPIO0_PIN, argument[0]); break;
    case 'u':
        if (set_baud(argument[0] | argument[1] << 8 | argument[2] << 16 | (uint32_t)argument[3] << 24)) {
            return; /* acknowledged at the old rate */
        }
        break;
    case '?': answer('s', lost, sizeof lost); return;
    case 'q':
        answer('k', "q", 1);
        uarths_drain();
        sysctl->soft_reset.soft_reset = 1;
        return;
    }
    answer(done ? 'k' : 'n', &command, 1);
}

/* ---- the two directions ------------------------------------------------------------------------------------------ */

static bool host_to_esp(void) {
    static enum { PLAIN, ESCAPED, ARGUMENTS } state;
    static uint8_t command, argument[4];
    static unsigned have;
    uint8_t byte;
    unsigned moved = 0;
    for (; moved < BURST && pop(&from_host, &byte); moved++) {
        if (state == PLAIN && byte == ESCAPE) {
            state = ESCAPED;
            continue;
        }
        if (state == PLAIN || (state == ESCAPED && byte == ESCAPE)) {
            uart_send_data(UART, (const char *)&byte, 1);
            state = PLAIN;
            continue;
        }
        if (state == ESCAPED) {
            command = byte;
            have = 0;
        } else {
            argument[have++] = byte;
        }
        state = have < arguments_of(command) ? ARGUMENTS : PLAIN;
        if (state == PLAIN) {
            execute(command, argument);
        }
    }
    return moved != 0;
}

static bool esp_to_host(void) {
    uint8_t byte;
    unsigned moved = 0;
    for (; moved < BURST && pop(&from_esp, &byte); moved++) {
        if (byte == ESCAPE) {
            uarths_send_data(&byte, 1);
        }
        uarths_send_data(&byte, 1);
    }
    return moved != 0;
}

static void sleep_until_a_byte_comes(void) {
    clear_csr(mstatus, MSTATUS_MIE);
    if (from_host.head == from_host.tail && from_esp.head == from_esp.tail) {
        clint_wait_until(read_time() + clint_timer_get_freq());
    }
    set_csr(mstatus, MSTATUS_MIE);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    output(settings.gpio15, GPIO15_PIN, GPIO_PV_LOW);
    output(settings.gpio0, GPIO0_PIN, GPIO_PV_HIGH);
    output(settings.en, EN_PIN, GPIO_PV_HIGH);
    fpioa_set_function(settings.rx, FUNC_UART1_RX);
    fpioa_set_function(settings.tx, FUNC_UART1_TX);
    start_uart();
    uarths_set_interrupt_cnt(UARTHS_RECEIVE, 0);
    uarths_set_irq(UARTHS_RECEIVE, on_host, NULL, 2);
    for (;;) {
        bool moved = host_to_esp();
        moved |= esp_to_host();
        if (!moved) {
            sleep_until_a_byte_comes();
        }
    }
}
