/* The co-processor's flash and the registers that host tools look at. */
#include "esp.h"

#include <string.h>

/* Offsets of the SPI controller that the flash hangs on. */
enum { SPI_CMD = 0x00, SPI_USER1 = 0x20, SPI_USER2 = 0x24, SPI_MISO_DLEN = 0x2c };
#define SPI_CMD_USER (1u << 18)
#define MAC_LOW 0x3c5d7eu /* 5C:CF:7F:3C:5D:7E for the ESP8285, 24:0A:C4:3C:5D:7E for the ESP32 */

/* ---- flash ------------------------------------------------------------------------------------------------------- */

bool esp_flash_fits(const esp_t *s, uint32_t address, uint32_t size)
{
    return address <= s->config.flash_size && size <= s->config.flash_size - address;
}

void esp_flash_erase(esp_t *s, uint32_t address, uint32_t size)
{
    uint64_t end = (uint64_t)address + size + ESP_SECTOR - 1;
    address -= address % ESP_SECTOR;
    end -= end % ESP_SECTOR;
    if (end > s->config.flash_size) {
        end = s->config.flash_size;
    }
    if (address < end) {
        memset(s->config.flash + address, 0xff, end - address);
    }
}

void esp_flash_program(esp_t *s, uint32_t address, const uint8_t *data, size_t count)
{
    for (size_t i = 0; i < count && address + i < s->config.flash_size; i++) {
        s->config.flash[address + i] &= data[i]; /* programming only clears bits */
    }
}

static unsigned size_code(const esp_t *s)
{
    unsigned code = 0;
    while (1u << code < s->config.flash_size) {
        code++;
    }
    return code;
}

/* The flash's answer to a command that the SPI controller sends for the host. */
static void spi_command(const esp_t *s, uint8_t command, uint8_t answer[64])
{
    memset(answer, 0xff, 64);
    switch (command) {
    case 0x9f:
        answer[0] = 0xef;
        answer[1] = 0x40;
        answer[2] = (uint8_t)size_code(s);
        break;
    case 0x05: case 0x35: case 0x15: answer[0] = 0; break;
    }
}

/* ---- registers --------------------------------------------------------------------------------------------------- */

static uint32_t spi_base(const esp_t *s)
{
    return s->config.esp32 ? 0x3ff42000 : 0x60000200;
}

static uint32_t *slot_of(esp_t *s, uint32_t address)
{
    for (unsigned i = 0; i < s->register_count; i++) {
        if (s->registers[i].address == address) {
            return &s->registers[i].value;
        }
    }
    return NULL;
}

static void store(esp_t *s, uint32_t address, uint32_t value)
{
    uint32_t *slot = slot_of(s, address);
    if (slot == NULL && s->register_count < ESP_REGISTERS) {
        s->registers[s->register_count].address = address;
        slot = &s->registers[s->register_count++].value;
    }
    if (slot != NULL) {
        *slot = value;
    }
}

/* Identity: chip magic, eFuses with the MAC address, the UART divider that the ROM measured. */
static bool fixed_register(const esp_t *s, uint32_t address, uint32_t *value)
{
    bool esp32 = s->config.esp32;
    switch (address) {
    case 0x40001000: *value = esp32 ? 0x00f01d83 : 0xfff0c101; return true;
    case 0x3ff00050: *value = (MAC_LOW & 0xff) << 24 | 1u << 4; return !esp32; /* bit 4: flash in the package */
    case 0x3ff00054: *value = 1u << 24 | MAC_LOW >> 8; return !esp32;
    case 0x3ff00058: *value = 0; return !esp32;
    case 0x3ff0005c: *value = 0x5ccf7f; return !esp32;
    case 0x60000014: *value = s->baud ? 52000000 / s->baud : 0; return !esp32;
    case 0x3ff5a004: *value = 0xc4000000 | MAC_LOW; return esp32;
    case 0x3ff5a008: *value = 0x240a; return esp32;
    case 0x3ff5a00c: *value = 1u << 15; return esp32; /* revision 1 */
    /* Hosts multiply these to learn what crystal the ROM believes in, 40 MHz being 102400 (observed). */
    case 0x3ff5a010: *value = 128; return esp32;
    case 0x3ff5f06c: *value = 800u << 7; return esp32;
    case 0x3ff40014: *value = s->baud ? 40000000 / s->baud : 0; return esp32;
    }
    return false;
}

uint32_t esp_read_register(esp_t *s, uint32_t address)
{
    uint32_t value = 0;
    if (fixed_register(s, address, &value)) {
        return value;
    }
    uint32_t *slot = slot_of(s, address);
    return slot != NULL ? *slot : 0;
}

static void run_spi_command(esp_t *s)
{
    uint32_t base = spi_base(s), data = base + (s->config.esp32 ? 0x80 : 0x40);
    uint32_t bits = s->config.esp32 ? esp_read_register(s, base + SPI_MISO_DLEN)
                                    : esp_read_register(s, base + SPI_USER1) >> 8 & 0x1ff;
    uint8_t answer[64];
    spi_command(s, (uint8_t)esp_read_register(s, base + SPI_USER2), answer);
    for (unsigned i = 0; i <= bits / 32 && i < 16; i++) {
        uint32_t word = esp_word(answer, i);
        unsigned left = bits + 1 - 32 * i;
        store(s, data + 4 * i, left < 32 ? word & ((1u << left) - 1) : word);
    }
}

void esp_write_register(esp_t *s, uint32_t address, uint32_t value, uint32_t mask)
{
    value = (esp_read_register(s, address) & ~mask) | (value & mask);
    if (address == spi_base(s) + SPI_CMD && (value & SPI_CMD_USER)) {
        run_spi_command(s);
        value &= ~SPI_CMD_USER; /* done at once */
    }
    store(s, address, value);
}
