// Classes from few samples, by k-means over feature vectors: spec maixpy-kpu.md 8.4.

#ifndef KMODEL_CLASSIFIER_H
#define KMODEL_CLASSIFIER_H

#include "kmodel.h"

typedef struct {
    uint32_t classes, samples, length; // length: of a vector
    const float *sample;               // samples * length
    float *centre;                     // classes * length: where to start, then the result
    uint32_t *member;                  // samples: the class of each
} kmodel_kmeans_t;

// The class whose centre is nearest to `feature`, the first one of equals, and the Euclidean distance.
uint32_t kmodel_nearest(const kmodel_kmeans_t *k, const float *feature, double *distance);

// Moves the centres until the sum of the samples' distances no longer changes. A class without samples keeps its
// centre. 0 or KMODEL_ERR_INTERRUPTED; the centres are then unfinished. Of env only poll is used.
int kmodel_kmeans(const kmodel_env_t *env, const kmodel_kmeans_t *k);

#endif
