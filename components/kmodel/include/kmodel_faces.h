// Codes of face features and their comparison: spec maixpy-kpu.md 8.1, 8.2.

#ifndef KMODEL_FACES_H
#define KMODEL_FACES_H

#include <stddef.h>
#include <stdint.h>

// 512 times the feature, cut to -128..127 and towards zero; NaN gives 0.
int8_t kmodel_face_code(float feature);

// (cosine / 2 + 0.5) * 100 of two vectors of `count` elements. A vector of zeros is taken as at a right angle to every
// other one: 50.
double kmodel_face_compare(const int8_t *a, const int8_t *b, size_t count);

#endif
