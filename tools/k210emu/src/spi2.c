/* SPI2, the slave (DesignWare apb_ssi, spec soc.md 7.2, 7.10). Bits move when a master outside clocks them. */
#include "peripherals.h"

enum {
    CTRLR0 = 0x00, CTRLR1 = 0x04, SSIENR = 0x08, MWCR = 0x0c, SER = 0x10, BAUDR = 0x14, TXFTLR = 0x18, RXFTLR = 0x1c,
    TXFLR = 0x20, RXFLR = 0x24, SR = 0x28, IMR = 0x2c, ISR = 0x30, RISR = 0x34, TXOICR = 0x38, RXOICR = 0x3c,
    RXUICR = 0x40, MSTICR = 0x44, ICR = 0x48, DMACR = 0x4c, DMATDLR = 0x50, DMARDLR = 0x54, IDR = 0x58, VERSION = 0x5c,
    DR = 0x60, DR_END = 0xf0, RX_SAMPLE_DELAY = 0xf0, SPI_CTRLR0 = 0xf4, ENDIAN = 0x118, SPI2_END = 0x11c
};
enum { INT_TXE = 1, INT_TXO = 2, INT_RXU = 4, INT_RXO = 8, INT_RXF = 16 };
enum { TX_ONLY = 1, RX_ONLY = 2, FN_SS = 85, FN_SCLK = 86 };

#define DEPTH 32
#define RX_USABLE 31 /* as in the masters, spec 7.1 */
#define IRQ 3
#define DMA_RX 4
#define DMA_TX 5

typedef struct {
    uint32_t data[DEPTH];
    unsigned head, level;
} fifo_t;

typedef struct {
    emu_t *emu;
    uint32_t reg[SPI2_END / 4];
    uint32_t sticky;
    fifo_t tx, rx;
    uint32_t shift_in, shift_out;
    unsigned bits_done; /* of the frame on the wire */
    bool enabled, irq, rx_request, tx_request;
} spi2_t;

static uint32_t get(const spi2_t *s, unsigned offset)
{
    return s->reg[offset / 4];
}

static uint32_t raw_interrupts(const spi2_t *s)
{
    return s->sticky | (s->enabled && s->tx.level <= get(s, TXFTLR) ? INT_TXE : 0) |
           (s->rx.level > get(s, RXFTLR) ? INT_RXF : 0);
}

static void update(spi2_t *s)
{
    bool irq = (raw_interrupts(s) & get(s, IMR)) != 0;
    bool rx = s->enabled && bit(get(s, DMACR), 0) && s->rx.level > get(s, DMARDLR);
    bool tx = s->enabled && bit(get(s, DMACR), 1) && s->tx.level <= get(s, DMATDLR);
    if (irq != s->irq) {
        s->irq = irq;
        emu_irq(s->emu, IRQ, irq);
    }
    if (rx != s->rx_request) {
        s->rx_request = rx;
        emu_dma_request(s->emu, DMA_RX, rx);
    }
    if (tx != s->tx_request) {
        s->tx_request = tx;
        emu_dma_request(s->emu, DMA_TX, tx);
    }
}

static void push(fifo_t *fifo, uint32_t value)
{
    fifo->data[(fifo->head + fifo->level++) % DEPTH] = value;
}

static uint32_t pop(fifo_t *fifo)
{
    uint32_t value = fifo->data[fifo->head];
    fifo->head = (fifo->head + 1) % DEPTH;
    fifo->level--;
    return value;
}

/* ---- the wire ---------------------------------------------------------------------------------------------------- */

static unsigned frame_bits(const spi2_t *s)
{
    return field(get(s, CTRLR0), 16, 5) + 1;
}

static unsigned tmod(const spi2_t *s)
{
    return field(get(s, CTRLR0), 8, 2);
}

static uint32_t in_wire_order(const spi2_t *s, uint32_t word)
{
    unsigned bits = frame_bits(s);
    return bit(get(s, ENDIAN), 0) && bits % 8 == 0 ? __builtin_bswap32(word) >> (32 - bits) : word;
}

static void begin_frame(spi2_t *s)
{
    s->shift_in = 0;
    s->shift_out = 0;
    if (tmod(s) != RX_ONLY && s->tx.level != 0) {
        s->shift_out = in_wire_order(s, pop(&s->tx)) << (32 - frame_bits(s));
    }
}

static void end_frame(spi2_t *s)
{
    s->bits_done = 0;
    if (tmod(s) == TX_ONLY) {
        return;
    }
    if (s->rx.level >= RX_USABLE) {
        s->sticky |= INT_RXO;
        emu_warn(s->emu, "spi2", "a received frame found the FIFO full and is lost");
        return;
    }
    push(&s->rx, in_wire_order(s, s->shift_in));
}

static bool selected(const spi2_t *s)
{
    return s->enabled && emu_pad_of_function(s->emu, FN_SCLK) >= 0 && emu_pad_of_function(s->emu, FN_SS) >= 0 &&
           !emu_function_sample(s->emu, FN_SS);
}

static uint32_t exchange(void *opaque, uint32_t out, unsigned bits)
{
    spi2_t *s = opaque;
    uint32_t back = 0;
    if (!selected(s)) {
        return UINT32_MAX >> (32 - bits);
    }
    bool drives = !bit(get(s, CTRLR0), 10);
    for (unsigned n = bits; n-- > 0;) {
        if (s->bits_done == 0) {
            begin_frame(s);
        }
        back = back << 1 | (drives ? s->shift_out >> 31 : 1);
        s->shift_out <<= 1;
        s->shift_in = s->shift_in << 1 | (out >> n & 1);
        if (++s->bits_done == frame_bits(s)) {
            end_frame(s);
        }
    }
    update(s);
    return back;
}

static void select_changed(void *opaque, bool level)
{
    spi2_t *s = opaque;
    if (level) {
        s->bits_done = 0; /* a frame that breaks off is forgotten */
    }
}

/* ---- registers --------------------------------------------------------------------------------------------------- */

static uint32_t clear(spi2_t *s, uint32_t mask)
{
    uint32_t was = s->sticky & mask;
    s->sticky &= ~mask;
    return was != 0;
}

static uint32_t read_data(spi2_t *s)
{
    if (s->rx.level == 0) {
        s->sticky |= INT_RXU;
        return 0;
    }
    return pop(&s->rx);
}

static uint32_t status(const spi2_t *s)
{
    return (s->bits_done != 0 ? 1u : 0) | (s->tx.level < DEPTH ? 2u : 0) | (s->tx.level == 0 ? 4u : 0) |
           (s->rx.level != 0 ? 8u : 0) | (s->rx.level >= DEPTH ? 16u : 0);
}

static uint32_t read_register(spi2_t *s, uint64_t offset)
{
    if (offset >= DR && offset < DR_END) {
        return read_data(s);
    }
    switch (offset) {
    case SSIENR: return s->enabled;
    case TXFLR: return s->tx.level;
    case RXFLR: return s->rx.level;
    case SR: return status(s);
    case ISR: return raw_interrupts(s) & get(s, IMR);
    case RISR: return raw_interrupts(s);
    case TXOICR: return clear(s, INT_TXO);
    case RXOICR: return clear(s, INT_RXO);
    case RXUICR: return clear(s, INT_RXU);
    case MSTICR: return 0;
    case ICR: return clear(s, INT_TXO | INT_RXO | INT_RXU);
    case CTRLR0: case CTRLR1: case MWCR: case SER: case BAUDR: case TXFTLR: case RXFTLR: case IMR: case DMACR:
    case DMATDLR: case DMARDLR: case IDR: case VERSION: case RX_SAMPLE_DELAY: case SPI_CTRLR0: case ENDIAN:
        return get(s, (unsigned)offset);
    }
    emu_unmodelled(s->emu, "spi2", offset, false, 0);
    return 0;
}

static uint64_t spi2_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)size;
    uint32_t value = read_register(opaque, offset);
    update(opaque);
    return value;
}

static void write_data(spi2_t *s, uint32_t value)
{
    if (s->enabled && s->tx.level == DEPTH) {
        s->sticky |= INT_TXO;
    } else if (s->enabled) {
        push(&s->tx, value);
    }
}

static void enable(spi2_t *s, bool on)
{
    s->enabled = on;
    if (!on) {
        s->tx.level = s->rx.level = s->bits_done = 0;
    }
}

/* Bits of each register that keep what is written. */
static uint32_t stored_bits(uint64_t offset)
{
    switch (offset) {
    case CTRLR0: return 0x7fffff0;
    case CTRLR1: return 0xffff;
    case MWCR: return 7;
    case SER: return 0xf;
    case BAUDR: return 0xfffe;
    case TXFTLR: case RXFTLR: case IMR: case DMATDLR: case DMARDLR: return 0x1f;
    case DMACR: return 3;
    case RX_SAMPLE_DELAY: return 0xff;
    case SPI_CTRLR0: case ENDIAN: return ~0u;
    }
    return 0;
}

static void write_register(spi2_t *s, uint64_t offset, uint32_t value)
{
    if (offset >= DR && offset < DR_END) {
        write_data(s, value);
    } else if (offset == SSIENR) {
        enable(s, bit(value, 0));
    } else if (offset == CTRLR0 && s->enabled) {
        emu_warn(s->emu, "spi2", "ctrlr0 written while ssienr is 1 is ignored");
    } else if (stored_bits(offset) != 0) {
        s->reg[offset / 4] = value & stored_bits(offset);
    } else if (offset > VERSION) {
        emu_unmodelled(s->emu, "spi2", offset, true, value);
    }
}

static void spi2_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    (void)size;
    write_register(opaque, offset, (uint32_t)value);
    update(opaque);
}

static void spi2_reset(void *opaque)
{
    spi2_t *s = opaque;
    for (unsigned i = 0; i < SPI2_END / 4; i++) {
        s->reg[i] = 0;
    }
    s->reg[CTRLR0 / 4] = 0x70000; /* 8-bit frames, the IP's default */
    s->sticky = 0;
    enable(s, false);
    update(s);
}

static void spi2_state(void *opaque, emu_json_t *json)
{
    spi2_t *s = opaque;
    emu_json_u64(json, "ctrlr0", get(s, CTRLR0));
    emu_json_bool(json, "enabled", s->enabled);
    emu_json_u64(json, "sr", status(s));
    emu_json_u64(json, "tx_level", s->tx.level);
    emu_json_u64(json, "rx_level", s->rx.level);
    emu_json_u64(json, "risr", raw_interrupts(s));
    emu_json_u64(json, "dmacr", get(s, DMACR));
}

void spi2_create(emu_t *emu)
{
    spi2_t *s = device_new(sizeof *s);
    s->emu = emu;
    emu_spi_slave_set(emu, exchange, s);
    emu_on_function_input(emu, FN_SS, select_changed, s);
    emu_add_device(emu, &(emu_device_t){.name = "spi2", .base = 0x50240000, .size = 0x10000, .word = 4,
                                        .read = spi2_read, .write = spi2_write, .reset = spi2_reset,
                                        .state = spi2_state, .destroy = free, .opaque = s});
    spi2_reset(s);
}
