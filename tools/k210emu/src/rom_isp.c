/* The boot ROM's serial programming protocol on UARTHS (spec isp-flash.md 1, 10.3).
 *
 * The ROM's code is not emulated: this model reads and writes the UART's registers as the ROM does, woken by the UART's
 * interrupt line instead of polling, so that nothing happens while nothing comes. */
#include "machine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define UARTHS 0x38000000u
enum { TXDATA = 0x00, RXDATA = 0x04, TXCTRL = 0x08, RXCTRL = 0x0c, IE = 0x10, DIV = 0x18 };
#define FULL_OR_EMPTY 0x80000000u
#define TX_ROOM (1u | 4u << 16) /* enabled; interrupt below four bytes */
#define IE_TX 1u
#define IE_RX 2u

enum { DELIMITER = 0xc0, ESCAPE = 0xdb, ESCAPED_DELIMITER = 0xdc, ESCAPED_ESCAPE = 0xdd };
enum { NOP = 0xc2, MEMORY_WRITE = 0xc3, MEMORY_BOOT = 0xc5, SET_BAUD = 0xc6 };
enum { NO_REPLY = 0, OK = 0xe0, BAD_LENGTH = 0xe1, BAD_CHECKSUM = 0xe2, BAD_COMMAND = 0xe3 };

#define HEADER 16u
#define MOST_DATA 65536u  /* no limit is known; hosts send 1024 */
#define ROM_MEMORY 0x805f8000u /* the ROM's patch, globals and stacks */
#define HOLD_AFTER_BOOT (20 * EMU_PS_PER_MS)

struct isp {
    bool active, working;
    bool in_frame, escaped, too_long;
    uint8_t frame[HEADER + MOST_DATA];
    uint32_t length;
    uint8_t reply[4];
    unsigned reply_left;
    emu_event_t work;
};

static uint32_t get(emu_t *emu, unsigned reg) {
    uint64_t value = 0;
    emu_bus_read(emu, UARTHS + reg, 4, &value);
    return (uint32_t)value;
}

static void put(emu_t *emu, unsigned reg, uint32_t value) {
    emu_bus_write(emu, UARTHS + reg, 4, value);
}

static uint32_t word(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t crc32(const uint8_t *data, uint32_t length) {
    uint32_t crc = 0xffffffff;
    for (uint32_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

/* ---- commands -------------------------------------------------------------------------------------------------------- */

/* Only SRAM below the ROM's own memory, at either alias. */
static bool writable(uint32_t address, uint32_t length) {
    uint32_t offset = address - (address >= SRAM_BASE ? SRAM_BASE : UNCACHED_BASE);
    return offset <= ROM_MEMORY - SRAM_BASE && length <= ROM_MEMORY - SRAM_BASE - offset;
}

static unsigned write_memory(emu_t *emu, uint32_t address, const uint8_t *data, uint32_t length) {
    if (!writable(address, length)) {
        emu_warn(emu, "rom", "serial programming: %" PRIu32 " bytes to 0x%" PRIx32 " are not within SRAM below 0x%x",
                 length, address, ROM_MEMORY);
        return BAD_LENGTH; /* [I] the real ROM would overwrite itself or fault */
    }
    emu_dma_write(emu, address, data, length);
    return OK;
}

static unsigned set_baud(emu_t *emu, uint32_t baud) {
    uint64_t hz = emu_clock_hz(emu, EMU_CLOCK_CPU), divisor = baud == 0 ? 0 : hz / baud;
    if (divisor == 0 || divisor > 0x10000) {
        emu_warn(emu, "rom", "serial programming: %" PRIu32 " baud cannot be made from %" PRIu64 " Hz", baud, hz);
        return BAD_LENGTH;
    }
    put(emu, DIV, (uint32_t)divisor - 1);
    return OK;
}

/* The bytes behind the command belong to the program. Hosts pause here until it listens (kflash for 100 ms); the pause
 * is kept in virtual time, however late their next bytes are looked at. */
static unsigned boot(emu_t *emu, uint32_t address) {
    isp_leave(emu);
    port_hold(emu, HOLD_AFTER_BOOT);
    rom_jump(emu, address);
    return NO_REPLY;
}

static unsigned check(const uint8_t *frame, uint32_t length, uint32_t data_length) {
    if (length < HEADER)
        return BAD_LENGTH;
    if (crc32(frame + 8, length - 8) != word(frame + 4))
        return BAD_CHECKSUM;
    return word(frame + 12) == data_length && length == HEADER + data_length ? OK : BAD_LENGTH;
}

static unsigned execute(emu_t *emu, const uint8_t *frame, uint32_t length) {
    unsigned status;
    switch (frame[0]) {
    case NOP:
        return OK; /* sent without a valid header */
    case MEMORY_WRITE:
        status = check(frame, length, length - HEADER);
        return status == OK ? write_memory(emu, word(frame + 8), frame + HEADER, length - HEADER) : status;
    case MEMORY_BOOT:
        status = check(frame, length, 0);
        return status == OK ? boot(emu, word(frame + 8)) : status;
    case SET_BAUD:
        status = check(frame, length, 4);
        return status == OK ? set_baud(emu, word(frame + HEADER)) : status;
    default:
        return BAD_COMMAND;
    }
}

/* ---- frames ------------------------------------------------------------------------------------------------------------ */

static void frame_ends(emu_t *emu, isp_t *isp) {
    unsigned status = isp->too_long ? BAD_LENGTH : execute(emu, isp->frame, isp->length);
    if (status != NO_REPLY) {
        memcpy(isp->reply, (uint8_t[]){DELIMITER, isp->frame[0], (uint8_t)status, DELIMITER}, 4);
        isp->reply_left = 4;
    }
    isp->in_frame = isp->too_long = false;
    isp->length = 0;
}

static void take_byte(emu_t *emu, isp_t *isp, uint8_t byte) {
    bool escaped = isp->escaped;
    isp->escaped = false;
    if (byte == DELIMITER) {
        if (isp->in_frame && isp->length)
            frame_ends(emu, isp);
        else
            isp->in_frame = true; /* empty frames do not count */
        return;
    }
    if (!isp->in_frame)
        return;
    if (escaped) {
        if (byte != ESCAPED_DELIMITER && byte != ESCAPED_ESCAPE)
            return; /* [I] as the second stage does */
        byte = byte == ESCAPED_DELIMITER ? DELIMITER : ESCAPE;
    } else if (byte == ESCAPE) {
        isp->escaped = true;
        return;
    }
    if (isp->length < sizeof isp->frame)
        isp->frame[isp->length++] = byte;
    else
        isp->too_long = true;
}

/* ---- the line ------------------------------------------------------------------------------------------------------------ */

/* False when the transmit FIFO is full. */
static bool send_reply(emu_t *emu, isp_t *isp) {
    for (; isp->reply_left; isp->reply_left--) {
        if (get(emu, TXDATA) & FULL_OR_EMPTY)
            return false;
        put(emu, TXDATA, isp->reply[4 - isp->reply_left]);
    }
    return true;
}

/* As the ROM does, reads nothing while a reply has to wait. */
static void work(void *opaque) {
    emu_t *emu = opaque;
    isp_t *isp = emu->isp;
    isp->working = true;
    while (isp->active && send_reply(emu, isp)) {
        uint32_t data = get(emu, RXDATA);
        if (data & FULL_OR_EMPTY)
            break;
        take_byte(emu, isp, (uint8_t)data);
    }
    if (isp->active)
        put(emu, IE, isp->reply_left ? IE_TX : IE_RX);
    isp->working = false;
}

bool isp_takes_irq(emu_t *emu, bool level) {
    isp_t *isp = emu->isp;
    if (!isp->active)
        return false;
    if (level && !isp->working)
        emu_event_at(emu, &isp->work, emu_now(emu));
    return true;
}

void isp_enter(emu_t *emu) {
    isp_t *isp = emu->isp;
    isp->active = true;
    isp->in_frame = isp->escaped = isp->too_long = false;
    isp->length = isp->reply_left = 0;
    put(emu, TXCTRL, TX_ROOM);
    put(emu, RXCTRL, 1);
    put(emu, IE, IE_RX);
}

void isp_leave(emu_t *emu) {
    isp_t *isp = emu->isp;
    if (!isp->active)
        return;
    put(emu, IE, 0);
    put(emu, TXCTRL, 1);
    emu_event_cancel(emu, &isp->work);
    isp->active = false;
}

void isp_create(emu_t *emu) {
    emu->isp = calloc(1, sizeof *emu->isp);
    emu->isp->work = EMU_EVENT(work, emu);
}

void isp_destroy(emu_t *emu) {
    free(emu->isp);
}
