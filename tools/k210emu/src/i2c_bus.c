/* The bus side of an I2C controller, as master and as slave (spec soc.md 10.1). A byte takes nine SCL periods. */
#include "i2c.h"

#define BYTE_BITS 9

enum { FIRST_FUNCTION = 126, SPEED_STANDARD = 1 }; /* I2C0_SCLK; SDA and the other controllers follow */

static unsigned scl_function(const i2c_t *s)
{
    return FIRST_FUNCTION + 2 * s->index;
}

uint16_t i2c_take(i2c_t *s)
{
    uint16_t command = s->tx[s->tx_head];
    s->tx_head = (s->tx_head + 1) % I2C_DEPTH;
    s->tx_level--;
    return command;
}

bool i2c_put(i2c_t *s, uint8_t byte)
{
    if (s->rx_level == I2C_DEPTH) {
        s->sticky |= INT_RX_OVER;
        emu_warn(s->emu, s->name, "a received byte found the FIFO full and is lost");
        return false;
    }
    s->rx[(s->rx_head + s->rx_level++) % I2C_DEPTH] = byte;
    return true;
}

/* ---- master ------------------------------------------------------------------------------------------------------ */

static void wait_bits(i2c_t *s, unsigned bits)
{
    unsigned speed = field(s->con, 1, 2);
    const uint32_t *count = &s->scl_count[speed <= SPEED_STANDARD ? 0 : 2 * (speed - 1)];
    uint64_t period = count[0] + count[1] != 0 ? count[0] + count[1] : 1;
    emu_time_t time = cycles_to_time(bits * period, emu_clock_hz(s->emu, EMU_CLOCK_I2C0 + s->index));
    s->bits = bits;
    if (time == EMU_NEVER) {
        emu_event_cancel(s->emu, &s->event);
    } else {
        emu_event_at(s->emu, &s->event, emu_now(s->emu) + time);
    }
}

static void enter(i2c_t *s, i2c_phase_t phase, unsigned bits)
{
    s->phase = phase;
    wait_bits(s, bits);
}

static void send_address(i2c_t *s)
{
    s->reading = s->tx[s->tx_head] & I2C_READ;
    s->sticky |= INT_START_DET | INT_ACTIVITY;
    enter(s, I2C_ADDRESS, s->con & CON_TEN_BIT_MASTER ? 1 + 2 * BYTE_BITS : 1 + BYTE_BITS);
}

void i2c_start(i2c_t *s)
{
    if (s->phase == I2C_IDLE && s->enabled && (s->con & CON_MASTER) && !s->blocked && s->tx_level != 0 &&
        !(s->sticky & INT_TX_ABRT)) {
        send_address(s);
    }
}

void i2c_abort(i2c_t *s, unsigned source)
{
    s->abort_source |= 1u << source;
    s->sticky |= INT_TX_ABRT;
    s->tx_level = 0;
    if (s->phase != I2C_IDLE) {
        enter(s, I2C_STOP, 1);
    }
}

static void release_bus(i2c_t *s)
{
    const emu_i2c_part_t *part = s->part;
    s->part = NULL;
    s->phase = I2C_IDLE;
    emu_event_cancel(s->emu, &s->event);
    if (part != NULL) {
        part->stop(part->opaque);
    }
}

void i2c_stop_at_once(i2c_t *s)
{
    if (s->phase != I2C_IDLE) {
        s->sticky |= INT_STOP_DET;
        release_bus(s);
    }
}

/* The next byte, a repeated START for the other direction, or STOP when the FIFO is empty. */
static void go_on(i2c_t *s)
{
    if (s->tx_level == 0) {
        enter(s, I2C_STOP, 1);
    } else if (!(s->tx[s->tx_head] & I2C_READ) == !s->reading) {
        s->command = i2c_take(s);
        enter(s, I2C_DATA, BYTE_BITS);
    } else if (s->con & CON_RESTART) {
        send_address(s);
    } else {
        enter(s, I2C_STOP, 1);
    }
}

static void address_sent(i2c_t *s)
{
    bool ten_bit = (s->con & CON_TEN_BIT_MASTER) || bit(s->tar, 12);
    bool general_call = bit(s->tar, 11) && !bit(s->tar, 10);
    unsigned address = general_call ? 0 : ten_bit ? EMU_I2C_TEN_BIT | (s->tar & 0x3ff) : s->tar & 0x7f;
    if (general_call && s->reading) {
        i2c_abort(s, ABRT_GENERAL_CALL_READ);
        return;
    }
    s->part = emu_i2c_find(s->emu, scl_function(s), scl_function(s) + 1, address);
    if (s->part == NULL || !s->part->start(s->part->opaque, s->reading)) {
        s->part = NULL;
        i2c_abort(s, general_call ? ABRT_NO_GENERAL_CALL : ten_bit ? ABRT_NO_TEN_BIT : ABRT_NO_ADDRESS);
        return;
    }
    go_on(s);
}

static void byte_passed(i2c_t *s)
{
    if (!s->reading) {
        if (s->part->write(s->part->opaque, (uint8_t)s->command)) {
            go_on(s);
        } else {
            i2c_abort(s, ABRT_NO_DATA);
        }
        return;
    }
    int byte = s->part->read(s->part->opaque);
    if (byte == EMU_I2C_STRETCH) {
        wait_bits(s, 1);
        return;
    }
    i2c_put(s, (uint8_t)byte);
    go_on(s);
}

static void bits_passed(void *opaque)
{
    i2c_t *s = opaque;
    switch (s->phase) {
    case I2C_ADDRESS: address_sent(s); break;
    case I2C_DATA: byte_passed(s); break;
    case I2C_STOP: i2c_stop_at_once(s); break;
    case I2C_IDLE: break;
    }
    i2c_start(s);
    i2c_update(s);
}

void i2c_clocks_changed(i2c_t *s)
{
    if (s->phase != I2C_IDLE && s->event.when == EMU_NEVER) {
        wait_bits(s, s->bits);
    }
}

/* ---- slave ------------------------------------------------------------------------------------------------------- */

static bool answers(void *opaque, unsigned address)
{
    i2c_t *s = opaque;
    if (!s->enabled || (s->con & CON_SLAVE_OFF)) {
        return false;
    }
    if (address == 0) {
        s->sticky |= s->general_call ? INT_GEN_CALL : 0;
        return s->general_call;
    }
    return address == (s->con & CON_TEN_BIT_SLAVE ? EMU_I2C_TEN_BIT | s->sar : s->sar & 0x7f);
}

static void end_of_sending(i2c_t *s)
{
    if (s->sending) {
        s->sticky |= INT_RX_DONE; /* the master does not acknowledge the last byte */
    }
    s->sending = s->asked = false;
}

static bool slave_start(void *opaque, bool reading)
{
    i2c_t *s = opaque;
    end_of_sending(s);
    s->addressed = true;
    s->sticky |= INT_START_DET | INT_ACTIVITY;
    s->sending = reading;
    if (reading && s->tx_level != 0) { /* left over from an earlier transfer */
        i2c_abort(s, ABRT_SLAVE_FLUSH);
    }
    i2c_update(s);
    return true;
}

static bool slave_write(void *opaque, uint8_t byte)
{
    i2c_t *s = opaque;
    if (!s->enabled) {
        return false;
    }
    i2c_put(s, byte);
    i2c_update(s);
    return true;
}

static int slave_read(void *opaque)
{
    i2c_t *s = opaque;
    int byte = EMU_I2C_STRETCH;
    if (!s->enabled) {
        return 0xff;
    }
    if (s->tx_level != 0) {
        byte = i2c_take(s) & 0xff;
        s->asked = false;
    } else if (!s->asked) {
        s->asked = true;
        s->sticky |= INT_RD_REQ;
    }
    i2c_update(s);
    return byte;
}

static void slave_stop(void *opaque)
{
    i2c_t *s = opaque;
    end_of_sending(s);
    s->addressed = false;
    s->sticky |= INT_STOP_DET;
    i2c_update(s);
}

void i2c_attach(i2c_t *s)
{
    s->event = EMU_EVENT(bits_passed, s);
    emu_i2c_attach_slave(s->emu, scl_function(s), scl_function(s) + 1, answers,
                         &(emu_i2c_part_t){.start = slave_start, .write = slave_write, .read = slave_read,
                                           .stop = slave_stop, .opaque = s});
}
