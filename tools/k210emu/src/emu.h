/* The contract between the emulated machine and its device models.
 *
 * A device is one C file that owns its state, maps its registers with emu_map_mmio(), keeps time with events and
 * recomputes its interrupt line in one function. It knows no other device: pins, DMA requests and clocks are asked
 * from the machine by number. Everything runs on one thread; a callback never blocks.
 *
 * Time is virtual. emu_now() is in picoseconds since power-on; it advances with executed instructions at the clock of
 * the CPU (spec soc.md 4.2), or jumps to the next event while all harts sleep.
 */
#ifndef K210EMU_EMU_H
#define K210EMU_EMU_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct emu emu_t;
typedef uint64_t emu_time_t; /* picoseconds */

#define EMU_PS_PER_US 1000000ull
#define EMU_PS_PER_MS 1000000000ull
#define EMU_NEVER UINT64_MAX

/* ---- device registration ---------------------------------------------------------------------------------------- */

typedef struct emu_json emu_json_t; /* writer of device state, see below */

typedef struct {
    const char *name;
    uint64_t base, size;
    /* `offset` is from base; `size` is 1, 2, 4 or 8. The machine has already split or merged accesses when
     * `word` is 4 or 8: then every call has exactly that size and an aligned offset (spec soc.md 0.3). 0 = raw. */
    unsigned word;
    uint64_t (*read)(void *opaque, uint64_t offset, unsigned size);
    void (*write)(void *opaque, uint64_t offset, unsigned size, uint64_t value);
    void (*reset)(void *opaque);                   /* SoC reset (not power-on of attached parts); may be NULL */
    void (*state)(void *opaque, emu_json_t *json); /* registers and internals for people and tests; may be NULL */
    void (*destroy)(void *opaque);                 /* may be NULL */
    void *opaque;
} emu_device_t;

/* Registers a device. The struct is copied; a device with size 0 has no registers (an attached part). */
void emu_add_device(emu_t *emu, const emu_device_t *device);

/* Reports an access that the model does not answer: once per (device, offset, direction), with the pc of the running
 * hart; a failure of the run in strict mode. */
void emu_unmodelled(emu_t *emu, const char *device, uint64_t offset, bool write, uint64_t value);
/* Reports a fact worth a person's attention (a protocol violation by the firmware), same rules. printf style. */
void emu_warn(emu_t *emu, const char *device, const char *format, ...) __attribute__((format(printf, 3, 4)));
void emu_vwarn(emu_t *emu, const char *device, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* ---- time and events -------------------------------------------------------------------------------------------- */

typedef struct emu_event {
    void (*fire)(void *opaque);
    void *opaque;
    emu_time_t when;  /* EMU_NEVER while not queued; owned by the queue */
    uint64_t order;   /* ties fire in the order of scheduling */
    int index;        /* owned by the queue; initialise the event with EMU_EVENT() */
} emu_event_t;
#define EMU_EVENT(fn, arg) ((emu_event_t){.fire = (fn), .opaque = (arg), .when = EMU_NEVER, .index = -1})

emu_time_t emu_now(emu_t *emu);
void emu_event_at(emu_t *emu, emu_event_t *event, emu_time_t when); /* (re)schedules */
void emu_event_cancel(emu_t *emu, emu_event_t *event);              /* harmless when not queued */

/* ---- clocks: the machine asks the SYSCTL model, devices ask the machine ------------------------------------------ */

typedef enum {
    EMU_CLOCK_IN0, EMU_CLOCK_PLL0, EMU_CLOCK_PLL1, EMU_CLOCK_PLL2, EMU_CLOCK_CPU /* ACLK */, EMU_CLOCK_APB0,
    EMU_CLOCK_APB1, EMU_CLOCK_APB2, EMU_CLOCK_SRAM0, EMU_CLOCK_SRAM1, EMU_CLOCK_AI, EMU_CLOCK_DVP, EMU_CLOCK_ROM,
    EMU_CLOCK_SPI0, EMU_CLOCK_SPI1, EMU_CLOCK_SPI2, EMU_CLOCK_SPI3, EMU_CLOCK_I2C0, EMU_CLOCK_I2C1, EMU_CLOCK_I2C2,
    EMU_CLOCK_TIMER0, EMU_CLOCK_TIMER1, EMU_CLOCK_TIMER2, EMU_CLOCK_WDT0, EMU_CLOCK_WDT1, EMU_CLOCK_I2S0,
    EMU_CLOCK_I2S1, EMU_CLOCK_I2S2, EMU_CLOCK_COUNT
} emu_clock_t;

uint64_t emu_clock_hz(emu_t *emu, emu_clock_t clock);  /* 0 when gated, in reset or its PLL is off */
/* Called by SYSCTL after any write that may change a clock; the machine rebases CPU time and tells the listeners. */
void emu_clocks_changed(emu_t *emu);
void emu_on_clocks_changed(emu_t *emu, void (*listener)(void *opaque), void *opaque);
/* SYSCTL registers itself as the source of clocks. */
void emu_set_clock_source(emu_t *emu, uint64_t (*hz)(void *opaque, emu_clock_t clock), void *opaque);

/* SYSCTL peri bits 0..11: the channel of a timer stands still (spec soc.md 4.7). SYSCTL says so, then that clocks
 * have changed. */
void emu_set_timer_pause(emu_t *emu, uint32_t channels);
bool emu_timer_paused(emu_t *emu, unsigned timer, unsigned channel);

/* ---- interrupts ------------------------------------------------------------------------------------------------- */

void emu_irq(emu_t *emu, unsigned plic_source, bool level); /* level of a PLIC source line, 1..65 (spec soc.md 2.2) */

/* ---- resets ----------------------------------------------------------------------------------------------------- */

typedef enum { EMU_RESET_PIN = 0, EMU_RESET_WDT0 = 1, EMU_RESET_WDT1 = 2, EMU_RESET_SOFT = 3 } emu_reset_cause_t;
/* Resets the SoC at the end of the current block; SRAM keeps its contents, attached parts keep theirs. */
void emu_request_reset(emu_t *emu, emu_reset_cause_t cause);
emu_reset_cause_t emu_last_reset(emu_t *emu);
/* A block reset through SYSCTL peri_reset: calls that device's reset(). */
void emu_reset_device(emu_t *emu, const char *name);

/* ---- memory as bus masters see it --------------------------------------------------------------------------------- */

/* Host address of [bus, bus+length) if it lies whole in general SRAM or AI RAM (either alias), else NULL. */
uint8_t *emu_ram(emu_t *emu, uint64_t bus, uint64_t length);
/* Reads or writes RAM or device registers by width 1, 2, 4 or 8; false on a bus error. */
bool emu_bus_read(emu_t *emu, uint64_t bus, unsigned width, uint64_t *value);
bool emu_bus_write(emu_t *emu, uint64_t bus, unsigned width, uint64_t value);
/* Bulk copy into RAM by a bus master other than a hart: drops translations of code there. False on a bus error. */
bool emu_dma_write(emu_t *emu, uint64_t bus, const void *data, uint64_t length);
bool emu_dma_read(emu_t *emu, uint64_t bus, void *data, uint64_t length);

/* ---- DMA handshakes (spec soc.md 2.3): a peripheral raises its request line, the DMAC serves it -------------------- */

void emu_dma_request(emu_t *emu, unsigned select, bool level);       /* level of request line 0..63 */
bool emu_dma_requested(emu_t *emu, unsigned select);
void emu_on_dma_request(emu_t *emu, void (*listener)(void *opaque, unsigned select, bool level), void *opaque);
/* SYSCTL dma_sel: which request line DMAC channel 0..5 listens to. */
void emu_set_dma_select(emu_t *emu, unsigned channel, unsigned select);
unsigned emu_dma_select(emu_t *emu, unsigned channel);

/* A peripheral that can exchange many 32-bit items at once, so that a long transfer does not cost an event per item.
 * Optional: without it, and whenever it declines, the DMAC serves the request line burst by burst. `item_time` is what
 * the DMAC needs for an item; a peripheral that is faster declines, because then its FIFO matters. */
typedef struct {
    /* Peripheral to memory: hands over up to `max` items that arrive without any action of the firmware, and says when
     * the last of them has arrived. Returns their number, 0 to decline. */
    unsigned (*pull)(void *opaque, uint32_t *items, unsigned max, emu_time_t item_time, emu_time_t *arrived);
    /* Memory to peripheral: how many items it takes in advance of its FIFO, 0 to decline; and their transfer. The
     * request line stays low until they have gone through. */
    unsigned (*room)(void *opaque, emu_time_t item_time);
    void (*push)(void *opaque, const uint32_t *items, unsigned count);
    void *opaque;
} emu_dma_stream_t;
void emu_set_dma_stream(emu_t *emu, unsigned select, const emu_dma_stream_t *stream);
const emu_dma_stream_t *emu_dma_stream(emu_t *emu, unsigned select); /* NULL when the peripheral has none */

/* ---- pins: 48 pads routed by FPIOA to function numbers (spec soc.md 5.4) ------------------------------------------- */

/* A peripheral drives or samples a FPIOA function; FPIOA maps it to a pad. Several listeners may watch one. */
void emu_function_drive(emu_t *emu, unsigned function, bool level, bool output_enable); /* peripheral output */
bool emu_function_sample(emu_t *emu, unsigned function);                                /* peripheral input */
void emu_on_function_input(emu_t *emu, unsigned function, void (*listener)(void *opaque, bool level), void *opaque);
/* The world outside drives pad 0..47 (a button, a reset line); release returns it to the pull. */
void emu_pad_drive(emu_t *emu, unsigned pad, bool level);
void emu_pad_release(emu_t *emu, unsigned pad);
bool emu_pad_level(emu_t *emu, unsigned pad);
void emu_pull_up(emu_t *emu, unsigned pad); /* the board has a resistor to the supply there */
/* FPIOA registers itself: the machine forwards the five calls above to it. */
typedef struct {
    void (*drive)(void *opaque, unsigned function, bool level, bool output_enable);
    bool (*sample)(void *opaque, unsigned function);
    void (*pad_drive)(void *opaque, unsigned pad, bool level, bool release);
    bool (*pad_level)(void *opaque, unsigned pad);
    /* The pad that carries this function as output or input, or -1: used by serial devices to know their wires. */
    int (*pad_of)(void *opaque, unsigned function);
    int (*function_of)(void *opaque, unsigned pad);
    void (*rewired)(void *opaque, unsigned pad); /* it has a jumper now */
    void *opaque;
} emu_pins_t;
void emu_set_pins(emu_t *emu, const emu_pins_t *pins);
int emu_pad_of_function(emu_t *emu, unsigned function); /* -1 when not routed */
void emu_pads_rerouted(emu_t *emu); /* FPIOA says that a pad carries another function now */
void emu_on_pads_rerouted(emu_t *emu, void (*listener)(void *opaque), void *opaque);
/* A wire between two pads, one at most on each: what the chip drives on one arrives at the other, as do serial bytes,
 * I2C and I2S. False: a pad is not in 0..47 or has a wire. */
bool emu_jumper(emu_t *emu, unsigned pad_a, unsigned pad_b);
int emu_jumper_of(emu_t *emu, unsigned pad); /* the other end, -1: none */
void emu_notify_function_input(emu_t *emu, unsigned function, bool level); /* FPIOA tells the listeners */

/* ---- serial lines: a UART model exchanges bytes with a host-side port ---------------------------------------------- */

typedef enum { EMU_UART_HS = 0, EMU_UART_1, EMU_UART_2, EMU_UART_3, EMU_UART_COUNT } emu_uart_t;
/* A byte left the transmitter (at the end of its frame in virtual time). `baud` is what the transmitter ran at. */
void emu_uart_sent(emu_t *emu, emu_uart_t uart, uint8_t byte, uint32_t baud);
/* The UART registers how it takes bytes from outside: returns false while it cannot take one more now (the machine
 * asks again after emu_uart_ready()). The UART paces reception in virtual time by its own baud rate. */
void emu_set_uart_receiver(emu_t *emu, emu_uart_t uart, bool (*receive)(void *opaque, uint8_t byte), void *opaque);
void emu_uart_ready(emu_t *emu, emu_uart_t uart);
/* The baud rate the UART receives at now, called with the receiver's opaque; 0 while it cannot receive. */
void emu_set_uart_rate(emu_t *emu, emu_uart_t uart, uint32_t (*rate)(void *opaque));

/* ---- parts on pads: what a board wires to the chip, whatever peripheral the firmware routes there ------------------- */

/* FPIOA tells when a pad's level changes; the listeners of that pad are called. */
void emu_on_pad(emu_t *emu, unsigned pad, void (*listener)(void *opaque, bool level), void *opaque);
void emu_notify_pad(emu_t *emu, unsigned pad, bool level);
/* A part's serial input on a pad: it gets every byte that a UART sends there, at the end of its frame. */
void emu_wire_serial(emu_t *emu, unsigned pad, void (*receive)(void *opaque, uint8_t byte, uint32_t baud), void *opaque);
/* A part's serial output on a pad: a frame begins. LOST: no UART listens there, or at another rate; BUSY: it cannot take
 * a byte now. */
typedef enum { EMU_WIRE_LOST, EMU_WIRE_TAKEN, EMU_WIRE_BUSY } emu_wire_t;
emu_wire_t emu_wire_send(emu_t *emu, unsigned pad, uint8_t byte, uint32_t baud);

/* ---- SPI: a controller and the parts on its chip selects ------------------------------------------------------------ */

typedef struct {
    /* Chip select asserted / released. */
    void (*select)(void *opaque, bool asserted);
    /* One frame of `bits` bits on `lanes` data lines (1, 2, 4, 8): takes what the controller sends (MSB first,
     * right-aligned), returns what the part drives. During dummy cycles `bits` is the number of clocks, out is 0 and
     * `lanes` is 0. */
    uint32_t (*transfer)(void *opaque, uint32_t out, unsigned bits, unsigned lanes, bool reading);
    void *opaque;
} emu_spi_part_t;
void emu_spi_attach(emu_t *emu, unsigned controller, unsigned chip_select, const emu_spi_part_t *part);
const emu_spi_part_t *emu_spi_part(emu_t *emu, unsigned controller, unsigned chip_select); /* NULL when none */
/* SYSCTL peri bits 12..15: reads in a controller's window fetch from its part (spec soc.md 7.9). */
void emu_set_spi_xip(emu_t *emu, unsigned controller, bool on);
bool emu_spi_xip(emu_t *emu, unsigned controller);

/* SPI2, the slave: a master outside clocks `bits` bits through it, most significant first, while SS is low. What comes
 * back; ones where it drives nothing: disabled, not selected or not routed. */
uint32_t emu_spi_slave_exchange(emu_t *emu, uint32_t out, unsigned bits);
void emu_spi_slave_set(emu_t *emu, uint32_t (*exchange)(void *opaque, uint32_t out, unsigned bits), void *opaque);
/* Wires SPI2 to a chip select of another controller; SS goes over pads and a jumper. */
void emu_spi_wire_slave(emu_t *emu, unsigned controller, unsigned chip_select);

/* ---- I2C and SCCB: parts on a pair of pads, whatever controller the firmware routes there -------------------------- */

#define EMU_I2C_STRETCH (-1)
#define EMU_I2C_TEN_BIT 0x400u /* in an address: it has ten bits */
typedef struct {
    bool (*start)(void *opaque, bool reading); /* addressed, also by a repeated START; false: no acknowledge */
    bool (*write)(void *opaque, uint8_t byte); /* false: no acknowledge */
    int (*read)(void *opaque);                 /* a byte, or EMU_I2C_STRETCH: the clock is held, ask again later */
    void (*stop)(void *opaque);
    void *opaque;
} emu_i2c_part_t;
/* `address` is 7 bits, or 10 with EMU_I2C_TEN_BIT. The struct is copied. */
void emu_i2c_attach(emu_t *emu, unsigned scl_pad, unsigned sda_pad, unsigned address, const emu_i2c_part_t *part);
/* A controller that may be a slave: asked at every START on the wires its functions are routed to. */
void emu_i2c_attach_slave(emu_t *emu, unsigned scl_function, unsigned sda_function,
                          bool (*answers)(void *opaque, unsigned address), const emu_i2c_part_t *part);
/* Who answers on the wires that a controller's functions are routed to; NULL: nobody. The pointer stays good. */
const emu_i2c_part_t *emu_i2c_find(emu_t *emu, unsigned scl_function, unsigned sda_function, unsigned address);

/* ---- camera: what a sensor sends to the DVP pins -------------------------------------------------------------------- */

typedef struct {
    /* From one VSYNC to the next with this XCLK (0: none); EMU_NEVER while the sensor does not stream. */
    emu_time_t (*period)(void *opaque, uint64_t xclk_hz);
    /* The picture of a frame, scaled to what DVP captures: rows of RGB888. False: the sensor stopped in its midst. */
    bool (*frame)(void *opaque, unsigned width, unsigned height, uint8_t *rgb);
    void *opaque;
} emu_camera_t;
void emu_camera_attach(emu_t *emu, const emu_camera_t *camera); /* the struct is copied */
void emu_camera_changed(emu_t *emu);                            /* the sensor's period may be another one now */
const emu_camera_t *emu_camera(emu_t *emu);                     /* NULL: none */
void emu_on_camera_changed(emu_t *emu, void (*listener)(void *opaque), void *opaque);

/* ---- audio: the data lines of I2S0..2, samples of 32 bits full scale, left and right --------------------------------- */

/* The next frame that comes in on a line; silence where nothing is fed. */
void emu_audio_in(emu_t *emu, unsigned unit, unsigned line, int32_t frame[2]);
/* A frame that goes out: recorded, and fed to the line at the other end of a jumper. */
void emu_audio_out(emu_t *emu, unsigned unit, unsigned line, const int32_t frame[2]);
/* Silence that went out meanwhile: recorded only, the other end of a jumper has heard it already. */
void emu_audio_silence(emu_t *emu, unsigned unit, unsigned line, uint64_t frames);
/* A unit that passes frames only when it is looked at: called before another one listens to it. */
void emu_on_audio(emu_t *emu, unsigned unit, void (*advance)(void *opaque), void *opaque);
/* From the host: frames to come in, and all that have gone out. */
bool emu_audio_feed(emu_t *emu, unsigned unit, unsigned line, const int32_t *frames, uint64_t count);
uint64_t emu_audio_recorded(emu_t *emu, unsigned unit, unsigned line, const int32_t **frames);

/* ---- OTP: 16 KiB and two fuse words, as programmed at the factory (spec soc.md 10.11) -------------------------------- */

#define EMU_OTP_SIZE 0x4000u
#define EMU_OTP_SECRET 0x3ff0u /* the AES key from here on cannot be read */
uint8_t *emu_otp(emu_t *emu);
uint64_t *emu_fuses(emu_t *emu); /* A, B */

/* ---- state as JSON ---------------------------------------------------------------------------------------------------- */

void emu_json_u64(emu_json_t *json, const char *key, uint64_t value);
void emu_json_bool(emu_json_t *json, const char *key, bool value);
void emu_json_text(emu_json_t *json, const char *key, const char *value);
void emu_json_begin(emu_json_t *json, const char *key); /* opens a nested object */
void emu_json_end(emu_json_t *json);

/* ---- device constructors, called by the machine in this order -------------------------------------------------------- */

void clint_create(emu_t *emu);
void plic_create(emu_t *emu);
void sysctl_create(emu_t *emu);
void fpioa_create(emu_t *emu);
void gpiohs_create(emu_t *emu);
void gpio_create(emu_t *emu);
void uarths_create(emu_t *emu);
void uart_create(emu_t *emu, unsigned index); /* 1..3 */
void spi_create(emu_t *emu, unsigned index);  /* 0, 1, 3 */
void dmac_create(emu_t *emu);
void kpu_create(emu_t *emu, int rounding_profile); /* 'A' or 'B' */
void peripherals_create(emu_t *emu);               /* the rest of spec soc.md 10 */

/* A serial NOR flash of `size` bytes on a controller: `image` is the caller's buffer of that size (it may be a mapped
 * file). `jedec` is the 3-byte id, `unique` the 8-byte id. Returns a handle for fault injection and tests. */
typedef struct norflash norflash_t;
norflash_t *norflash_create(emu_t *emu, unsigned controller, unsigned chip_select, uint8_t *image, uint32_t size,
                            uint32_t jedec, const uint8_t unique[8]);
/* After `count` more program or erase operations the n-th one stops half-way and the machine loses power. 0 = off. */
void norflash_cut_power_after(norflash_t *flash, uint32_t count);
void norflash_set_speed(norflash_t *flash, unsigned speed); /* program and erase take 1/speed of their time */
void emu_power_cut(emu_t *emu); /* stops the run with a reason; called by parts */

/* An ESP8285 or ESP32 beside the K210. Pads are the K210's; -1: not wired to it. `flash` is the caller's buffer. */
typedef struct {
    bool esp32;
    unsigned tx_pad, rx_pad;           /* of the ESP: its TX is the K210's input */
    int en_pad, boot_pad, strap_pad;   /* EN; GPIO0; GPIO15, which must be low */
    uint8_t *flash;
    uint32_t flash_size;
} esp_config_t;
typedef struct esp esp_t;
esp_t *emu_attach_esp(emu_t *emu, const esp_config_t *config);
void emu_esp_jumper(esp_t *esp, bool grounded); /* a person connects GPIO0 to ground, or not */
void emu_esp_power_cycle(esp_t *esp);           /* a person switches it off and on */

#endif
