// The KPU module of MaixPy v1 (spec maixpy-kpu.md).
#include "kpu_objects.h"
#include "py/runtime.h"

static mp_obj_t kpu_deinit(mp_obj_t net)
{
    kpu_net_release(kpu_net_get(net));
    return mp_const_true;
}
static MP_DEFINE_CONST_FUN_OBJ_1(kpu_deinit_obj, kpu_deinit);

static mp_obj_t kpu_forward(size_t n_args, const mp_obj_t *all_args, mp_map_t *kwargs)
{
    enum { ARG_kpu_net, ARG_img, ARG_out_index, ARG_dma };
    static const mp_arg_t allowed[] = {
        {MP_QSTR_kpu_net, MP_ARG_REQUIRED | MP_ARG_OBJ, {0}},
        {MP_QSTR_img, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}},
        {MP_QSTR_out_index, MP_ARG_INT, {.u_int = 0}},
        {MP_QSTR_dma, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}}, // nothing to choose here
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, all_args, kwargs, MP_ARRAY_SIZE(allowed), allowed, args);

    kpu_net_obj_t *net = kpu_net_get(args[ARG_kpu_net].u_obj);
    // First, so that a wrong index does not cost a run.
    mp_obj_t fmap = kpu_net_output(net, args[ARG_out_index].u_int, MP_ERROR_TEXT("sipeed_kpu_get_output err"));
    kpu_run_any(net, args[ARG_img].u_obj);
    return fmap;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(kpu_forward_obj, 0, kpu_forward);

static mp_obj_t kpu_get_output(size_t n_args, const mp_obj_t *args)
{
    if (n_args != 2 || !mp_obj_is_type(args[0], &kpu_net_type) || !mp_obj_is_int(args[1])) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: get_output arg format error: get_output(task, int idx)"));
    }
    // KMODEL_ERR_INDEX; MaixPy v1 gives the bare number.
    return kpu_net_output(MP_OBJ_TO_PTR(args[0]), mp_obj_get_int(args[1]), MP_ERROR_TEXT("2011"));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR(kpu_get_output_obj, 0, kpu_get_output);

static mp_obj_t kpu_set_layers(mp_obj_t net_in, mp_obj_t count_in)
{
    kpu_net_obj_t *net = kpu_net_get(net_in);
    kmodel_t *model = kpu_net_model(net);
    mp_int_t count = mp_obj_get_int(count_in);
    kmodel_info_t info;
    kmodel_info(model, &info);
    // Of later formats MaixPy v1 always runs all layers.
    if (info.version > 3) {
        return mp_const_true;
    }
    if (count > (mp_int_t)info.layers) {
        mp_printf(&mp_plat_print, "err: set layers_length to %ld, but max %u\n", (long)count, (unsigned)info.layers);
        return mp_const_false;
    }
    kmodel_error_t error;
    kpu_shortage_clear();
    if (kmodel_set_layers(model, count > 0 ? (uint32_t)count : 0, &error)) {
        kpu_raise_run(&error);
    }
    kpu_net_detach(net);
    return mp_const_true;
}
static MP_DEFINE_CONST_FUN_OBJ_2(kpu_set_layers_obj, kpu_set_layers);

static bool is_v3(const kmodel_t *model)
{
    kmodel_info_t info;
    kmodel_info(model, &info);
    return info.version == 3;
}

// What is wrong, on the console.
static void refuse_shape(const kmodel_error_t *error, int index)
{
    if (error->code == KMODEL_ERR_INDEX) {
        mp_printf(&mp_plat_print, "[MAIXPY]kpu: set_outputs arg value error:kmodel output idx %d out of range\r\n",
                  index);
    } else {
        mp_printf(&mp_plat_print,
                  "%s\r\n[MAIXPY]kpu: set_outputs arg value error: w,c,ch size not match output size\r\n",
                  error->detail);
    }
}

static mp_obj_t kpu_set_outputs(size_t n_args, const mp_obj_t *args)
{
    bool right = n_args == 5 && mp_obj_is_type(args[0], &kpu_net_type);
    for (size_t i = 1; right && i < n_args; i++) {
        right = mp_obj_is_int(args[i]);
    }
    if (!right) {
        mp_raise_ValueError(MP_ERROR_TEXT(
            "[MAIXPY]kpu: set_outputs arg format error: set_outputs(task, int idx, int w, int h, int ch)"));
    }
    kmodel_t *model = kpu_net_model(MP_OBJ_TO_PTR(args[0]));
    // The shapes of a V3 model are in its file; scripts go on when they see False.
    if (is_v3(model)) {
        mp_printf(&mp_plat_print, "[MAIXPY]kpu: set_outputs ctx error, maybe init err:%d\n", KMODEL_ERR_VERSION);
        return mp_const_false;
    }
    uint32_t number[4]; // index, w, h, ch; what no model has stands for what does not fit
    for (size_t i = 0; i < 4; i++) {
        mp_int_t value = mp_obj_get_int(args[1 + i]);
        number[i] = value < 0 || value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    }
    kmodel_error_t error;
    if (kmodel_set_output_shape(model, number[0], number[1], number[2], number[3], &error)) {
        refuse_shape(&error, (int)mp_obj_get_int(args[1]));
        return mp_const_false;
    }
    return mp_const_true;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR(kpu_set_outputs_obj, 0, kpu_set_outputs);

static mp_obj_t kpu_fmap_free(mp_obj_t fmap)
{
    (void)fmap;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(kpu_fmap_free_obj, kpu_fmap_free);

static const mp_rom_map_elem_t kpu_globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_kpu)},
    {MP_ROM_QSTR(MP_QSTR_load), MP_ROM_PTR(&kpu_load_obj)},
    {MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&kpu_deinit_obj)},
    {MP_ROM_QSTR(MP_QSTR_forward), MP_ROM_PTR(&kpu_forward_obj)},
    {MP_ROM_QSTR(MP_QSTR_get_output), MP_ROM_PTR(&kpu_get_output_obj)},
    {MP_ROM_QSTR(MP_QSTR_set_outputs), MP_ROM_PTR(&kpu_set_outputs_obj)},
    {MP_ROM_QSTR(MP_QSTR_set_layers), MP_ROM_PTR(&kpu_set_layers_obj)},
    {MP_ROM_QSTR(MP_QSTR_init_yolo2), MP_ROM_PTR(&kpu_init_yolo2_obj)},
    {MP_ROM_QSTR(MP_QSTR_run_yolo2), MP_ROM_PTR(&kpu_run_yolo2_obj)},
    {MP_ROM_QSTR(MP_QSTR_fmap), MP_ROM_PTR(&kpu_fmap_obj)},
    {MP_ROM_QSTR(MP_QSTR_fmap_free), MP_ROM_PTR(&kpu_fmap_free_obj)},
    {MP_ROM_QSTR(MP_QSTR_face_encode), MP_ROM_PTR(&kpu_face_encode_obj)},
    {MP_ROM_QSTR(MP_QSTR_face_compare), MP_ROM_PTR(&kpu_face_compare_obj)},
    {MP_ROM_QSTR(MP_QSTR_classifier), MP_ROM_PTR(&kpu_classifier_type)},
    {MP_ROM_QSTR(MP_QSTR_netinfo), MP_ROM_PTR(&kpu_netinfo_obj)},
    {MP_ROM_QSTR(MP_QSTR_memtest), MP_ROM_PTR(&kpu_memtest_obj)},
};
static MP_DEFINE_CONST_DICT(kpu_globals, kpu_globals_table);

const mp_obj_module_t kpu_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&kpu_globals,
};
MP_REGISTER_MODULE(MP_QSTR_KPU, kpu_module);
