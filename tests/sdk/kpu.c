/* The KPU driver on the vectors T1 and T2 of spec kpu.md 11, and its ways out. */

#include <errno.h>
#include "check.h"
#include "iomem.h"
#include "kpu.h"
#include "kpu_hw.h"

#define AI_RAM 0x40600000ul

/* All parameters in one uncached block: weights at 0, batch norm at 64, activation at 256. */
static uint8_t *parameters;

static uint64_t bus(unsigned offset) {
    return ((uint64_t)(uintptr_t)parameters + offset) << 32;
}

/* ID(x0, m, s) of spec kpu.md 11 with x0 = 0. */
static void activation(int16_t mul, uint8_t shift) {
    uint64_t *words = (uint64_t *)(parameters + 256);
    for (int i = 0; i < 16; i++) {
        int64_t start = i == 0    ? -(1ll << 35)
                        : i <= 13 ? -(1ll << 34) + i - 1
                        : i == 14 ? 0
                                  : (1ll << 35) - 1;
        words[i] = ((uint64_t)start & 0xFFFFFFFFF) << 24;
    }
    words[14] |= (uint64_t)(uint16_t)mul << 8 | shift;
    words[16] = words[17] = 0;
}

static void batch_norm(int32_t mul, unsigned shift, int32_t add) {
    *(uint64_t *)(parameters + 64) =
        ((uint64_t)mul & 0xFFFFFF) | (uint64_t)(uint32_t)add << 24 | (uint64_t)shift << 56;
}

static void weights(const uint8_t *w, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        ((volatile uint8_t *)parameters)[i] = w[i];
    }
}

/* 4x4x1 maps: each line is one row of 64 bytes. */
static void put_map(unsigned row, const uint8_t map[16]) {
    for (unsigned y = 0; y < 4; y++) {
        uint32_t word;
        memcpy(&word, map + 4 * y, 4);
        *(volatile uint64_t *)(AI_RAM + 64 * (row + y)) = word;
    }
}

static void get_map(unsigned row, uint8_t map[16]) {
    for (unsigned y = 0; y < 4; y++) {
        uint32_t word = (uint32_t)*(volatile uint64_t *)(AI_RAM + 64 * (row + y));
        memcpy(map + 4 * y, &word, 4);
    }
}

static void with_parameters(uint64_t layer[12]) {
    layer[4] |= bus(64);
    layer[5] |= bus(0);
    layer[7] |= bus(256);
}

static const uint64_t t1_words[12] = {0,          0x400000000, 0, 0x00000c0300000c03, 0x000f0400, 0x8001, 0,
                                      0xc0010004, 0x410004,    0, 0,                  0x0000000f000f0000};
static uint64_t t1[12];

static int run_t1(void) {
    uint8_t map[16];
    for (unsigned i = 0; i < 16; i++) {
        map[i] = (uint8_t)i;
    }
    put_map(0, map);
    put_map(4, (const uint8_t[16]){0});
    memcpy(t1, t1_words, sizeof t1);
    with_parameters(t1);
    batch_norm(1, 0, 0);
    activation(1, 0);
    weights((const uint8_t[]){3}, 1);
    return kpu_hw_run((const uint64_t(*)[12])t1, 1, 10000, NULL);
}

static void check_t1(const char *name) {
    uint8_t want[16], got[16];
    for (unsigned i = 0; i < 16; i++) {
        want[i] = (uint8_t)(3 * i);
    }
    get_map(4, got);
    check_bytes(name, got, want, 16);
}

static void t2(void) {
    static const uint8_t pixels[16] = {10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160};
    static const uint8_t want[16] = {0, 11, 20, 37, 44, 56, 59, 67, 97, 71, 74, 79, 150, 86, 90, 73};
    uint64_t layer[12] = {0,          0x400000000, 0,        0x00000c0300000c03, 0x100f0401, 0x48001, 0,
                          0xc0010004, 0x410004,    0x00ffff80fffff000, 0x4800,    0x0000000f000f0000};
    uint8_t got[16];
    with_parameters(layer);
    put_map(0, pixels);
    batch_norm(3, 1, 100);
    activation(1, 4);
    weights((const uint8_t[]){120, 128, 130, 126, 140, 128, 128, 129, 127}, 9);
    CHECK_EQ("T2 runs", kpu_hw_run((const uint64_t(*)[12])layer, 1, 10000, NULL), 0);
    get_map(4, got);
    check_bytes("T2", got, want, 16);
}

/* 30 layers, more than the FIFO holds: each adds 1 and swaps the two maps. */
static void chain(void) {
    static uint64_t layers[30][12];
    uint8_t map[16], want[16];
    for (unsigned i = 0; i < 16; i++) {
        map[i] = (uint8_t)(10 * i);
        want[i] = (uint8_t)(10 * i + 30);
    }
    for (unsigned i = 0; i < 30; i++) {
        memcpy(layers[i], t1_words, sizeof t1_words);
        with_parameters(layers[i]);
        layers[i][0] = 1; /* the driver decides which layer interrupts */
        layers[i][1] = i % 2 ? 4 : 0x400000000;
    }
    put_map(0, map);
    batch_norm(1, 0, 1);
    activation(1, 0);
    weights((const uint8_t[]){1}, 1);
    CHECK_EQ("30 layers run", kpu_hw_run((const uint64_t(*)[12])layers, 30, 100000, NULL), 0);
    get_map(0, map);
    check_bytes("30 layers in order", map, want, 16);
}

static volatile unsigned streamed, emptied;

static int on_count(void *ctx) {
    *(volatile unsigned *)ctx += 1;
    kpu->interrupt_clear.reg = 7;
    return 0;
}

/* The vendor's calls: input by padding copy, one layer, output streamed by DMA. */
static void public_interface(void) {
    static uint8_t out[16], source[16], want[16];
    kpu_layer_argument_t layer;
    memcpy(&layer, t1_words, sizeof layer);
    with_parameters((uint64_t *)&layer);
    for (unsigned i = 0; i < 16; i++) {
        source[i] = (uint8_t)(i * 5);
        want[i] = (uint8_t)(i * 15);
    }
    batch_norm(1, 0, 0);
    activation(1, 0);
    weights((const uint8_t[]){3}, 1);
    kpu_init(1, on_count, (void *)&emptied);
    kpu_input_with_padding(&layer, source, 4, 4, 1);
    kpu_conv2d_output(&layer, DMAC_CHANNEL4, out, on_count, (void *)&streamed);
    CHECK("output DMA", WAIT_FOR(streamed == 1, 10));
    check_bytes("streamed output", out, want, 16);
    layer.dma_parameter.data.send_data_out = 0;
    kpu_conv2d(&layer);
    CHECK("almost empty", WAIT_FOR(emptied == 1, 10));
    float mean[1];
    kpu_global_average_pool_float(want, &(quantize_param_t){0.5f, 1.0f}, 16, 1, mean);
    CHECK_EQ("average pool", (int)(mean[0] * 100), 5725); /* 112.5 * 0.5 + 1 */
    CHECK_EQ("driver again", kpu_hw_init(), 0);
    CHECK_EQ("T1 after the public calls", run_t1(), 0);
}

/* Two layers: times 3, times 3. */
static void tasks(void) {
    static uint8_t source[256], want[16];
    static kpu_layer_argument_t layers[2];
    static volatile unsigned done;
    for (unsigned i = 0; i < 2; i++) {
        memcpy(&layers[i], t1_words, sizeof layers[i]);
        with_parameters((uint64_t *)&layers[i]);
    }
    layers[1].image_addr.data.image_src_addr = 4;
    layers[1].image_addr.data.image_dst_addr = 0;
    for (unsigned i = 0; i < 16; i++) {
        source[i / 4 * 64 + i % 4] = (uint8_t)(i + 1);
        want[i] = (uint8_t)(9 * (i + 1));
    }
    kpu_task_t task = {.layers = layers, .layers_length = 2, .eight_bit_mode = 1};
    CHECK_EQ("task", kpu_single_task_init(&task), 0);
    CHECK_EQ("its lengths", task.src_length * 100 + task.dst_length, 32 * 100 + 2);
    task.src = (uint64_t *)source;
    task.dma_ch = DMAC_CHANNEL4;
    task.callback = on_count;
    task.ctx = (void *)&done;
    CHECK_EQ("starts", kpu_start(&task), 0);
    CHECK("ends", WAIT_FOR(done == 1, 10));
    check_bytes("result of both layers", task.dst, want, 16);
    uint8_t *output = kpu_get_output_buf(&task);
    CHECK_EQ("runs", kpu_run(&task, DMAC_CHANNEL5, source, output, on_count), 0);
    CHECK("ends too", WAIT_FOR(done == 2, 10));
    check_bytes("the same result", output, want, 16);
    kpu_release_output_buf(output);
    CHECK_EQ("deinit", kpu_single_task_deinit(&task), 0);
    CHECK_EQ("driver again", kpu_hw_init(), 0);
}

static unsigned polls;

static int stop_at_once(void) {
    return 1;
}

static int count(void) {
    polls++;
    return 0;
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    sysctl_cpu_set_freq(400000000);
    parameters = iomem_malloc(1024);
    CHECK_EQ("init", kpu_hw_init(), 0);
    CHECK_EQ("clock", kpu_hw_clock_hz(), 398666666);
    kpu_hw_set_eight_bit_weights(true);
    CHECK_EQ("T1 runs", run_t1(), 0);
    check_t1("T1");
    t2();
    chain();

    run_t1();
    put_map(4, (const uint8_t[16]){0});
    CHECK_EQ("time-out", kpu_hw_run((const uint64_t(*)[12])t1, 1, 1, NULL), -ETIMEDOUT);
    CHECK_EQ("runs after a time-out", run_t1(), 0);
    check_t1("right after a time-out");
    CHECK_EQ("stopped by the hook", kpu_hw_run((const uint64_t(*)[12])t1, 1, 10000, stop_at_once), -EINTR);
    CHECK_EQ("runs after a stop", run_t1(), 0);
    check_t1("right after a stop");
    public_interface();
    tasks();
    run_t1();
    CHECK_EQ("no layers", kpu_hw_run((const uint64_t(*)[12])t1, 0, 10000, NULL), 0);

    uint64_t c0 = read_cycle();
    int result = kpu_hw_run((const uint64_t(*)[12])t1, 1, 10000, count);
    uint64_t cycles = read_cycle() - c0;
    CHECK_EQ("with a hook", result, 0);
    /* spec kpu.md 8.2: about 3300 KPU clocks for the smallest layer, driver included */
    check_between("cycles of one small layer", (int64_t)cycles, 1000, 8000);
    printk("INFO one small layer: %lu cycles\n", cycles);
    check_between("hook calls", polls, 1, 3);
    return check_done();
}
