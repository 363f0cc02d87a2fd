// K-means (spec maixpy-kpu.md 8.4).

#include "kmodel_classifier.h"

#include <math.h>

#define MAX_PASSES 1000 // rounding could let the total alternate for ever

static double square_distance(const float *a, const float *b, uint32_t length)
{
    double sum = 0;
    for (uint32_t i = 0; i < length; i++) {
        double d = (double)a[i] - (double)b[i];
        sum += d * d;
    }
    return sum;
}

uint32_t kmodel_nearest(const kmodel_kmeans_t *k, const float *feature, double *distance)
{
    uint32_t best = 0;
    double least = square_distance(k->centre, feature, k->length);
    for (uint32_t i = 1; i < k->classes; i++) {
        double d = square_distance(k->centre + (size_t)i * k->length, feature, k->length);
        if (d < least) {
            least = d;
            best = i;
        }
    }
    *distance = sqrt(least);
    return best;
}

static bool stopped(const kmodel_env_t *env)
{
    return env->poll && env->poll(env->ctx);
}

static int assign(const kmodel_env_t *env, const kmodel_kmeans_t *k, double *total)
{
    *total = 0;
    for (uint32_t i = 0; i < k->samples; i++) {
        if (stopped(env)) {
            return KMODEL_ERR_INTERRUPTED;
        }
        double distance;
        k->member[i] = kmodel_nearest(k, k->sample + (size_t)i * k->length, &distance);
        *total += distance;
    }
    return 0;
}

// The centre of a class becomes the mean of its samples.
static void move(const kmodel_kmeans_t *k, uint32_t class_id)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < k->samples; i++) {
        count += k->member[i] == class_id;
    }
    for (uint32_t j = 0; count && j < k->length; j++) {
        double sum = 0;
        for (uint32_t i = 0; i < k->samples; i++) {
            if (k->member[i] == class_id) {
                sum += (double)k->sample[(size_t)i * k->length + j];
            }
        }
        k->centre[(size_t)class_id * k->length + j] = (float)(sum / count);
    }
}

int kmodel_kmeans(const kmodel_env_t *env, const kmodel_kmeans_t *k)
{
    double previous = -1;
    for (int pass = 0; pass < MAX_PASSES; pass++) {
        double total;
        int rc = assign(env, k, &total);
        if (rc || total == previous || isnan(total)) {
            return rc;
        }
        previous = total;
        for (uint32_t i = 0; i < k->classes; i++) {
            if (stopped(env)) {
                return KMODEL_ERR_INTERRUPTED;
            }
            move(k, i);
        }
    }
    return 0;
}
