/* esptool's flasher stub: not executed but recognised by its hash, and its own commands done natively. */
#include "esp.h"

#include <string.h>

enum { ERASE_FLASH = 0xd0, ERASE_REGION = 0xd1, READ_FLASH = 0xd2, RUN_USER_CODE = 0xd3 };

void sha256(const uint8_t *data, size_t length, uint8_t digest[32]);

/* SHA-256 over the segments as esptool 5.6.0 loads them, each preceded by its address. */
static const uint8_t known[2][32] = {
    /* ESP8266, ESP32 */
    {0xc8, 0x65, 0xba, 0x0e, 0xc5, 0xb8, 0xd0, 0x56, 0x93, 0xd5, 0x60, 0x05, 0xe6, 0x89, 0xd4, 0xe9,
     0xe0, 0x6d, 0x55, 0xbf, 0xe2, 0x9d, 0x4a, 0xcf, 0xc5, 0x51, 0x27, 0x04, 0xe5, 0x48, 0x60, 0x3c},
    {0xc8, 0xfc, 0x39, 0x2c, 0x67, 0xba, 0xa8, 0xd3, 0x59, 0x52, 0x45, 0x04, 0x1f, 0x92, 0x7c, 0x08,
     0x87, 0x1d, 0x82, 0x5a, 0x07, 0x18, 0x44, 0x94, 0x8d, 0xe4, 0x74, 0xcb, 0x81, 0xf4, 0x2e, 0xe3},
};

bool esp_known_stub(const esp_t *s)
{
    uint8_t digest[32];
    sha256(s->upload.data, s->upload.count, digest);
    return memcmp(digest, known[s->config.esp32], sizeof digest) == 0;
}

/* ---- reading: blocks, each acknowledged by the bytes received so far, then their MD5 ----------------------------- */

static void send_blocks(esp_t *s)
{
    while (s->read.sent < s->read.size && s->read.sent - s->read.acknowledged < s->read.block * s->read.window) {
        uint32_t left = s->read.size - s->read.sent;
        uint32_t count = left < s->read.block ? left : s->read.block;
        esp_send_frame(s, s->config.flash + s->read.address + s->read.sent, count);
        s->read.sent += count;
    }
    if (s->read.acknowledged >= s->read.size) {
        uint8_t digest[16];
        md5(s->config.flash + s->read.address, s->read.size, digest);
        esp_send_frame(s, digest, sizeof digest);
        s->read.on = false;
    }
}

void esp_stub_acknowledged(esp_t *s, const uint8_t *data, size_t count)
{
    if (count < 4) {
        return;
    }
    uint32_t total = esp_word(data, 0);
    if (total > s->read.acknowledged && total <= s->read.sent) {
        s->read.acknowledged = total;
    }
    send_blocks(s);
}

static uint8_t read_error(const esp_t *s, const uint8_t *body, size_t count)
{
    if (count < 16 || esp_word(body, 2) == 0 || esp_word(body, 2) > ESP_SECTOR || esp_word(body, 3) == 0 ||
        esp_word(body, 3) > 1024) {
        return ESP_INVALID;
    }
    return esp_flash_fits(s, esp_word(body, 0), esp_word(body, 1)) ? ESP_STATUS_OK : ESP_FAILED;
}

static void read_flash(esp_t *s, const uint8_t *body, size_t count)
{
    uint8_t error = read_error(s, body, count);
    esp_reply(s, READ_FLASH, 0, NULL, 0, error);
    if (error == ESP_STATUS_OK) {
        memset(&s->read, 0, sizeof s->read);
        s->read.on = true;
        s->read.address = esp_word(body, 0);
        s->read.size = esp_word(body, 1);
        s->read.block = esp_word(body, 2);
        s->read.window = esp_word(body, 3);
        send_blocks(s);
    }
}

static uint8_t erase_region(esp_t *s, const uint8_t *body, size_t count)
{
    if (count < 8 || esp_word(body, 0) % ESP_SECTOR != 0 || esp_word(body, 1) % ESP_SECTOR != 0) {
        return ESP_INVALID;
    }
    if (!esp_flash_fits(s, esp_word(body, 0), esp_word(body, 1))) {
        return ESP_FAILED;
    }
    esp_flash_erase(s, esp_word(body, 0), esp_word(body, 1));
    return ESP_STATUS_OK;
}

bool esp_stub_command(esp_t *s, uint8_t command, const uint8_t *body, size_t count)
{
    switch (command) {
    case ERASE_FLASH:
        esp_flash_erase(s, 0, s->config.flash_size);
        esp_reply(s, command, 0, NULL, 0, ESP_STATUS_OK);
        return true;
    case ERASE_REGION: esp_reply(s, command, 0, NULL, 0, erase_region(s, body, count)); return true;
    case READ_FLASH: read_flash(s, body, count); return true;
    case RUN_USER_CODE: s->mode = ESP_APPLICATION; return true;
    }
    return false;
}
