// What the files of the `image` module share.
#ifndef IMAGE_OBJECTS_H
#define IMAGE_OBJECTS_H

#include "kpu_py.h"
#include "py/runtime.h"

// ---- image_memory.c ----

// Takes over pixels that a memoryview may still show; they are freed once none does.
void py_image_defer_release(void *pixels);

// ---- image_error.c ----

// Raises the exception of spec maixpy-image.md for a code of imlib.
__attribute__((noreturn)) void py_image_raise(const imlib_error_t *error);

// ---- image_args.c: argument rules of spec maixpy-image.md 1.1 ----

// Keyword, else positional argument `position`, else MP_OBJ_NULL. Unknown keywords are ignored.
typedef struct {
    size_t count;
    const mp_obj_t *items;
    mp_map_t *keywords;
} py_image_args_t;
mp_obj_t py_image_arg(const py_image_args_t *args, size_t position, qstr name);
// `count` integers, as one tuple or list at position 1 or as separate ones; what follows begins at the position that is
// returned. OSError when there are too few.
size_t py_image_vector(const py_image_args_t *args, size_t count, mp_int_t *values);
// A raw pixel from a colour argument; MP_OBJ_NULL is white.
uint32_t py_image_colour(mp_obj_t colour, imlib_format_t format);
// The region of interest, clipped; MP_OBJ_NULL is the whole image.
imlib_rect_t py_image_roi(mp_obj_t roi, const imlib_image_t *image);

// ---- image_file.c ----

// Decodes a path, an open file or bytes into `image`; raises what spec maixpy-image.md 3.1 says.
void py_image_load(imlib_image_t *image, mp_obj_t source);

MP_DECLARE_CONST_FUN_OBJ_KW(py_image_save_obj);

// ---- image_methods.c ----

extern const mp_obj_dict_t py_image_locals;
MP_DECLARE_CONST_FUN_OBJ_1(py_image_del_obj);
MP_DECLARE_CONST_FUN_OBJ_1(py_image_to_bytes_obj);

#endif
