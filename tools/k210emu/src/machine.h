/* The inside of the emulated machine, shared by machine*.c, events.c, clint.c, plic.c and rom*.c only. */
#ifndef K210EMU_MACHINE_H
#define K210EMU_MACHINE_H

#include "cpu.h"
#include "emu.h"
#include "sha256.h"

#define HARTS 2u
#define SRAM_BASE 0x80000000u
#define SRAM_SIZE 0x600000u /* general SRAM; AI RAM follows */
#define RAM_SIZE 0x800000u
#define UNCACHED_BASE 0x40000000u
#define ROM_BASE 0x88000000u
#define ROM_SIZE 0x20000u
#define PLIC_SOURCES 66u
#define FUNCTIONS 256u
#define PADS 48u
#define DMA_LINES 64u
#define DMA_CHANNELS 6u

enum { MIP_MSIP = 1u << 3, MIP_MTIP = 1u << 7, MIP_SEIP = 1u << 9, MIP_MEIP = 1u << 11 };

typedef struct {
    cpu_t *cpu;
    bool asleep;
    uint64_t cycle;         /* virtual time of this hart, in cycles, while it is not running */
    uint64_t retired_start; /* cpu_retired() when it got the turn */
    uint32_t lines;
} hart_t;

typedef struct {
    emu_device_t device;
    uint32_t *shadow; /* last word written to each of the first 1024 registers, for merging narrow stores */
    uint8_t *written;
} slot_t;

typedef struct listener {
    struct listener *next;
    union {
        void (*clocks)(void *opaque);
        void (*dma)(void *opaque, unsigned select, bool level);
        void (*input)(void *opaque, bool level);
    } call;
    void *opaque;
} listener_t;

typedef struct part {
    struct part *next;
    unsigned pad;
    void (*receive)(void *opaque, uint8_t byte, uint32_t baud);
    void *opaque;
} part_t;

typedef struct {
    emu_t *emu;
    unsigned to;
} jumper_end_t;

typedef struct {
    uint8_t *sent; /* everything the firmware has sent */
    size_t sent_count, sent_capacity;
    uint8_t *queue; /* bytes on their way to the firmware, from queue_start on */
    size_t queue_start, queue_count, queue_capacity;
    bool (*receive)(void *opaque, uint8_t byte);
    void *opaque;
    uint32_t (*rate)(void *opaque); /* that it receives at; 0: not now; NULL: any */
    emu_time_t active; /* when the last byte passed in either direction */
} serial_t;

typedef struct {
    uint32_t rate; /* the host's when it sent the byte */
    uint8_t value;
} host_byte_t;

typedef struct { /* the USB bridge's side of pads IO4 and IO5 */
    host_byte_t *in; /* bytes on their way to the chip, from in_start on */
    size_t in_start, in_count, in_capacity;
    uint8_t *out; /* everything that the host has received */
    size_t out_count, out_capacity;
    uint32_t rate; /* the host receives at; 0: any */
    uint64_t noise_in, noise_out; /* bytes at a rate that the other side does not run at */
    emu_time_t held_until, active;
    emu_event_t hold_ends;
    bool pumping;
} host_port_t;

typedef struct { /* of stereo frames */
    int32_t *frames;
    size_t start, count, capacity; /* those before start are gone */
} frames_t;

typedef struct {
    frames_t in, out;
} audio_line_t;

typedef struct isp isp_t;

typedef enum {
    RUN_LIMIT = 0, /* the cycles asked for have passed */
    RUN_TEXT,      /* the text waited for was sent */
    RUN_IDLE,      /* every hart sleeps (only when asked to stop there) */
    RUN_STALLED,   /* every hart sleeps and nothing will wake one */
    RUN_POWER_CUT,
    RUN_STRICT,    /* a report in strict mode */
    RUN_STOPPED    /* emu_stop() */
} run_reason_t;

typedef struct report {
    char *text;
    uint64_t key;
} report_t;

struct emu {
    uint8_t *ram, *rom;
    hart_t harts[HARTS];
    unsigned hart_count;
    hart_t *running; /* NULL between turns */
    bool strict;

    uint64_t cycle;       /* start of the turn */
    uint64_t cycle_high;  /* latest cycle shown to anybody: device time does not run backwards between harts */
    uint64_t turn_end;
    uint64_t base_cycle;  /* of the current clock rate */
    emu_time_t base_time;
    uint64_t ps_per_cycle; /* 32.32 fixed point, in units of 2^-32 ps */
    uint64_t cpu_hz;

    emu_event_t **heap;
    int heap_count, heap_capacity;
    uint64_t event_order;

    slot_t *slots;
    unsigned slot_count;
    slot_t *last_slot;

    uint64_t (*clock_hz)(void *opaque, emu_clock_t clock);
    void *clock_opaque;
    listener_t *clock_listeners, *reroute_listeners, *camera_listeners, *dma_listeners, *input_listeners[FUNCTIONS], *pad_listeners[PADS];
    emu_pins_t pins;
    uint64_t board_pull_ups; /* pads with a resistor to the supply */
    int8_t jumper[PADS];     /* the pad at its other end + 1, 0: none */
    jumper_end_t jumper_end[PADS];
    uint32_t paused_timers;
    bool dma_level[DMA_LINES];
    unsigned dma_select[DMA_CHANNELS];
    const emu_dma_stream_t *dma_stream[DMA_LINES];
    void (*plic_level)(void *opaque, unsigned source, bool level);
    void *plic;
    bool spi_xip[4];
    emu_spi_part_t spi_parts[4][4]; /* no part where transfer is NULL */
    serial_t serial[EMU_UART_COUNT];
    part_t *parts; /* with serial inputs */
    struct i2c_node *i2c_nodes;
    struct i2c_bits *i2c_bits;
    emu_camera_t camera; /* none where period is NULL */
    uint32_t (*spi_slave)(void *opaque, uint32_t out, unsigned bits);
    void *spi_slave_opaque;
    uint8_t otp[EMU_OTP_SIZE];
    uint64_t fuses[2];
    audio_line_t audio[3][4];
    void (*audio_advance[3])(void *opaque);
    void *audio_opaque[3];
    host_port_t port;

    bool ai_ram_on, power_off, failed, reset_requested;
    bool in_reset; /* the reset pin is low */
    volatile bool stop_requested;
    emu_reset_cause_t reset_cause;
    uint8_t *stop_text;
    size_t stop_text_count, stop_text_from;
    bool stop_text_seen;

    uint8_t *flash;
    uint32_t flash_size;
    norflash_t *norflash;
    char rom_note[160]; /* what the boot ROM found */
    emu_event_t rom_starts;
    isp_t *isp;

    report_t *reports;
    unsigned report_count, report_capacity;
    char *json_text;
};

/* machine.c */
uint64_t emu_cycles(emu_t *emu); /* ACLK cycles since power-on at the running instruction */
uint64_t emu_cycle_at(emu_t *emu, emu_time_t when); /* first cycle at or after `when` at the current rate */
emu_time_t emu_time_of(emu_t *emu, uint64_t cycle);
void machine_set_lines(emu_t *emu, unsigned hart, uint32_t mask, uint32_t levels);
void machine_stop_turn(emu_t *emu);
void machine_reset(emu_t *emu, emu_reset_cause_t cause); /* the harts sleep until the ROM starts them */
void machine_rebase_clock(emu_t *emu);

/* machine_bus.c */
void machine_map(emu_t *emu);
void machine_bus_callbacks(emu_t *emu, cpu_bus_t *bus);
void machine_ai_clock_changed(emu_t *emu);
void machine_reset_devices(emu_t *emu);
void machine_destroy_devices(emu_t *emu);

/* machine_lines.c */
void machine_free_listeners(emu_t *emu);
void machine_wire_board(emu_t *emu);

/* machine_parts.c */
void machine_part_receives(emu_t *emu, emu_uart_t uart, uint8_t byte, uint32_t baud);
void machine_free_parts(emu_t *emu);

/* machine_i2c.c */
void machine_free_i2c(emu_t *emu);
const emu_i2c_part_t *machine_i2c_at(emu_t *emu, unsigned scl_pad, unsigned sda_pad, unsigned address);

/* machine_i2c_bits.c */
void machine_decode_i2c(emu_t *emu, unsigned scl_pad, unsigned sda_pad);
void machine_free_i2c_bits(emu_t *emu);

/* machine_audio.c */
void machine_free_audio(emu_t *emu);

/* machine_serial.c */
void machine_pump(emu_t *emu, emu_uart_t uart);

/* host_port.c */
void port_create(emu_t *emu);
void port_destroy(emu_t *emu);
void port_reset(emu_t *emu);
void port_pump(emu_t *emu);
void port_hold(emu_t *emu, emu_time_t duration); /* bytes from the host wait that long */
void port_sent(emu_t *emu, emu_uart_t uart, uint8_t byte, uint32_t baud);
bool port_quiet(emu_t *emu);

/* events.c */
emu_time_t events_next(const emu_t *emu);
void events_run_due(emu_t *emu, emu_time_t now);

/* json.c */
emu_json_t *json_open(void);
char *json_close(emu_json_t *json); /* the text, to be freed by the caller */

/* rom.c */
void rom_create(emu_t *emu);
void rom_reset(emu_t *emu);                                /* forgets what it was doing */
void rom_power_up(emu_t *emu);                             /* rom_start() after the time the chip takes to get there */
void rom_start(emu_t *emu);                                /* looks at IO16: flash boot or serial programming */
bool rom_deaf(const emu_t *emu);                           /* between reset and rom_start() */
void rom_enter(emu_t *emu, uint64_t pc);                   /* both harts enter at pc, clocks and UARTHS set */
void rom_jump(emu_t *emu, uint32_t pc);                    /* hart 0 alone enters at pc; hart 1 waits for its MSIP */
void rom_service(emu_t *emu, hart_t *hart, unsigned number);

/* rom_isp.c */
void isp_create(emu_t *emu);
void isp_destroy(emu_t *emu);
void isp_enter(emu_t *emu);
void isp_leave(emu_t *emu);
bool isp_takes_irq(emu_t *emu, bool level); /* UARTHS's interrupt line; false: not in serial programming */

#endif
