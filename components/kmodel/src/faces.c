// Face codes (spec maixpy-kpu.md 8.1, 8.2).

#include "kmodel_faces.h"

#include <math.h>

// MaixPy v1 wraps +0.25 to -128; saturating keeps the sign.
int8_t kmodel_face_code(float feature)
{
    float scaled = feature * 512;
    return scaled >= 127 ? 127 : scaled <= -128 ? -128 : scaled == scaled ? (int8_t)scaled : 0;
}

double kmodel_face_compare(const int8_t *a, const int8_t *b, size_t count)
{
    int64_t ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < count; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    // One root of the product: equal vectors give exactly 100.
    double cosine = aa && bb ? (double)ab / sqrt((double)aa * (double)bb) : 0;
    return (0.5 * cosine + 0.5) * 100;
}
