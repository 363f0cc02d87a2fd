/* Frames on UARTHS: SLIP, and the request header of the boot ROM (spec isp-flash.md 1.2, 1.3). */
#ifndef READER_WIRE_H
#define READER_WIRE_H

#include <stddef.h>
#include <stdint.h>

enum status { ST_OK = 0xE0, ST_LENGTH = 0xE1, ST_CHECKSUM = 0xE2, ST_COMMAND = 0xE3, ST_FLASH = 0xE4 };

typedef struct {
    uint8_t opcode;
    uint32_t address, length;
    enum status status; /* ST_OK, or what is wrong with the frame */
} request_t;

void wire_init(uint32_t baud);

/* At once; what is still to be sent goes out before. */
void wire_set_baud(uint32_t baud);

/* Sleeps until a whole request is there. */
request_t wire_receive(void);

/* One frame: opcode, status, two zero bytes, CRC-32 of the data, data. */
void wire_reply(uint8_t opcode, enum status status, const void *data, size_t length);

/* Returns when everything is on the wire. */
void wire_drain(void);

#endif
