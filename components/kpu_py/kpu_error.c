// Result codes of the model runtime as exceptions (spec maixpy-kpu.md 1.1), with the runtime's detail behind the text.
#include "kpu_objects.h"
#include "py/mperrno.h"
#include "py/runtime.h"

// Raises the pending KeyboardInterrupt.
static __attribute__((noreturn)) void raise_interrupted(void)
{
    mp_handle_pending(true);
    mp_raise_OSError(MP_EINTR);
}

__attribute__((noreturn)) void kpu_raise_load(const kmodel_error_t *error)
{
    if (error->code == KMODEL_ERR_INTERRUPTED) {
        raise_interrupted();
    }
    const char *text = kmodel_error_text(error->code);
    size_t available, largest;
    if (error->code == KMODEL_ERR_MEMORY && kpu_shortage(&available, &largest)) {
        mp_raise_msg_varg(&mp_type_ValueError,
                          MP_ERROR_TEXT("[MAIXPY]kpu: load error:%d, %s: %s; %u bytes free, %u in one piece"),
                          error->code, text, error->detail, (unsigned)available, (unsigned)largest);
    }
    mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("[MAIXPY]kpu: load error:%d, %s: %s"), error->code, text,
                      error->detail);
}

__attribute__((noreturn)) void kpu_raise_run(const kmodel_error_t *error)
{
    if (error->code == KMODEL_ERR_INTERRUPTED) {
        raise_interrupted();
    }
    mp_raise_msg_varg(&mp_type_OSError, MP_ERROR_TEXT("%s: %s"), kmodel_error_text(error->code), error->detail);
}
