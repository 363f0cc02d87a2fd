// Methods of Image (spec maixpy-image.md 4.1).
#include <string.h>

#include "hart1.h"
#include "image_objects.h"

// Waking the other hart pays for more pixels than this.
#define BOTH_HARTS_FROM 4096

static mp_obj_t image_width(mp_obj_t self)
{
    return MP_OBJ_NEW_SMALL_INT(py_image_get(self)->width);
}
static MP_DEFINE_CONST_FUN_OBJ_1(image_width_obj, image_width);

static mp_obj_t image_height(mp_obj_t self)
{
    return MP_OBJ_NEW_SMALL_INT(py_image_get(self)->height);
}
static MP_DEFINE_CONST_FUN_OBJ_1(image_height_obj, image_height);

static mp_obj_t image_size(mp_obj_t self)
{
    return MP_OBJ_NEW_SMALL_INT(py_image_get(self)->size);
}
static MP_DEFINE_CONST_FUN_OBJ_1(image_size_obj, image_size);

// The constants of `sensor`.
static mp_obj_t image_format(mp_obj_t self)
{
    static const uint8_t codes[] = {[IMLIB_GRAYSCALE] = 4, [IMLIB_RGB565] = 2, [IMLIB_BAYER] = 1, [IMLIB_JPEG] = 5};
    imlib_format_t format = py_image_get(self)->format;
    return format == IMLIB_BINARY ? mp_const_none : MP_OBJ_NEW_SMALL_INT(codes[format]);
}
static MP_DEFINE_CONST_FUN_OBJ_1(image_format_obj, image_format);

static bool inside(const imlib_image_t *image, const mp_int_t at[2])
{
    return at[0] >= 0 && at[0] < image->width && at[1] >= 0 && at[1] < image->height;
}

// get_pixel(x, y[, rgbtuple])
static mp_obj_t image_get_pixel(size_t n_args, const mp_obj_t *items, mp_map_t *keywords)
{
    py_image_args_t args = {n_args, items, keywords};
    imlib_image_t *image = py_image_get(items[0]);
    mp_int_t at[2];
    mp_obj_t tuple = py_image_arg(&args, py_image_vector(&args, 2, at), MP_QSTR_rgbtuple);
    if (!inside(image, at)) {
        return mp_const_none;
    }
    uint32_t raw = imlib_get_pixel(image, (int32_t)at[0], (int32_t)at[1]);
    bool rgb = image->format == IMLIB_RGB565 && (tuple == MP_OBJ_NULL || mp_obj_is_true(tuple));
    if (!rgb) {
        return MP_OBJ_NEW_SMALL_INT(raw);
    }
    mp_obj_t channels[] = {
        MP_OBJ_NEW_SMALL_INT(imlib_expand5(imlib_r5(raw))),
        MP_OBJ_NEW_SMALL_INT(imlib_expand6(imlib_g6(raw))),
        MP_OBJ_NEW_SMALL_INT(imlib_expand5(imlib_b5(raw))),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(channels), channels);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(image_get_pixel_obj, 1, image_get_pixel);

// set_pixel(x, y[, color])
static mp_obj_t image_set_pixel(size_t n_args, const mp_obj_t *items, mp_map_t *keywords)
{
    py_image_args_t args = {n_args, items, keywords};
    imlib_image_t *image = py_image_get(items[0]);
    mp_int_t at[2];
    mp_obj_t colour = py_image_arg(&args, py_image_vector(&args, 2, at), MP_QSTR_color);
    uint32_t raw = py_image_colour(colour, image->format);
    if (inside(image, at)) {
        imlib_set_pixel(image, (int32_t)at[0], (int32_t)at[1], raw);
    }
    return items[0];
}
static MP_DEFINE_CONST_FUN_OBJ_KW(image_set_pixel_obj, 1, image_set_pixel);

static mp_obj_t image_clear(mp_obj_t self)
{
    imlib_image_t *image = py_image_get(self);
    memset(image->pixels, 0, image->size);
    return self;
}
static MP_DEFINE_CONST_FUN_OBJ_1(image_clear_obj, image_clear);

static int32_t side(mp_int_t value)
{
    return (int32_t)MAX(MIN(value, INT32_MAX), INT32_MIN);
}

static mp_obj_t image_resize(mp_obj_t self, mp_obj_t width, mp_obj_t height)
{
    imlib_image_t *image = py_image_get(self);
    int32_t w = side(mp_obj_get_int(width)), h = side(mp_obj_get_int(height));
    py_image_obj_t *to = py_image_new();
    imlib_error_t error;
    int rc = imlib_resize(&py_image_env, &to->image, image, w, h, &error);
    if (rc == IMLIB_EFORMAT) {
        mp_print_str(&mp_plat_print, "only support grayscale, 565 zoom out now\n");
        return mp_const_none;
    }
    if (rc) {
        py_image_raise(&error);
    }
    return MP_OBJ_FROM_PTR(to);
}
static MP_DEFINE_CONST_FUN_OBJ_3(image_resize_obj, image_resize);

static int32_t scaled(int32_t length, mp_obj_t scale, mp_rom_error_text_t negative, mp_rom_error_text_t zero)
{
    mp_float_t factor = scale == MP_OBJ_NULL ? 1 : mp_obj_get_float(scale);
    if (!(factor >= 0)) {
        mp_raise_msg(&mp_type_OSError, negative);
    }
    mp_float_t result = (mp_float_t)length * factor;
    if (result < 1) {
        mp_raise_msg(&mp_type_OSError, zero);
    }
    return result < IMLIB_MAX_SIDE ? (int32_t)result : IMLIB_MAX_SIDE + 1;
}

// copy([roi][, x_scale][, y_scale][, copy_to_fb]): always to new memory.
static mp_obj_t image_copy(size_t n_args, const mp_obj_t *items, mp_map_t *keywords)
{
    py_image_args_t args = {n_args, items, keywords};
    imlib_image_t *image = py_image_get(items[0]);
    imlib_rect_t roi = py_image_roi(py_image_arg(&args, 1, MP_QSTR_roi), image);
    int32_t w = scaled(roi.w, py_image_arg(&args, 2, MP_QSTR_x_scale), MP_ERROR_TEXT("Error: 0.0 <= x_scale!"),
                       MP_ERROR_TEXT("Output image width is 0!"));
    int32_t h = scaled(roi.h, py_image_arg(&args, 3, MP_QSTR_y_scale), MP_ERROR_TEXT("Error: 0.0 <= y_scale!"),
                       MP_ERROR_TEXT("Output image height is 0!"));
    py_image_obj_t *to = py_image_new();
    imlib_error_t error;
    if (imlib_crop(&py_image_env, &to->image, image, roi, w, h, &error)) {
        py_image_raise(&error);
    }
    return MP_OBJ_FROM_PTR(to);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(image_copy_obj, 1, image_copy);

// cut(x, y, w, h)
static mp_obj_t image_cut(size_t n_args, const mp_obj_t *items)
{
    (void)n_args;
    imlib_image_t *image = py_image_get(items[0]);
    imlib_rect_t roi = {side(mp_obj_get_int(items[1])), side(mp_obj_get_int(items[2])), side(mp_obj_get_int(items[3])),
                        side(mp_obj_get_int(items[4]))};
    py_image_obj_t *to = py_image_new();
    imlib_error_t error;
    int rc = imlib_cut(&py_image_env, &to->image, image, roi, &error);
    if (rc == IMLIB_EFORMAT) {
        mp_print_str(&mp_plat_print, "pixel format not support!\n");
        return mp_const_none;
    }
    if (rc) {
        py_image_raise(&error);
    }
    return MP_OBJ_FROM_PTR(to);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(image_cut_obj, 5, 5, image_cut);

static void second_part(void *image)
{
    imlib_pix_to_ai_part(image, 1);
}

static mp_obj_t image_pix_to_ai(mp_obj_t self)
{
    imlib_image_t *image = py_image_get(self);
    if (image->format != IMLIB_GRAYSCALE && image->format != IMLIB_RGB565) {
        mp_print_str(&mp_plat_print, "only support grayscale now\n");
        return mp_const_none;
    }
    if (!image->ai) {
        size_t bytes = imlib_ai_bytes(image);
        image->ai = py_image_env.alloc(py_image_env.ctx, bytes);
        if (!image->ai) {
            py_image_raise(&(imlib_error_t){IMLIB_ENOMEM, (int32_t)bytes, 0});
        }
    }
    if ((size_t)image->width * (size_t)image->height < BOTH_HARTS_FROM) {
        imlib_pix_to_ai(image);
    } else {
        hart1_start(second_part, image);
        imlib_pix_to_ai_part(image, 0);
        hart1_wait();
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(image_pix_to_ai_obj, image_pix_to_ai);

static mp_obj_t image_ai_to_pix(mp_obj_t self)
{
    imlib_image_t *image = py_image_get(self);
    if (image->ai) {
        imlib_ai_to_pix(image);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(image_ai_to_pix_obj, image_ai_to_pix);

static const mp_rom_map_elem_t image_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&py_image_del_obj)},
    {MP_ROM_QSTR(MP_QSTR_width), MP_ROM_PTR(&image_width_obj)},
    {MP_ROM_QSTR(MP_QSTR_height), MP_ROM_PTR(&image_height_obj)},
    {MP_ROM_QSTR(MP_QSTR_size), MP_ROM_PTR(&image_size_obj)},
    {MP_ROM_QSTR(MP_QSTR_format), MP_ROM_PTR(&image_format_obj)},
    {MP_ROM_QSTR(MP_QSTR_get_pixel), MP_ROM_PTR(&image_get_pixel_obj)},
    {MP_ROM_QSTR(MP_QSTR_set_pixel), MP_ROM_PTR(&image_set_pixel_obj)},
    {MP_ROM_QSTR(MP_QSTR_clear), MP_ROM_PTR(&image_clear_obj)},
    {MP_ROM_QSTR(MP_QSTR_copy), MP_ROM_PTR(&image_copy_obj)},
    {MP_ROM_QSTR(MP_QSTR_cut), MP_ROM_PTR(&image_cut_obj)},
    {MP_ROM_QSTR(MP_QSTR_resize), MP_ROM_PTR(&image_resize_obj)},
    {MP_ROM_QSTR(MP_QSTR_pix_to_ai), MP_ROM_PTR(&image_pix_to_ai_obj)},
    {MP_ROM_QSTR(MP_QSTR_ai_to_pix), MP_ROM_PTR(&image_ai_to_pix_obj)},
    {MP_ROM_QSTR(MP_QSTR_to_bytes), MP_ROM_PTR(&py_image_to_bytes_obj)},
    {MP_ROM_QSTR(MP_QSTR_save), MP_ROM_PTR(&py_image_save_obj)},
};
MP_DEFINE_CONST_DICT(py_image_locals, image_locals_table);
