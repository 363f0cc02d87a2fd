/* The ESP8285 or ESP32 beside the K210, split by concern: chip and line (esp.c), the boot loader's commands
 * (esp_loader.c), what only its loaded stub does (esp_stub.c), flash and registers (esp_flash.c). The protocol was
 * observed between esptool 5.6.0 and a recording port; board wiring is spec isp-flash.md 12.1. */
#ifndef K210EMU_ESP_H
#define K210EMU_ESP_H

#include "device.h"

#define ESP_SECTOR 4096u
#define ESP_PACKET_LIMIT 0x10100u
#define ESP_UPLOAD_LIMIT 0x20000u
#define ESP_REGISTERS 96u

enum { ESP_STATUS_OK = 0, ESP_INVALID = 0x05, ESP_FAILED = 0x06, ESP_BAD_CHECKSUM = 0x07, ESP_NOT_IN_STUB = 0xff };

typedef enum {
    ESP_HELD,        /* EN is low */
    ESP_APPLICATION, /* started from flash: no loader answers */
    ESP_ROM,         /* the mask ROM waits for commands */
    ESP_STUB,        /* esptool's stub does */
    ESP_PROGRAM,     /* something else was loaded and started; no model runs it */
} esp_mode_t;

typedef struct {
    uint8_t *data;
    size_t count, capacity;
} esp_bytes_t;

struct esp {
    emu_t *emu;
    esp_config_t config;
    esp_mode_t mode;
    bool en, jumper; /* level of EN; GPIO0 held low by hand */

    uint32_t baud, next_baud;            /* 0: none; the next is taken once all is sent */
    bool listening;                      /* the rate follows the sender until the first sync */
    esp_bytes_t queue;                   /* to send, from queue_start on */
    size_t queue_start;
    emu_event_t send;
    unsigned retries;
    uint64_t lost; /* sent while the K210's FIFO was full */

    esp_bytes_t packet;
    bool in_frame, escaped;

    struct {
        uint32_t address, value;
    } registers[ESP_REGISTERS];
    unsigned register_count;

    esp_bytes_t upload; /* loaded to the ESP's RAM: each segment as address u32 and bytes */
    struct {
        uint32_t address, size, block, next, count; /* current write; sizes in bytes, blocks by number */
        bool compressed;
        uint32_t written; /* of the inflated data */
    } write;
    esp_bytes_t stream; /* compressed data so far */
    struct {
        bool on;
        uint32_t address, size, block, window, sent, acknowledged;
    } read;
};

/* esp.c */
void esp_append(esp_bytes_t *bytes, const void *data, size_t count);
void esp_send_frame(esp_t *s, const uint8_t *data, size_t count);
void esp_send_raw(esp_t *s, const char *text);
void esp_boot(esp_t *s);

/* esp_loader.c */
void esp_packet(esp_t *s, const uint8_t *data, size_t count);
void esp_reply(esp_t *s, uint8_t command, uint32_t value, const uint8_t *data, size_t count, uint8_t error);
uint32_t esp_word(const uint8_t *data, unsigned index);

/* esp_stub.c */
bool esp_known_stub(const esp_t *s);
bool esp_stub_command(esp_t *s, uint8_t command, const uint8_t *body, size_t count); /* false: not one of the stub's */
void esp_stub_acknowledged(esp_t *s, const uint8_t *data, size_t count);

/* esp_flash.c */
bool esp_flash_fits(const esp_t *s, uint32_t address, uint32_t size);
void esp_flash_erase(esp_t *s, uint32_t address, uint32_t size);
void esp_flash_program(esp_t *s, uint32_t address, const uint8_t *data, size_t count);
uint32_t esp_read_register(esp_t *s, uint32_t address);
void esp_write_register(esp_t *s, uint32_t address, uint32_t value, uint32_t mask);

/* esp_md5.c (RFC 1321), esp_inflate.c (RFC 1950, 1951) */
void md5(const uint8_t *data, size_t count, uint8_t digest[16]);
/* Inflates as far as the input goes; returns false when it is no zlib stream. `out` has room for `capacity` bytes. */
bool inflate_prefix(const uint8_t *in, size_t count, uint8_t *out, size_t capacity, size_t *produced);

#endif
