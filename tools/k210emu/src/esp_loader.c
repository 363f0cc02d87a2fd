/* Commands of the boot loader in ROM, and those that the stub shares with it. */
#include "esp.h"

#include <stdio.h>
#include <string.h>

enum {
    FLASH_BEGIN = 0x02, FLASH_DATA = 0x03, FLASH_END = 0x04, MEM_BEGIN = 0x05, MEM_END = 0x06, MEM_DATA = 0x07,
    SYNC = 0x08, WRITE_REG = 0x09, READ_REG = 0x0a, SPI_SET_PARAMS = 0x0b, SPI_ATTACH = 0x0d, READ_FLASH_SLOW = 0x0e,
    CHANGE_BAUD = 0x0f, DEFLATED_BEGIN = 0x10, DEFLATED_DATA = 0x11, DEFLATED_END = 0x12, FLASH_MD5 = 0x13,
};
#define HEADER 8u
#define SYNC_REPLIES 8
#define SLOW_READ_LIMIT 64u
#define HEAD_SECTORS 16u /* of an erase block */

uint32_t esp_word(const uint8_t *data, unsigned index)
{
    uint32_t value;
    memcpy(&value, data + 4 * index, 4);
    return value;
}

/* The status closes the data: two bytes, from the ESP32's ROM two more that are zero. */
void esp_reply(esp_t *s, uint8_t command, uint32_t value, const uint8_t *data, size_t count, uint8_t error)
{
    size_t status = s->config.esp32 && s->mode == ESP_ROM ? 4 : 2;
    uint8_t frame[HEADER + 128] = {1, command, (uint8_t)(count + status), 0};
    memcpy(frame + 4, &value, 4);
    if (count != 0) {
        memcpy(frame + HEADER, data, count);
    }
    frame[HEADER + count] = error != ESP_STATUS_OK;
    frame[HEADER + count + 1] = error;
    esp_send_frame(s, frame, HEADER + count + status);
}

static void done(esp_t *s, uint8_t command, uint8_t error)
{
    esp_reply(s, command, 0, NULL, 0, error);
}

static uint8_t checksum(const uint8_t *data, size_t count)
{
    uint8_t sum = 0xef;
    for (size_t i = 0; i < count; i++) {
        sum ^= data[i];
    }
    return sum;
}

/* ---- writing flash ----------------------------------------------------------------------------------------------- */

/* The ESP8266's ROM erases the part up to the next block of 16 sectors and then the whole count again; hosts ask for
 * less to make up for it. */
static uint32_t erased_by_8266(uint32_t address, uint32_t size)
{
    uint32_t sectors = (size + ESP_SECTOR - 1) / ESP_SECTOR;
    uint32_t head = HEAD_SECTORS - address / ESP_SECTOR % HEAD_SECTORS;
    return (sectors + (sectors < head ? sectors : head)) * ESP_SECTOR;
}

static uint8_t begin(esp_t *s, const uint8_t *body, size_t count, bool compressed)
{
    if (count < 16) {
        return ESP_INVALID;
    }
    uint32_t size = esp_word(body, 0), address = esp_word(body, 3);
    if (!esp_flash_fits(s, address, size)) {
        return ESP_FAILED;
    }
    memset(&s->write, 0, sizeof s->write);
    s->write.size = size;
    s->write.count = esp_word(body, 1);
    s->write.block = esp_word(body, 2);
    s->write.address = address;
    s->write.compressed = compressed;
    s->stream.count = 0;
    bool quirk = s->mode == ESP_ROM && !s->config.esp32;
    esp_flash_erase(s, address, quirk ? erased_by_8266(address, size) : size);
    return ESP_STATUS_OK;
}

static uint8_t inflate_more(esp_t *s, const uint8_t *data, size_t count)
{
    size_t produced;
    uint8_t *out = malloc(s->write.size + 1u);
    if (out == NULL) {
        return ESP_FAILED;
    }
    esp_append(&s->stream, data, count);
    bool good = inflate_prefix(s->stream.data, s->stream.count, out, s->write.size, &produced);
    if (produced > s->write.written) {
        esp_flash_program(s, s->write.address + s->write.written, out + s->write.written,
                          produced - s->write.written);
        s->write.written = (uint32_t)produced;
    }
    free(out);
    return good ? ESP_STATUS_OK : ESP_FAILED;
}

/* A data command's body: length, number, two zeros, data; its checksum is in the packet's header. */
static uint8_t data_error(const uint8_t *body, size_t count, uint32_t sum)
{
    if (count < 16 || esp_word(body, 0) != count - 16) {
        return ESP_INVALID;
    }
    return checksum(body + 16, count - 16) == sum ? ESP_STATUS_OK : ESP_BAD_CHECKSUM;
}

static uint8_t write_data(esp_t *s, const uint8_t *body, size_t count, uint32_t sum, bool compressed)
{
    uint8_t error = data_error(body, count, sum);
    if (error != ESP_STATUS_OK) {
        return error;
    }
    if (compressed != s->write.compressed || esp_word(body, 1) != s->write.next || s->write.next >= s->write.count) {
        return ESP_FAILED;
    }
    uint32_t address = s->write.address + s->write.next * s->write.block;
    s->write.next++;
    if (compressed) {
        return inflate_more(s, body + 16, count - 16);
    }
    if (!esp_flash_fits(s, address, (uint32_t)(count - 16))) {
        return ESP_FAILED;
    }
    esp_flash_program(s, address, body + 16, count - 16);
    return ESP_STATUS_OK;
}

/* 0 reboots. 1 runs the application from ROM, and stays in the stub. */
static void end(esp_t *s, uint8_t command, const uint8_t *body, size_t count)
{
    done(s, command, count < 4 ? ESP_INVALID : ESP_STATUS_OK);
    if (count >= 4 && (esp_word(body, 0) == 0 || s->mode == ESP_ROM)) {
        s->mode = ESP_APPLICATION;
    }
}

static void flash_md5(esp_t *s, const uint8_t *body, size_t count)
{
    uint8_t digest[16], hex[33];
    uint32_t address = count < 8 ? 0 : esp_word(body, 0), size = count < 8 ? 0 : esp_word(body, 1);
    if (count < 8 || !esp_flash_fits(s, address, size)) {
        done(s, FLASH_MD5, ESP_FAILED);
        return;
    }
    md5(s->config.flash + address, size, digest);
    for (unsigned i = 0; i < 16; i++) {
        snprintf((char *)hex + 2 * i, 3, "%02x", digest[i]);
    }
    bool text = s->mode == ESP_ROM;
    esp_reply(s, FLASH_MD5, 0, text ? hex : digest, text ? 32 : 16, ESP_STATUS_OK);
}

static bool read_slow(esp_t *s, const uint8_t *body, size_t count)
{
    uint32_t address = count < 8 ? 0 : esp_word(body, 0), size = count < 8 ? 0 : esp_word(body, 1);
    if (count < 8 || size > SLOW_READ_LIMIT || !esp_flash_fits(s, address, SLOW_READ_LIMIT)) {
        done(s, READ_FLASH_SLOW, ESP_FAILED);
    } else {
        esp_reply(s, READ_FLASH_SLOW, 0, s->config.flash + address, SLOW_READ_LIMIT, ESP_STATUS_OK);
    }
    return true;
}

/* ---- loading RAM ------------------------------------------------------------------------------------------------- */

static uint8_t mem_begin(esp_t *s, const uint8_t *body, size_t count)
{
    if (count < 16 || s->upload.count + esp_word(body, 0) > ESP_UPLOAD_LIMIT) {
        return ESP_INVALID;
    }
    esp_append(&s->upload, body + 12, 4);
    return ESP_STATUS_OK;
}

static uint8_t mem_data(esp_t *s, const uint8_t *body, size_t count, uint32_t sum)
{
    uint8_t error = data_error(body, count, sum);
    if (error == ESP_STATUS_OK && s->upload.count + count > ESP_UPLOAD_LIMIT) {
        error = ESP_FAILED;
    }
    if (error == ESP_STATUS_OK) {
        esp_append(&s->upload, body + 16, count - 16);
    }
    return error;
}

static void mem_end(esp_t *s, const uint8_t *body, size_t count)
{
    done(s, MEM_END, count < 8 ? ESP_INVALID : ESP_STATUS_OK);
    if (count < 8 || esp_word(body, 0) != 0) {
        return;
    }
    if (esp_known_stub(s)) {
        s->mode = ESP_STUB;
        esp_send_frame(s, (const uint8_t *)"OHAI", 4);
    } else {
        s->mode = ESP_PROGRAM;
        emu_warn(s->emu, "esp", "a program of %zu bytes was loaded and started; only esptool 5.6.0's stub is modelled",
                 s->upload.count);
    }
    s->upload.count = 0;
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

static void sync(esp_t *s)
{
    s->listening = false;
    for (unsigned i = 0; i < SYNC_REPLIES; i++) {
        esp_reply(s, SYNC, 0x20120707, NULL, 0, ESP_STATUS_OK);
    }
}

static void read_register(esp_t *s, const uint8_t *body, size_t count)
{
    uint32_t value = count >= 4 ? esp_read_register(s, esp_word(body, 0)) : 0;
    esp_reply(s, READ_REG, value, NULL, 0, count >= 4 ? ESP_STATUS_OK : ESP_INVALID);
}

static void write_register(esp_t *s, const uint8_t *body, size_t count)
{
    if (count >= 16) {
        esp_write_register(s, esp_word(body, 0), esp_word(body, 1), esp_word(body, 2));
    }
    done(s, WRITE_REG, count >= 16 ? ESP_STATUS_OK : ESP_INVALID);
}

static void change_baud(esp_t *s, const uint8_t *body, size_t count)
{
    bool good = count >= 8 && esp_word(body, 0) >= 1200 && esp_word(body, 0) <= 5000000;
    done(s, CHANGE_BAUD, good ? ESP_STATUS_OK : ESP_INVALID);
    s->next_baud = good ? esp_word(body, 0) : 0;
}

/* What the ESP8266's ROM knows too. */
static bool basic_command(esp_t *s, uint8_t command, const uint8_t *body, size_t count, uint32_t sum)
{
    switch (command) {
    case SYNC: sync(s); return true;
    case READ_REG: read_register(s, body, count); return true;
    case WRITE_REG: write_register(s, body, count); return true;
    case FLASH_BEGIN: done(s, command, begin(s, body, count, false)); return true;
    case FLASH_DATA: done(s, command, write_data(s, body, count, sum, false)); return true;
    case FLASH_END: end(s, command, body, count); return true;
    case MEM_BEGIN: done(s, command, mem_begin(s, body, count)); return true;
    case MEM_DATA: done(s, command, mem_data(s, body, count, sum)); return true;
    case MEM_END: mem_end(s, body, count); return true;
    }
    return false;
}

static bool later_command(esp_t *s, uint8_t command, const uint8_t *body, size_t count, uint32_t sum)
{
    switch (command) {
    case SPI_SET_PARAMS: done(s, command, count < 24 ? ESP_INVALID : ESP_STATUS_OK); return true;
    case SPI_ATTACH: done(s, command, count < 4 ? ESP_INVALID : ESP_STATUS_OK); return true;
    case READ_FLASH_SLOW: return s->mode == ESP_ROM && read_slow(s, body, count);
    case CHANGE_BAUD: change_baud(s, body, count); return true;
    case DEFLATED_BEGIN: done(s, command, begin(s, body, count, true)); return true;
    case DEFLATED_DATA: done(s, command, write_data(s, body, count, sum, true)); return true;
    case DEFLATED_END: end(s, command, body, count); return true;
    case FLASH_MD5: flash_md5(s, body, count); return true;
    }
    return false;
}

void esp_packet(esp_t *s, const uint8_t *data, size_t count)
{
    if (s->read.on) {
        esp_stub_acknowledged(s, data, count);
        return;
    }
    size_t size = count >= HEADER ? count - HEADER : 0;
    if (count < HEADER || data[0] != 0 || (size_t)(data[2] | data[3] << 8) != size) {
        return; /* noise */
    }
    uint8_t command = data[1];
    const uint8_t *body = data + HEADER;
    if (s->listening && command != SYNC) {
        return;
    }
    if (basic_command(s, command, body, size, esp_word(data, 1))) {
        return;
    }
    if (s->mode == ESP_ROM && !s->config.esp32) {
        done(s, command, ESP_INVALID);
    } else if (!later_command(s, command, body, size, esp_word(data, 1)) &&
               !(s->mode == ESP_STUB && esp_stub_command(s, command, body, size))) {
        done(s, command, s->mode == ESP_STUB ? ESP_NOT_IN_STUB : ESP_INVALID);
    }
}
