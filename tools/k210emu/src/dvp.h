/* State shared by the registers (dvp.c) and the two sides of the camera interface: frames and SCCB (dvp_frame.c). */
#ifndef K210EMU_DVP_H
#define K210EMU_DVP_H

#include "device.h"

typedef struct {
    uint32_t red, green, blue, display;
} dvp_targets_t;

typedef enum { DVP_NO_FRAMES, DVP_BEFORE_FRAME, DVP_BLANK, DVP_LINES } dvp_phase_t;

typedef struct {
    emu_t *emu;
    uint32_t cfg, cmos_cfg, sccb_cfg, sccb_ctl, axi, reverse;
    dvp_targets_t targets, latched;
    bool frame_start, frame_finish, armed, irq;

    dvp_phase_t phase;
    emu_time_t period, frame_began; /* of the frames now arriving; EMU_NEVER: none */
    bool capturing;
    uint32_t captured_cfg;
    emu_event_t frame_event;
    uint8_t *rgb, *plane, *display; /* buffers, as large as the largest frame so far */
    size_t pixels;

    bool sccb_busy;
    emu_event_t sccb_event;
} dvp_t;

enum { /* dvp_cfg */
    DVP_START_INT = 0, DVP_FINISH_INT = 1, DVP_AI_OUT = 2, DVP_DISPLAY_OUT = 3, DVP_AUTO = 4, DVP_BURST = 8,
    DVP_FORMAT = 9, DVP_HREF_BURSTS = 12, DVP_LINE_COUNT = 20
};

/* dvp.c */
void dvp_update(dvp_t *s);
uint64_t dvp_xclk(const dvp_t *s);

/* dvp_frame.c */
void dvp_arm(dvp_t *s, bool on);
void dvp_frames_changed(void *opaque); /* the sensor's period, XCLK or the pins */
void dvp_frame_step(void *opaque);
void dvp_sccb_start(dvp_t *s);
void dvp_sccb_done(void *opaque);
void dvp_stop(dvp_t *s);

#endif
