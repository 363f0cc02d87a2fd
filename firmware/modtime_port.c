// The port's half of module time: included by extmod/modtime.c. Beyond upstream it has what MaixPy v1 has (spec
// maixpy-system.md 6): ticks(), set_time(tuple) and the frame counter clock().
#include "py/mphal.h"

#include "shared/timeutils/timeutils.h"

#define CLOCK_WINDOW_US 2000000

static mp_obj_t mp_time_time_get(void) {
    return mp_obj_new_int_from_ull(mp_hal_time_ns() / 1000000000);
}

#if MICROPY_TIME_LOCALTIME_INTO_STRUCT // newer MicroPython makes the tuple itself
static void mp_time_localtime_get(timeutils_struct_time_t *tm) {
    timeutils_seconds_since_epoch_to_struct_time(mp_hal_time_ns() / 1000000000, tm);
}
#else
static mp_obj_t mp_time_localtime_get(void) {
    timeutils_struct_time_t tm;
    timeutils_seconds_since_epoch_to_struct_time(mp_hal_time_ns() / 1000000000, &tm);
    mp_obj_t items[] = {
        MP_OBJ_NEW_SMALL_INT(tm.tm_year), MP_OBJ_NEW_SMALL_INT(tm.tm_mon), MP_OBJ_NEW_SMALL_INT(tm.tm_mday),
        MP_OBJ_NEW_SMALL_INT(tm.tm_hour), MP_OBJ_NEW_SMALL_INT(tm.tm_min), MP_OBJ_NEW_SMALL_INT(tm.tm_sec),
        MP_OBJ_NEW_SMALL_INT(tm.tm_wday), MP_OBJ_NEW_SMALL_INT(tm.tm_yday),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
#endif

// set_time((year, month, day, hour, minute, second, ...))
static mp_obj_t time_set_time(mp_obj_t tuple) {
    size_t length;
    mp_obj_t *item;
    mp_obj_get_array(tuple, &length, &item);
    if (length < 6) {
        mp_raise_TypeError(MP_ERROR_TEXT("set_time needs (year, month, day, hour, minute, second)"));
    }
    uint64_t seconds = timeutils_mktime(mp_obj_get_int(item[0]), mp_obj_get_int(item[1]), mp_obj_get_int(item[2]),
        mp_obj_get_int(item[3]), mp_obj_get_int(item[4]), mp_obj_get_int(item[5]));
    mp_hal_set_time_ns(seconds * 1000000000);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(time_set_time_obj, time_set_time);

static mp_obj_t time_ticks_ms(void);
static MP_DEFINE_CONST_FUN_OBJ_0(time_ticks_obj, time_ticks_ms);

// Frame counter: frames are counted by fps(), over a window that restarts about every two seconds.
typedef struct {
    mp_obj_base_t base;
    uint64_t window_start_us; // 0: no tick() since the start
    uint32_t frames;
} clock_obj_t;

static mp_obj_t clock_reset(mp_obj_t self_in) {
    clock_obj_t *self = MP_OBJ_TO_PTR(self_in);
    self->window_start_us = 0;
    self->frames = 0;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(clock_reset_obj, clock_reset);

static mp_obj_t clock_tick(mp_obj_t self_in) {
    clock_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->window_start_us == 0) {
        self->window_start_us = mp_hal_ticks_us();
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(clock_tick_obj, clock_tick);

static mp_obj_t clock_fps(mp_obj_t self_in) {
    clock_obj_t *self = MP_OBJ_TO_PTR(self_in);
    uint64_t now = mp_hal_ticks_us();
    uint64_t elapsed = self->window_start_us ? now - self->window_start_us : 0;
    self->frames++;
    if (elapsed == 0) {
        return mp_obj_new_float(0);
    }
    mp_float_t fps = (mp_float_t)self->frames * MICROPY_FLOAT_CONST(1e6) / (mp_float_t)elapsed;
    if (elapsed >= CLOCK_WINDOW_US) {
        self->window_start_us = now;
        self->frames = 0;
    }
    return mp_obj_new_float(fps);
}
static MP_DEFINE_CONST_FUN_OBJ_1(clock_fps_obj, clock_fps);

// Milliseconds per frame in the present window.
static mp_obj_t clock_avg(mp_obj_t self_in) {
    clock_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->window_start_us == 0 || self->frames == 0) {
        return mp_obj_new_float(0);
    }
    mp_float_t elapsed = (mp_float_t)(mp_hal_ticks_us() - self->window_start_us);
    return mp_obj_new_float(elapsed / 1000 / (mp_float_t)self->frames);
}
static MP_DEFINE_CONST_FUN_OBJ_1(clock_avg_obj, clock_avg);

static mp_obj_t clock_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)args;
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    clock_obj_t *self = mp_obj_malloc(clock_obj_t, type);
    clock_reset(MP_OBJ_FROM_PTR(self));
    return MP_OBJ_FROM_PTR(self);
}

static const mp_rom_map_elem_t clock_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_tick), MP_ROM_PTR(&clock_tick_obj)},
    {MP_ROM_QSTR(MP_QSTR_fps), MP_ROM_PTR(&clock_fps_obj)},
    {MP_ROM_QSTR(MP_QSTR_avg), MP_ROM_PTR(&clock_avg_obj)},
    {MP_ROM_QSTR(MP_QSTR_reset), MP_ROM_PTR(&clock_reset_obj)},
};
static MP_DEFINE_CONST_DICT(clock_locals, clock_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(clock_type, MP_QSTR_clock, MP_TYPE_FLAG_NONE, make_new, clock_make_new, locals_dict,
    &clock_locals);

#define MICROPY_PY_TIME_EXTRA_GLOBALS \
    {MP_ROM_QSTR(MP_QSTR_clock), MP_ROM_PTR(&clock_type)}, \
    {MP_ROM_QSTR(MP_QSTR_ticks), MP_ROM_PTR(&time_ticks_obj)}, \
    {MP_ROM_QSTR(MP_QSTR_set_time), MP_ROM_PTR(&time_set_time_obj)},
