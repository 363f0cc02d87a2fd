/* The co-processor as a chip on the board: EN and the boot straps, its serial line, SLIP frames. */
#include "esp.h"

#include <stdio.h>
#include <string.h>

#define RETRIES 8u /* eighths of a frame that a byte may wait for the receiver's next start bit */

void esp_append(esp_bytes_t *bytes, const void *data, size_t count)
{
    if (bytes->count + count > bytes->capacity) {
        bytes->capacity = 2 * (bytes->count + count) + 256;
        bytes->data = realloc(bytes->data, bytes->capacity);
        if (bytes->data == NULL) {
            abort(); /* some KiB */
        }
    }
    memcpy(bytes->data + bytes->count, data, count);
    bytes->count += count;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static emu_time_t frame_time(const esp_t *s)
{
    return cycles_to_time(10, s->baud);
}

static void start_sending(esp_t *s)
{
    if (s->send.when == EMU_NEVER && s->queue_start < s->queue.count && s->baud != 0) {
        emu_event_at(s->emu, &s->send, emu_now(s->emu) + frame_time(s));
    }
}

static void sent_all(esp_t *s)
{
    s->queue.count = s->queue_start = 0;
    if (s->next_baud != 0) {
        s->baud = s->next_baud;
        s->next_baud = 0;
    }
}

/* The receiver is asked at the start of a frame. A UART a little slower than us is still in the last frame and gets the
 * byte with its next start bit; one whose FIFO stays full loses it. */
static void send_next(void *opaque)
{
    esp_t *s = opaque;
    uint8_t byte = s->queue.data[s->queue_start];
    emu_wire_t wire = emu_wire_send(s->emu, s->config.tx_pad, byte, s->baud);
    if (wire == EMU_WIRE_BUSY && s->retries < RETRIES) {
        s->retries++;
        emu_event_at(s->emu, &s->send, emu_now(s->emu) + frame_time(s) / RETRIES);
        return;
    }
    s->lost += wire == EMU_WIRE_BUSY;
    s->retries = 0;
    if (++s->queue_start == s->queue.count) {
        sent_all(s);
    }
    start_sending(s);
}

void esp_send_raw(esp_t *s, const char *text)
{
    esp_append(&s->queue, text, strlen(text));
    start_sending(s);
}

void esp_send_frame(esp_t *s, const uint8_t *data, size_t count)
{
    esp_append(&s->queue, "\xc0", 1);
    for (size_t i = 0; i < count; i++) {
        if (data[i] == 0xc0) {
            esp_append(&s->queue, "\xdb\xdc", 2);
        } else if (data[i] == 0xdb) {
            esp_append(&s->queue, "\xdb\xdd", 2);
        } else {
            esp_append(&s->queue, &data[i], 1);
        }
    }
    esp_append(&s->queue, "\xc0", 1);
    start_sending(s);
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

static void end_of_frame(esp_t *s)
{
    if (s->packet.count != 0) {
        esp_packet(s, s->packet.data, s->packet.count);
        s->packet.count = 0;
        s->in_frame = false; /* the delimiter closed a frame: the next one opens */
    } else {
        s->in_frame = true;
    }
    s->escaped = false;
}

static void take(esp_t *s, uint8_t byte)
{
    if (byte == 0xc0) {
        end_of_frame(s);
        return;
    }
    if (!s->in_frame || s->packet.count >= ESP_PACKET_LIMIT) {
        return;
    }
    if (byte == 0xdb) {
        s->escaped = true;
        return;
    }
    if (s->escaped) {
        byte = byte == 0xdc ? 0xc0 : byte == 0xdd ? 0xdb : byte;
        s->escaped = false;
    }
    esp_append(&s->packet, &byte, 1);
}

static bool same_rate(uint32_t a, uint32_t b)
{
    return (a > b ? a - b : b - a) <= a / 20; /* within 5 %, spec isp-flash.md 10.5 */
}

static void received(void *opaque, uint8_t byte, uint32_t baud)
{
    esp_t *s = opaque;
    if (s->mode != ESP_ROM && s->mode != ESP_STUB) {
        return;
    }
    if (s->listening) {
        if (s->queue.count != 0) {
            return; /* still printing its banner */
        }
        s->baud = baud; /* the ROM measures the sync packet */
    }
    if (same_rate(s->baud, baud)) {
        take(s, byte);
    }
}

/* ---- EN and boot straps ------------------------------------------------------------------------------------------ */

static bool pad_level(const esp_t *s, int pad, bool unwired)
{
    return pad < 0 ? unwired : emu_pad_level(s->emu, (unsigned)pad);
}

static void forget(esp_t *s)
{
    emu_event_cancel(s->emu, &s->send);
    s->queue.count = s->queue_start = s->packet.count = s->upload.count = s->stream.count = 0;
    s->in_frame = s->escaped = s->read.on = s->listening = false;
    s->retries = s->register_count = 0;
    s->baud = s->next_baud = 0;
    memset(&s->write, 0, sizeof s->write);
}

static void banner_8266(esp_t *s, bool gpio15, bool gpio0)
{
    char text[80];
    snprintf(text, sizeof text, "\r\n ets Jan  8 2013,rst cause:2, boot mode:(%d,6)\r\n\r\n",
             gpio15 << 2 | gpio0 << 1 | 1);
    s->baud = 74880;
    esp_send_raw(s, text);
}

static void banner_32(esp_t *s, bool gpio0)
{
    s->baud = 115200;
    esp_send_raw(s, "ets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET),boot:");
    esp_send_raw(s, gpio0 ? "0x13 (SPI_FAST_FLASH_BOOT)\r\n"
                          : "0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\r\nwaiting for download\r\n");
}

/* Out of reset: GPIO15 high would boot from an SD card, GPIO0 low asks for the loader. */
void esp_boot(esp_t *s)
{
    bool gpio0 = pad_level(s, s->config.boot_pad, true) && !s->jumper;
    bool gpio15 = pad_level(s, s->config.strap_pad, false);
    forget(s);
    s->mode = !gpio0 && !gpio15 ? ESP_ROM : ESP_APPLICATION;
    s->listening = s->mode == ESP_ROM;
    if (s->config.esp32) {
        banner_32(s, gpio0);
    } else {
        banner_8266(s, gpio15, gpio0);
    }
}

static void en_changed(void *opaque, bool level)
{
    esp_t *s = opaque;
    if (level == s->en) {
        return;
    }
    s->en = level;
    if (level) {
        esp_boot(s);
    } else {
        forget(s);
        s->mode = ESP_HELD;
    }
}

static void esp_state(void *opaque, emu_json_t *json)
{
    static const char *const mode[] = {"held in reset", "application", "boot loader", "stub", "unknown program"};
    esp_t *s = opaque;
    emu_json_text(json, "chip", s->config.esp32 ? "ESP32" : "ESP8285");
    emu_json_text(json, "mode", mode[s->mode]);
    emu_json_u64(json, "baud", s->baud);
    emu_json_u64(json, "lost", s->lost);
    emu_json_u64(json, "flash_size", s->config.flash_size);
}

static void esp_destroy(void *opaque)
{
    esp_t *s = opaque;
    free(s->queue.data);
    free(s->packet.data);
    free(s->upload.data);
    free(s->stream.data);
    free(s);
}

esp_t *emu_attach_esp(emu_t *emu, const esp_config_t *config)
{
    esp_t *s = device_new(sizeof *s);
    s->emu = emu;
    s->config = *config;
    s->send = EMU_EVENT(send_next, s);
    emu_wire_serial(emu, config->rx_pad, received, s);
    if (config->en_pad >= 0) {
        emu_pull_up(emu, (unsigned)config->en_pad); /* runs while the K210 is in reset, spec isp-flash.md 12.2 */
        emu_on_pad(emu, (unsigned)config->en_pad, en_changed, s);
    }
    emu_add_device(emu, &(emu_device_t){.name = "esp", .state = esp_state, .destroy = esp_destroy, .opaque = s});
    s->en = pad_level(s, config->en_pad, true);
    s->mode = ESP_HELD;
    if (s->en) {
        esp_boot(s);
    }
    return s;
}

void emu_esp_jumper(esp_t *s, bool grounded)
{
    s->jumper = grounded;
}

void emu_esp_power_cycle(esp_t *s)
{
    if (s->en) {
        esp_boot(s);
    }
}
