#include "image_objects.h"

mp_obj_t py_image_arg(const py_image_args_t *args, size_t position, qstr name)
{
    mp_map_elem_t *keyword = args->keywords ? mp_map_lookup(args->keywords, MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP) : NULL;
    if (keyword) {
        return keyword->value;
    }
    return position < args->count ? args->items[position] : MP_OBJ_NULL;
}

static bool is_vector(mp_obj_t object)
{
    return mp_obj_is_type(object, &mp_type_tuple) || mp_obj_is_type(object, &mp_type_list);
}

size_t py_image_vector(const py_image_args_t *args, size_t count, mp_int_t *values)
{
    const mp_obj_t *items = args->items + 1;
    size_t given = args->count - 1, next = 1 + count;
    if (given && is_vector(items[0])) {
        mp_obj_t *inner;
        mp_obj_get_array(items[0], &given, &inner);
        items = inner;
        next = 2;
    }
    if (given < count) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("Not enough positional arguments!"));
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = mp_obj_get_int(items[i]);
    }
    return next;
}

static uint32_t clamped(mp_obj_t value)
{
    mp_int_t v = mp_obj_get_int(value);
    return v < 0 ? 0 : v > 255 ? 255 : (uint32_t)v;
}

uint32_t py_image_colour(mp_obj_t colour, imlib_format_t format)
{
    if (colour == MP_OBJ_NULL) {
        return UINT32_MAX;
    }
    if (!is_vector(colour)) {
        return (uint32_t)mp_obj_get_int_truncated(colour);
    }
    mp_obj_t *rgb;
    mp_obj_get_array_fixed_n(colour, 3, &rgb);
    uint32_t r = clamped(rgb[0]), g = clamped(rgb[1]), b = clamped(rgb[2]);
    switch (format) {
    case IMLIB_RGB565:
        return imlib_rgb_to_565(r, g, b);
    case IMLIB_BINARY:
        return imlib_luminance(r, g, b) > 127;
    default:
        return imlib_luminance(r, g, b);
    }
}

imlib_rect_t py_image_roi(mp_obj_t roi, const imlib_image_t *image)
{
    if (roi == MP_OBJ_NULL || roi == mp_const_none) {
        return (imlib_rect_t){0, 0, image->width, image->height};
    }
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(roi, 4, &items);
    mp_int_t v[4];
    for (int i = 0; i < 4; i++) {
        v[i] = mp_obj_get_int(items[i]);
        // Far outside is far outside; the sums below must not wrap.
        v[i] = v[i] < INT32_MIN ? INT32_MIN : v[i] > INT32_MAX ? INT32_MAX : v[i];
    }
    if (v[2] < 1 || v[3] < 1) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("Invalid ROI dimensions!"));
    }
    int64_t x0 = MAX(v[0], 0), y0 = MAX(v[1], 0);
    int64_t x1 = MIN((int64_t)v[0] + v[2], image->width), y1 = MIN((int64_t)v[1] + v[3], image->height);
    if (x0 >= x1 || y0 >= y1) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("ROI does not overlap on the image!"));
    }
    return (imlib_rect_t){(int32_t)x0, (int32_t)y0, (int32_t)(x1 - x0), (int32_t)(y1 - y0)};
}
