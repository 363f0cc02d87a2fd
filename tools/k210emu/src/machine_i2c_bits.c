/* I2C by software: decodes what GPIO pins do on the wires of an I2C part, and answers on SDA. A part drives the line
 * only low, as an open drain; hardware controllers pass whole bytes and leave the levels alone. */
#include "machine.h"

#include <stdlib.h>

typedef enum { BUS_IDLE, BUS_ADDRESS, BUS_TO_PART, BUS_FROM_PART, BUS_IGNORED } bus_phase_t;

typedef struct i2c_bits {
    struct i2c_bits *next;
    emu_t *emu;
    unsigned scl, sda;
    bool scl_level, sda_level, pulls_low;
    bus_phase_t phase;
    unsigned bits;  /* clocked in the current byte, the ninth is the acknowledge */
    uint8_t byte;
    bool acknowledged;
    const emu_i2c_part_t *part;
} i2c_bits_t;

static void pull(i2c_bits_t *b, bool low) {
    if (low == b->pulls_low)
        return;
    b->pulls_low = low;
    if (low)
        emu_pad_drive(b->emu, b->sda, false);
    else
        emu_pad_release(b->emu, b->sda);
}

static void end(i2c_bits_t *b) {
    if (b->part)
        b->part->stop(b->part->opaque);
    b->part = NULL;
    b->phase = BUS_IDLE;
    pull(b, false);
}

static bool address_byte(i2c_bits_t *b) {
    const emu_i2c_part_t *part = machine_i2c_at(b->emu, b->scl, b->sda, b->byte >> 1);
    if (b->part && b->part != part)
        b->part->stop(b->part->opaque);
    b->part = part && part->start(part->opaque, b->byte & 1) ? part : NULL;
    return b->part != NULL;
}

/* Eight bits have been clocked: the receiver decides on the acknowledge. */
static void byte_complete(i2c_bits_t *b) {
    if (b->phase == BUS_ADDRESS)
        b->acknowledged = address_byte(b);
    else if (b->phase == BUS_TO_PART)
        b->acknowledged = b->part->write(b->part->opaque, b->byte);
}

static void next_byte_from_part(i2c_bits_t *b) {
    int byte = b->part->read(b->part->opaque);
    b->byte = byte == EMU_I2C_STRETCH ? 0xff : (uint8_t)byte; /* software masters do not wait for the clock */
}

static void after_acknowledge(i2c_bits_t *b) {
    bool reading = b->phase == BUS_ADDRESS ? b->byte & 1 : b->phase == BUS_FROM_PART;
    b->phase = !b->acknowledged ? BUS_IGNORED : reading ? BUS_FROM_PART : BUS_TO_PART;
    if (b->phase == BUS_FROM_PART)
        next_byte_from_part(b);
    b->bits = 0;
}

static void clock_rises(i2c_bits_t *b) {
    if (b->phase == BUS_IDLE || b->phase == BUS_IGNORED)
        return;
    if (b->bits < 8) {
        if (b->phase != BUS_FROM_PART)
            b->byte = (uint8_t)(b->byte << 1 | b->sda_level);
        if (++b->bits == 8)
            byte_complete(b);
        return;
    }
    if (b->phase == BUS_FROM_PART)
        b->acknowledged = !b->sda_level;
    b->bits = 9;
}

/* While the clock is low the part may change SDA. */
static void clock_falls(i2c_bits_t *b) {
    if (b->bits == 9)
        after_acknowledge(b);
    bool low = false;
    if (b->phase == BUS_FROM_PART)
        low = b->bits < 8 && !(b->byte >> (7 - b->bits) & 1);
    else if (b->phase == BUS_ADDRESS || b->phase == BUS_TO_PART)
        low = b->bits == 8 && b->acknowledged;
    pull(b, low);
}

static void scl_changed(void *opaque, bool level) {
    i2c_bits_t *b = opaque;
    b->scl_level = level;
    if (level)
        clock_rises(b);
    else
        clock_falls(b);
}

static void sda_changed(void *opaque, bool level) {
    i2c_bits_t *b = opaque;
    b->sda_level = level;
    if (!b->scl_level)
        return;
    if (level) {
        end(b);
    } else { /* START, also a repeated one */
        b->phase = BUS_ADDRESS;
        b->bits = b->byte = 0;
    }
}

void machine_decode_i2c(emu_t *emu, unsigned scl, unsigned sda) {
    for (i2c_bits_t *b = emu->i2c_bits; b; b = b->next)
        if (b->scl == scl && b->sda == sda)
            return;
    i2c_bits_t *b = calloc(1, sizeof *b);
    *b = (i2c_bits_t){.next = emu->i2c_bits, .emu = emu, .scl = scl, .sda = sda,
                      .scl_level = emu_pad_level(emu, scl), .sda_level = emu_pad_level(emu, sda)};
    emu->i2c_bits = b;
    emu_on_pad(emu, scl, scl_changed, b);
    emu_on_pad(emu, sda, sda_changed, b);
}

void machine_free_i2c_bits(emu_t *emu) {
    while (emu->i2c_bits) {
        i2c_bits_t *next = emu->i2c_bits->next;
        free(emu->i2c_bits);
        emu->i2c_bits = next;
    }
}
