/* The wire of the SPI model: chip selects, exchange with the parts, execute in place. */
#include "spi.h"

uint32_t spi_low_bits(uint32_t word, unsigned bits)
{
    return bits >= 32 ? word : word & ((1u << bits) - 1);
}

void spi_drive_selects(spi_t *s, uint32_t mask)
{
    for (unsigned n = 0; n < 4; n++) {
        if (!bit(mask ^ s->selected, n)) {
            continue;
        }
        const emu_spi_part_t *part = emu_spi_part(s->emu, s->index, n);
        if (part != NULL) {
            part->select(part->opaque, bit(mask, n));
        }
        if (s->index < 2) {
            emu_function_drive(s->emu, (s->index == 0 ? 12 : 78) + n, !bit(mask, n), true);
        }
    }
    s->selected = mask;
}

/* `bits` up to 60 for an address; a part takes at most 32 at once. Undriven input lines read high. */
uint32_t spi_exchange(spi_t *s, uint64_t out, unsigned bits, unsigned lanes, bool reading)
{
    uint32_t in = 0xffffffff;
    for (unsigned n = 0; n < 4; n++) {
        const emu_spi_part_t *part = bit(s->selected, n) ? emu_spi_part(s->emu, s->index, n) : NULL;
        if (part == NULL) {
            continue;
        }
        if (bits > 32 && lanes != 0) {
            part->transfer(part->opaque, (uint32_t)(out >> 32), bits - 32, lanes, reading);
        }
        in &= part->transfer(part->opaque, (uint32_t)out, lanes != 0 && bits > 32 ? 32 : bits, lanes, reading);
    }
    return in;
}

/* A word from the flash behind chip select 0, with xip_ctrl laid out as in the standard IP (spec 7.9: unverified). */
uint32_t spi_xip_read(spi_t *s, uint32_t offset)
{
    uint32_t ctrl = s->xip.ctrl;
    static const uint8_t inst_bits[4] = {0, 4, 8, 16};
    unsigned lanes = 1u << field(ctrl, 0, 2), type = field(ctrl, 2, 2);
    unsigned instruction = inst_bits[field(ctrl, 9, 2)], address = 4 * field(ctrl, 4, 4);
    spi_drive_selects(s, 0);
    spi_drive_selects(s, s->xip.ser);
    if (bit(ctrl, 22) && instruction != 0) {
        spi_exchange(s, spi_low_bits(s->xip.incr_inst, instruction), instruction, type >= 2 ? lanes : 1, false);
    }
    if (address != 0) {
        spi_exchange(s, offset, address, type >= 1 ? lanes : 1, false);
    }
    if (bit(ctrl, 12)) {
        spi_exchange(s, s->xip.mode_bits & 0xff, 8, type >= 1 ? lanes : 1, false);
    }
    if (field(ctrl, 13, 5) != 0) {
        spi_exchange(s, 0, field(ctrl, 13, 5), 0, true);
    }
    uint32_t word = spi_exchange(s, 0, 32, lanes, true);
    spi_drive_selects(s, 0);
    return __builtin_bswap32(word); /* the byte at the lowest address comes first */
}
