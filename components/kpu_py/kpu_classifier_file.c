// Trained classifiers in files (spec maixpy-kpu.md 8.4). File systems may be written in Python, end the classifier
// while it is saved, or keep a buffer: they get memory of the Python heap.
#include <string.h>

#include "kpu_classifier.h"
#include "py/builtin.h"
#include "py/mperrno.h"
#include "py/runtime.h"
#include "py/stream.h"

// The centres follow, as float.
typedef struct {
    uint32_t magic, version, classes, room, length;
} file_head_t;

#define FILE_MAGIC 0x4355504b // "KPUC"
#define FILE_VERSION 1

static mp_obj_t open_file(mp_obj_t path, qstr mode)
{
    if (!mp_obj_is_str(path)) {
        mp_raise_ValueError(MP_ERROR_TEXT("path err"));
    }
    return mp_call_function_2(MP_OBJ_FROM_PTR(&mp_builtin_open_obj), path, MP_OBJ_NEW_QSTR(mode));
}

// All of the bytes; returns whether the file had them. OSError when the file system fails.
static bool transfer(mp_obj_t file, void *data, size_t bytes, byte direction)
{
    int errcode;
    mp_uint_t done = mp_stream_rw(file, data, bytes, &errcode, direction);
    if (errcode) {
        mp_handle_pending(true);
        mp_raise_OSError(errcode);
    }
    return done == bytes;
}

static void write_all(mp_obj_t file, void *data, size_t bytes)
{
    if (!transfer(file, data, bytes, MP_STREAM_RW_WRITE)) {
        mp_raise_OSError(MP_ENOSPC);
    }
}

static void read_all(mp_obj_t file, void *data, size_t bytes)
{
    if (!transfer(file, data, bytes, MP_STREAM_RW_READ)) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: the classifier's file is truncated"));
    }
}

static size_t centre_bytes(const classifier_obj_t *self)
{
    return (size_t)self->k.classes * self->k.length * sizeof(float);
}

static mp_obj_t classifier_save(mp_obj_t self_in, mp_obj_t path)
{
    classifier_obj_t *self = kpu_classifier_get(self_in);
    if (!self->trained) {
        kpu_classifier_refuse();
    }
    file_head_t head = {FILE_MAGIC, FILE_VERSION, self->k.classes, self->room, self->k.length};
    size_t bytes = centre_bytes(self);
    void *copy = memcpy(m_malloc(bytes), self->k.centre, bytes);
    mp_obj_t file = open_file(path, MP_QSTR_wb);
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        write_all(file, &head, sizeof(head));
        write_all(file, copy, bytes);
        nlr_pop();
        m_free(copy);
        mp_stream_close(file);
        return mp_const_none;
    }
    mp_stream_close(file);
    nlr_jump(nlr.ret_val);
}
MP_DEFINE_CONST_FUN_OBJ_2(kpu_classifier_save_obj, classifier_save);

static bool in_range(uint32_t value)
{
    return value >= 1 && value <= KPU_CLASSIFIER_MAX;
}

// Raises when a number is given and the file has another one.
static void check_same(mp_int_t given, uint32_t have, const char *name)
{
    if (given && given != (mp_int_t)have) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("[MAIXPY]kpu: %s is %ld, but the file has %u"), name,
                          (long)given, (unsigned)have);
    }
}

enum { LOAD_class, LOAD_model, LOAD_path, LOAD_class_num, LOAD_sample_num, LOAD_fea_len };

// The centres stand for the images of the classes, so that samples can be added and training goes on.
static classifier_obj_t *read_classifier(mp_obj_t file, const mp_arg_val_t *args)
{
    file_head_t head;
    read_all(file, &head, sizeof(head));
    if (head.magic != FILE_MAGIC || head.version != FILE_VERSION || !in_range(head.classes) || !in_range(head.room) ||
        !in_range(head.length)) {
        mp_raise_ValueError(MP_ERROR_TEXT("[MAIXPY]kpu: not a file of classifier.save()"));
    }
    check_same(args[LOAD_class_num].u_int, head.classes, "class_num");
    check_same(args[LOAD_fea_len].u_int, head.length, "fea_len");
    mp_int_t room = args[LOAD_sample_num].u_int;
    classifier_obj_t *self = kpu_classifier_new(args[LOAD_model].u_obj, head.classes,
                                            room ? kpu_classifier_number(room, "sample_num") : head.room, head.length);
    void *copy = m_malloc(centre_bytes(self));
    read_all(file, copy, centre_bytes(self));
    memcpy(self->k.centre, copy, centre_bytes(self));
    memcpy(self->class_feature, copy, centre_bytes(self));
    m_free(copy);
    memset(self->present, 1, self->k.classes);
    self->trained = true;
    return self;
}

static mp_obj_t load_file(const mp_arg_val_t *args)
{
    mp_obj_t file = open_file(args[LOAD_path].u_obj, MP_QSTR_rb);
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        classifier_obj_t *self = read_classifier(file, args);
        nlr_pop();
        mp_stream_close(file);
        mp_obj_t items[] = {MP_OBJ_FROM_PTR(self), MP_OBJ_NEW_SMALL_INT(self->k.classes),
                            MP_OBJ_NEW_SMALL_INT(self->room)};
        return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
    }
    mp_stream_close(file);
    nlr_jump(nlr.ret_val);
}

static mp_obj_t classifier_load(size_t n_args, const mp_obj_t *all_args, mp_map_t *kwargs)
{
    static const mp_arg_t allowed[] = {
        {MP_QSTR_, MP_ARG_REQUIRED | MP_ARG_OBJ, {0}}, // the class
        {MP_QSTR_model, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}},
        {MP_QSTR_path, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE}},
        {MP_QSTR_class_num, MP_ARG_INT, {.u_int = 0}},
        {MP_QSTR_sample_num, MP_ARG_INT, {.u_int = 0}},
        {MP_QSTR_fea_len, MP_ARG_INT, {.u_int = 0}},
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, all_args, kwargs, MP_ARRAY_SIZE(allowed), allowed, args);
    if (args[LOAD_class].u_obj != MP_OBJ_FROM_PTR(&kpu_classifier_type)) {
        mp_raise_ValueError(MP_ERROR_TEXT("must be class"));
    }
    if (!mp_obj_is_type(args[LOAD_model].u_obj, &kpu_net_type)) {
        mp_raise_ValueError(MP_ERROR_TEXT("must be model"));
    }
    return load_file(args);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(classifier_load_fun, 1, classifier_load);
MP_DEFINE_CONST_CLASSMETHOD_OBJ(kpu_classifier_load_obj, MP_ROM_PTR(&classifier_load_fun));
