// The kpu_fmap object: an output of a model, in the model's memory (spec maixpy-kpu.md 6.1). The next run of the model
// overwrites it; deinit and set_layers end it. Every access checks that after the conversions, which may run code
// of the script (__int__, __float__).
#include <string.h>

#include "kpu_objects.h"
#include "py/binary.h"
#include "py/runtime.h"

void kpu_fmap_check(const kpu_fmap_obj_t *self)
{
    if (!self->net->model) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("[MAIXPY]kpu: fmap is gone: its model has been freed by deinit"));
    }
    if (self->generation != self->net->generation) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("[MAIXPY]kpu: fmap is gone: set_layers has moved the output"));
    }
}

static mp_bound_slice_t get_slice(const kpu_fmap_obj_t *self, mp_obj_t index)
{
    mp_bound_slice_t slice;
    if (!mp_seq_get_fast_slice_indexes(self->count, index, &slice)) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("only slices with step=1 (aka None) are supported"));
    }
    kpu_fmap_check(self);
    return slice;
}

static mp_obj_t read_slice(const kpu_fmap_obj_t *self, mp_obj_t index)
{
    mp_bound_slice_t slice = get_slice(self, index);
    mp_obj_tuple_t *tuple = MP_OBJ_TO_PTR(mp_obj_new_tuple(slice.stop - slice.start, NULL));
    for (size_t i = 0; i < tuple->len; i++) {
        tuple->items[i] = mp_binary_get_val_array(self->typecode, self->data, slice.start + i);
    }
    return MP_OBJ_FROM_PTR(tuple);
}

static void write_element(const kpu_fmap_obj_t *self, size_t i, mp_obj_t value)
{
    if (self->typecode == 'f') {
        float x = mp_obj_get_float_to_f(value);
        kpu_fmap_check(self);
        ((float *)self->data)[i] = x;
    } else {
        mp_int_t x = mp_obj_get_int(value);
        kpu_fmap_check(self);
        mp_binary_set_val_array_from_int(self->typecode, self->data, i, x);
    }
}

// Of a list or tuple that is as long as the slice.
static mp_obj_t *get_items(mp_obj_t vector, size_t count)
{
    size_t given;
    mp_obj_t *items;
    mp_obj_get_array(vector, &given, &items);
    if (given != count) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("cannot grow or shrink image"));
    }
    return items;
}

// A number fills.
static void write_slice(const kpu_fmap_obj_t *self, mp_obj_t index, mp_obj_t value)
{
    mp_bound_slice_t slice = get_slice(self, index);
    size_t count = slice.stop - slice.start;
    bool many = mp_obj_is_type(value, &mp_type_list) || mp_obj_is_type(value, &mp_type_tuple);
    if (many) {
        get_items(value, count);
    }
    for (size_t i = 0; i < count; i++) {
        write_element(self, slice.start + i, many ? get_items(value, count)[i] : value);
    }
}

static mp_obj_t fmap_subscr(mp_obj_t self_in, mp_obj_t index, mp_obj_t value)
{
    kpu_fmap_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (value == MP_OBJ_NULL) {
        return MP_OBJ_NULL; // del is not supported
    }
    if (mp_obj_is_type(index, &mp_type_slice)) {
        if (value == MP_OBJ_SENTINEL) {
            return read_slice(self, index);
        }
        write_slice(self, index, value);
        return mp_const_none;
    }
    size_t i = mp_get_index(self->base.type, self->count, index, false);
    if (value == MP_OBJ_SENTINEL) {
        kpu_fmap_check(self);
        return mp_binary_get_val_array(self->typecode, self->data, i);
    }
    write_element(self, i, value);
    return mp_const_none;
}

// A memoryview keeps the pointer that it gets here and nothing would tell it that the model is gone: it gets a copy,
// which lives as long as the pointer does.
static mp_int_t fmap_get_buffer(mp_obj_t self_in, mp_buffer_info_t *info, mp_uint_t flags)
{
    kpu_fmap_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (flags & MP_BUFFER_WRITE) {
        return 1;
    }
    kpu_fmap_check(self);
    info->buf = memcpy(m_malloc(self->bytes), self->data, self->bytes);
    info->len = self->bytes;
    info->typecode = self->typecode;
    return 0;
}

static void fmap_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind)
{
    (void)kind;
    kpu_fmap_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print,
              "{\"fmap\": \"data\"=0x%x, \"size\"=%u, \"index\": %u, \"w\": %u, \"h\": %u, \"ch\": %u, "
              "\"typecode\": %c}",
              (unsigned)(uintptr_t)self->data, (unsigned)self->bytes, (unsigned)self->index, (unsigned)self->w,
              (unsigned)self->h, (unsigned)self->ch, self->typecode);
}

static mp_obj_t fmap_size(mp_obj_t self_in)
{
    return mp_obj_new_int_from_uint(((kpu_fmap_obj_t *)MP_OBJ_TO_PTR(self_in))->bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_size_obj, fmap_size);

static mp_obj_t fmap_index(mp_obj_t self_in)
{
    return mp_obj_new_int_from_uint(((kpu_fmap_obj_t *)MP_OBJ_TO_PTR(self_in))->index);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_index_obj, fmap_index);

static mp_obj_t fmap_w(mp_obj_t self_in)
{
    return mp_obj_new_int_from_uint(((kpu_fmap_obj_t *)MP_OBJ_TO_PTR(self_in))->w);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_w_obj, fmap_w);

static mp_obj_t fmap_h(mp_obj_t self_in)
{
    return mp_obj_new_int_from_uint(((kpu_fmap_obj_t *)MP_OBJ_TO_PTR(self_in))->h);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_h_obj, fmap_h);

static mp_obj_t fmap_ch(mp_obj_t self_in)
{
    return mp_obj_new_int_from_uint(((kpu_fmap_obj_t *)MP_OBJ_TO_PTR(self_in))->ch);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_ch_obj, fmap_ch);

static mp_obj_t fmap_typecode(mp_obj_t self_in)
{
    return mp_obj_new_str(&((kpu_fmap_obj_t *)MP_OBJ_TO_PTR(self_in))->typecode, 1);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fmap_typecode_obj, fmap_typecode);

static const mp_rom_map_elem_t fmap_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_size), MP_ROM_PTR(&fmap_size_obj)},
    {MP_ROM_QSTR(MP_QSTR_index), MP_ROM_PTR(&fmap_index_obj)},
    {MP_ROM_QSTR(MP_QSTR_w), MP_ROM_PTR(&fmap_w_obj)},
    {MP_ROM_QSTR(MP_QSTR_h), MP_ROM_PTR(&fmap_h_obj)},
    {MP_ROM_QSTR(MP_QSTR_ch), MP_ROM_PTR(&fmap_ch_obj)},
    {MP_ROM_QSTR(MP_QSTR_typecode), MP_ROM_PTR(&fmap_typecode_obj)},
};
static MP_DEFINE_CONST_DICT(fmap_locals, fmap_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(kpu_fmap_type, MP_QSTR_kpu_fmap, MP_TYPE_FLAG_NONE, print, fmap_print, subscr, fmap_subscr,
                         buffer, fmap_get_buffer, locals_dict, &fmap_locals);
