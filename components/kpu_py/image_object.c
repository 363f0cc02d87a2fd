// The Image object and the module `image` (spec maixpy-image.md).
#include <string.h>

#include "image_objects.h"
#include "py/binary.h"
#include "py/gc.h"
#include "py/objarray.h"

py_image_obj_t *py_image_new(void)
{
    py_image_obj_t *self = mp_obj_malloc_with_finaliser(py_image_obj_t, &py_image_type);
    self->image = (imlib_image_t){0};
    self->owner = MP_OBJ_NULL;
    self->exported = self->viewed = false;
    return self;
}

imlib_image_t *py_image_get(mp_obj_t object)
{
    if (!mp_obj_is_type(object, &py_image_type)) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("Can't convert %s to %s"), mp_obj_get_type_str(object),
                          "Image");
    }
    py_image_obj_t *self = MP_OBJ_TO_PTR(object);
    if (!self->image.pixels && self->owner != MP_OBJ_NULL) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("this Image has lost the feature map that it showed"));
    }
    if (!self->image.pixels) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("this Image has been freed by __del__()"));
    }
    return &self->image;
}

static void get_size(mp_obj_t size, mp_int_t *width, mp_int_t *height)
{
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(size, 2, &items);
    *width = mp_obj_get_int(items[0]);
    *height = mp_obj_get_int(items[1]);
}

// Image([source], copy_to_fb=0, from_bytes=0, size=(w, h)). There is memory enough without the frame buffer, and what
// the source is shows from its type.
static mp_obj_t image_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *items)
{
    (void)type;
    mp_map_t keywords;
    mp_map_init_fixed_table(&keywords, n_kw, items + n_args);
    py_image_args_t args = {n_args, items, &keywords};
    py_image_obj_t *self = py_image_new();
    if (n_args && items[0] != mp_const_none) {
        py_image_load(&self->image, items[0]);
        return MP_OBJ_FROM_PTR(self);
    }
    mp_int_t width = 320, height = 240;
    mp_obj_t size = py_image_arg(&args, 1, MP_QSTR_size);
    if (size != MP_OBJ_NULL) {
        get_size(size, &width, &height);
    }
    imlib_error_t error;
    if (imlib_create(&py_image_env, &self->image, (int32_t)MAX(MIN(width, INT32_MAX), INT32_MIN),
                     (int32_t)MAX(MIN(height, INT32_MAX), INT32_MIN), IMLIB_RGB565, &error)) {
        py_image_raise(&error);
    }
    return MP_OBJ_FROM_PTR(self);
}

static void image_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind)
{
    (void)kind;
    static const char names[][10] = {"binary", "grayscale", "rgb565", "bayer", "jpeg"};
    const imlib_image_t *image = py_image_get(self_in);
    mp_printf(print, "{\"w\":%d, \"h\":%d, \"type\"=\"%s\", \"size\":%u}", (int)image->width, (int)image->height,
              names[image->format], (unsigned)image->size);
}

static mp_obj_t read_slice(const imlib_image_t *image, const mp_bound_slice_t *slice)
{
    mp_obj_tuple_t *tuple = MP_OBJ_TO_PTR(mp_obj_new_tuple((size_t)(slice->stop - slice->start), NULL));
    for (size_t i = 0; i < tuple->len; i++) {
        size_t at = (size_t)slice->start + i;
        uint32_t raw = imlib_get_pixel(image, (int32_t)(at % (size_t)image->width), (int32_t)(at / (size_t)image->width));
        tuple->items[i] = MP_OBJ_NEW_SMALL_INT(raw);
    }
    return MP_OBJ_FROM_PTR(tuple);
}

// From a list or tuple of the same length; a number fills.
static void write_slice(imlib_image_t *image, const mp_bound_slice_t *slice, mp_obj_t value)
{
    size_t count = (size_t)(slice->stop - slice->start), given = 0;
    mp_obj_t *items = NULL;
    if (!mp_obj_is_int(value)) {
        mp_obj_get_array(value, &given, &items);
        if (given != count) {
            mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("cannot grow or shrink image"));
        }
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)slice->start + i;
        uint32_t raw = (uint32_t)mp_obj_get_int_truncated(items ? items[i] : value);
        imlib_set_pixel(image, (int32_t)(at % (size_t)image->width), (int32_t)(at / (size_t)image->width), raw);
    }
}

static mp_obj_t image_subscr(mp_obj_t self_in, mp_obj_t index, mp_obj_t value)
{
    if (value == MP_OBJ_NULL) {
        return MP_OBJ_NULL; // del is not supported
    }
    imlib_image_t *image = py_image_get(self_in);
    size_t pixels = (size_t)image->width * (size_t)image->height;
    mp_bound_slice_t slice;
    if (mp_obj_is_type(index, &mp_type_slice)) {
        if (!mp_seq_get_fast_slice_indexes(pixels, index, &slice)) {
            mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("only slices with step=1 (aka None) are supported"));
        }
        if (value == MP_OBJ_SENTINEL) {
            return read_slice(image, &slice);
        }
        write_slice(image, &slice, value);
        return mp_const_none;
    }
    size_t i = mp_get_index(&py_image_type, pixels, index, false);
    int32_t x = (int32_t)(i % (size_t)image->width), y = (int32_t)(i / (size_t)image->width);
    if (value == MP_OBJ_SENTINEL) {
        return MP_OBJ_NEW_SMALL_INT(imlib_get_pixel(image, x, y));
    }
    imlib_set_pixel(image, x, y, (uint32_t)mp_obj_get_int_truncated(value));
    return mp_const_none;
}

static mp_int_t image_get_buffer(mp_obj_t self_in, mp_buffer_info_t *info, mp_uint_t flags)
{
    if (flags & MP_BUFFER_WRITE) {
        return 1;
    }
    imlib_image_t *image = py_image_get(self_in);
    py_image_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->owner != MP_OBJ_NULL) {
        info->buf = memcpy(m_malloc(image->size), image->pixels, image->size);
    } else {
        self->viewed = true;
        info->buf = image->pixels;
    }
    info->len = image->size;
    info->typecode = 'B';
    return 0;
}

// Called by scripts and, while a collection has locked the heap, as finaliser. A script cannot take the pixels away
// from a bytearray that shows them.
static mp_obj_t image_del(mp_obj_t self_in)
{
    py_image_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->exported && !gc_is_locked()) {
        return mp_const_none;
    }
    if (self->owner != MP_OBJ_NULL) {
        self->image.pixels = NULL;
    }
    if (self->viewed && self->image.pixels) {
        py_image_defer_release(self->image.pixels);
        self->image.pixels = NULL;
    }
    imlib_destroy(&py_image_env, &self->image);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(py_image_del_obj, image_del);

// A bytearray over the pixels; the word behind it keeps the Image alive.
typedef struct {
    mp_obj_array_t array;
    mp_obj_t image;
} pixel_bytes_t;

static mp_obj_t image_to_bytes(mp_obj_t self_in)
{
    imlib_image_t *image = py_image_get(self_in);
    if (((py_image_obj_t *)MP_OBJ_TO_PTR(self_in))->owner != MP_OBJ_NULL) {
        return mp_obj_new_bytearray(image->size, image->pixels);
    }
    pixel_bytes_t *bytes = m_new_obj(pixel_bytes_t);
    bytes->array = (mp_obj_array_t){{&mp_type_bytearray}, BYTEARRAY_TYPECODE, 0, image->size, image->pixels};
    bytes->image = self_in;
    ((py_image_obj_t *)MP_OBJ_TO_PTR(self_in))->exported = true;
    return MP_OBJ_FROM_PTR(bytes);
}
MP_DEFINE_CONST_FUN_OBJ_1(py_image_to_bytes_obj, image_to_bytes);

MP_DEFINE_CONST_OBJ_TYPE(py_image_type, MP_QSTR_Image, MP_TYPE_FLAG_NONE, make_new, image_make_new, print, image_print,
                         subscr, image_subscr, buffer, image_get_buffer, locals_dict, &py_image_locals);

static const mp_rom_map_elem_t image_globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_image)},
    {MP_ROM_QSTR(MP_QSTR_Image), MP_ROM_PTR(&py_image_type)},
};
static MP_DEFINE_CONST_DICT(image_globals, image_globals_table);

const mp_obj_module_t image_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&image_globals,
};
MP_REGISTER_MODULE(MP_QSTR_image, image_module);
