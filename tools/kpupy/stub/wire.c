#include "wire.h"

#include <string.h>

#include "clint.h"
#include "encoding.h"
#include "sleep.h"
#include "uarths.h"

#define FIFO_DEPTH 8
#define WAIT_TICKS 80000 /* 10 ms: an upper limit for one sleep */
#define HEADER 16
#define RX_SIZE 1024 /* powers of two */
#define TX_SIZE 4096

enum { END = 0xC0, ESC = 0xDB, ESC_END = 0xDC, ESC_ESC = 0xDD };

static struct {
    volatile uint32_t rx_head, rx_tail, tx_head, tx_tail;
    uint8_t rx[RX_SIZE], tx[TX_SIZE];
} wire;

static int serve(void *context) {
    (void)context;
    uint8_t byte;
    while (uarths_receive_data(&byte, 1)) {
        if (wire.rx_head - wire.rx_tail < RX_SIZE) {
            wire.rx[wire.rx_head++ % RX_SIZE] = byte;
        }
    }
    if (uarths_get_interrupt_mode() & UARTHS_SEND) {
        for (int room = FIFO_DEPTH; room > 0 && wire.tx_head != wire.tx_tail; room--) {
            uarths_send_data(&wire.tx[wire.tx_tail++ % TX_SIZE], 1);
        }
    }
    uarths->ie.txwm = wire.tx_head != wire.tx_tail;
    return 0;
}

/* Sleeps as long as *index == value, with the interrupt masked between test and sleep. */
static void wait_while(const volatile uint32_t *index, uint32_t value) {
    while (*index == value) {
        clear_csr(mstatus, MSTATUS_MIE);
        if (*index == value) {
            clint_wait_until(read_time() + WAIT_TICKS);
        }
        set_csr(mstatus, MSTATUS_MIE);
    }
}

static uint8_t get(void) {
    wait_while(&wire.rx_head, wire.rx_tail);
    return wire.rx[wire.rx_tail++ % RX_SIZE];
}

static void put(uint8_t byte) {
    wait_while(&wire.tx_tail, wire.tx_head - TX_SIZE);
    wire.tx[wire.tx_head++ % TX_SIZE] = byte;
}

static void start_sending(void) {
    clear_csr(mstatus, MSTATUS_MIE);
    serve(NULL);
    set_csr(mstatus, MSTATUS_MIE);
}

void wire_init(uint32_t baud) {
    uarths_init();
    uarths_config(baud, UARTHS_STOP_1);
    uarths_set_interrupt_cnt(UARTHS_RECEIVE, 0);
    uarths_set_interrupt_cnt(UARTHS_SEND, 1);
    uarths_set_irq(UARTHS_SEND_RECEIVE, serve, NULL, 1);
    uarths->ie.txwm = 0;
}

void wire_drain(void) {
    start_sending();
    while (wire.tx_tail != wire.tx_head) {
        uint32_t tail = wire.tx_tail;
        if (tail != wire.tx_head) {
            wait_while(&wire.tx_tail, tail);
        }
    }
    uarths_drain();
}

void wire_set_baud(uint32_t baud) {
    wire_drain();
    uarths_config(baud, UARTHS_STOP_1);
}

static uint32_t crc32(const uint8_t *data, size_t length) {
    static const uint32_t nibble[] = {0,          0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
                                      0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
                                      0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
    uint32_t crc = ~0u;
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}

/* A frame longer than a header is counted on but not kept: no request carries data. */
static size_t receive_frame(uint8_t *frame, size_t room) {
    size_t length = 0;
    for (;;) {
        uint8_t byte = get();
        if (byte == END) {
            if (length) {
                return length;
            }
            continue;
        }
        if (byte == ESC) {
            byte = get();
            byte = byte == ESC_END ? END : byte == ESC_ESC ? ESC : byte;
        }
        if (length < room) {
            frame[length] = byte;
        }
        length++;
    }
}

request_t wire_receive(void) {
    uint8_t frame[HEADER];
    uint32_t crc;
    size_t length = receive_frame(frame, sizeof frame);
    request_t request = {.opcode = frame[0], .status = ST_OK};
    if (length != HEADER) {
        request.status = ST_LENGTH;
        return request;
    }
    memcpy(&crc, frame + 4, 4);
    memcpy(&request.address, frame + 8, 4);
    memcpy(&request.length, frame + 12, 4);
    if (crc != crc32(frame + 8, HEADER - 8)) {
        request.status = ST_CHECKSUM;
    }
    return request;
}

static void put_escaped(const void *data, size_t length) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == END || bytes[i] == ESC) {
            put(ESC);
            put(bytes[i] == END ? ESC_END : ESC_ESC);
        } else {
            put(bytes[i]);
        }
        if (i % (TX_SIZE / 4) == 0) {
            start_sending();
        }
    }
}

void wire_reply(uint8_t opcode, enum status status, const void *data, size_t length) {
    uint8_t head[8] = {opcode, status};
    uint32_t crc = crc32(data, length);
    memcpy(head + 4, &crc, 4);
    put(END);
    put_escaped(head, sizeof head);
    put_escaped(data, length);
    put(END);
    start_sending();
}
