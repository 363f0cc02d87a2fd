// What a model is fed with: an Image's AI buffer or a list of numbers (spec maixpy-kpu.md 4.2, 6).
#include "kpu_objects.h"
#include "py/objlist.h"
#include "py/runtime.h"

void kpu_run(kpu_net_obj_t *net, const kmodel_input_t *input)
{
    kmodel_error_t error;
    if (kmodel_run(kpu_net_model(net), input, &error)) {
        kpu_raise_run(&error);
    }
}

// Says on the console what does not fit and returns false.
static bool check_image(const imlib_image_t *image, const kmodel_tensor_t *want)
{
    if (!image->ai) {
        mp_print_str(&mp_plat_print, "[MAIXPY]kpu: pix_ai is NULL!\n");
    } else if ((uint32_t)image->width != want->w || (uint32_t)image->height != want->h) {
        mp_printf(&mp_plat_print, "[MAIXPY]kpu: img w=%d,h=%d, but model w=%d,h=%d\n", (int)image->width,
                  (int)image->height, (int)want->w, (int)want->h);
    } else if (image->format == IMLIB_GRAYSCALE && want->c != 1) {
        mp_printf(&mp_plat_print, "[MAIXPY]kpu: grayscale img, but model channel=%d\n", (int)want->c);
    } else if (image->format == IMLIB_RGB565 && want->c != 3) {
        mp_printf(&mp_plat_print, "[MAIXPY]kpu: RGB img, but model channel=%d\n", (int)want->c);
    } else if (image->format != IMLIB_GRAYSCALE && image->format != IMLIB_RGB565) {
        mp_print_str(&mp_plat_print, "[MAIXPY]kpu: img bpp not support yet!\n");
    } else {
        return true;
    }
    return false;
}

// Models with preprocessing take N,H,W,C; the runtime brings an image's planes into that order.
static void as_image(kmodel_tensor_t *t)
{
    bool colours = t->rank == 4 && (t->dim[3] == 1 || t->dim[3] == 3);
    if (colours && t->n == 1 && t->dim[1] != 1 && t->dim[1] != 3) {
        t->w = t->dim[2];
        t->h = t->dim[1];
        t->c = t->dim[3];
    }
}

kmodel_input_t kpu_image_input(kpu_net_obj_t *net, mp_obj_t object)
{
    const imlib_image_t *image = py_image_get(object);
    kmodel_tensor_t want;
    kmodel_input_info(kpu_net_model(net), &want);
    as_image(&want);
    if (!want.w || want.type != KMODEL_U8) {
        mp_raise_ValueError(KPU_PLAIN_TEXT("[MAIXPY]kpu: first layer not conv layer!\r\n"));
    }
    if (!check_image(image, &want)) {
        mp_raise_ValueError(KPU_PLAIN_TEXT("[MAIXPY]kpu: check img format err!\r\n"));
    }
    return (kmodel_input_t){.data = image->ai, .count = want.bytes, .w = want.w, .h = want.h, .c = want.c,
                            .type = KMODEL_U8};
}

static __attribute__((noreturn)) void raise_bad_list(void)
{
    mp_raise_ValueError(KPU_PLAIN_TEXT("[MAIXPY]kpu: check input list format err!\r\n"));
}

static void run_list(kpu_net_obj_t *net, const mp_obj_list_t *list)
{
    size_t count = list->len;
    if (count == 0) {
        raise_bad_list();
    }
    float *values = m_new_maybe(float, count);
    if (!values) {
        mp_raise_ValueError(KPU_PLAIN_TEXT("[MAIXPY]kpu: alloc list mem err!\r\n"));
    }
    for (size_t i = 0; i < count; i++) {
        if (list->len != count) { // an element's __float__ may do anything
            raise_bad_list();
        }
        values[i] = mp_obj_get_float_to_f(list->items[i]);
    }
    kmodel_input_t input = {.data = values, .count = (uint32_t)MIN(count, UINT32_MAX), .type = KMODEL_F32};
    kpu_run(net, &input);
    m_del(float, values, count);
}

// The bytes of input `index`, as they lie in memory.
static bool get_bytes(kpu_net_obj_t *net, uint32_t index, mp_obj_t object, kmodel_input_t *input)
{
    kmodel_tensor_t want;
    mp_buffer_info_t info;
    if (kmodel_input_at(kpu_net_model(net), index, &want) || !mp_get_buffer(object, &info, MP_BUFFER_READ)) {
        return false;
    }
    if (info.len != want.bytes) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("[MAIXPY]kpu: input %u has %u bytes, the model takes %u"),
                          (unsigned)index, (unsigned)info.len, (unsigned)want.bytes);
    }
    *input = (kmodel_input_t){.data = info.buf, .count = want.bytes / kmodel_type_bytes(want.type), .type = want.type};
    return true;
}

static void run_tuple(kpu_net_obj_t *net, mp_obj_t tuple)
{
    size_t count;
    mp_obj_t *items;
    mp_obj_get_array(tuple, &count, &items);
    kmodel_input_t *inputs = m_new(kmodel_input_t, count);
    for (size_t i = 0; i < count; i++) {
        if (!get_bytes(net, (uint32_t)i, items[i], &inputs[i])) {
            mp_raise_ValueError(MP_ERROR_TEXT("input not support"));
        }
    }
    kmodel_error_t error;
    if (kmodel_run_inputs(kpu_net_model(net), inputs, (uint32_t)count, &error)) {
        kpu_raise_run(&error);
    }
    m_del(kmodel_input_t, inputs, count);
}

void kpu_run_any(kpu_net_obj_t *net, mp_obj_t input)
{
    kmodel_input_t bytes;
    if (mp_obj_is_type(input, &mp_type_list)) {
        run_list(net, MP_OBJ_TO_PTR(input));
    } else if (mp_obj_is_type(input, &py_image_type)) {
        kmodel_input_t image = kpu_image_input(net, input);
        kpu_run(net, &image);
    } else if (mp_obj_is_type(input, &mp_type_tuple)) {
        run_tuple(net, input);
    } else if (!mp_obj_is_str(input) && get_bytes(net, 0, input, &bytes)) {
        kpu_run(net, &bytes);
    } else {
        mp_raise_ValueError(MP_ERROR_TEXT("input not support"));
    }
}
