/* Reads the flash for the host: loaded through the boot ROM into SRAM, so it works whatever the flash holds. It never
 * writes to the flash. Requests have the boot ROM's header; the replies are those of wire.h. The host's side is
 * kpupy/reader.py. */

#include <stdbool.h>

#include "clint.h"
#include "norflash.h"
#include "sha256.h"
#include "sleep.h"
#include "sysctl.h"
#include "wire.h"

#define VERSION 1u
#define CPU_HZ 400000000u
#define FLASH_HZ 40000000u
#define START_BAUD 115200u
#define MOST_BAUD 5000000u
#define MOST_READ 16384u
#define HASH_STEP 65536u

enum { HELLO = 0xA0, SET_BAUD = 0xA1, READ = 0xA2, HASH = 0xA3, RESET = 0xA4 };

static uint8_t buffer[HASH_STEP] __attribute__((aligned(64)));

static void hello(void) {
    struct {
        uint32_t version, jedec, size, cpu_hz;
        uint8_t unique[8];
    } told = {VERSION, norflash_jedec_id(), norflash_size(), sysctl_cpu_get_freq(), {0}};
    if (told.size) {
        norflash_unique_id(told.unique);
    }
    wire_reply(HELLO, ST_OK, &told, sizeof told);
}

static enum status check_range(const request_t *request, uint32_t most) {
    uint32_t size = norflash_size();
    if (size == 0) {
        return ST_FLASH;
    }
    bool inside = request->length <= most && request->address <= size && request->length <= size - request->address;
    return inside ? ST_OK : ST_LENGTH;
}

static void read(const request_t *request) {
    enum status status = check_range(request, MOST_READ);
    if (status == ST_OK && norflash_read(request->address, buffer, request->length) != 0) {
        status = ST_FLASH;
    }
    wire_reply(READ, status, buffer, status == ST_OK ? request->length : 0);
}

static void hash(const request_t *request) {
    static sha256_t state;
    uint8_t digest[32];
    enum status status = check_range(request, UINT32_MAX);
    sha256_start(&state);
    for (uint32_t done = 0; status == ST_OK && done < request->length;) {
        uint32_t part = request->length - done < HASH_STEP ? request->length - done : HASH_STEP;
        if (norflash_read(request->address + done, buffer, part) != 0) {
            status = ST_FLASH;
        }
        sha256_add(&state, buffer, part);
        done += part;
    }
    sha256_end(&state, digest);
    wire_reply(HASH, status, digest, status == ST_OK ? sizeof digest : 0);
}

static void set_baud(uint32_t baud) {
    bool possible = baud >= 9600 && baud <= MOST_BAUD;
    wire_reply(SET_BAUD, possible ? ST_OK : ST_LENGTH, NULL, 0);
    if (possible) {
        wire_set_baud(baud);
    }
}

static void reset(void) {
    wire_reply(RESET, ST_OK, NULL, 0);
    wire_drain();
    msleep(250); /* the host lets go of IO16 meanwhile */
    sysctl->soft_reset.soft_reset = 1;
}

static void answer(const request_t *request) {
    if (request->status != ST_OK) {
        wire_reply(request->opcode, request->status, NULL, 0);
        return;
    }
    switch (request->opcode) {
    case HELLO:
        hello();
        break;
    case SET_BAUD:
        set_baud(request->address);
        break;
    case READ:
        read(request);
        break;
    case HASH:
        hash(request);
        break;
    case RESET:
        reset();
        break;
    default:
        wire_reply(request->opcode, ST_COMMAND, NULL, 0);
    }
}

int main(void) {
    sysctl_cpu_set_freq(CPU_HZ);
    wire_init(START_BAUD);
    norflash_init(FLASH_HZ);
    for (;;) {
        request_t request = wire_receive();
        answer(&request);
    }
}
