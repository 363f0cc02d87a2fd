/* The flash driver against the pattern that the runner puts at 0x300000: byte i = (i * 2654435761) >> 24. */

#include <errno.h>
#include <stdlib.h>
#include "check.h"
#include "heap.h"
#include "iomem.h"
#include "norflash.h"

#define PATTERN 0x300000u
#define PATTERN_BYTES (1u << 20)
#define SCRATCH 0x500000u

static uint8_t pattern(uint32_t i) {
    return (uint8_t)(i * 2654435761u >> 24);
}

static unsigned wrong(const volatile uint8_t *p, uint32_t offset, size_t length) {
    unsigned n = 0;
    for (size_t i = 0; i < length; i++) {
        n += p[i] != pattern(offset + (uint32_t)i);
    }
    return n;
}

/* Every alignment of address and destination with lengths around the limits of the paths, guard bytes on both sides. */
static void alignments(const char *name, uint8_t *area) {
    static const size_t lengths[] = {0,   1,   2,   3,   4,   5,   31,   32,   63,  111,
                                     112, 113, 116, 127, 255, 256, 2047, 2048, 2049, 5003};
    unsigned bad = 0, results = 0;
    for (unsigned from = 0; from < 4; from++) {
        for (unsigned to = 0; to < 8; to++) {
            for (unsigned k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
                volatile uint8_t *p = area + 64 + to;
                p[-1] = 0xA5;
                p[lengths[k]] = 0x5A;
                results += norflash_read(PATTERN + from + 100 * k, (void *)p, lengths[k]) != 0;
                bad += wrong(p, from + 100 * k, lengths[k]) + (p[-1] != 0xA5) + (p[lengths[k]] != 0x5A);
            }
        }
    }
    CHECK_EQ(name, bad + results, 0);
}

static unsigned polls, poll_limit;

static int count_polls(void) {
    return ++polls > poll_limit;
}

static void speed(const char *name, void *to, int64_t want_cycles) {
    uint64_t c0 = read_cycle();
    norflash_read(PATTERN, to, PATTERN_BYTES);
    int64_t cycles = (int64_t)(read_cycle() - c0);
    printk("INFO %s: %ld cycles for 1 MiB\n", name, cycles);
    check_between(name, cycles, want_cycles, want_cycles * 110 / 100);
}

static void writing(void) {
    static uint8_t data[1500], back[1600];
    uint32_t seed = 3;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)test_random(&seed);
    }
    CHECK_EQ("erase", norflash_erase(SCRATCH, 0x12000), 0); /* a block and two sectors */
    CHECK_EQ("program", norflash_program(SCRATCH + 0x101, data, sizeof data), 0);
    norflash_read(SCRATCH + 0x101, back, sizeof data);
    check_bytes("programmed", back, data, sizeof data);
    norflash_read(SCRATCH + 0x100, back, 1);
    CHECK_EQ("byte before", back[0], 0xFF);
    norflash_read(SCRATCH + 0x101 + sizeof data, back, 1);
    CHECK_EQ("byte behind", back[0], 0xFF);
    CHECK_EQ("single byte", norflash_program(SCRATCH + 0x11FFF, &(uint8_t){0x3C}, 1), 0);
    norflash_read(SCRATCH + 0x11FFF, back, 2);
    CHECK_EQ("single byte reads", back[0], 0x3C);
    CHECK_EQ("behind the erased range", back[1], pattern(1)); /* the runner wrote a pattern byte there */
    CHECK_EQ("erase again", norflash_erase(SCRATCH, 4096), 0);
    norflash_read(SCRATCH + 0x101, back, 100);
    CHECK_EQ("erased", back[0] & back[50] & back[99], 0xFF);
    CHECK_EQ("unaligned erase", norflash_erase(SCRATCH + 1, 4096), -EINVAL);
    CHECK_EQ("unaligned length", norflash_erase(SCRATCH, 100), -EINVAL);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    sysctl_cpu_set_freq(400000000);
    uint8_t id[8];
    CHECK_EQ("before init", norflash_read(0, id, 1), -ENODEV);
    CHECK_EQ("init", norflash_init(60000000), 0);
    uint32_t jedec = norflash_jedec_id();
    CHECK("jedec id of a 16 MiB part", (jedec >> 16 == 0xEF || jedec >> 16 == 0xC8) && (jedec & 0xFF) == 0x18);
    CHECK_EQ("size", norflash_size(), 16 << 20);
    CHECK_EQ("unique id", norflash_unique_id(id), 0);
    printk("UNIQUE %02x%02x%02x%02x%02x%02x%02x%02x\n", id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7]);

    uint8_t *cached = malloc(8192), *uncached = iomem_malloc(8192);
    alignments("all alignments, cached", cached);
    alignments("all alignments, uncached", uncached);
    CHECK_EQ("behind the end", norflash_read((16 << 20) - 4, cached, 5), -EINVAL);
    CHECK_EQ("up to the end", norflash_read((16 << 20) - 5, cached, 5), 0);
    CHECK_EQ("far address", norflash_read(0xFFFFFFF0, cached, 32), -EINVAL);

    uint8_t *big = malloc(PATTERN_BYTES);
    /* 50.4 MHz, 8 clocks a word: 8 cycles of the CPU per clock */
    int64_t line = (int64_t)PATTERN_BYTES / 4 * 8 * 8;
    memset(big, 0, PATTERN_BYTES);
    speed("cached", big, line);
    CHECK_EQ("1 MiB, cached", wrong(big, 0, PATTERN_BYTES), 0);
    memset(big, 0, PATTERN_BYTES);
    sdk_cache_evict(big, PATTERN_BYTES);
    speed("uncached", sdk_uncached(big), line);
    CHECK_EQ("1 MiB, uncached", wrong(sdk_uncached(big), 0, PATTERN_BYTES), 0);

    norflash_set_poll(count_polls);
    poll_limit = 1000;
    norflash_read(PATTERN, big, PATTERN_BYTES);
    check_between("poll hook", polls, 14, 16);
    polls = 0;
    poll_limit = 2;
    CHECK_EQ("stopped by the hook", norflash_read(PATTERN, big, PATTERN_BYTES), -EINTR);
    polls = 0;
    CHECK_EQ("stopped by the hook, uncached", norflash_read(PATTERN, sdk_uncached(big), PATTERN_BYTES), -EINTR);
    norflash_set_poll(NULL);
    CHECK_EQ("works again", norflash_read(PATTERN, big, 1000), 0);
    CHECK_EQ("right again", wrong(big, 0, 1000), 0);
    writing();
    return check_done();
}
