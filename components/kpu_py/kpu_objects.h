// Objects of the `KPU` module and what its files share.
#ifndef KPU_OBJECTS_H
#define KPU_OBJECTS_H

#include "kmodel.h"
#include "kpu_py.h"

#define KPU_MAX_MODELS 5 // at once (spec maixpy-kpu.md 2)
#define KPU_CONVOLUTION 10240 // type of the K210 convolution in kmodel V3

// A text with escapes: MicroPython's compression of MP_ERROR_TEXT would spoil its dictionary with them.
#define KPU_PLAIN_TEXT(text) ((mp_rom_error_text_t)(text))

// A loaded model. After deinit `model` is NULL; the object only tells what it was.
typedef struct {
    mp_obj_base_t base;
    kmodel_t *model;
    uint32_t generation; // counts moves of the outputs: a feature map of an older generation has lost its data
    uint32_t size;       // of the model, in bytes
    uint32_t address;    // in flash
    mp_obj_t path;       // None: loaded from flash
    mp_obj_t yolo;       // kpu_yolo2 or None
    mp_obj_t images;     // list of the Images that show channels of outputs, or None
} kpu_net_obj_t;
extern const mp_obj_type_t kpu_net_type;

// TypeError for other objects.
kpu_net_obj_t *kpu_net_get(mp_obj_t object);
// The model; OSError after deinit.
kmodel_t *kpu_net_model(kpu_net_obj_t *net);
// The outputs are about to move: feature maps and Images of them are no longer valid.
void kpu_net_detach(kpu_net_obj_t *net);
// Frees the model and drops the yolo settings. Harmless when that has happened.
void kpu_net_release(kpu_net_obj_t *net);
// Output `index` as a feature map object; OSError with `text` when the model has no such output.
mp_obj_t kpu_net_output(kpu_net_obj_t *net, mp_int_t index, mp_rom_error_text_t text);
MP_DECLARE_CONST_FUN_OBJ_KW(kpu_load_obj);

// ---- kpu_memory.c ----

// Surroundings for models: memory of the C heap, taken after a garbage collection when there is too little. NULL: the
// KPU's clock does not start.
const kmodel_env_t *kpu_env(void);
// Forgets earlier failures: the next shortage collects again and is noted.
void kpu_shortage_clear(void);
// What the C heap had, in bytes, when the last request failed. False: none has since kpu_shortage_clear().
bool kpu_shortage(size_t *available, size_t *largest);
MP_DECLARE_CONST_FUN_OBJ_0(kpu_memtest_obj);

// ---- kpu_error.c ----

// ValueError("[MAIXPY]kpu: load error:CODE, TEXT: DETAIL"), KeyboardInterrupt for an interrupted load.
__attribute__((noreturn)) void kpu_raise_load(const kmodel_error_t *error);
// OSError("TEXT: DETAIL"), KeyboardInterrupt for an interrupted run.
__attribute__((noreturn)) void kpu_raise_run(const kmodel_error_t *error);

// ---- kpu_source.c ----

// Bytes of a model from the flash or from an open file. The object must stay on the stack: it holds references.
typedef struct {
    kmodel_source_t source;
    uint32_t address;
    mp_obj_t file;
    mp_obj_t raised; // by reading, other than OSError: to be raised again
} kpu_source_t;

void kpu_source_flash(kpu_source_t *self, uint32_t address);
// Opens the file; 0, or KMODEL_ERR_READ with the reason in error.
int kpu_source_open(kpu_source_t *self, mp_obj_t path, kmodel_error_t *error);
void kpu_source_close(kpu_source_t *self);

// ---- kpu_input.c ----

// An Image as input; raises what spec maixpy-kpu.md 4.2 says when it does not fit.
kmodel_input_t kpu_image_input(kpu_net_obj_t *net, mp_obj_t image);
// Runs the model; raises when that fails.
void kpu_run(kpu_net_obj_t *net, const kmodel_input_t *input);
// The same with an Image, a list of numbers, the bytes of the input in an object with the buffer protocol, or a tuple of
// such objects, one for each input.
void kpu_run_any(kpu_net_obj_t *net, mp_obj_t input);

// ---- the other files ----

typedef struct {
    mp_obj_base_t base;
    kpu_net_obj_t *net;
    uint32_t generation; // of the net, when `data` was right
    void *data;          // by typecode
    uint32_t count;      // elements
    uint32_t bytes;
    uint32_t index, w, h, ch;
    char typecode; // 'B' or 'f', of V5 also 'b', 'i', 'q' (kmodel_type_t)
} kpu_fmap_obj_t;
extern const mp_obj_type_t kpu_fmap_type;
extern const mp_obj_type_t kpu_classifier_type;
// OSError when the data are gone.
void kpu_fmap_check(const kpu_fmap_obj_t *fmap);
MP_DECLARE_CONST_FUN_OBJ_2(kpu_fmap_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(kpu_init_yolo2_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(kpu_run_yolo2_obj);
MP_DECLARE_CONST_FUN_OBJ_1(kpu_netinfo_obj);
MP_DECLARE_CONST_FUN_OBJ_1(kpu_face_encode_obj);
MP_DECLARE_CONST_FUN_OBJ_2(kpu_face_compare_obj);

#endif
