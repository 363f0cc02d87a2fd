// Face codes (spec maixpy-kpu.md 8.1, 8.2).
#include "kmodel_faces.h"
#include "kpu_objects.h"
#include "py/runtime.h"

#define MAX_FEATURES 512

static mp_obj_t kpu_face_encode(mp_obj_t features)
{
    int8_t code[MAX_FEATURES];
    size_t count = 0;
    mp_obj_iter_buf_t buffer;
    mp_obj_t iterator = mp_getiter(features, &buffer), item;
    while ((item = mp_iternext(iterator)) != MP_OBJ_STOP_ITERATION) {
        if (count == MAX_FEATURES) {
            mp_raise_ValueError(KPU_PLAIN_TEXT("feature dim <=200\r\n")); // MaixPy's text; the limit is 512
        }
        code[count++] = kmodel_face_code(mp_obj_get_float_to_f(item));
    }
    return mp_obj_new_bytearray(count, code);
}
MP_DEFINE_CONST_FUN_OBJ_1(kpu_face_encode_obj, kpu_face_encode);

static mp_obj_t kpu_face_compare(mp_obj_t code0, mp_obj_t code1)
{
    mp_buffer_info_t a, b;
    mp_get_buffer_raise(code0, &a, MP_BUFFER_READ);
    mp_get_buffer_raise(code1, &b, MP_BUFFER_READ);
    if (a.len != b.len) {
        mp_raise_ValueError(KPU_PLAIN_TEXT("compare feature must in same dim!\r\n"));
    }
    return mp_obj_new_float((mp_float_t)kmodel_face_compare(a.buf, b.buf, a.len));
}
MP_DEFINE_CONST_FUN_OBJ_2(kpu_face_compare_obj, kpu_face_compare);
