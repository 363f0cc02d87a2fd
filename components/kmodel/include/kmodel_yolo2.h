// Boxes from the output of a YOLO v2 network: the region layer of spec maixpy-kpu.md 4.4.

#ifndef KMODEL_YOLO2_H
#define KMODEL_YOLO2_H

#include "kmodel.h"

typedef struct {
    uint32_t w, h;               // of the network's input, in pixels
    uint32_t lw, lh, channels;   // of its output map
    uint32_t anchors;
    const float *anchor;  // width and height of each, in cells of the map
    float threshold, nms; // boxes below and overlaps above are dropped
} kmodel_yolo2_t;

typedef struct {
    uint16_t x, y, w, h; // pixels; a box may reach beyond the right and lower edge, not beyond the others
    uint32_t class_id;
    float value; // objectness * class probability
} kmodel_yolo2_box_t;

// Classes of the network; 0 when the number of channels is too small for these anchors.
uint32_t kmodel_yolo2_classes(const kmodel_yolo2_t *net);

// Finds the boxes in `map` (channels * lh * lw values, order C,H,W), in the order of anchors, rows and columns. *boxes
// is NULL when there are none, else a block of env.alloc that the caller frees.
// 0, KMODEL_ERR_SIZE (no classes), KMODEL_ERR_MEMORY or KMODEL_ERR_INTERRUPTED.
int kmodel_yolo2_find(const kmodel_env_t *env, const kmodel_yolo2_t *net, const float *map, kmodel_yolo2_box_t **boxes,
                      uint32_t *count);

#endif
