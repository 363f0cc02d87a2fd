/* DVP camera interface (spec soc.md 9): registers, interrupt, pins. Frames and SCCB are in dvp_frame.c. */
#include "dvp.h"
#include "peripherals.h"

enum {
    CFG = 0x00, R_ADDR = 0x04, G_ADDR = 0x08, B_ADDR = 0x0c, CMOS_CFG = 0x10, SCCB_CFG = 0x14, SCCB_CTL = 0x18,
    AXI = 0x1c, STS = 0x20, REVERSE = 0x24, RGB_ADDR = 0x28
};
enum { STS_START = 0, STS_FINISH = 8, STS_ENABLE = 16, STS_SCCB = 24 }; /* each with its write enable above it */
enum { CLK_EN = 8, CMOS_RESET = 16, CMOS_POWER_DOWN = 24 };
enum { FN_XCLK = 132, FN_RST = 133, FN_PWDN = 134 };

#define IRQ 24
#define SCCB_RDATA 0xff000000u

void dvp_update(dvp_t *s)
{
    bool irq = (s->frame_start && bit(s->cfg, DVP_START_INT)) || (s->frame_finish && bit(s->cfg, DVP_FINISH_INT));
    if (irq != s->irq) {
        s->irq = irq;
        emu_irq(s->emu, IRQ, irq);
    }
}

/* What the sensor gets: 0 while the clock is off or on no pad. */
uint64_t dvp_xclk(const dvp_t *s)
{
    bool on = bit(s->cmos_cfg, CLK_EN) && emu_clock_hz(s->emu, EMU_CLOCK_DVP) != 0 &&
              emu_pad_of_function(s->emu, FN_XCLK) >= 0;
    return on ? emu_clock_hz(s->emu, EMU_CLOCK_APB1) / (2 * (field(s->cmos_cfg, 0, 8) + 1)) : 0;
}

static uint32_t status(const dvp_t *s)
{
    return (uint32_t)s->frame_start << STS_START | (uint32_t)s->frame_finish << STS_FINISH |
           (uint32_t)s->armed << STS_ENABLE | (uint32_t)s->sccb_busy << STS_SCCB;
}

static uint64_t dvp_read(void *opaque, uint64_t offset, unsigned size)
{
    dvp_t *s = opaque;
    (void)size;
    switch (offset) {
    case CFG: return s->cfg;
    case R_ADDR: return s->targets.red;
    case G_ADDR: return s->targets.green;
    case B_ADDR: return s->targets.blue;
    case CMOS_CFG: return s->cmos_cfg;
    case SCCB_CFG: return s->sccb_cfg;
    case SCCB_CTL: return s->sccb_ctl;
    case AXI: return s->axi;
    case STS: return status(s);
    case REVERSE: return s->reverse;
    case RGB_ADDR: return s->targets.display;
    }
    emu_unmodelled(s->emu, "dvp", offset, false, 0);
    return 0;
}

/* A bit counts only with its write enable (the bit above it). */
static bool set_with_enable(uint32_t value, unsigned n)
{
    return bit(value, n) && bit(value, n + 1);
}

static void write_status(dvp_t *s, uint32_t value)
{
    s->frame_start = s->frame_start && !set_with_enable(value, STS_START);
    s->frame_finish = s->frame_finish && !set_with_enable(value, STS_FINISH);
    if (bit(value, STS_ENABLE + 1)) {
        dvp_arm(s, bit(value, STS_ENABLE));
    }
    if (set_with_enable(value, STS_SCCB)) {
        dvp_sccb_start(s);
    }
}

static void write_cmos_cfg(dvp_t *s, uint32_t value)
{
    s->cmos_cfg = value & 0x010101ff;
    emu_function_drive(s->emu, FN_RST, bit(value, CMOS_RESET), true);
    emu_function_drive(s->emu, FN_PWDN, bit(value, CMOS_POWER_DOWN), true);
    dvp_frames_changed(s);
}

static void dvp_write(void *opaque, uint64_t offset, unsigned size, uint64_t wide)
{
    dvp_t *s = opaque;
    uint32_t value = (uint32_t)wide;
    (void)size;
    switch (offset) {
    case CFG: s->cfg = value & 0x3fffff1f; break;
    case R_ADDR: s->targets.red = value; break;
    case G_ADDR: s->targets.green = value; break;
    case B_ADDR: s->targets.blue = value; break;
    case CMOS_CFG: write_cmos_cfg(s, value); break;
    case SCCB_CFG: s->sccb_cfg = (s->sccb_cfg & SCCB_RDATA) | (value & 0x00ffff03); break;
    case SCCB_CTL: s->sccb_ctl = value; break;
    case AXI: s->axi = value & 0xff; break;
    case STS: write_status(s, value); break;
    case REVERSE: s->reverse = value; break;
    case RGB_ADDR: s->targets.display = value; break;
    default: emu_unmodelled(s->emu, "dvp", offset, true, value);
    }
    dvp_update(s);
}

static void dvp_reset(void *opaque)
{
    dvp_t *s = opaque;
    dvp_stop(s);
    s->cfg = s->sccb_cfg = s->sccb_ctl = s->axi = s->reverse = 0;
    s->targets = (dvp_targets_t){0};
    s->frame_start = s->frame_finish = s->armed = false;
    write_cmos_cfg(s, 0);
    dvp_update(s);
}

static void dvp_state(void *opaque, emu_json_t *json)
{
    dvp_t *s = opaque;
    emu_json_u64(json, "cfg", s->cfg);
    emu_json_u64(json, "sts", status(s));
    emu_json_u64(json, "cmos_cfg", s->cmos_cfg);
    emu_json_u64(json, "xclk", dvp_xclk(s));
    emu_json_u64(json, "period_ps", s->period == EMU_NEVER ? 0 : s->period);
    emu_json_bool(json, "capturing", s->capturing);
    emu_json_u64(json, "r_addr", s->targets.red);
    emu_json_u64(json, "g_addr", s->targets.green);
    emu_json_u64(json, "b_addr", s->targets.blue);
    emu_json_u64(json, "rgb_addr", s->targets.display);
}

static void dvp_destroy(void *opaque)
{
    dvp_t *s = opaque;
    free(s->rgb);
    free(s->plane);
    free(s->display);
    free(s);
}

void dvp_create(emu_t *emu)
{
    dvp_t *s = device_new(sizeof *s);
    s->emu = emu;
    s->period = EMU_NEVER;
    s->frame_event = EMU_EVENT(dvp_frame_step, s);
    s->sccb_event = EMU_EVENT(dvp_sccb_done, s);
    emu_on_clocks_changed(emu, dvp_frames_changed, s);
    emu_on_pads_rerouted(emu, dvp_frames_changed, s);
    emu_on_camera_changed(emu, dvp_frames_changed, s);
    emu_add_device(emu, &(emu_device_t){.name = "dvp", .base = 0x50430000, .size = 0x10000, .word = 4,
                                        .read = dvp_read, .write = dvp_write, .reset = dvp_reset, .state = dvp_state,
                                        .destroy = dvp_destroy, .opaque = s});
    dvp_reset(s);
}
