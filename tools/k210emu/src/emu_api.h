/* The library as a host program sees it: the Python package binds exactly this. One thread at a time per machine,
 * except emu_stop(), which any thread may call. */
#ifndef K210EMU_EMU_API_H
#define K210EMU_EMU_API_H

#include "emu.h"

/* `flash` is the caller's buffer of `flash_size` bytes, alive as long as the machine. `rounding` is the KPU profile,
 * 'A' or 'B'. NULL when no CPU engine could be made. */
emu_t *emu_create(unsigned harts, bool strict, int rounding, uint8_t *flash, uint32_t flash_size);
void emu_destroy(emu_t *emu);
void emu_boot(emu_t *emu, int cause);              /* resets the SoC and runs the boot ROM */
void emu_start(emu_t *emu, uint64_t pc);           /* resets the SoC and enters at pc as the boot ROM would */
int emu_run(emu_t *emu, uint64_t cycles, bool stop_idle); /* run_reason_t */
void emu_stop(emu_t *emu);
bool emu_idle(emu_t *emu);                         /* every hart sleeps and no serial byte is on its way */
uint64_t emu_next_event(emu_t *emu);               /* ps, EMU_NEVER when there is none */
uint64_t emu_cycle_count(emu_t *emu);
uint64_t emu_cycles_of_ps(emu_t *emu, uint64_t ps);
uint64_t emu_instruction_count(emu_t *emu);
void emu_stop_on_text(emu_t *emu, const uint8_t *text, uint64_t length, uint64_t from);
void emu_serial_send(emu_t *emu, int uart, const uint8_t *data, uint64_t length);
uint64_t emu_serial_queued(emu_t *emu, int uart);  /* bytes sent to the firmware that its UART has not taken yet */
uint64_t emu_serial_output(emu_t *emu, int uart, const uint8_t **data);
/* The board's serial port, pads IO4 and IO5. `rate` is the host's baud rate, 0 where there is none to compare. */
void emu_port_send(emu_t *emu, const uint8_t *data, uint64_t length, uint32_t rate);
uint64_t emu_port_queued(emu_t *emu);
void emu_port_set_rate(emu_t *emu, uint32_t rate);
uint64_t emu_port_output(emu_t *emu, const uint8_t **data); /* everything that arrived at the host */
void emu_hold_reset(emu_t *emu, bool hold);        /* the reset pin; its release starts the boot ROM */
bool emu_memory_read(emu_t *emu, uint64_t address, void *data, uint64_t length);
bool emu_memory_write(emu_t *emu, uint64_t address, const void *data, uint64_t length);
uint64_t emu_register(emu_t *emu, unsigned hart, unsigned index);
bool emu_asleep(emu_t *emu, unsigned hart);
void emu_cut_power_after(emu_t *emu, uint32_t operations);
void emu_set_flash_speed(emu_t *emu, uint32_t speed);
const char *emu_state(emu_t *emu);                 /* valid until the next call */
unsigned emu_report_count(emu_t *emu);
const char *emu_report(emu_t *emu, unsigned index);
const char *emu_rom_note(emu_t *emu);

#endif
