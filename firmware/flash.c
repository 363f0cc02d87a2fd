// kpupy.Flash(start, length): a block device over a part of the board's flash, for littlefs or raw access.
#include "flash.h"

#include "py/mperrno.h"
#include "py/runtime.h"
#include "extmod/vfs.h"

#include "norflash.h"

#define BLOCK_SIZE 4096 // the smallest erase unit (spec soc.md 7.11)

static uint8_t unique_id[8];

void flash_init(void) {
    if (norflash_init(MICROPY_HW_FLASH_HZ) == 0) {
        norflash_unique_id(unique_id);
    }
}

const uint8_t *flash_unique_id(void) {
    return unique_id;
}

typedef struct {
    mp_obj_base_t base;
    uint32_t start;
    uint32_t length;
} flash_obj_t;

static mp_obj_t flash_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *all_args) {
    enum { ARG_start, ARG_length };
    static const mp_arg_t allowed[] = {
        {MP_QSTR_start, MP_ARG_INT, {.u_int = MICROPY_HW_FLASH_FS_START}},
        {MP_QSTR_length, MP_ARG_INT, {.u_int = MICROPY_HW_FLASH_FS_LENGTH}},
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all_kw_array(n_args, n_kw, all_args, MP_ARRAY_SIZE(allowed), allowed, args);

    mp_int_t start = args[ARG_start].u_int;
    mp_int_t length = args[ARG_length].u_int;
    mp_int_t size = norflash_size();
    if (size == 0) {
        mp_raise_OSError(MP_ENODEV);
    }
    if (start < 0 || length <= 0 || start % BLOCK_SIZE || length % BLOCK_SIZE || start > size || length > size - start) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("start %d, length %d: multiples of %d inside the flash of %d bytes needed"),
            (int)start, (int)length, BLOCK_SIZE, (int)size);
    }
    flash_obj_t *self = mp_obj_malloc(flash_obj_t, type);
    self->start = start;
    self->length = length;
    return MP_OBJ_FROM_PTR(self);
}

static void flash_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    flash_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "Flash(start=0x%x, length=0x%x)", (unsigned)self->start, (unsigned)self->length);
}

// Address in the flash of `offset` in block `block`, checked against the device's end; raises OSError(EINVAL).
static uint32_t flash_address(flash_obj_t *self, mp_obj_t block, mp_int_t offset, size_t length) {
    mp_int_t number = mp_obj_get_int(block);
    if (number < 0 || number >= self->length / BLOCK_SIZE || offset < 0
        || (uint64_t)number * BLOCK_SIZE + offset + length > self->length) {
        mp_raise_OSError(MP_EINVAL);
    }
    return self->start + number * BLOCK_SIZE + offset;
}

static mp_obj_t flash_readblocks(size_t n_args, const mp_obj_t *args) {
    flash_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_WRITE);
    uint32_t address = flash_address(self, args[1], n_args == 4 ? mp_obj_get_int(args[3]) : 0, buffer.len);
    return MP_OBJ_NEW_SMALL_INT(norflash_read(address, buffer.buf, buffer.len));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_readblocks_obj, 3, 4, flash_readblocks);

// Without an offset whole blocks are erased first; with one the caller has erased them (the two forms of the block
// device protocol).
static mp_obj_t flash_writeblocks(size_t n_args, const mp_obj_t *args) {
    flash_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_READ);
    uint32_t address = flash_address(self, args[1], n_args == 4 ? mp_obj_get_int(args[3]) : 0, buffer.len);
    int result = 0;
    if (n_args == 3) {
        if (buffer.len % BLOCK_SIZE) {
            mp_raise_OSError(MP_EINVAL);
        }
        result = norflash_erase(address, buffer.len);
    }
    if (result == 0) {
        result = norflash_program(address, buffer.buf, buffer.len);
    }
    return MP_OBJ_NEW_SMALL_INT(result);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_writeblocks_obj, 3, 4, flash_writeblocks);

static mp_obj_t flash_ioctl(mp_obj_t self_in, mp_obj_t op, mp_obj_t arg) {
    flash_obj_t *self = MP_OBJ_TO_PTR(self_in);
    switch (mp_obj_get_int(op)) {
        case MP_BLOCKDEV_IOCTL_INIT:
        case MP_BLOCKDEV_IOCTL_DEINIT:
        case MP_BLOCKDEV_IOCTL_SYNC: // every write waits for the chip
            return MP_OBJ_NEW_SMALL_INT(0);
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return MP_OBJ_NEW_SMALL_INT(self->length / BLOCK_SIZE);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(BLOCK_SIZE);
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE:
            return MP_OBJ_NEW_SMALL_INT(norflash_erase(flash_address(self, arg, 0, BLOCK_SIZE), BLOCK_SIZE));
        default:
            return mp_const_none;
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(flash_ioctl_obj, flash_ioctl);

static const mp_rom_map_elem_t flash_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&flash_readblocks_obj)},
    {MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&flash_writeblocks_obj)},
    {MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&flash_ioctl_obj)},
};
static MP_DEFINE_CONST_DICT(flash_locals, flash_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(flash_type, MP_QSTR_Flash, MP_TYPE_FLAG_NONE, make_new, flash_make_new, print, flash_print,
    locals_dict, &flash_locals);
