/* Pin multiplexer (spec soc.md 5). */

#include "fpioa.h"
#include <stddef.h>
#include "mmio.h"
#include "sysctl.h"

#define REG_IO(pad) (FPIOA_BASE_ADDR + 4ul * (pad))
#define REG_TIE_EN(word) (FPIOA_BASE_ADDR + 0xC0 + 4ul * (word))
#define REG_TIE_VAL(word) (FPIOA_BASE_ADDR + 0xE0 + 4ul * (word))

#define CH_SEL 0xFFu
#define DS_SHIFT 8
#define OE_INV (1u << 13)
#define PULL_SHIFT 16 /* bit 16 up, bit 17 down */
#define SL (1u << 19)
#define ST (1u << 23)

volatile fpioa_t *const fpioa = (volatile fpioa_t *)FPIOA_BASE_ADDR;

/* Default pad configuration by kind of function, without the function number. */
enum { INPUT, OUTPUT, BOTH, SPI_DATA, I2C, SCCB, NONE, INPUT_UP, BOTH_UP };
static const uint32_t kinds[] = {
    [INPUT] = 0x00900000, [OUTPUT] = 0x00001F00, [BOTH] = 0x00901F00,     [SPI_DATA] = 0x00B03F00, [I2C] = 0x00991000,
    [SCCB] = 0x00993000,  [NONE] = 0x00000000,   [INPUT_UP] = 0x00910000, [BOTH_UP] = 0x00991F00,
};

/* The kinds of functions 0 .. 255 as runs: {first function, kind} (spec soc.md 5.4). */
static const uint8_t runs[][2] = {
    {0, INPUT},    {3, OUTPUT},   {4, SPI_DATA},  {12, OUTPUT},    {16, INPUT},    {17, OUTPUT}, {18, INPUT},
    {19, OUTPUT},  {20, INPUT},   {22, OUTPUT},   {24, BOTH},      {64, INPUT},    {65, OUTPUT}, {66, INPUT},
    {67, OUTPUT},  {68, INPUT},   {69, OUTPUT},   {70, SPI_DATA},  {78, OUTPUT},   {82, INPUT},  {83, OUTPUT},
    {84, SPI_DATA}, {85, INPUT},  {87, OUTPUT},   {90, INPUT},     {94, OUTPUT},   {101, INPUT}, {105, OUTPUT},
    {112, INPUT},  {116, OUTPUT}, {120, NONE},    {126, I2C},      {132, OUTPUT},  {135, INPUT}, {146, SCCB},
    {148, INPUT},  {153, OUTPUT}, {162, INPUT},   {167, OUTPUT},   {176, INPUT},   {181, OUTPUT}, {213, INPUT},
    {217, INPUT_UP}, {218, BOTH_UP}, {219, INPUT}, {222, NONE},    {223, INPUT},   {224, OUTPUT},
};

static uint32_t default_config(fpioa_function_t function) {
    unsigned i = 0;
    while (i + 1 < sizeof runs / sizeof runs[0] && runs[i + 1][0] <= (unsigned)function) {
        i++;
    }
    return kinds[runs[i][1]] | (uint32_t)function;
}

static bool bad_pad(int number) {
    return number < 0 || number >= FPIOA_NUM_IO;
}

static int update(int number, uint32_t mask, uint32_t value) {
    if (bad_pad(number)) {
        return -1;
    }
    mmio_update(REG_IO(number), mask, value);
    return 0;
}

/* Only the arbitration inputs of SPI0 and SPI1 are tied, high: without that the masters see "not granted". */
int fpioa_init(void) {
    sysctl_clock_enable(SYSCTL_CLOCK_FPIOA);
    for (unsigned word = 0; word < FUNC_MAX / 32; word++) {
        uint32_t bits = (word == FUNC_SPI0_ARB / 32 ? 1u << (FUNC_SPI0_ARB % 32) : 0) |
                        (word == FUNC_SPI1_ARB / 32 ? 1u << (FUNC_SPI1_ARB % 32) : 0);
        mmio_write(REG_TIE_EN(word), bits);
        mmio_write(REG_TIE_VAL(word), bits);
    }
    return 0;
}

int fpioa_get_io(int number, fpioa_io_config_t *cfg) {
    if (bad_pad(number) || cfg == NULL) {
        return -1;
    }
    uint32_t word = mmio_read(REG_IO(number));
    __builtin_memcpy(cfg, &word, sizeof word);
    return 0;
}

int fpioa_set_io(int number, fpioa_io_config_t *cfg) {
    if (bad_pad(number) || cfg == NULL) {
        return -1;
    }
    uint32_t word;
    __builtin_memcpy(&word, cfg, sizeof word);
    mmio_write(REG_IO(number), word);
    return 0;
}

int fpioa_set_function_raw(int number, fpioa_function_t function) {
    if (bad_pad(number) || (unsigned)function >= FUNC_MAX) {
        return -1;
    }
    mmio_write(REG_IO(number), default_config(function));
    return 0;
}

int fpioa_get_io_by_function(fpioa_function_t function) {
    for (int pad = 0; pad < FPIOA_NUM_IO; pad++) {
        if ((mmio_read(REG_IO(pad)) & CH_SEL) == (uint32_t)function) {
            return pad;
        }
    }
    return -1;
}

int fpioa_set_function(int number, fpioa_function_t function) {
    if (bad_pad(number) || (unsigned)function >= FUNC_MAX) {
        return -1;
    }
    if (function != FUNC_RESV0) {
        for (int pad = 0; pad < FPIOA_NUM_IO; pad++) {
            if (pad != number && (mmio_read(REG_IO(pad)) & CH_SEL) == (uint32_t)function) {
                fpioa_set_function_raw(pad, FUNC_RESV0);
            }
        }
    }
    return fpioa_set_function_raw(number, function);
}

static int set_tie(uintptr_t first_register, fpioa_function_t function, int on) {
    if ((unsigned)function >= FUNC_MAX) {
        return -1;
    }
    uint32_t bit = 1u << (function % 32);
    mmio_update(first_register + function / 32 * 4, bit, on ? bit : 0);
    return 0;
}

int fpioa_set_tie_enable(fpioa_function_t function, int enable) {
    return set_tie(REG_TIE_EN(0), function, enable);
}

int fpioa_set_tie_value(fpioa_function_t function, int value) {
    return set_tie(REG_TIE_VAL(0), function, value);
}

int fpioa_set_io_pull(int number, fpioa_pull_t pull) {
    if ((unsigned)pull >= FPIOA_PULL_MAX) {
        return -1;
    }
    uint32_t bits = pull == FPIOA_PULL_UP ? 1 : pull == FPIOA_PULL_DOWN ? 2 : 0;
    return update(number, 3u << PULL_SHIFT, bits << PULL_SHIFT);
}

int fpioa_get_io_pull(int number) {
    if (bad_pad(number)) {
        return -1;
    }
    uint32_t bits = mmio_read(REG_IO(number)) >> PULL_SHIFT & 3;
    return bits & 1 ? FPIOA_PULL_UP : bits & 2 ? FPIOA_PULL_DOWN : FPIOA_PULL_NONE;
}

int fpioa_set_io_driving(int number, fpioa_driving_t driving) {
    return (unsigned)driving >= FPIOA_DRIVING_MAX ? -1 : update(number, 15u << DS_SHIFT, (uint32_t)driving << DS_SHIFT);
}

int fpioa_get_io_driving(int number) {
    return bad_pad(number) ? -1 : (int)(mmio_read(REG_IO(number)) >> DS_SHIFT & 15);
}

int fpioa_set_sl(int number, uint8_t sl_enable) {
    return update(number, SL, sl_enable ? SL : 0);
}

int fpioa_set_st(int number, uint8_t st_enable) {
    return update(number, ST, st_enable ? ST : 0);
}

int fpioa_set_oe_inv(int number, uint8_t inv_enable) {
    return update(number, OE_INV, inv_enable ? OE_INV : 0);
}
