/* Frames from the sensor to memory, and the SCCB master (spec soc.md 9.3 to 9.6).
 *
 * A frame begins with VSYNC. A tenth of its period later the lines begin to arrive: if the capture is armed by then,
 * or automatic, this frame is captured. It is written as a whole when its last line has come, after nine tenths. */
#include "dvp.h"

enum { FORMAT_Y_ONLY = 3, FN_VSYNC = 135, FN_HREF = 136, FN_PCLK = 137, FN_SCCB_SCL = 146, FN_SCCB_SDA = 147 };

#define MOST_WIDTH 640u
#define MOST_HEIGHT 480u

/* ---- frames ------------------------------------------------------------------------------------------------------ */

static unsigned width_of(uint32_t cfg)
{
    return field(cfg, DVP_HREF_BURSTS, 8) * 8 * (bit(cfg, DVP_BURST) ? 4 : 1);
}

static unsigned height_of(uint32_t cfg)
{
    return field(cfg, DVP_LINE_COUNT, 10);
}

static bool pins_routed(const dvp_t *s)
{
    return emu_pad_of_function(s->emu, FN_VSYNC) >= 0 && emu_pad_of_function(s->emu, FN_HREF) >= 0 &&
           emu_pad_of_function(s->emu, FN_PCLK) >= 0;
}

void dvp_frames_changed(void *opaque)
{
    dvp_t *s = opaque;
    const emu_camera_t *camera = emu_camera(s->emu);
    emu_time_t period = camera != NULL && pins_routed(s) ? camera->period(camera->opaque, dvp_xclk(s)) : EMU_NEVER;
    if (period == s->period) {
        return;
    }
    s->period = period;
    s->capturing = false;
    s->phase = period == EMU_NEVER ? DVP_NO_FRAMES : DVP_BEFORE_FRAME;
    if (period == EMU_NEVER) {
        emu_event_cancel(s->emu, &s->frame_event);
    } else {
        s->frame_began = emu_now(s->emu);
        emu_event_at(s->emu, &s->frame_event, s->frame_began + period);
    }
}

void dvp_arm(dvp_t *s, bool on)
{
    s->armed = on;
    if (on) {
        s->latched = s->targets;
    }
}

static bool make_room(dvp_t *s, size_t pixels)
{
    if (pixels > s->pixels) {
        s->rgb = realloc(s->rgb, 3 * pixels);
        s->plane = realloc(s->plane, 3 * pixels);
        s->display = realloc(s->display, 2 * pixels);
        s->pixels = pixels;
    }
    return s->rgb != NULL && s->plane != NULL && s->display != NULL;
}

/* Two pixels a word, the left one in its upper half (spec 9.5). */
static void pack_display(uint8_t *out, const uint8_t *rgb, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++, rgb += 3) {
        unsigned value = (rgb[0] & 0xf8u) << 8 | (rgb[1] & 0xfcu) << 3 | rgb[2] >> 3;
        uint8_t *place = out + 2 * (i ^ 1);
        place[0] = (uint8_t)value;
        place[1] = (uint8_t)(value >> 8);
    }
}

static void split_planes(uint8_t *planes, const uint8_t *rgb, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++, rgb += 3) {
        planes[i] = rgb[0];
        planes[pixels + i] = rgb[1];
        planes[2 * pixels + i] = rgb[2];
    }
}

static void to_grey(uint8_t *rgb, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++, rgb += 3) { /* the luma that a sensor sends, BT.601 */
        rgb[0] = rgb[1] = rgb[2] = (uint8_t)((77u * rgb[0] + 150u * rgb[1] + 29u * rgb[2] + 128) >> 8);
    }
}

static void store(dvp_t *s, uint32_t address, const uint8_t *data, size_t length)
{
    if (!emu_dma_write(s->emu, address, data, length)) {
        emu_warn(s->emu, "dvp", "an output of %zu bytes at 0x%08x is not all in RAM", length, address);
    }
}

static void deliver(dvp_t *s, unsigned width, unsigned height)
{
    size_t pixels = (size_t)width * height;
    bool grey = field(s->captured_cfg, DVP_FORMAT, 2) == FORMAT_Y_ONLY;
    if (grey) {
        to_grey(s->rgb, pixels);
    }
    if (bit(s->captured_cfg, DVP_DISPLAY_OUT)) {
        pack_display(s->display, s->rgb, pixels);
        store(s, s->latched.display, s->display, 2 * pixels);
    }
    if (bit(s->captured_cfg, DVP_AI_OUT)) {
        split_planes(s->plane, s->rgb, pixels);
        store(s, s->latched.red, s->plane, pixels);
        if (!grey) {
            store(s, s->latched.green, s->plane + pixels, pixels);
            store(s, s->latched.blue, s->plane + 2 * pixels, pixels);
        }
    }
}

static void end_of_lines(dvp_t *s)
{
    unsigned width = width_of(s->captured_cfg), height = height_of(s->captured_cfg);
    const emu_camera_t *camera = emu_camera(s->emu);
    if (width == 0 || height == 0 || width > MOST_WIDTH || height > MOST_HEIGHT) {
        emu_warn(s->emu, "dvp", "a capture of %ux%u is not in 1x1..%ux%u", width, height, MOST_WIDTH, MOST_HEIGHT);
        return;
    }
    if (!make_room(s, (size_t)width * height) || !camera->frame(camera->opaque, width, height, s->rgb)) {
        return;
    }
    deliver(s, width, height);
    s->frame_finish = true;
    s->armed = s->armed && bit(s->cfg, DVP_AUTO);
}

static void begin_lines(dvp_t *s)
{
    s->capturing = s->armed || bit(s->cfg, DVP_AUTO);
    s->captured_cfg = s->cfg;
    if (!s->armed || bit(s->cfg, DVP_AUTO)) {
        s->latched = s->targets;
    }
}

void dvp_frame_step(void *opaque)
{
    dvp_t *s = opaque;
    emu_time_t next = 0;
    switch (s->phase) {
    case DVP_NO_FRAMES: return;
    case DVP_BEFORE_FRAME:
        s->frame_began += s->period;
        s->frame_start = true;
        s->phase = DVP_BLANK;
        next = s->frame_began + s->period / 10;
        break;
    case DVP_BLANK:
        begin_lines(s);
        s->phase = DVP_LINES;
        next = s->frame_began + s->period / 10 * 9;
        break;
    case DVP_LINES:
        if (s->capturing) {
            end_of_lines(s);
        }
        s->capturing = false;
        s->phase = DVP_BEFORE_FRAME;
        next = s->frame_began + s->period;
        break;
    }
    emu_event_at(s->emu, &s->frame_event, next);
    dvp_update(s);
    if (s->phase == DVP_BEFORE_FRAME) {
        dvp_frames_changed(s);
    }
}

/* ---- SCCB -------------------------------------------------------------------------------------------------------- */

void dvp_sccb_start(dvp_t *s)
{
    uint64_t bit_cycles = field(s->sccb_cfg, 8, 8) + field(s->sccb_cfg, 16, 8);
    uint64_t bits = 9 * (field(s->sccb_cfg, 0, 2) + 1) + 2;
    emu_time_t time = cycles_to_time(bits * (bit_cycles != 0 ? bit_cycles : 1), emu_clock_hz(s->emu, EMU_CLOCK_APB1));
    s->sccb_busy = true;
    if (time != EMU_NEVER) {
        emu_event_at(s->emu, &s->sccb_event, emu_now(s->emu) + time);
    }
}

static void sccb_write(dvp_t *s, const emu_i2c_part_t *part)
{
    if (part == NULL || !part->start(part->opaque, false)) {
        return; /* nothing tells the software */
    }
    for (unsigned n = 1; n <= field(s->sccb_cfg, 0, 2); n++) {
        part->write(part->opaque, (uint8_t)(s->sccb_ctl >> (8 * n)));
    }
    part->stop(part->opaque);
}

static uint8_t sccb_read(const emu_i2c_part_t *part)
{
    if (part == NULL || !part->start(part->opaque, true)) {
        return 0xff;
    }
    int byte = part->read(part->opaque);
    part->stop(part->opaque);
    return byte == EMU_I2C_STRETCH ? 0xff : (uint8_t)byte;
}

void dvp_sccb_done(void *opaque)
{
    dvp_t *s = opaque;
    const emu_i2c_part_t *part = emu_i2c_find(s->emu, FN_SCCB_SCL, FN_SCCB_SDA, field(s->sccb_ctl, 1, 7));
    if (bit(s->sccb_ctl, 0)) { /* "write enable", the opposite of the bus's bit */
        sccb_write(s, part);
    } else {
        s->sccb_cfg = (s->sccb_cfg & 0x00ffffff) | (uint32_t)sccb_read(part) << 24;
    }
    s->sccb_busy = false;
}

void dvp_stop(dvp_t *s)
{
    emu_event_cancel(s->emu, &s->frame_event);
    emu_event_cancel(s->emu, &s->sccb_event);
    s->sccb_busy = s->capturing = false;
    s->phase = DVP_NO_FRAMES;
    s->period = EMU_NEVER;
}
