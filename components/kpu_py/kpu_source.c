// Where a model's bytes come from: the flash, or a file of any mounted file system.
#include <errno.h>
#include <string.h>

#include "kpu_objects.h"
#include "norflash.h"
#include "py/builtin.h"
#include "py/runtime.h"
#include "py/stream.h"

static int read_flash(void *ctx, uint32_t offset, void *dst, size_t len)
{
    kpu_source_t *self = ctx;
    int rc = norflash_read(self->address + offset, dst, len);
    return rc == 0 ? 0 : rc == -EINTR ? KMODEL_HOOK_INTERRUPTED : KMODEL_HOOK_FAILED;
}

void kpu_source_flash(kpu_source_t *self, uint32_t address)
{
    *self = (kpu_source_t){.source = {.ctx = self, .read = read_flash, .size = norflash_size() - address},
                           .address = address, .file = MP_OBJ_NULL, .raised = MP_OBJ_NULL};
}

// The runtime reads in ascending order but for the tables, which it reads twice.
static int read_at(kpu_source_t *self, uint32_t offset, void *dst, size_t len)
{
    int errcode;
    if (mp_stream_seek(self->file, offset, MP_SEEK_SET, &errcode) < 0) {
        return KMODEL_HOOK_FAILED;
    }
    mp_uint_t n = mp_stream_read_exactly(self->file, dst, len, &errcode);
    return errcode == 0 && n == len ? 0 : KMODEL_HOOK_FAILED;
}

// Streams and block devices may be written in Python and raise: the runtime must get its memory back first.
static int read_file(void *ctx, uint32_t offset, void *dst, size_t len)
{
    kpu_source_t *self = ctx;
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        int rc = read_at(self, offset, dst, len);
        nlr_pop();
        return rc;
    }
    mp_obj_t raised = MP_OBJ_FROM_PTR(nlr.ret_val);
    if (!mp_obj_exception_match(raised, MP_OBJ_FROM_PTR(&mp_type_OSError))) {
        self->raised = raised;
    }
    return KMODEL_HOOK_FAILED;
}

static uint64_t file_size(mp_obj_t file)
{
    int errcode;
    mp_off_t size = mp_stream_seek(file, 0, MP_SEEK_END, &errcode);
    if (size < 0) {
        mp_raise_OSError(errcode);
    }
    return size;
}

int kpu_source_open(kpu_source_t *self, mp_obj_t path, kmodel_error_t *error)
{
    *self = (kpu_source_t){.source = {.ctx = self, .read = read_file}, .file = MP_OBJ_NULL, .raised = MP_OBJ_NULL};
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        self->file = mp_call_function_2(MP_OBJ_FROM_PTR(&mp_builtin_open_obj), path, MP_OBJ_NEW_QSTR(MP_QSTR_rb));
        self->source.size = file_size(self->file);
        nlr_pop();
        return 0;
    }
    mp_obj_t raised = MP_OBJ_FROM_PTR(nlr.ret_val);
    if (!mp_obj_exception_match(raised, MP_OBJ_FROM_PTR(&mp_type_OSError))) {
        nlr_jump(nlr.ret_val);
    }
    vstr_t text;
    mp_print_t print;
    vstr_init_print(&text, 32, &print);
    mp_printf(&print, "%s: ", mp_obj_str_get_str(path));
    mp_obj_print_helper(&print, raised, PRINT_STR);
    error->code = KMODEL_ERR_READ;
    strncpy(error->detail, vstr_null_terminated_str(&text), sizeof(error->detail) - 1);
    vstr_clear(&text);
    return error->code;
}

void kpu_source_close(kpu_source_t *self)
{
    if (self->file != MP_OBJ_NULL) {
        mp_stream_close(self->file);
        self->file = MP_OBJ_NULL;
    }
}
