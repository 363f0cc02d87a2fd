// The kpu_net object: a model in memory (spec maixpy-kpu.md 2).
#include <string.h>

#include "kpu_objects.h"
#include "norflash.h"
#include "py/gc.h"
#include "py/objstr.h"
#include "py/runtime.h"

static int loaded; // models in memory

kpu_net_obj_t *kpu_net_get(mp_obj_t object)
{
    if (!mp_obj_is_type(object, &kpu_net_type)) {
        mp_raise_TypeError(MP_ERROR_TEXT("[MAIXPY]kpu: kpu_net type error"));
    }
    return MP_OBJ_TO_PTR(object);
}

kmodel_t *kpu_net_model(kpu_net_obj_t *net)
{
    if (!net->model) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("[MAIXPY]kpu: the model has been freed by deinit: load it again"));
    }
    return net->model;
}

void kpu_net_detach(kpu_net_obj_t *net)
{
    net->generation++;
    if (net->images != mp_const_none) {
        size_t count;
        mp_obj_t *images;
        mp_obj_get_array(net->images, &count, &images);
        for (size_t i = 0; i < count; i++) {
            ((py_image_obj_t *)MP_OBJ_TO_PTR(images[i]))->image.pixels = NULL;
        }
        net->images = mp_const_none;
    }
}

void kpu_net_release(kpu_net_obj_t *net)
{
    if (net->model) {
        kpu_net_detach(net);
        kmodel_free(net->model);
        net->model = NULL;
        loaded--;
    }
    net->yolo = mp_const_none;
}

// A model that nobody refers to counts until it is collected.
static int find_place(kmodel_error_t *error)
{
    if (loaded >= KPU_MAX_MODELS) {
        gc_collect();
    }
    if (loaded < KPU_MAX_MODELS) {
        return 0;
    }
    error->code = KMODEL_ERR_MODELS_FULL;
    strcpy(error->detail, "free one with kpu.deinit()");
    return error->code;
}

static int load(kpu_net_obj_t *net, const kmodel_source_t *source, kmodel_error_t *error)
{
    const kmodel_env_t *env = kpu_env();
    if (!env) {
        error->code = KMODEL_ERR_UNKNOWN;
        strcpy(error->detail, "the KPU's clock does not start");
        return error->code;
    }
    net->model = kmodel_load(env, source, error);
    if (!net->model) {
        return error->code;
    }
    kmodel_info_t info;
    kmodel_info(net->model, &info);
    net->size = MIN(info.file_bytes, source->size);
    loaded++;
    return 0;
}

static int load_from_flash(kpu_net_obj_t *net, mp_int_t address, kmodel_error_t *error)
{
    if (address >= norflash_size()) {
        error->code = KMODEL_ERR_PARAM;
        vstr_t text;
        vstr_init_fixed_buf(&text, sizeof(error->detail), error->detail);
        vstr_printf(&text, "address %lu, the flash has %u bytes", (unsigned long)address, (unsigned)norflash_size());
        vstr_null_terminated_str(&text);
        return error->code;
    }
    net->address = (uint32_t)address;
    kpu_source_t source;
    kpu_source_flash(&source, net->address);
    return load(net, &source.source, error);
}

static int load_from_file(kpu_net_obj_t *net, mp_obj_t path, kmodel_error_t *error)
{
    net->path = path;
    kpu_source_t source;
    int rc = kpu_source_open(&source, path, error);
    if (rc == 0) {
        rc = load(net, &source.source, error);
        kpu_source_close(&source);
    }
    if (rc && source.raised != MP_OBJ_NULL) {
        nlr_raise(source.raised);
    }
    return rc;
}

// Raises for what cannot name a model.
static void check_source(mp_obj_t source)
{
    if (mp_obj_is_int(source)) {
        if (mp_obj_get_int(source) <= 0) {
            mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: model_addr must > 0 "));
        }
    } else if (mp_obj_is_str(source)) {
        const char *path = mp_obj_str_get_str(source);
        if (!strstr(path, ".kmodel") && !strstr(path, ".smodel") && !strstr(path, ".emodel")) {
            mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: model format don't match, only supply .kmodel "));
        }
    } else {
        mp_raise_TypeError(MP_ERROR_TEXT("[MAIXPY]kpu: only accept int or string"));
    }
}

static mp_obj_t kpu_load(size_t n_args, const mp_obj_t *args, mp_map_t *kwargs)
{
    (void)n_args;
    (void)kwargs;
    check_source(args[0]);
    kpu_net_obj_t *net = mp_obj_malloc_with_finaliser(kpu_net_obj_t, &kpu_net_type);
    net->model = NULL;
    net->generation = net->size = net->address = 0;
    net->path = net->yolo = net->images = mp_const_none;

    kmodel_error_t error = {0};
    kpu_shortage_clear();
    int rc = find_place(&error);
    if (rc == 0) {
        rc = mp_obj_is_int(args[0]) ? load_from_flash(net, mp_obj_get_int(args[0]), &error)
                                    : load_from_file(net, args[0], &error);
    }
    if (rc) {
        kpu_raise_load(&error);
    }
    return MP_OBJ_FROM_PTR(net);
}
MP_DEFINE_CONST_FUN_OBJ_KW(kpu_load_obj, 1, kpu_load);

mp_obj_t kpu_net_output(kpu_net_obj_t *net, mp_int_t index, mp_rom_error_text_t text)
{
    kpu_fmap_obj_t *fmap = mp_obj_malloc(kpu_fmap_obj_t, &kpu_fmap_type);
    kmodel_t *model = kpu_net_model(net);
    kmodel_tensor_t out;
    if (index < 0 || index > UINT32_MAX || kmodel_output_info(model, (uint32_t)index, &out)) {
        mp_raise_msg(&mp_type_OSError, text);
    }
    kmodel_info_t info;
    kmodel_info(model, &info);
    kmodel_layer_t last;
    kmodel_layer_info(model, info.run_layers - 1, &last);

    fmap->net = net;
    fmap->generation = net->generation;
    fmap->data = out.data;
    fmap->bytes = out.bytes;
    fmap->typecode = "Bfbiq"[out.type];
    fmap->count = out.bytes / kmodel_type_bytes(out.type);
    fmap->index = info.run_layers - 1;
    // V3 as the original; later formats have their shape in the file or get it from set_outputs.
    bool map = out.n == 1 && (info.version > 3 || last.type == KPU_CONVOLUTION);
    fmap->w = map ? out.w : fmap->count;
    fmap->h = map ? out.h : 1;
    fmap->ch = map ? out.c : 1;
    return MP_OBJ_FROM_PTR(fmap);
}

static mp_obj_t net_model_addr(mp_obj_t self_in)
{
    kpu_net_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return self->path == mp_const_none ? mp_obj_new_int(self->address) : mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(net_model_addr_obj, net_model_addr);

static mp_obj_t net_model_path(mp_obj_t self_in)
{
    kpu_net_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return self->path;
}
static MP_DEFINE_CONST_FUN_OBJ_1(net_model_path_obj, net_model_path);

static mp_obj_t net_model_size(mp_obj_t self_in)
{
    kpu_net_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return mp_obj_new_int(self->size);
}
static MP_DEFINE_CONST_FUN_OBJ_1(net_model_size_obj, net_model_size);

static mp_obj_t net_net_arg(mp_obj_t self_in)
{
    kpu_net_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return self->yolo;
}
static MP_DEFINE_CONST_FUN_OBJ_1(net_net_arg_obj, net_net_arg);

// Silent about an object whose load failed.
static mp_obj_t net_del(mp_obj_t self_in)
{
    kpu_net_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->size) {
        mp_print_str(&mp_plat_print, "kpu_net __del__\n");
    }
    kpu_net_release(self);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(net_del_obj, net_del);

static void net_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind)
{
    (void)kind;
    kpu_net_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "{\"model_addr\": %u, \"model_size\": %u, \"model_path\": \"%s\", \"net_args\": ",
              (unsigned)self->address, (unsigned)self->size,
              self->path == mp_const_none ? "(null)" : mp_obj_str_get_str(self->path));
    if (self->yolo == mp_const_none) {
        mp_print_str(print, "\"(null)\"}");
    } else {
        mp_obj_print_helper(print, self->yolo, PRINT_REPR);
        mp_print_str(print, "}");
    }
}

static const mp_rom_map_elem_t net_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&net_del_obj)},
    {MP_ROM_QSTR(MP_QSTR_model_addr), MP_ROM_PTR(&net_model_addr_obj)},
    {MP_ROM_QSTR(MP_QSTR_model_path), MP_ROM_PTR(&net_model_path_obj)},
    {MP_ROM_QSTR(MP_QSTR_model_size), MP_ROM_PTR(&net_model_size_obj)},
    {MP_ROM_QSTR(MP_QSTR_net_arg), MP_ROM_PTR(&net_net_arg_obj)},
};
static MP_DEFINE_CONST_DICT(net_locals, net_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(kpu_net_type, MP_QSTR_kpu_net, MP_TYPE_FLAG_NONE, print, net_print, locals_dict, &net_locals);
