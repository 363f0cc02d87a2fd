/* A W25Q-class serial NOR flash (spec soc.md 7.11, opcodes and times of the Winbond W25Q128FW).
 *
 * The part is modelled clock by clock on its four IO lines, so that a wrong lane count, mode byte or dummy count has
 * the effect it has on the bench; whole bytes on matching lanes take a fast path. Contents change when chip select
 * rises and the part is then busy for the typical time of the operation. */
#include "norflash.h"

#include <string.h>

static const command_t commands[] = {
    {0x03, READ, 1, 0, 0, 1, false},       {0x0b, READ, 1, 0, 8, 1, false},       {0x3b, READ, 1, 0, 8, 2, false},
    {0xbb, READ, 2, 4, 0, 2, false},       {0x6b, READ, 1, 0, 8, 4, false},       {0xeb, READ, 4, 2, 4, 4, false},
    {0x02, PROGRAM, 1, 0, 0, 1, false},    {0x32, PROGRAM, 1, 0, 0, 4, false},    {0x20, ERASE, 1, 0, 0, 0, false},
    {0x52, ERASE, 1, 0, 0, 0, false},      {0xd8, ERASE, 1, 0, 0, 0, false},      {0xc7, ERASE, 0, 0, 0, 0, false},
    {0x60, ERASE, 0, 0, 0, 0, false},      {0x05, STATUS_OUT, 0, 0, 0, 1, true},  {0x35, STATUS_OUT, 0, 0, 0, 1, true},
    {0x15, STATUS_OUT, 0, 0, 0, 1, true},  {0x01, STATUS_IN, 0, 0, 0, 1, false},  {0x31, STATUS_IN, 0, 0, 0, 1, false},
    {0x11, STATUS_IN, 0, 0, 0, 1, false},  {0x9f, ID_OUT, 0, 0, 0, 1, false},     {0x90, ID_OUT, 1, 0, 0, 1, false},
    {0xab, ID_OUT, 0, 0, 24, 1, false},    {0x4b, ID_OUT, 0, 0, 32, 1, false},    {0x06, SIMPLE, 0, 0, 0, 0, false},
    {0x04, SIMPLE, 0, 0, 0, 0, false},     {0x50, SIMPLE, 0, 0, 0, 0, false},     {0xb9, SIMPLE, 0, 0, 0, 0, false},
    {0x66, SIMPLE, 0, 0, 0, 0, true},      {0x99, SIMPLE, 0, 0, 0, 0, true},      {0x75, SIMPLE, 0, 0, 0, 0, true},
    {0x7a, SIMPLE, 0, 0, 0, 0, false},     {0x38, SIMPLE, 0, 0, 0, 0, false},     {0xff, SIMPLE, 0, 0, 0, 0, false},
};

static unsigned lanes_of(const norflash_t *f)
{
    if (f->qpi) {
        return 4;
    }
    switch (f->phase) {
    case ADDRESS: case MODE: return f->command->address_lanes;
    case DATA: return f->command->data_lanes;
    default: return 1;
    }
}

static bool drives(const norflash_t *f)
{
    kind_t kind = f->command != NULL ? f->command->kind : SIMPLE;
    return f->phase == DATA && (kind == READ || kind == STATUS_OUT || kind == ID_OUT);
}

static uint8_t next_byte(norflash_t *f)
{
    uint32_t n = f->count++;
    switch (f->command->opcode) {
    case 0x05: return f->status[0];
    case 0x35: return f->status[1];
    case 0x15: return f->status[2];
    case 0x9f: return n < 3 ? (uint8_t)(f->jedec >> (16 - 8 * n)) : 0xff;
    case 0x90: return (n + f->address) % 2 == 0 ? (uint8_t)(f->jedec >> 16) : (uint8_t)(f->jedec - 1);
    case 0xab: return (uint8_t)(f->jedec - 1);
    case 0x4b: return f->unique[n % 8];
    }
    uint8_t byte = f->image[f->address];
    f->address = f->address + 1 == f->size ? 0 : f->address + 1;
    return byte;
}

static unsigned dummy_clocks(const norflash_t *f)
{
    if (!f->qpi) {
        return f->command->dummy_clocks;
    }
    if (f->command->kind == READ) {
        return f->command->mode_clocks != 0 ? 0 : 2; /* two in all by default, which are the mode of EB */
    }
    return f->command->dummy_clocks / 4u;
}

static void begin(norflash_t *f, phase_t phase)
{
    f->phase = phase;
    f->shift = 0;
    f->bits = 0;
    if (phase == MODE) {
        f->clocks = f->qpi ? 2 : f->command->mode_clocks;
    } else if (phase == DUMMY) {
        f->clocks = dummy_clocks(f);
        if (f->clocks == 0) {
            begin(f, DATA);
        }
    }
}

static void after_address(norflash_t *f)
{
    begin(f, f->command->mode_clocks != 0 ? MODE : DUMMY);
}

static bool accepts(norflash_t *f, const command_t *command, uint8_t opcode)
{
    if (command == NULL) {
        emu_warn(f->emu, "norflash", "opcode 0x%02x is not known and ignored", opcode);
        return false;
    }
    if (norflash_busy(f) && !command->while_busy) {
        emu_warn(f->emu, "norflash", "opcode 0x%02x while the part is busy is ignored", opcode);
        return false;
    }
    if (f->power_down && opcode != 0xab) {
        emu_warn(f->emu, "norflash", "opcode 0x%02x in power-down is ignored", opcode);
        return false;
    }
    if (!(f->status[1] & QE) && (command->data_lanes == 4 || opcode == 0x38)) {
        emu_warn(f->emu, "norflash", "opcode 0x%02x without quad enable (status 2 bit 1) is ignored", opcode);
        return false;
    }
    return true;
}

static void take_opcode(norflash_t *f, uint8_t opcode)
{
    const command_t *command = NULL;
    for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (commands[i].opcode == opcode) {
            command = &commands[i];
        }
    }
    if (!accepts(f, command, opcode)) {
        f->phase = IGNORE;
        return;
    }
    f->command = command;
    if (command->address_lanes != 0) {
        begin(f, ADDRESS);
    } else {
        after_address(f);
    }
}

static void take_data(norflash_t *f, uint8_t byte)
{
    if (f->command->kind == PROGRAM) {
        f->page[(f->address + f->count) % NORFLASH_PAGE] = byte;
    } else if (f->count < NORFLASH_PAGE) {
        f->page[f->count] = byte;
    }
    f->count++;
}

/* One clock: `in` are the levels of IO3..IO0 as the part sees them; returns what it puts there, undriven lines high. */
static unsigned clock_edge(norflash_t *f, unsigned in)
{
    unsigned lanes = lanes_of(f), mask = (1u << lanes) - 1;
    if (drives(f)) {
        if (f->bits == 0) {
            f->out = next_byte(f);
            f->bits = 8;
        }
        f->bits -= lanes;
        unsigned out = (f->out >> f->bits) & mask;
        return lanes == 1 ? 0xd | out << 1 : (0xf & ~mask) | out;
    }
    if (f->phase == DATA && f->command->data_lanes == 0) {
        f->phase = IGNORE; /* clocks behind a complete command void it */
    }
    switch (f->phase) {
    case IGNORE: return 0xf;
    case DUMMY:
        if (--f->clocks == 0) {
            begin(f, DATA);
        }
        return 0xf;
    default: break;
    }
    f->shift = f->shift << lanes | (in & mask);
    f->bits += lanes;
    switch (f->phase) {
    case OPCODE:
        if (f->bits == 8) {
            take_opcode(f, (uint8_t)f->shift);
        }
        break;
    case ADDRESS:
        if (f->bits == 24) {
            f->address = (f->shift & 0xffffff) % f->size;
            after_address(f);
        }
        break;
    case MODE:
        if (--f->clocks == 0) {
            f->continuous = (f->shift & 0x30) == 0x20 ? f->command : NULL;
            begin(f, DUMMY);
        }
        break;
    default: /* data in */
        if (f->bits == 8) {
            take_data(f, (uint8_t)f->shift);
            begin(f, DATA);
        }
    }
    return 0xf;
}

static void select_part(void *opaque, bool asserted)
{
    norflash_t *f = opaque;
    if (asserted == f->selected) {
        return;
    }
    f->selected = asserted;
    if (asserted) {
        f->count = 0;
        f->command = f->continuous;
        begin(f, f->continuous != NULL ? ADDRESS : OPCODE);
        return;
    }
    /* Writes act only if chip select rises at a byte boundary behind a whole command. */
    bool whole = f->phase == DATA && (drives(f) || f->bits == 0);
    bool wakes = f->phase == DUMMY && f->command->opcode == 0xab; /* the id need not be read */
    if (whole || wakes) {
        norflash_execute(f);
    }
}

static uint32_t transfer_bytes(norflash_t *f, uint32_t out, unsigned bits)
{
    uint32_t in = 0;
    for (unsigned left = bits; left != 0; left -= 8) {
        if (drives(f)) {
            in = in << 8 | next_byte(f);
        } else {
            take_data(f, (uint8_t)(out >> (left - 8)));
            in = in << 8 | 0xff;
        }
    }
    return in;
}

/* Works for eight lanes too: the part has four lines, the others float high. */
static uint32_t transfer_clocks(norflash_t *f, uint32_t out, unsigned bits, unsigned lanes, bool reading)
{
    unsigned mask = (1u << lanes) - 1;
    uint32_t in = 0;
    for (unsigned left = bits; left != 0;) {
        unsigned step = left < lanes ? left : lanes;
        left -= step;
        unsigned lines = lanes > 1 && reading ? 0xf : ~mask | ((out >> left) & mask);
        unsigned answer = ~0xfu | clock_edge(f, lines & 0xf);
        in = in << step | (lanes == 1 ? answer >> 1 & 1 : answer & mask);
    }
    return in;
}

static uint32_t transfer(void *opaque, uint32_t out, unsigned bits, unsigned lanes, bool reading)
{
    norflash_t *f = opaque;
    if (!f->selected) {
        return 0xffffffff;
    }
    if (lanes == 0) { /* dummy clocks: all lines float high */
        for (unsigned i = 0; i < bits; i++) {
            clock_edge(f, 0xf);
        }
        return 0;
    }
    bool bytes = f->phase == DATA && f->command->data_lanes != 0 && f->bits == 0 && bits % 8 == 0;
    return bytes && lanes_of(f) == lanes ? transfer_bytes(f, out, bits) : transfer_clocks(f, out, bits, lanes, reading);
}

void norflash_set_speed(norflash_t *flash, unsigned speed)
{
    flash->speed = speed;
}

void norflash_cut_power_after(norflash_t *flash, uint32_t count)
{
    flash->cut_after = count;
}

static void norflash_state(void *opaque, emu_json_t *json)
{
    norflash_t *f = opaque;
    emu_json_u64(json, "size", f->size);
    emu_json_u64(json, "jedec", f->jedec);
    emu_json_u64(json, "status1", f->status[0]);
    emu_json_u64(json, "status2", f->status[1]);
    emu_json_u64(json, "status3", f->status[2]);
    emu_json_bool(json, "power_down", f->power_down);
    emu_json_bool(json, "qpi", f->qpi);
}

norflash_t *norflash_create(emu_t *emu, unsigned controller, unsigned chip_select, uint8_t *image, uint32_t size,
                            uint32_t jedec, const uint8_t unique[8])
{
    norflash_t *f = device_new(sizeof *f);
    f->emu = emu;
    f->image = image;
    f->size = size;
    f->jedec = jedec;
    f->speed = 1;
    memcpy(f->unique, unique, 8);
    f->status[1] = QE; /* the boot ROM enables it before a quad read, spec isp-flash.md 1.7 */
    f->status[2] = 0x60;
    f->ready = EMU_EVENT(norflash_ready, f);
    f->power_fails = EMU_EVENT(norflash_power_fails, f);
    f->part = (emu_spi_part_t){.select = select_part, .transfer = transfer, .opaque = f};
    emu_spi_attach(emu, controller, chip_select, &f->part);
    emu_add_device(emu, &(emu_device_t){.name = "norflash", .state = norflash_state, .destroy = free, .opaque = f});
    return f;
}
