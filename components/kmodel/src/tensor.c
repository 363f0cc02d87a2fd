// Operands of a layer: where they lie and whether they fit there. Sums and products are 64 bits wide.

#include "kpu_layer.h"

static const uint32_t element_bytes[] = {[KMODEL_U8] = 1, [KMODEL_F32] = 4};

int kmodel_range(kmodel_prep_t *prep, const char *what, uint32_t address, uint64_t bytes, uint32_t align)
{
    if (address % align) {
        return kmodel_reject(prep, "%s address %u is not a multiple of %u", what, (unsigned)address, (unsigned)align);
    }
    if (address + bytes > prep->model->main_bytes) {
        return kmodel_reject(prep, "%s %u + %llu bytes end outside main memory (%u bytes)", what, (unsigned)address,
                             (unsigned long long)bytes, (unsigned)prep->model->main_bytes);
    }
    return 0;
}

static int declare(kmodel_prep_t *prep, kmodel_tensor_t *t, kmodel_type_t type, uint32_t address, uint64_t count)
{
    t->type = type;
    t->space = KMODEL_MAIN;
    t->address = address;
    if (count == 0 || count > KMODEL_MAX_ELEMENTS) {
        return kmodel_reject(prep, "%llu elements, must be 1 to %u", (unsigned long long)count, KMODEL_MAX_ELEMENTS);
    }
    t->bytes = (uint32_t)count * element_bytes[type];
    return kmodel_range(prep, t == &prep->out ? "output" : "input", address, t->bytes, element_bytes[type]);
}

int kmodel_flat(kmodel_prep_t *prep, kmodel_tensor_t *t, kmodel_type_t type, uint32_t address, uint32_t count)
{
    return declare(prep, t, type, address, count);
}

int kmodel_prepare_f32_vector(kmodel_prep_t *prep)
{
    enum { IN = 1, OUT, COUNT };
    const uint32_t *f = prep->field;
    int rc = kmodel_flat(prep, &prep->in[0], KMODEL_F32, f[IN], f[COUNT]);
    return rc ? rc : kmodel_flat(prep, &prep->out, KMODEL_F32, f[OUT], f[COUNT]);
}

uint64_t kmodel_volume(uint32_t w, uint32_t h, uint32_t c)
{
    uint64_t area = (uint64_t)w * h;
    return area > KMODEL_MAX_ELEMENTS || area * c > KMODEL_MAX_ELEMENTS ? UINT64_MAX : area * c;
}

static int shape(kmodel_prep_t *prep, kmodel_tensor_t *t, uint32_t w, uint32_t h, uint32_t c)
{
    t->w = w;
    t->h = h;
    t->c = c;
    t->n = 1;
    uint64_t count = kmodel_volume(w, h, c);
    if (count == 0 || count == UINT64_MAX) {
        return kmodel_reject(prep, "shape %ux%ux%u (w, h, c), must have 1 to %u elements", (unsigned)w, (unsigned)h,
                             (unsigned)c, KMODEL_MAX_ELEMENTS);
    }
    return 0;
}

int kmodel_shaped(kmodel_prep_t *prep, kmodel_tensor_t *t, kmodel_type_t type, uint32_t address, uint32_t w, uint32_t h,
                  uint32_t c)
{
    int rc = shape(prep, t, w, h, c);
    return rc ? rc : declare(prep, t, type, address, kmodel_volume(w, h, c));
}

int kmodel_in_kpu(kmodel_prep_t *prep, kmodel_tensor_t *t, uint32_t row, uint32_t w, uint32_t h, uint32_t c)
{
    int rc = shape(prep, t, w, h, c);
    if (rc) {
        return rc;
    }
    t->type = KMODEL_U8;
    t->space = KMODEL_KPU;
    t->address = row;
    t->bytes = w * h * c;
    uint64_t rows = kmodel_kpu_rows(w, h, c);
    if (row + rows > KMODEL_KPU_ROWS) {
        return kmodel_reject(prep, "row %u + %llu rows for %ux%ux%u end outside AI RAM (%u rows)", (unsigned)row,
                             (unsigned long long)rows, (unsigned)w, (unsigned)h, (unsigned)c, KMODEL_KPU_ROWS);
    }
    return 0;
}

int kmodel_body(kmodel_prep_t *prep, uint64_t bytes)
{
    if (bytes > prep->node->body_size || bytes > prep->present) {
        return kmodel_reject(prep, "body needs %llu bytes, has %u", (unsigned long long)bytes,
                             (unsigned)(prep->present < prep->node->body_size ? prep->present : prep->node->body_size));
    }
    return 0;
}

int kmodel_scale(kmodel_prep_t *prep, float scale)
{
    // A difference with itself is 0 exactly for finite numbers.
    if (scale == 0 || !(scale - scale == 0)) {
        return kmodel_reject(prep, "scale must be finite and not 0");
    }
    return 0;
}
