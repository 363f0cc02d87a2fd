// The `classifier` object, for the two files that make it.
#ifndef KPU_CLASSIFIER_H
#define KPU_CLASSIFIER_H

#include "kmodel_classifier.h"
#include "kpu_objects.h"

#define KPU_CLASSIFIER_MAX (1 << 20) // classes, samples, elements: their products stay within 64 bits

typedef struct {
    mp_obj_base_t base;
    kpu_net_obj_t *net;
    kmodel_kmeans_t k; // k.samples: those that have been added
    uint32_t room;     // for samples
    float *class_feature, *sample;
    uint8_t *present; // of each class, whether it has an image
    bool trained;
} classifier_obj_t;

// An untrained classifier without images. OSError(12) when there is no memory.
classifier_obj_t *kpu_classifier_new(mp_obj_t net, uint32_t classes, uint32_t room, uint32_t length);
// OSError after __del__.
classifier_obj_t *kpu_classifier_get(mp_obj_t object);
// One of the sizes, 1 or more. ValueError, or OSError(12) for what no memory holds.
uint32_t kpu_classifier_number(mp_int_t value, const char *name);
// OSError(1): a table is full, or images or training are missing.
__attribute__((noreturn)) void kpu_classifier_refuse(void);

// ---- kpu_classifier_file.c ----

extern const mp_obj_fun_builtin_fixed_t kpu_classifier_save_obj;
extern const mp_rom_obj_static_class_method_t kpu_classifier_load_obj;

#endif
