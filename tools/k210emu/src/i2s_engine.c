/* Samples between the FIFOs of an I2S unit and its data lines (spec soc.md 10.9).
 *
 * Frames pass when somebody looks; there is an event only for the moment at which a FIFO level raises an unmasked
 * interrupt or a DMA request. */
#include "i2s.h"

void i2s_flush(i2s_fifo_t fifo[2])
{
    fifo[0].level = fifo[1].level = 0;
}

bool i2s_push(i2s_fifo_t *fifo, uint32_t value)
{
    if (fifo->level == I2S_DEPTH) {
        return false;
    }
    fifo->data[(fifo->head + fifo->level++) % I2S_DEPTH] = value;
    return true;
}

uint32_t i2s_pop(i2s_fifo_t *fifo)
{
    if (fifo->level == 0) {
        return 0;
    }
    uint32_t value = fifo->data[fifo->head];
    fifo->head = (fifo->head + 1) % I2S_DEPTH;
    fifo->level--;
    return value;
}

static unsigned tx_level(const i2s_line_t *line)
{
    return line->tx[0].level > line->tx[1].level ? line->tx[0].level : line->tx[1].level;
}

uint32_t i2s_status(const i2s_line_t *line)
{
    return line->overruns | (line->rx[0].level > line->rfcr ? I2S_RXDA : 0) |
           (tx_level(line) <= line->tfcr ? I2S_TXFE : 0);
}

static unsigned resolution(uint32_t code)
{
    static const uint8_t bits[8] = {32, 12, 16, 20, 24, 32, 32, 32};
    return bits[code & 7];
}

/* ---- frames ------------------------------------------------------------------------------------------------------ */

static int32_t full_scale(uint32_t sample, unsigned bits)
{
    return (int32_t)(sample << (32 - bits));
}

/* Silence between two frames is kept, up to a second of it. */
static void record_gap(i2s_t *s, unsigned n)
{
    i2s_line_t *line = &s->line[n];
    uint64_t frames = line->sent ? line->gap : 0;
    emu_audio_silence(s->emu, s->index, n, frames < s->hz / 1000 ? frames : s->hz / 1000);
    line->gap = 0;
    line->sent = true;
}

static void transmit(i2s_t *s, unsigned n)
{
    i2s_line_t *line = &s->line[n];
    if (tx_level(line) == 0) {
        line->gap++;
        return;
    }
    unsigned bits = resolution(line->tcr);
    int32_t frame[2];
    frame[0] = full_scale(i2s_pop(&line->tx[0]), bits);
    frame[1] = full_scale(i2s_pop(&line->tx[1]), bits);
    record_gap(s, n);
    emu_audio_out(s->emu, s->index, n, frame);
}

static void receive(i2s_t *s, unsigned n)
{
    i2s_line_t *line = &s->line[n];
    unsigned bits = resolution(line->rcr);
    int32_t frame[2];
    emu_audio_in(s->emu, s->index, n, frame);
    for (unsigned side = 0; side < 2; side++) {
        uint32_t value = bit(s->ccr, CCR_SIGN) ? (uint32_t)(frame[side] >> (32 - bits))
                                               : (uint32_t)frame[side] >> (32 - bits);
        if (!i2s_push(&line->rx[side], value)) {
            line->overruns |= I2S_RXFO;
        }
    }
}

static uint64_t frames_by_now(const i2s_t *s)
{
    return (uint64_t)((unsigned __int128)(emu_now(s->emu) - s->start) * s->hz / 1000000000000000ull);
}

void i2s_advance(void *opaque)
{
    i2s_t *s = opaque;
    if (s->hz == 0 || s->advancing) {
        return;
    }
    s->advancing = true; /* a jumper may lead back here */
    for (uint64_t now = frames_by_now(s); s->passed < now; s->passed++) {
        for (unsigned n = 0; n < I2S_LINES && s->iter; n++) {
            if (s->line[n].ter) {
                transmit(s, n);
            }
        }
        for (unsigned n = 0; n < I2S_LINES && s->irer; n++) {
            if (s->line[n].rer) {
                receive(s, n);
            }
        }
    }
    s->advancing = false;
}

void i2s_retime(i2s_t *s)
{
    static const uint8_t clocks[4] = {16, 24, 32, 32};
    bool runs = s->ier && s->cer && (s->irer || s->iter);
    uint64_t clock = emu_clock_hz(s->emu, EMU_CLOCK_I2S0 + s->index);
    uint64_t hz = runs ? clock * 1000 / (2u * clocks[field(s->ccr, CCR_WORD_SELECT, 2)]) : 0;
    if (hz != s->hz) {
        s->hz = hz;
        s->start = emu_now(s->emu);
        s->passed = 0;
    }
}

/* ---- when something outside notices ------------------------------------------------------------------------------ */

/* Frames until the line's status changes in a way that is waited for; 0: never. */
static unsigned frames_to_wait(const i2s_t *s, const i2s_line_t *line)
{
    bool tx_seen = s->iter && line->ter && (bit(s->ccr, CCR_DMA_TX) || !(line->imr & I2S_TXFE));
    bool rx_seen = s->irer && line->rer && (bit(s->ccr, CCR_DMA_RX) || !(line->imr & I2S_RXDA));
    unsigned tx = tx_seen && tx_level(line) > line->tfcr ? tx_level(line) - line->tfcr : 0;
    unsigned rx = rx_seen && line->rx[0].level <= line->rfcr ? line->rfcr + 1 - line->rx[0].level : 0;
    if (s->irer && line->rer && !(line->imr & I2S_RXFO) && rx == 0 && !(line->overruns & I2S_RXFO)) {
        rx = I2S_DEPTH + 1 - line->rx[0].level;
    }
    return tx == 0 || (rx != 0 && rx < tx) ? rx : tx;
}

void i2s_schedule(i2s_t *s)
{
    unsigned frames = 0;
    for (unsigned n = 0; n < I2S_LINES && s->hz != 0; n++) {
        unsigned wait = frames_to_wait(s, &s->line[n]);
        frames = wait != 0 && (frames == 0 || wait < frames) ? wait : frames;
    }
    if (frames == 0) {
        emu_event_cancel(s->emu, &s->event);
        return;
    }
    unsigned __int128 ps = (unsigned __int128)(s->passed + frames) * 1000000000000000ull + s->hz - 1;
    emu_event_at(s->emu, &s->event, s->start + (emu_time_t)(ps / s->hz));
}

/* ---- DMA ports: left and right of the first enabled line, then of the next --------------------------------------- */

static i2s_line_t *line_of_port(i2s_t *s, unsigned *at, bool tx)
{
    for (unsigned tries = 0; tries < I2S_LINES; tries++) {
        i2s_line_t *line = &s->line[*at / 2];
        if (tx ? line->ter : line->rer) {
            return line;
        }
        *at = (*at / 2 + 1) % I2S_LINES * 2;
    }
    return NULL;
}

uint32_t i2s_dma_read(i2s_t *s)
{
    i2s_line_t *line = line_of_port(s, &s->rx_at, false);
    if (line == NULL) {
        return 0;
    }
    uint32_t value = i2s_pop(&line->rx[s->rx_at % 2]);
    s->rx_at = (s->rx_at + 1) % (2 * I2S_LINES);
    if (bit(s->ccr, CCR_DIVIDE_16) && s->rx_at % 2 == 1) {
        value = (value & 0xffff) | i2s_pop(&line->rx[1]) << 16;
        s->rx_at = (s->rx_at + 1) % (2 * I2S_LINES);
    }
    return value;
}

static void port_write(i2s_t *s, uint32_t value)
{
    i2s_line_t *line = line_of_port(s, &s->tx_at, true);
    if (line == NULL || !s->ier) {
        return;
    }
    if (!i2s_push(&line->tx[s->tx_at % 2], value)) {
        line->overruns |= I2S_TXFO;
    }
    s->tx_at = (s->tx_at + 1) % (2 * I2S_LINES);
}

void i2s_dma_write(i2s_t *s, uint32_t value)
{
    if (bit(s->ccr, CCR_DIVIDE_16)) {
        port_write(s, value & 0xffff);
        port_write(s, value >> 16);
    } else {
        port_write(s, value);
    }
}
