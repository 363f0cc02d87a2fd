#ifndef KENDRYTE_DVP_H
#define KENDRYTE_DVP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DVP_CFG_START_INT_ENABLE 0x00000001U
#define DVP_CFG_FINISH_INT_ENABLE 0x00000002U
#define DVP_CFG_AI_OUTPUT_ENABLE 0x00000004U
#define DVP_CFG_DISPLAY_OUTPUT_ENABLE 0x00000008U
#define DVP_CFG_AUTO_ENABLE 0x00000010U
#define DVP_CFG_BURST_SIZE_4BEATS 0x00000100U
#define DVP_CFG_FORMAT_MASK 0x00000600U
#define DVP_CFG_RGB_FORMAT 0x00000000U
#define DVP_CFG_YUV_FORMAT 0x00000200U
#define DVP_CFG_Y_FORMAT 0x00000600U
#define DVP_CFG_HREF_BURST_NUM_MASK 0x000FF000U
#define DVP_CFG_HREF_BURST_NUM(x) ((x) << 12)
#define DVP_CFG_LINE_NUM_MASK 0x3FF00000U
#define DVP_CFG_LINE_NUM(x) ((x) << 20)
#define DVP_CMOS_CLK_DIV_MASK 0x000000FFU
#define DVP_CMOS_CLK_DIV(x) ((x) << 0)
#define DVP_CMOS_CLK_ENABLE 0x00000100U
#define DVP_CMOS_RESET 0x00010000U
#define DVP_CMOS_POWER_DOWN 0x01000000U
#define DVP_SCCB_BYTE_NUM_MASK 0x00000003U
#define DVP_SCCB_BYTE_NUM_2 0x00000001U
#define DVP_SCCB_BYTE_NUM_3 0x00000002U
#define DVP_SCCB_BYTE_NUM_4 0x00000003U
#define DVP_SCCB_SCL_LCNT_MASK 0x0000FF00U
#define DVP_SCCB_SCL_LCNT(x) ((x) << 8)
#define DVP_SCCB_SCL_HCNT_MASK 0x00FF0000U
#define DVP_SCCB_SCL_HCNT(x) ((x) << 16)
#define DVP_SCCB_RDATA_BYTE(x) ((x) >> 24)
#define DVP_SCCB_WRITE_DATA_ENABLE 0x00000001U
#define DVP_SCCB_DEVICE_ADDRESS(x) ((x) << 0)
#define DVP_SCCB_REG_ADDRESS(x) ((x) << 8)
#define DVP_SCCB_WDATA_BYTE0(x) ((x) << 16)
#define DVP_SCCB_WDATA_BYTE1(x) ((x) << 24)
#define DVP_AXI_GM_MLEN_MASK 0x000000FFU
#define DVP_AXI_GM_MLEN_1BYTE 0x00000000U
#define DVP_AXI_GM_MLEN_4BYTE 0x00000003U
#define DVP_STS_FRAME_START 0x00000001U
#define DVP_STS_FRAME_START_WE 0x00000002U
#define DVP_STS_FRAME_FINISH 0x00000100U
#define DVP_STS_FRAME_FINISH_WE 0x00000200U
#define DVP_STS_DVP_EN 0x00010000U
#define DVP_STS_DVP_EN_WE 0x00020000U
#define DVP_STS_SCCB_EN 0x01000000U
#define DVP_STS_SCCB_EN_WE 0x02000000U

typedef enum {
    DVP_OUTPUT_AI, DVP_OUTPUT_DISPLAY,
} dvp_output_mode_t;

typedef struct __attribute__((packed, aligned(4))) {
    uint32_t dvp_cfg;
    uint32_t r_addr;
    uint32_t g_addr;
    uint32_t b_addr;
    uint32_t cmos_cfg;
    uint32_t sccb_cfg;
    uint32_t sccb_ctl;
    uint32_t axi;
    uint32_t sts;
    uint32_t reverse;
    uint32_t rgb_addr;
} dvp_t;

extern volatile dvp_t *const dvp;

/* reg_len = 8 or 16 (SCCB register address bits); clock on, reset, XCLK divider 3, slowest SCCB, then power/reset pin
 * sequence with busy-wait delays. */
void dvp_init(uint8_t reg_len);

/* DVP_CFG_RGB_FORMAT, DVP_CFG_YUV_FORMAT or DVP_CFG_Y_FORMAT. */
void dvp_set_image_format(uint32_t format);

/* width multiple of 8 (32 with burst); call after burst was chosen. */
void dvp_set_image_size(uint32_t width, uint32_t height);

/* Three planar output addresses; a cached one is refused with a message. */
void dvp_set_ai_addr(uint32_t r_addr, uint32_t g_addr, uint32_t b_addr);

/* RGB565 output address; a cached one is refused with a message. */
void dvp_set_display_addr(uint32_t addr);

/* Poll for frame start and clear it. */
void dvp_start_frame(void);

/* Enable capture of the current frame (call in the frame-start interrupt). */
void dvp_start_convert(void);

/* Poll for frame finish and clear it. */
void dvp_finish_convert(void);

/* Polled capture of one frame. */
void dvp_get_image(void);

/* Write a sensor register; dev_addr is the 8-bit write address; blocking. */
void dvp_sccb_send_data(uint8_t dev_addr, uint16_t reg_addr, uint8_t reg_data);

/* Read a sensor register; blocking. */
uint8_t dvp_sccb_receive_data(uint8_t dev_addr, uint16_t reg_addr);

/* 4-beat bursts. */
void dvp_enable_burst(void);

/* Single beats. */
void dvp_disable_burst(void);

/* Set/clear DVP_CFG_START_INT_ENABLE / ..FINISH.. bits. */
void dvp_config_interrupt(uint32_t interrupt, uint8_t enable);

/* 1 when the given DVP_STS_* bit is set. */
int dvp_get_interrupt(uint32_t interrupt);

/* Clear a DVP_STS_* bit with its write-enable bit (value<<1). */
void dvp_clear_interrupt(uint32_t interrupt);

/* Automatic capture on. */
void dvp_enable_auto(void);

/* Automatic capture off. */
void dvp_disable_auto(void);

/* Enable the AI or display output path. */
void dvp_set_output_enable(dvp_output_mode_t index, int enable);

/* Set SCCB clock from APB1; returns a rate, 0 when it cannot be reached. */
uint32_t dvp_sccb_set_clk_rate(uint32_t clk_rate);

/* Set sensor clock from APB1 and repeat the sensor reset sequence; returns the rate obtained. */
uint32_t dvp_set_xclk_rate(uint32_t xclk_rate);

#ifdef __cplusplus
}
#endif

#endif
