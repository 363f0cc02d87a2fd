/* Sensor bus and frames. The runner shows the camera a picture whose pixels are a formula; two sensors answer on the
 * bus at 0x60 (8-bit registers) and 0x78 (16-bit registers). */

#include "check.h"
#include "dvp.h"
#include "fpioa.h"
#include "iomem.h"
#include "plic.h"

#define W 64
#define H 48

static uint8_t *planes;
static uint32_t *display;
static volatile bool wanted, finished;

static void pixel(unsigned x, unsigned y, uint8_t rgb[3]) {
    rgb[0] = (uint8_t)(x * 5 + y * 3);
    rgb[1] = (uint8_t)(x * 3 + y * 7);
    rgb[2] = (uint8_t)(x ^ y);
}

/* AI planes in reading order; two RGB565 pixels per display word, the left one in the upper half. */
static void check_picture(const char *name, unsigned w, unsigned h) {
    unsigned wrong = 0;
    for (unsigned y = 0; y < h; y++) {
        for (unsigned x = 0; x < w; x++) {
            uint8_t rgb[3];
            pixel(x, y, rgb);
            uint32_t want = (uint32_t)(rgb[0] >> 3 << 11 | rgb[1] >> 2 << 5 | rgb[2] >> 3);
            uint32_t word = display[(y * w + x) / 2], got = x % 2 ? word & 0xFFFF : word >> 16;
            wrong += got != want;
            for (unsigned plane = 0; plane < 3; plane++) {
                wrong += planes[plane * w * h + y * w + x] != rgb[plane];
            }
        }
    }
    CHECK_EQ(name, wrong, 0);
}

static void clear(void) {
    for (unsigned i = 0; i < W * H * 3; i++) {
        planes[i] = 0x5A;
    }
    for (unsigned i = 0; i < W * H / 2; i++) {
        display[i] = 0x5A5A5A5A;
    }
}

/* The pattern of the vendor's demos. */
static int on_dvp(void *ctx) {
    (void)ctx;
    if (dvp_get_interrupt(DVP_STS_FRAME_FINISH)) {
        dvp_clear_interrupt(DVP_STS_FRAME_START | DVP_STS_FRAME_FINISH);
        finished = true;
    } else {
        if (wanted) {
            dvp_start_convert();
            wanted = false;
        }
        dvp_clear_interrupt(DVP_STS_FRAME_START);
    }
    return 0;
}

static void sensor_bus(void) {
    dvp_init(8);
    CHECK_EQ("id of the first sensor", dvp_sccb_receive_data(0x60, 0x0A), 0x26);
    dvp_sccb_send_data(0x60, 0x12, 0x34);
    CHECK_EQ("a register that was written", dvp_sccb_receive_data(0x60, 0x12), 0x34);
    CHECK_EQ("its neighbour", dvp_sccb_receive_data(0x60, 0x13), 0);
    CHECK_EQ("nobody there", dvp_sccb_receive_data(0x20, 0x0A), 0xFF);
    dvp_init(16);
    CHECK_EQ("id of the second sensor", dvp_sccb_receive_data(0x78, 0x300A), 0x56);
    dvp_sccb_send_data(0x78, 0x1234, 0x99);
    CHECK_EQ("a register of 16 bits of address", dvp_sccb_receive_data(0x78, 0x1234), 0x99);
    uint32_t apb1 = sysctl_clock_get_freq(SYSCTL_CLOCK_APB1);
    uint32_t rate = dvp_sccb_set_clk_rate(apb1 / 400);
    CHECK_EQ("bus rate", rate, apb1 / 400);
    CHECK_EQ("a rate that is too slow", dvp_sccb_set_clk_rate(1000), 0);
    CHECK_EQ("still there", dvp_sccb_receive_data(0x78, 0x300A), 0x56);
    CHECK_EQ("sensor clock", dvp_set_xclk_rate(24000000), apb1 / (2 * ((apb1 + 24000000) / 48000000)));
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    fpioa_set_function(40, FUNC_SCCB_SCLK);
    fpioa_set_function(41, FUNC_SCCB_SDA);
    fpioa_set_function(46, FUNC_CMOS_XCLK);
    fpioa_set_function(47, FUNC_CMOS_PCLK);
    fpioa_set_function(43, FUNC_CMOS_VSYNC);
    fpioa_set_function(45, FUNC_CMOS_HREF);
    fpioa_set_function(42, FUNC_CMOS_RST);
    fpioa_set_function(44, FUNC_CMOS_PWDN);
    sysctl_set_spi0_dvp_data(1);
    planes = iomem_malloc(W * H * 3);
    display = iomem_malloc(W * H * 2);
    sensor_bus();

    uint32_t at = (uint32_t)(uintptr_t)planes;
    dvp_disable_burst();
    dvp_disable_auto();
    dvp_set_image_format(DVP_CFG_RGB_FORMAT);
    dvp_set_image_size(W, H);
    dvp_set_ai_addr(at, at + W * H, at + 2 * W * H);
    dvp_set_display_addr((uint32_t)(uintptr_t)display);
    dvp_set_output_enable(DVP_OUTPUT_AI, 1);
    dvp_set_output_enable(DVP_OUTPUT_DISPLAY, 1);
    clear();
    dvp_get_image();
    check_picture("polled", W, H);

    clear();
    dvp_enable_burst();
    dvp_set_image_size(32, 24);
    dvp_set_ai_addr(at, at + 32 * 24, at + 2 * 32 * 24);
    plic_set_priority(IRQN_DVP_INTERRUPT, 1);
    plic_irq_register(IRQN_DVP_INTERRUPT, on_dvp, NULL);
    plic_irq_enable(IRQN_DVP_INTERRUPT);
    dvp_clear_interrupt(DVP_STS_FRAME_START | DVP_STS_FRAME_FINISH);
    dvp_config_interrupt(DVP_CFG_START_INT_ENABLE | DVP_CFG_FINISH_INT_ENABLE, 1);
    msleep(25);
    CHECK("nothing without being asked", !finished && display[0] == 0x5A5A5A5A);
    wanted = true;
    CHECK("a frame by interrupt", WAIT_FOR(finished, 100));
    check_picture("with bursts", 32, 24);
    dvp_config_interrupt(DVP_CFG_START_INT_ENABLE | DVP_CFG_FINISH_INT_ENABLE, 0);

    uint32_t before = dvp->dvp_cfg;
    dvp_set_image_size(40, 24);
    dvp_set_image_size(32, 1024);
    CHECK_EQ("sizes that cannot be", dvp->dvp_cfg, before);
    dvp_set_display_addr(0x80100000);
    CHECK_EQ("a cached buffer", dvp->rgb_addr, (uint32_t)(uintptr_t)display);
    return check_done();
}
