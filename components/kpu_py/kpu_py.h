// What the two halves of this component share: image_*.c are the `image` module, kpu_*.c the `KPU` module.
#ifndef KPU_PY_H
#define KPU_PY_H

#include "imlib.h"
#include "py/obj.h"

// ---- image_*.c ----

// The Image object. Its buffers are in the C heap; `image` is empty after a finaliser has run.
typedef struct {
    mp_obj_base_t base;
    imlib_image_t image;
    mp_obj_t owner; // MP_OBJ_NULL, or what the pixels belong to: they are not freed, and nobody may keep their address
    bool exported; // a bytearray of to_bytes() refers to this object and uses its pixels
    bool viewed;   // the buffer protocol has given the pixels' address to someone who does not refer to this object
} py_image_obj_t;
extern const mp_obj_type_t py_image_type;

// A new Image without pixels, to be filled in.
py_image_obj_t *py_image_new(void);
// The image in an Image object; TypeError for other objects.
imlib_image_t *py_image_get(mp_obj_t object);
// Frees what images left to memoryviews that are gone; worth a call after a collection.
void py_image_release_unviewed(void);
// Allocator and Ctrl-C for imlib: memory from the C heap, poll is kpu_py_poll.
extern const imlib_env_t py_image_env;

// ---- kpu_*.c ----

// Nonzero while an exception (Ctrl-C) is pending: long operations stop, return their memory, and the caller lets
// MicroPython raise it with mp_handle_pending(true).
int kpu_py_poll(void *ctx);

#endif
