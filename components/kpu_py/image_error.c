#include "heap.h"
#include "image_objects.h"
#include "py/mperrno.h"

__attribute__((noreturn)) void py_image_raise(const imlib_error_t *error)
{
    mp_rom_error_text_t text = (mp_rom_error_text_t)imlib_error_format(error->code);
    switch (error->code) {
    case IMLIB_EABORTED:
        mp_handle_pending(true);
        mp_raise_OSError(MP_EINTR);
    case IMLIB_ENOMEM:
        mp_raise_msg_varg(&mp_type_MemoryError,
                          MP_ERROR_TEXT("Out of normal MicroPython Heap Memory! Please reduce the resolution of the "
                                        "image you are running this algorithm on to bypass this issue! "
                                        "%u bytes asked for, %u free, %u in one piece"),
                          (unsigned)error->value, (unsigned)sdk_heap_free(), (unsigned)sdk_heap_largest());
    case IMLIB_EREAD:
        mp_raise_OSError(-error->value);
    case IMLIB_EUNKNOWN:
        mp_raise_ValueError(text);
    case IMLIB_EPROGRESSIVE:
        mp_printf(&mp_plat_print, "%s\n", imlib_error_format(error->code));
        break;
    }
    mp_raise_msg_varg(&mp_type_OSError, text, (int)error->value, (int)error->limit);
}
