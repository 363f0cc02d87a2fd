// Pictures from and to files: any stream of a mounted file system, or bytes.
#include <string.h>

#include "image_objects.h"
#include "py/builtin.h"
#include "py/mperrno.h"
#include "py/stream.h"

// Streams may be written in Python and raise: imlib must get its memory back first.
typedef struct {
    mp_obj_t stream;
    mp_obj_t raised;
    bool write;
} file_t;

static int transfer(file_t *file, void *data, size_t length)
{
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        int errcode = 0;
        mp_uint_t n = mp_stream_rw(file->stream, data, length, &errcode,
                                   file->write ? MP_STREAM_RW_WRITE : MP_STREAM_RW_READ);
        nlr_pop();
        if (file->write && errcode == 0 && n != length) {
            errcode = MP_ENOSPC;
        }
        return errcode ? -errcode : file->write ? 0 : (int)n;
    }
    file->raised = MP_OBJ_FROM_PTR(nlr.ret_val);
    return -MP_EIO;
}

static int read_stream(void *ctx, uint8_t *to, size_t length)
{
    return transfer(ctx, to, length);
}

static int write_stream(void *ctx, const uint8_t *from, size_t length)
{
    return transfer(ctx, (void *)from, length);
}

static mp_obj_t open_file(mp_obj_t path, qstr mode)
{
    return mp_call_function_2(MP_OBJ_FROM_PTR(&mp_builtin_open_obj), path, MP_OBJ_NEW_QSTR(mode));
}

static bool ends_with(const char *path, const char *extension)
{
    size_t length = strlen(path), n = strlen(extension);
    for (size_t i = 0; i < n; i++) {
        if (length < n || (path[length - n + i] | 0x20) != (extension[i] | 0x20)) {
            return false;
        }
    }
    return true;
}

// spec maixpy-image.md 3.2, for what a file can hold here.
static void check_extension(const char *path, imlib_format_t format)
{
    if (ends_with(path, ".ppm") && format != IMLIB_RGB565) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("Image is not PPM!"));
    }
    if (ends_with(path, ".pgm") && format != IMLIB_GRAYSCALE) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("Image is not PGM!"));
    }
    if (ends_with(path, ".raw") && format != IMLIB_BAYER) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("Image is not BAYER!"));
    }
}

static void raise_again(const file_t *file)
{
    if (file->raised != MP_OBJ_NULL) {
        nlr_raise(file->raised);
    }
}

static void load_path(imlib_image_t *image, mp_obj_t path)
{
    file_t file = {open_file(path, MP_QSTR_rb), MP_OBJ_NULL, false};
    imlib_source_t source = {&file, read_stream};
    imlib_error_t error;
    int rc = imlib_decode(&py_image_env, &source, image, &error);
    mp_stream_close(file.stream);
    raise_again(&file);
    if (rc) {
        py_image_raise(&error);
    }
    check_extension(mp_obj_str_get_str(path), image->format);
}

static void load_stream(imlib_image_t *image, mp_obj_t stream)
{
    mp_get_stream_raise(stream, MP_STREAM_OP_READ);
    file_t file = {stream, MP_OBJ_NULL, false};
    imlib_source_t source = {&file, read_stream};
    imlib_error_t error;
    int rc = imlib_decode_jpeg(&py_image_env, &source, image, &error);
    raise_again(&file);
    if (rc == IMLIB_EUNKNOWN) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("Not support"));
    }
    if (rc) {
        py_image_raise(&error);
    }
}

static int read_bytes(void *ctx, uint8_t *to, size_t length)
{
    mp_buffer_info_t *rest = ctx;
    size_t n = MIN(length, rest->len);
    memcpy(to, rest->buf, n);
    rest->buf = (uint8_t *)rest->buf + n;
    rest->len -= n;
    return (int)n;
}

void py_image_load(imlib_image_t *image, mp_obj_t from)
{
    mp_buffer_info_t rest;
    if (mp_obj_is_str(from)) {
        load_path(image, from);
    } else if (mp_get_buffer(from, &rest, MP_BUFFER_READ)) {
        imlib_source_t source = {&rest, read_bytes};
        imlib_error_t error;
        if (imlib_decode(&py_image_env, &source, image, &error)) {
            py_image_raise(&error);
        }
    } else {
        load_stream(image, from);
    }
}

static mp_obj_t save(size_t n_args, const mp_obj_t *items, mp_map_t *keywords)
{
    py_image_args_t args = {n_args, items, keywords};
    imlib_image_t *image = py_image_get(items[0]);
    imlib_rect_t roi = py_image_roi(py_image_arg(&args, 2, MP_QSTR_roi), image);
    const char *path = mp_obj_str_get_str(items[1]);
    if (!ends_with(path, ".bmp")) {
        mp_raise_msg_varg(&mp_type_OSError, MP_ERROR_TEXT("%s: images are saved as .bmp"), path);
    }
    if (image->format != IMLIB_GRAYSCALE && image->format != IMLIB_RGB565) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("Image is not BMP!"));
    }
    file_t file = {open_file(items[1], MP_QSTR_wb), MP_OBJ_NULL, true};
    imlib_sink_t sink = {&file, write_stream};
    int rc = imlib_write_bmp(&sink, image, roi);
    mp_stream_close(file.stream);
    raise_again(&file);
    if (rc) {
        mp_raise_OSError(-rc);
    }
    return items[0];
}
MP_DEFINE_CONST_FUN_OBJ_KW(py_image_save_obj, 2, save);
