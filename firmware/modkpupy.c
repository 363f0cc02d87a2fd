// Module kpupy: what this firmware has beside MicroPython and MaixPy.
#include "py/objtuple.h"
#include "py/runtime.h"

#include "heap.h"

#include "flash.h"

// heap() -> (free, largest): bytes free in the C heap, where models and images live, and its largest free block.
static mp_obj_t kpupy_heap(void) {
    mp_obj_t items[] = {mp_obj_new_int_from_uint(sdk_heap_free()), mp_obj_new_int_from_uint(sdk_heap_largest())};
    static const qstr fields[] = {MP_QSTR_free, MP_QSTR_largest};
    return mp_obj_new_attrtuple(fields, MP_ARRAY_SIZE(items), items);
}
static MP_DEFINE_CONST_FUN_OBJ_0(kpupy_heap_obj, kpupy_heap);

static const mp_rom_map_elem_t kpupy_globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_kpupy)},
    {MP_ROM_QSTR(MP_QSTR_Flash), MP_ROM_PTR(&flash_type)},
    {MP_ROM_QSTR(MP_QSTR_heap), MP_ROM_PTR(&kpupy_heap_obj)},
};
static MP_DEFINE_CONST_DICT(kpupy_globals, kpupy_globals_table);

const mp_obj_module_t kpupy_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&kpupy_globals,
};
MP_REGISTER_MODULE(MP_QSTR_kpupy, kpupy_module);
