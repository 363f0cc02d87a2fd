/* State shared by the two halves of the serial flash model: its wire (norflash.c) and its array (norflash_array.c). */
#ifndef K210EMU_NORFLASH_H
#define K210EMU_NORFLASH_H

#include "device.h"

#define NORFLASH_PAGE 256u

/* status register 1, 2, 3 */
enum { BUSY = 0x01, WEL = 0x02, TB = 0x20, SEC = 0x40 };
enum { QE = 0x02, CMP = 0x40, SUS = 0x80 };

typedef enum { READ, PROGRAM, ERASE, STATUS_OUT, STATUS_IN, ID_OUT, SIMPLE } kind_t;

/* Phases after the opcode. Lanes are those of single-line mode; in QPI everything is on four. */
typedef struct {
    uint8_t opcode;
    kind_t kind;
    uint8_t address_lanes; /* 0: no address */
    uint8_t mode_clocks;   /* M7-0 on the address lanes */
    uint8_t dummy_clocks;
    uint8_t data_lanes;
    bool while_busy;
} command_t;

typedef enum { OPCODE, ADDRESS, MODE, DUMMY, DATA, IGNORE } phase_t;

struct norflash {
    emu_t *emu;
    emu_spi_part_t part;
    uint8_t *image;
    uint32_t size, jedec;
    uint8_t unique[8];

    uint8_t status[3];
    bool power_down, qpi, reset_enabled, volatile_write;
    const command_t *continuous; /* read whose opcode may be left out next time (M5-4 = 10) */

    bool selected;
    phase_t phase;
    const command_t *command;
    unsigned clocks; /* left in MODE and DUMMY */
    uint32_t shift;  /* bits of the opcode, address, mode or data byte so far */
    unsigned bits;
    uint32_t address;
    uint32_t count; /* data bytes since the command's start */
    uint8_t out;    /* byte on its way out, `bits` of it not yet shifted */
    uint8_t page[NORFLASH_PAGE];

    emu_event_t ready, power_fails;
    emu_time_t suspended_left; /* busy time of a suspended erase or program */
    unsigned speed; /* program and erase take that part of their time */
    uint32_t cut_after;
};

/* norflash_array.c */
bool norflash_busy(const norflash_t *f);
void norflash_execute(norflash_t *f); /* what a complete command does when chip select rises */
void norflash_ready(void *opaque);    /* events */
void norflash_power_fails(void *opaque);

#endif
