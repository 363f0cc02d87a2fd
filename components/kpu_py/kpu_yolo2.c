// YOLO v2: settings of a model, running it on an image, and the objects found (spec maixpy-kpu.md 4).
#include <string.h>

#include "kmodel_yolo2.h"
#include "kpu_objects.h"
#include "py/runtime.h"

typedef struct {
    mp_obj_base_t base;
    float threshold, nms_value;
    uint32_t anchor_number;
    float anchor[]; // width and height of each
} yolo2_obj_t;

static mp_obj_t anchor_tuple(const yolo2_obj_t *self)
{
    mp_obj_tuple_t *tuple = MP_OBJ_TO_PTR(mp_obj_new_tuple(2 * self->anchor_number, NULL));
    for (size_t i = 0; i < tuple->len; i++) {
        tuple->items[i] = mp_obj_new_float_from_f(self->anchor[i]);
    }
    return MP_OBJ_FROM_PTR(tuple);
}

static void yolo2_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind)
{
    (void)kind;
    yolo2_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "{\"threshold\":%f, \"nms_value\":%f, \"anchor_number\":%u, \"anchor\":\"(",
              (double)self->threshold, (double)self->nms_value, (unsigned)self->anchor_number);
    for (size_t i = 0; i < 2 * self->anchor_number; i++) {
        mp_printf(print, i ? ", %f" : "%f", (double)self->anchor[i]);
    }
    mp_print_str(print, ")\"}");
}

static mp_obj_t yolo2_threshold(mp_obj_t self_in)
{
    yolo2_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return mp_obj_new_float_from_f(self->threshold);
}
static MP_DEFINE_CONST_FUN_OBJ_1(yolo2_threshold_obj, yolo2_threshold);

static mp_obj_t yolo2_nms_value(mp_obj_t self_in)
{
    yolo2_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return mp_obj_new_float_from_f(self->nms_value);
}
static MP_DEFINE_CONST_FUN_OBJ_1(yolo2_nms_value_obj, yolo2_nms_value);

static mp_obj_t yolo2_anchor_number(mp_obj_t self_in)
{
    yolo2_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return mp_obj_new_int_from_uint(self->anchor_number);
}
static MP_DEFINE_CONST_FUN_OBJ_1(yolo2_anchor_number_obj, yolo2_anchor_number);

static mp_obj_t yolo2_anchor(mp_obj_t self_in)
{
    return anchor_tuple(MP_OBJ_TO_PTR(self_in));
}
static MP_DEFINE_CONST_FUN_OBJ_1(yolo2_anchor_obj, yolo2_anchor);

static const mp_rom_map_elem_t yolo2_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_threshold), MP_ROM_PTR(&yolo2_threshold_obj)},
    {MP_ROM_QSTR(MP_QSTR_nms_value), MP_ROM_PTR(&yolo2_nms_value_obj)},
    {MP_ROM_QSTR(MP_QSTR_anchor_number), MP_ROM_PTR(&yolo2_anchor_number_obj)},
    {MP_ROM_QSTR(MP_QSTR_anchor), MP_ROM_PTR(&yolo2_anchor_obj)},
};
static MP_DEFINE_CONST_DICT(yolo2_locals, yolo2_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(kpu_yolo2_type, MP_QSTR_kpu_yolo2, MP_TYPE_FLAG_NONE, print, yolo2_print, locals_dict,
                                &yolo2_locals);

static float unit_float(mp_obj_t value, mp_rom_error_text_t text)
{
    float x = mp_obj_get_float_to_f(value);
    if (!(x >= 0 && x <= 1)) {
        mp_raise_ValueError(text);
    }
    return x;
}

static mp_obj_t kpu_init_yolo2(size_t n_args, const mp_obj_t *all_args, mp_map_t *kwargs)
{
    enum { ARG_kpu_net, ARG_threshold, ARG_nms_value, ARG_anchor_number, ARG_anchor, ARG_dma };
    static const mp_arg_t allowed[] = {
        {MP_QSTR_kpu_net, MP_ARG_REQUIRED | MP_ARG_OBJ, {0}},
        {MP_QSTR_threshold, MP_ARG_REQUIRED | MP_ARG_OBJ, {0}},
        {MP_QSTR_nms_value, MP_ARG_REQUIRED | MP_ARG_OBJ, {0}},
        {MP_QSTR_anchor_number, MP_ARG_REQUIRED | MP_ARG_INT, {0}},
        {MP_QSTR_anchor, MP_ARG_REQUIRED | MP_ARG_OBJ, {0}},
        {MP_QSTR_dma, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}}, // nothing to choose here
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, all_args, kwargs, MP_ARRAY_SIZE(allowed), allowed, args);

    kpu_net_obj_t *net = kpu_net_get(args[ARG_kpu_net].u_obj);
    kpu_net_model(net);
    float threshold =
        unit_float(args[ARG_threshold].u_obj, MP_ERROR_TEXT("[MAIXPY]kpu: threshold only support 0 to 1"));
    float nms_value =
        unit_float(args[ARG_nms_value].u_obj, MP_ERROR_TEXT("[MAIXPY]kpu: nms_value only support 0 to 1"));
    mp_int_t number = args[ARG_anchor_number].u_int;
    if (number <= 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: anchor_number should > 0"));
    }
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(args[ARG_anchor].u_obj, 2 * number, &items);

    yolo2_obj_t *yolo = mp_obj_malloc_var(yolo2_obj_t, anchor, float, 2 * number, &kpu_yolo2_type);
    yolo->threshold = threshold;
    yolo->nms_value = nms_value;
    yolo->anchor_number = (uint32_t)number;
    for (mp_int_t i = 0; i < 2 * number; i++) {
        mp_obj_get_array_fixed_n(args[ARG_anchor].u_obj, 2 * number, &items); // an element's __float__ may do anything
        yolo->anchor[i] = mp_obj_get_float_to_f(items[i]);
    }
    net->yolo = MP_OBJ_FROM_PTR(yolo);
    return mp_const_true;
}
MP_DEFINE_CONST_FUN_OBJ_KW(kpu_init_yolo2_obj, 0, kpu_init_yolo2);

typedef struct {
    mp_obj_base_t base;
    kmodel_yolo2_box_t box;
    uint32_t index, objnum;
} find_obj_t;

static void find_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind)
{
    (void)kind;
    find_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print,
              "{\"x\":%u, \"y\":%u, \"w\":%u, \"h\":%u, \"value\":%f, \"classid\":%u, \"index\":%u, \"objnum\":%u}",
              self->box.x, self->box.y, self->box.w, self->box.h, (double)self->box.value, (unsigned)self->box.class_id,
              (unsigned)self->index, (unsigned)self->objnum);
}

static mp_obj_t find_rect(mp_obj_t self_in)
{
    find_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_obj_t items[] = {MP_OBJ_NEW_SMALL_INT(self->box.x), MP_OBJ_NEW_SMALL_INT(self->box.y),
                        MP_OBJ_NEW_SMALL_INT(self->box.w), MP_OBJ_NEW_SMALL_INT(self->box.h)};
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
static MP_DEFINE_CONST_FUN_OBJ_1(find_rect_obj, find_rect);

static mp_obj_t find_value(mp_obj_t self_in)
{
    find_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return mp_obj_new_float_from_f(self->box.value);
}
static MP_DEFINE_CONST_FUN_OBJ_1(find_value_obj, find_value);

#define INTEGER_METHOD(name, field)                                                                                    \
    static mp_obj_t find_##name(mp_obj_t self_in)                                                                      \
    {                                                                                                                  \
        find_obj_t *self = MP_OBJ_TO_PTR(self_in);                                                                     \
        return MP_OBJ_NEW_SMALL_INT(self->field);                                                                      \
    }                                                                                                                  \
    static MP_DEFINE_CONST_FUN_OBJ_1(find_##name##_obj, find_##name)
INTEGER_METHOD(x, box.x);
INTEGER_METHOD(y, box.y);
INTEGER_METHOD(w, box.w);
INTEGER_METHOD(h, box.h);
INTEGER_METHOD(classid, box.class_id);
INTEGER_METHOD(index, index);
INTEGER_METHOD(objnum, objnum);

static const mp_rom_map_elem_t find_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_rect), MP_ROM_PTR(&find_rect_obj)},
    {MP_ROM_QSTR(MP_QSTR_x), MP_ROM_PTR(&find_x_obj)},
    {MP_ROM_QSTR(MP_QSTR_y), MP_ROM_PTR(&find_y_obj)},
    {MP_ROM_QSTR(MP_QSTR_w), MP_ROM_PTR(&find_w_obj)},
    {MP_ROM_QSTR(MP_QSTR_h), MP_ROM_PTR(&find_h_obj)},
    {MP_ROM_QSTR(MP_QSTR_classid), MP_ROM_PTR(&find_classid_obj)},
    {MP_ROM_QSTR(MP_QSTR_value), MP_ROM_PTR(&find_value_obj)},
    {MP_ROM_QSTR(MP_QSTR_index), MP_ROM_PTR(&find_index_obj)},
    {MP_ROM_QSTR(MP_QSTR_objnum), MP_ROM_PTR(&find_objnum_obj)},
};
static MP_DEFINE_CONST_DICT(find_locals, find_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(kpu_yolo2_find_type, MP_QSTR_kpu_yolo2_find, MP_TYPE_FLAG_NONE, print, find_print,
                                locals_dict, &find_locals);

// V3: the shape of the output is that of the last convolution that runs (spec maixpy-kpu.md 4.4 step 1).
static void last_convolution(const kmodel_t *model, uint32_t layers, kmodel_layer_t *layer)
{
    do {
        kmodel_layer_info(model, --layers, layer);
    } while (layer->type != KPU_CONVOLUTION && layers > 0);
    if (layer->type != KPU_CONVOLUTION) {
        *layer = (kmodel_layer_t){0};
    }
}

// Later formats: that of output 0, as the file or set_outputs tells it. False: there is none, or the output has another
// size.
static bool get_shape(kmodel_t *model, kmodel_yolo2_t *yolo, kmodel_tensor_t *out)
{
    kmodel_info_t info;
    kmodel_info(model, &info);
    kmodel_tensor_t in;
    kmodel_input_info(model, &in);
    kmodel_output_info(model, 0, out);
    kmodel_layer_t layer = {.wo = out->w, .ho = out->h, .co = out->c};
    if (info.version == 3) {
        last_convolution(model, info.run_layers, &layer);
    }
    yolo->w = in.w;
    yolo->h = in.h;
    yolo->lw = layer.wo;
    yolo->lh = layer.ho;
    yolo->channels = layer.co;
    return layer.wo && out->type == KMODEL_F32 &&
           out->bytes == sizeof(float) * layer.wo * layer.ho * layer.co && kmodel_yolo2_classes(yolo);
}

static __attribute__((noreturn)) void raise_no_region(void)
{
    mp_raise_ValueError(KPU_PLAIN_TEXT("[MAIXPY]kpu: region_layer_init err!\r\n"));
}

// One block of the Python heap for all boxes, filled before any other object is made: an exception then loses nothing.
static mp_obj_t to_list(kmodel_yolo2_box_t *boxes, uint32_t count)
{
    kmodel_yolo2_box_t *copy = m_new_maybe(kmodel_yolo2_box_t, count);
    if (copy) {
        memcpy(copy, boxes, count * sizeof(*boxes));
    }
    kpu_env()->free(kpu_env()->ctx, boxes);
    if (!copy) {
        m_malloc_fail(count * sizeof(*boxes));
    }
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (uint32_t i = 0; i < count; i++) {
        find_obj_t *find = mp_obj_malloc(find_obj_t, &kpu_yolo2_find_type);
        find->box = copy[i];
        find->index = i;
        find->objnum = count;
        mp_obj_list_append(list, MP_OBJ_FROM_PTR(find));
    }
    return list;
}

static mp_obj_t kpu_run_yolo2(size_t n_args, const mp_obj_t *args, mp_map_t *kwargs)
{
    (void)n_args;
    (void)kwargs;
    kpu_net_obj_t *net = kpu_net_get(args[0]);
    kmodel_t *model = kpu_net_model(net);
    if (net->yolo == mp_const_none) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: call kpu.init_yolo2() first"));
    }
    const yolo2_obj_t *settings = MP_OBJ_TO_PTR(net->yolo);
    kmodel_yolo2_t yolo = {.anchors = settings->anchor_number, .anchor = settings->anchor,
                           .threshold = settings->threshold, .nms = settings->nms_value};
    kmodel_tensor_t out;
    kmodel_input_t input = kpu_image_input(net, args[1]);
    if (!get_shape(model, &yolo, &out)) {
        raise_no_region();
    }
    kpu_run(net, &input);
    kmodel_yolo2_box_t *boxes;
    uint32_t count;
    kpu_shortage_clear();
    int rc = kmodel_yolo2_find(kpu_env(), &yolo, out.data, &boxes, &count);
    if (rc == KMODEL_ERR_INTERRUPTED) {
        kpu_raise_run(&(kmodel_error_t){.code = rc});
    }
    if (rc) {
        raise_no_region();
    }
    return count ? to_list(boxes, count) : mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(kpu_run_yolo2_obj, 2, kpu_run_yolo2);
