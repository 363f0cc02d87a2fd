// The class `classifier`: classes learnt on the board from a few images (spec maixpy-kpu.md 8.4).
#include <string.h>

#include "kpu_classifier.h"
#include "py/mperrno.h"
#include "py/runtime.h"

#define DEFAULT_LENGTH 768

// ---- object ----

__attribute__((noreturn)) void kpu_classifier_refuse(void)
{
    mp_raise_OSError(MP_EPERM);
}

// OSError(code, text)
static __attribute__((noreturn)) void raise_code(int code, const char *detail)
{
    vstr_t text;
    vstr_init(&text, 64);
    vstr_printf(&text, "%s: %s", kmodel_error_text(code), detail);
    mp_obj_t args[] = {MP_OBJ_NEW_SMALL_INT(code), mp_obj_new_str_from_vstr(&text)};
    nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, MP_ARRAY_SIZE(args), args));
}

uint32_t kpu_classifier_number(mp_int_t value, const char *name)
{
    if (value < 1) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("[MAIXPY]kpu: %s is %ld, should be > 0"), name,
                          (long)value);
    }
    if (value > KPU_CLASSIFIER_MAX) {
        mp_raise_OSError(MP_ENOMEM);
    }
    return (uint32_t)value;
}

// One block of the C heap, for everything.
static void take_memory(classifier_obj_t *self)
{
    uint64_t centres = (uint64_t)self->k.classes * self->k.length, samples = (uint64_t)self->room * self->k.length;
    uint64_t bytes = (2 * centres + samples) * sizeof(float) + self->room * sizeof(uint32_t) + self->k.classes;
    kpu_shortage_clear();
    self->k.centre = kpu_env()->alloc(kpu_env()->ctx, 8, bytes);
    if (!self->k.centre) {
        mp_raise_OSError(MP_ENOMEM);
    }
    self->class_feature = self->k.centre + centres;
    self->sample = self->class_feature + centres;
    self->k.sample = self->sample;
    self->k.member = (uint32_t *)(self->sample + samples);
    self->present = (uint8_t *)(self->k.member + self->room);
    memset(self->present, 0, self->k.classes);
}

classifier_obj_t *kpu_classifier_new(mp_obj_t net, uint32_t classes, uint32_t room, uint32_t length)
{
    kpu_net_model(MP_OBJ_TO_PTR(net));
    classifier_obj_t *self = mp_obj_malloc_with_finaliser(classifier_obj_t, &kpu_classifier_type);
    self->net = MP_OBJ_TO_PTR(net);
    self->k = (kmodel_kmeans_t){.classes = classes, .length = length};
    self->room = room;
    self->trained = false;
    take_memory(self);
    return self;
}

static mp_obj_t classifier_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *all_args)
{
    (void)type;
    enum { ARG_model, ARG_class_num, ARG_sample_num, ARG_fea_len };
    static const mp_arg_t allowed[] = {
        {MP_QSTR_model, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}},
        {MP_QSTR_class_num, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}},
        {MP_QSTR_sample_num, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}},
        {MP_QSTR_fea_len, MP_ARG_INT, {.u_int = 0}},
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all_kw_array(n_args, n_kw, all_args, MP_ARRAY_SIZE(allowed), allowed, args);

    if (args[ARG_model].u_obj == mp_const_none || args[ARG_class_num].u_obj == mp_const_none ||
        args[ARG_sample_num].u_obj == mp_const_none) {
        mp_raise_ValueError(MP_ERROR_TEXT("model, class num, sample num"));
    }
    if (!mp_obj_is_type(args[ARG_model].u_obj, &kpu_net_type)) {
        mp_raise_ValueError(MP_ERROR_TEXT("model"));
    }
    uint32_t classes = kpu_classifier_number(mp_obj_get_int(args[ARG_class_num].u_obj), "class_num");
    uint32_t room = kpu_classifier_number(mp_obj_get_int(args[ARG_sample_num].u_obj), "sample_num");
    mp_int_t length = args[ARG_fea_len].u_int;
    return MP_OBJ_FROM_PTR(kpu_classifier_new(args[ARG_model].u_obj, classes, room,
                                              kpu_classifier_number(length ? length : DEFAULT_LENGTH, "fea_len")));
}

classifier_obj_t *kpu_classifier_get(mp_obj_t object)
{
    classifier_obj_t *self = MP_OBJ_TO_PTR(object);
    if (!self->k.centre) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("[MAIXPY]kpu: the classifier has been freed by __del__"));
    }
    return self;
}

// Silent about an object that never got its memory.
static mp_obj_t classifier_del(mp_obj_t object)
{
    classifier_obj_t *self = MP_OBJ_TO_PTR(object);
    if (self->k.centre) {
        mp_print_str(&mp_plat_print, "classifier __del__\r\n");
        kpu_env()->free(kpu_env()->ctx, self->k.centre);
        self->k.centre = NULL;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(classifier_del_obj, classifier_del);

// ---- images ----

static void check_ai(mp_obj_t image)
{
    if (!py_image_get(image)->ai) {
        mp_raise_OSError(MP_EINVAL);
    }
}

// Runs the model; the feature is valid until its next run.
static const float *get_feature(const classifier_obj_t *self, mp_obj_t image)
{
    kmodel_t *model = kpu_net_model(self->net);
    kmodel_input_t input = kpu_image_input(self->net, image);
    kmodel_tensor_t out;
    if (kmodel_output_info(model, 0, &out) || out.type != KMODEL_F32) {
        raise_code(KMODEL_ERR_SIZE, "output 0 of the model is not float");
    }
    if (out.bytes / sizeof(float) < self->k.length) {
        vstr_t text;
        vstr_init(&text, 64);
        vstr_printf(&text, "fea_len %u, output 0 of the model has %u", (unsigned)self->k.length,
                    (unsigned)(out.bytes / sizeof(float)));
        raise_code(KMODEL_ERR_SIZE, vstr_null_terminated_str(&text));
    }
    kmodel_error_t error;
    if (kmodel_run(model, &input, &error)) {
        if (error.code == KMODEL_ERR_INTERRUPTED) {
            kpu_raise_run(&error);
        }
        raise_code(error.code, error.detail);
    }
    return out.data;
}

static void keep_feature(const classifier_obj_t *self, float *table, uint32_t index, mp_obj_t image)
{
    memcpy(table + (size_t)index * self->k.length, get_feature(self, image), self->k.length * sizeof(float));
}

// The first class without an image; the number of classes when there is none.
static uint32_t free_class(const classifier_obj_t *self)
{
    uint32_t i = 0;
    while (i < self->k.classes && self->present[i]) {
        i++;
    }
    return i;
}

static mp_obj_t classifier_add_class_img(size_t n_args, const mp_obj_t *all_args, mp_map_t *kwargs)
{
    enum { ARG_img, ARG_index };
    static const mp_arg_t allowed[] = {
        {MP_QSTR_img, MP_ARG_REQUIRED | MP_ARG_OBJ, {0}},
        {MP_QSTR_index, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}},
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, all_args + 1, kwargs, MP_ARRAY_SIZE(allowed), allowed, args);
    bool given = args[ARG_index].u_obj != mp_const_none;
    mp_int_t index = given ? mp_obj_get_int(args[ARG_index].u_obj) : 0; // first: __int__ may do anything

    classifier_obj_t *self = kpu_classifier_get(all_args[0]);
    check_ai(args[ARG_img].u_obj);
    index = given ? index : (mp_int_t)free_class(self);
    if (index < 0 || index >= (mp_int_t)self->k.classes) {
        kpu_classifier_refuse();
    }
    keep_feature(self, self->class_feature, (uint32_t)index, args[ARG_img].u_obj);
    self->present[index] = 1;
    return MP_OBJ_NEW_SMALL_INT(index);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(classifier_add_class_img_obj, 1, classifier_add_class_img);

static mp_obj_t classifier_rm_class_img(mp_obj_t self_in)
{
    classifier_obj_t *self = kpu_classifier_get(self_in);
    uint32_t i = self->k.classes;
    while (i && !self->present[i - 1]) {
        i--;
    }
    if (i == 0) {
        kpu_classifier_refuse();
    }
    self->present[i - 1] = 0;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(classifier_rm_class_img_obj, classifier_rm_class_img);

static mp_obj_t classifier_add_sample_img(mp_obj_t self_in, mp_obj_t image)
{
    classifier_obj_t *self = kpu_classifier_get(self_in);
    check_ai(image);
    if (self->k.samples == self->room) {
        kpu_classifier_refuse();
    }
    keep_feature(self, self->sample, self->k.samples, image);
    return MP_OBJ_NEW_SMALL_INT(self->k.samples++);
}
static MP_DEFINE_CONST_FUN_OBJ_2(classifier_add_sample_img_obj, classifier_add_sample_img);

static mp_obj_t classifier_rm_sample_img(mp_obj_t self_in)
{
    classifier_obj_t *self = kpu_classifier_get(self_in);
    if (self->k.samples == 0) {
        kpu_classifier_refuse();
    }
    self->k.samples--;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(classifier_rm_sample_img_obj, classifier_rm_sample_img);

static mp_obj_t classifier_train(mp_obj_t self_in)
{
    classifier_obj_t *self = kpu_classifier_get(self_in);
    if (free_class(self) < self->k.classes || self->k.samples == 0) {
        kpu_classifier_refuse();
    }
    self->trained = false;
    memcpy(self->k.centre, self->class_feature, (size_t)self->k.classes * self->k.length * sizeof(float));
    int rc = kmodel_kmeans(kpu_env(), &self->k);
    if (rc) {
        kpu_raise_run(&(kmodel_error_t){.code = rc});
    }
    self->trained = true;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(classifier_train_obj, classifier_train);

static mp_obj_t classifier_predict(mp_obj_t self_in, mp_obj_t image)
{
    classifier_obj_t *self = kpu_classifier_get(self_in);
    check_ai(image);
    if (!self->trained) {
        kpu_classifier_refuse();
    }
    double distance;
    uint32_t class_id = kmodel_nearest(&self->k, get_feature(self, image), &distance);
    mp_obj_t items[] = {MP_OBJ_NEW_SMALL_INT(class_id), mp_obj_new_float((mp_float_t)distance)};
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
static MP_DEFINE_CONST_FUN_OBJ_2(classifier_predict_obj, classifier_predict);

static const mp_rom_map_elem_t classifier_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&classifier_del_obj)},
    {MP_ROM_QSTR(MP_QSTR_add_class_img), MP_ROM_PTR(&classifier_add_class_img_obj)},
    {MP_ROM_QSTR(MP_QSTR_rm_class_img), MP_ROM_PTR(&classifier_rm_class_img_obj)},
    {MP_ROM_QSTR(MP_QSTR_add_sample_img), MP_ROM_PTR(&classifier_add_sample_img_obj)},
    {MP_ROM_QSTR(MP_QSTR_rm_sample_img), MP_ROM_PTR(&classifier_rm_sample_img_obj)},
    {MP_ROM_QSTR(MP_QSTR_train), MP_ROM_PTR(&classifier_train_obj)},
    {MP_ROM_QSTR(MP_QSTR_predict), MP_ROM_PTR(&classifier_predict_obj)},
    {MP_ROM_QSTR(MP_QSTR_save), MP_ROM_PTR(&kpu_classifier_save_obj)},
    {MP_ROM_QSTR(MP_QSTR_load), MP_ROM_PTR(&kpu_classifier_load_obj)},
};
static MP_DEFINE_CONST_DICT(classifier_locals, classifier_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(kpu_classifier_type, MP_QSTR_classifier, MP_TYPE_FLAG_NONE, make_new, classifier_make_new,
                         locals_dict, &classifier_locals);
