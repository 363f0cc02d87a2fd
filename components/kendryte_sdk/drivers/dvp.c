/* Camera port: sensor bus, clocks, frames to the display and AI buffers (spec soc.md 9). */

#include "dvp.h"
#include "bsp.h"
#include "mmio.h"
#include "platform.h"
#include "sysctl.h"

#define REG(offset) (DVP_BASE_ADDR + (offset))
#define CFG REG(0x00)
#define R_ADDR REG(0x04)
#define G_ADDR REG(0x08)
#define B_ADDR REG(0x0C)
#define CMOS_CFG REG(0x10)
#define SCCB_CFG REG(0x14)
#define SCCB_CTL REG(0x18)
#define AXI REG(0x1C)
#define STS REG(0x20)
#define RGB_ADDR REG(0x28)

#define SCCB_LIMIT_US 10000   /* four bytes at the slowest rate take 0.1 ms */
#define FRAME_LIMIT_US 2000000
#define SENSOR_RESET_MS 20

volatile dvp_t *const dvp = (volatile dvp_t *)DVP_BASE_ADDR;

static bool wide_registers;

static bool wait_status(uint32_t bit, bool set, uint64_t us) {
    uint64_t deadline = sdk_deadline(us);
    while (((mmio_read(STS) & bit) != 0) != set) {
        if (sdk_expired(deadline)) {
            return false;
        }
    }
    return true;
}

/* A status bit is written only with the write-enable bit above it. */
static uint32_t with_enable(uint32_t bits) {
    return bits | bits << 1;
}

static void reset_sensor(void) {
    mmio_update(CMOS_CFG, DVP_CMOS_POWER_DOWN, DVP_CMOS_POWER_DOWN);
    msleep(SENSOR_RESET_MS);
    mmio_update(CMOS_CFG, DVP_CMOS_POWER_DOWN, 0);
    msleep(SENSOR_RESET_MS);
    mmio_update(CMOS_CFG, DVP_CMOS_RESET, 0);
    msleep(SENSOR_RESET_MS);
    mmio_update(CMOS_CFG, DVP_CMOS_RESET, DVP_CMOS_RESET);
    msleep(SENSOR_RESET_MS);
}

void dvp_init(uint8_t reg_len) {
    wide_registers = reg_len != 8;
    sysctl_clock_enable(SYSCTL_CLOCK_DVP);
    sysctl_reset(SYSCTL_RESET_DVP);
    mmio_update(CMOS_CFG, DVP_CMOS_CLK_DIV_MASK | DVP_CMOS_CLK_ENABLE, DVP_CMOS_CLK_DIV(3) | DVP_CMOS_CLK_ENABLE);
    mmio_update(SCCB_CFG, DVP_SCCB_SCL_LCNT_MASK | DVP_SCCB_SCL_HCNT_MASK,
                DVP_SCCB_SCL_LCNT(255) | DVP_SCCB_SCL_HCNT(255));
    reset_sensor();
}

uint32_t dvp_set_xclk_rate(uint32_t xclk_rate) {
    uint32_t apb1 = sysctl_clock_get_freq(SYSCTL_CLOCK_APB1);
    uint64_t half_periods = xclk_rate ? ((uint64_t)apb1 + xclk_rate) / (2ull * xclk_rate) : 256;
    uint32_t divider = half_periods == 0 ? 0 : half_periods > 256 ? 255 : (uint32_t)half_periods - 1;
    mmio_update(CMOS_CFG, DVP_CMOS_CLK_DIV_MASK | DVP_CMOS_CLK_ENABLE,
                DVP_CMOS_CLK_DIV(divider) | DVP_CMOS_CLK_ENABLE);
    reset_sensor();
    return apb1 / (2 * (divider + 1));
}

/* ---- sensor bus ---- */

uint32_t dvp_sccb_set_clk_rate(uint32_t clk_rate) {
    uint32_t apb1 = sysctl_clock_get_freq(SYSCTL_CLOCK_APB1);
    uint64_t count = clk_rate ? ((uint64_t)apb1 + clk_rate) / (2ull * clk_rate) : 0;
    if (count == 0 || count > 255) {
        return 0;
    }
    mmio_update(SCCB_CFG, DVP_SCCB_SCL_LCNT_MASK | DVP_SCCB_SCL_HCNT_MASK,
                (uint32_t)(DVP_SCCB_SCL_LCNT(count) | DVP_SCCB_SCL_HCNT(count)));
    return (uint32_t)(apb1 / (2 * count));
}

/* One transaction of `bytes` + 1 bytes on the bus. */
static void sccb(uint32_t bytes, uint32_t control) {
    mmio_update(SCCB_CFG, DVP_SCCB_BYTE_NUM_MASK, bytes);
    mmio_write(SCCB_CTL, control);
    bool idle = wait_status(DVP_STS_SCCB_EN, false, SCCB_LIMIT_US);
    mmio_write(STS, with_enable(DVP_STS_SCCB_EN));
    if (!idle || !wait_status(DVP_STS_SCCB_EN, false, SCCB_LIMIT_US)) {
        printk("dvp: the sensor bus does not end its transaction\r\n");
    }
}

static uint32_t address(uint8_t device, uint16_t reg) {
    uint32_t target = DVP_SCCB_WRITE_DATA_ENABLE | DVP_SCCB_DEVICE_ADDRESS((uint32_t)device);
    return target | (wide_registers ? DVP_SCCB_REG_ADDRESS((uint32_t)reg >> 8) | DVP_SCCB_WDATA_BYTE0(reg & 0xFFu)
                                    : DVP_SCCB_REG_ADDRESS(reg & 0xFFu));
}

void dvp_sccb_send_data(uint8_t dev_addr, uint16_t reg_addr, uint8_t reg_data) {
    uint32_t data = reg_data;
    sccb(wide_registers ? DVP_SCCB_BYTE_NUM_4 : DVP_SCCB_BYTE_NUM_3,
         address(dev_addr, reg_addr) | (wide_registers ? DVP_SCCB_WDATA_BYTE1(data) : DVP_SCCB_WDATA_BYTE0(data)));
}

uint8_t dvp_sccb_receive_data(uint8_t dev_addr, uint16_t reg_addr) {
    uint32_t bytes = wide_registers ? DVP_SCCB_BYTE_NUM_3 : DVP_SCCB_BYTE_NUM_2;
    sccb(bytes, address(dev_addr, reg_addr));
    sccb(bytes, DVP_SCCB_DEVICE_ADDRESS((uint32_t)dev_addr));
    return (uint8_t)DVP_SCCB_RDATA_BYTE(mmio_read(SCCB_CFG));
}

/* ---- picture ---- */

void dvp_set_image_format(uint32_t format) {
    mmio_update(CFG, DVP_CFG_FORMAT_MASK, format);
}

void dvp_enable_burst(void) {
    mmio_update(CFG, DVP_CFG_BURST_SIZE_4BEATS, DVP_CFG_BURST_SIZE_4BEATS);
    mmio_update(AXI, DVP_AXI_GM_MLEN_MASK, DVP_AXI_GM_MLEN_4BYTE);
}

void dvp_disable_burst(void) {
    mmio_update(CFG, DVP_CFG_BURST_SIZE_4BEATS, 0);
    mmio_update(AXI, DVP_AXI_GM_MLEN_MASK, DVP_AXI_GM_MLEN_1BYTE);
}

void dvp_set_image_size(uint32_t width, uint32_t height) {
    uint32_t multiple = mmio_read(CFG) & DVP_CFG_BURST_SIZE_4BEATS ? 32 : 8;
    if (width == 0 || width % multiple || width / multiple > 255 || height == 0 || height > 1023) {
        printk("dvp: %u x %u: a width of a multiple of %u up to %u, a height of 1 .. 1023\r\n", width, height, multiple,
               255 * multiple);
        return;
    }
    mmio_update(CFG, DVP_CFG_HREF_BURST_NUM_MASK | DVP_CFG_LINE_NUM_MASK,
                DVP_CFG_HREF_BURST_NUM(width / multiple) | DVP_CFG_LINE_NUM(height));
}

static bool refused(uint32_t address) {
    bool cached = address - RAM_BASE_ADDR < RAM_SIZE;
    if (cached) {
        printk("dvp: 0x%x is cached: take memory of iomem_malloc()\r\n", address);
    }
    return cached;
}

void dvp_set_ai_addr(uint32_t r_addr, uint32_t g_addr, uint32_t b_addr) {
    if (!refused(r_addr) && !refused(g_addr) && !refused(b_addr)) {
        mmio_write(R_ADDR, r_addr);
        mmio_write(G_ADDR, g_addr);
        mmio_write(B_ADDR, b_addr);
    }
}

void dvp_set_display_addr(uint32_t addr) {
    if (!refused(addr)) {
        mmio_write(RGB_ADDR, addr);
    }
}

void dvp_set_output_enable(dvp_output_mode_t index, int enable) {
    uint32_t bit = index == DVP_OUTPUT_AI ? DVP_CFG_AI_OUTPUT_ENABLE : DVP_CFG_DISPLAY_OUTPUT_ENABLE;
    mmio_update(CFG, bit, enable ? bit : 0);
}

void dvp_enable_auto(void) {
    mmio_update(CFG, DVP_CFG_AUTO_ENABLE, DVP_CFG_AUTO_ENABLE);
}

void dvp_disable_auto(void) {
    mmio_update(CFG, DVP_CFG_AUTO_ENABLE, 0);
}

/* ---- frames ---- */

void dvp_config_interrupt(uint32_t interrupt, uint8_t enable) {
    mmio_update(CFG, interrupt, enable ? interrupt : 0);
}

int dvp_get_interrupt(uint32_t interrupt) {
    return (mmio_read(STS) & interrupt) != 0;
}

void dvp_clear_interrupt(uint32_t interrupt) {
    mmio_write(STS, with_enable(interrupt));
}

static bool wait_frame(uint32_t bit) {
    bool seen = wait_status(bit, true, FRAME_LIMIT_US);
    if (!seen) {
        printk("dvp: no frame %s within %d ms: is the sensor set up?\r\n",
               bit == DVP_STS_FRAME_START ? "started" : "ended", FRAME_LIMIT_US / 1000);
    }
    return seen;
}

void dvp_start_frame(void) {
    wait_frame(DVP_STS_FRAME_START);
    dvp_clear_interrupt(DVP_STS_FRAME_START);
}

void dvp_start_convert(void) {
    mmio_write(STS, with_enable(DVP_STS_DVP_EN));
}

void dvp_finish_convert(void) {
    wait_frame(DVP_STS_FRAME_FINISH);
    dvp_clear_interrupt(DVP_STS_FRAME_FINISH);
}

void dvp_get_image(void) {
    dvp_start_frame();
    if (wait_frame(DVP_STS_FRAME_START)) {
        mmio_write(STS, with_enable(DVP_STS_FRAME_START | DVP_STS_FRAME_FINISH | DVP_STS_DVP_EN));
        wait_frame(DVP_STS_FRAME_FINISH);
    }
}
