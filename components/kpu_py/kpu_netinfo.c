// netinfo: what the layers of a model are (spec maixpy-kpu.md 7.6).
#include "kpu_objects.h"
#include "py/runtime.h"

typedef struct {
    mp_obj_base_t base;
    uint32_t index;
    kmodel_layer_t layer;
} netinfo_obj_t;

// The numbers, in the order in which repr lists them.
static const struct {
    uint16_t name, offset;
} numbers[] = {
    {MP_QSTR_wi, offsetof(kmodel_layer_t, wi)},
    {MP_QSTR_hi, offsetof(kmodel_layer_t, hi)},
    {MP_QSTR_wo, offsetof(kmodel_layer_t, wo)},
    {MP_QSTR_ho, offsetof(kmodel_layer_t, ho)},
    {MP_QSTR_chi, offsetof(kmodel_layer_t, ci)},
    {MP_QSTR_cho, offsetof(kmodel_layer_t, co)},
    {MP_QSTR_dw, offsetof(kmodel_layer_t, depthwise)},
    {MP_QSTR_kernel_type, offsetof(kmodel_layer_t, kernel_type)},
    {MP_QSTR_pool_type, offsetof(kmodel_layer_t, pool_type)},
    {MP_QSTR_para_size, offsetof(kmodel_layer_t, para_size)},
};

static uint32_t number(const netinfo_obj_t *self, size_t i)
{
    return *(const uint32_t *)((const char *)&self->layer + numbers[i].offset);
}

static void netinfo_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind)
{
    (void)kind;
    netinfo_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "{\"index\":%u, \"type\":KL_%s", (unsigned)self->index, self->layer.name);
    for (size_t i = 0; i < MP_ARRAY_SIZE(numbers); i++) {
        mp_printf(print, ", \"%q\":%u", (qstr)numbers[i].name, (unsigned)number(self, i));
    }
    mp_print_str(print, "}");
}

#define NUMBER_METHOD(name, i)                                                                                         \
    static mp_obj_t netinfo_##name(mp_obj_t self_in)                                                                   \
    {                                                                                                                  \
        return mp_obj_new_int_from_uint(number(MP_OBJ_TO_PTR(self_in), i));                                            \
    }                                                                                                                  \
    static MP_DEFINE_CONST_FUN_OBJ_1(netinfo_##name##_obj, netinfo_##name)
NUMBER_METHOD(wi, 0);
NUMBER_METHOD(hi, 1);
NUMBER_METHOD(wo, 2);
NUMBER_METHOD(ho, 3);
NUMBER_METHOD(chi, 4);
NUMBER_METHOD(cho, 5);
NUMBER_METHOD(dw, 6);
NUMBER_METHOD(kernel_type, 7);
NUMBER_METHOD(pool_type, 8);
NUMBER_METHOD(para_size, 9);

static mp_obj_t netinfo_index(mp_obj_t self_in)
{
    netinfo_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return mp_obj_new_int_from_uint(self->index);
}
static MP_DEFINE_CONST_FUN_OBJ_1(netinfo_index_obj, netinfo_index);

static mp_obj_t netinfo_kind(mp_obj_t self_in)
{
    netinfo_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return mp_obj_new_int_from_uint(self->layer.type);
}
static MP_DEFINE_CONST_FUN_OBJ_1(netinfo_kind_obj, netinfo_kind);

static const mp_rom_map_elem_t netinfo_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_index), MP_ROM_PTR(&netinfo_index_obj)},
    {MP_ROM_QSTR(MP_QSTR_type), MP_ROM_PTR(&netinfo_kind_obj)},
    {MP_ROM_QSTR(MP_QSTR_wi), MP_ROM_PTR(&netinfo_wi_obj)},
    {MP_ROM_QSTR(MP_QSTR_hi), MP_ROM_PTR(&netinfo_hi_obj)},
    {MP_ROM_QSTR(MP_QSTR_wo), MP_ROM_PTR(&netinfo_wo_obj)},
    {MP_ROM_QSTR(MP_QSTR_ho), MP_ROM_PTR(&netinfo_ho_obj)},
    {MP_ROM_QSTR(MP_QSTR_chi), MP_ROM_PTR(&netinfo_chi_obj)},
    {MP_ROM_QSTR(MP_QSTR_cho), MP_ROM_PTR(&netinfo_cho_obj)},
    {MP_ROM_QSTR(MP_QSTR_dw), MP_ROM_PTR(&netinfo_dw_obj)},
    {MP_ROM_QSTR(MP_QSTR_kernel_type), MP_ROM_PTR(&netinfo_kernel_type_obj)},
    {MP_ROM_QSTR(MP_QSTR_pool_type), MP_ROM_PTR(&netinfo_pool_type_obj)},
    {MP_ROM_QSTR(MP_QSTR_para_size), MP_ROM_PTR(&netinfo_para_size_obj)},
};
static MP_DEFINE_CONST_DICT(netinfo_locals, netinfo_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(kpu_netinfo_type, MP_QSTR_kpu_netinfo_find, MP_TYPE_FLAG_NONE, print, netinfo_print,
                                locals_dict, &netinfo_locals);

static mp_obj_t kpu_netinfo(mp_obj_t net_in)
{
    kpu_net_obj_t *net = kpu_net_get(net_in);
    mp_obj_t list = mp_obj_new_list(0, NULL);
    kmodel_layer_t layer;
    for (uint32_t i = 0; kmodel_layer_info(kpu_net_model(net), i, &layer) == 0; i++) {
        mp_printf(&mp_plat_print, "layer[%u]: KL_%s, %u bytes\n", (unsigned)i, layer.name, (unsigned)layer.body_size);
        netinfo_obj_t *info = mp_obj_malloc(netinfo_obj_t, &kpu_netinfo_type);
        info->index = i;
        info->layer = layer;
        mp_obj_list_append(list, MP_OBJ_FROM_PTR(info));
    }
    return list;
}
MP_DEFINE_CONST_FUN_OBJ_1(kpu_netinfo_obj, kpu_netinfo);
