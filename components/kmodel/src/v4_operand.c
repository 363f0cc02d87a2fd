// Operands of V4: ranges and shapes are independent data, and must fit each other (spec kmodel.md 7.4).

#include "v4.h"

static const char *operand_name(const kmodel_prep_t *prep, const kmodel_tensor_t *t)
{
    return t == &prep->out ? "output" : t == &prep->in[1] ? "second input" : "input";
}

int kmodel_v4_check_range(kmodel_prep_t *prep, const char *what, const kmodel_v4_range_t *r)
{
    const uint32_t limit[] = {prep->model->constant_bytes, prep->model->main_bytes, 64 * KMODEL_KPU_ROWS};
    static const char *const name[] = {"the constants", "main memory", "AI RAM"};
    if (r->memory > KMODEL_V4_KPU || r->type > 1) {
        return kmodel_reject(prep, "%s has memory %u (must be 0 to 2) and datatype %u (must be 0 or 1)", what,
                             (unsigned)r->memory, (unsigned)r->type);
    }
    uint32_t align = r->memory == KMODEL_V4_KPU ? 64 : r->type == 0 ? 4 : 1;
    if (r->start % align) {
        return kmodel_reject(prep, "%s starts at %u, must be a multiple of %u", what, (unsigned)r->start,
                             (unsigned)align);
    }
    if ((uint64_t)r->start + r->size > limit[r->memory]) {
        return kmodel_reject(prep, "%s %u + %u bytes end outside %s (%u bytes)", what, (unsigned)r->start,
                             (unsigned)r->size, name[r->memory], (unsigned)limit[r->memory]);
    }
    return 0;
}

// In the file 0 is f32 and 1 is u8.
static kmodel_type_t type_of(const kmodel_v4_range_t *r)
{
    return r->type == 0 ? KMODEL_F32 : KMODEL_U8;
}

int kmodel_v4_sized(kmodel_prep_t *prep, kmodel_tensor_t *t, const uint32_t *range, int type, uint64_t bytes)
{
    const kmodel_v4_range_t *r = kmodel_v4_range(range);
    const char *what = operand_name(prep, t);
    int rc = kmodel_v4_check_range(prep, what, r);
    if (rc) {
        return rc;
    }
    if (r->memory == KMODEL_V4_KPU || (t == &prep->out && r->memory == KMODEL_V4_CONSTANT)) {
        return kmodel_reject(prep, "%s in memory %u, must be in main memory (1)", what, (unsigned)r->memory);
    }
    if (type != KMODEL_V4_ANY && (kmodel_type_t)type != type_of(r)) {
        return kmodel_reject(prep, "%s has datatype %u, must be %u", what, (unsigned)r->type, type == KMODEL_U8);
    }
    if (bytes == 0 || bytes > r->size) {
        return kmodel_reject(prep, "%s takes %llu bytes, its range has %u", what, (unsigned long long)bytes,
                             (unsigned)r->size);
    }
    t->type = type_of(r);
    t->space = r->memory == KMODEL_V4_MAIN ? KMODEL_MAIN : KMODEL_CONSTANT;
    t->address = r->start;
    t->bytes = (uint32_t)bytes;
    return 0;
}

int kmodel_v4_flat(kmodel_prep_t *prep, kmodel_tensor_t *t, const uint32_t *range, int type)
{
    const kmodel_v4_range_t *r = kmodel_v4_range(range);
    if (r->type == 0 && r->size % 4) {
        return kmodel_reject(prep, "%s: range of %u bytes, must be a multiple of 4", operand_name(prep, t),
                             (unsigned)r->size);
    }
    return kmodel_v4_sized(prep, t, range, type, r->size);
}

static int check_shape(kmodel_prep_t *prep, kmodel_tensor_t *t, const uint32_t *shape)
{
    uint64_t count = kmodel_volume(shape[3], shape[2], shape[1]);
    if (count == 0 || count > KMODEL_MAX_ELEMENTS || shape[0] == 0 || count * shape[0] > KMODEL_MAX_ELEMENTS) {
        return kmodel_reject(prep, "%s shape %ux%ux%ux%u, must have 1 to %u elements", operand_name(prep, t),
                             (unsigned)shape[0], (unsigned)shape[1], (unsigned)shape[2], (unsigned)shape[3],
                             KMODEL_MAX_ELEMENTS);
    }
    t->n = shape[0];
    t->c = shape[1];
    t->h = shape[2];
    t->w = shape[3];
    return 0;
}

int kmodel_v4_shaped(kmodel_prep_t *prep, kmodel_tensor_t *t, const uint32_t *range, int type, const uint32_t *shape)
{
    int rc = check_shape(prep, t, shape);
    uint64_t count = (uint64_t)t->n * t->c * t->h * t->w;
    return rc ? rc : kmodel_v4_sized(prep, t, range, type, count * kmodel_v4_size(range));
}

int kmodel_v4_in_kpu(kmodel_prep_t *prep, kmodel_tensor_t *t, const uint32_t *range, const uint32_t *shape)
{
    const kmodel_v4_range_t *r = kmodel_v4_range(range);
    int rc = kmodel_v4_check_range(prep, operand_name(prep, t), r);
    rc = rc ? rc : check_shape(prep, t, shape);
    if (rc) {
        return rc;
    }
    if (r->memory != KMODEL_V4_KPU || r->type != 1) {
        return kmodel_reject(prep, "%s in memory %u with datatype %u, must be u8 (1) in AI RAM (2)",
                             operand_name(prep, t), (unsigned)r->memory, (unsigned)r->type);
    }
    rc = kmodel_in_kpu(prep, t, r->start / 64, t->w, t->h, t->c);
    return rc ? rc : kmodel_v4_images(prep, t, shape[0], r->size);
}

int kmodel_v4_images(kmodel_prep_t *prep, kmodel_tensor_t *t, uint32_t images, uint32_t size)
{
    uint64_t rows = kmodel_kpu_rows(t->w, t->h, t->c) * images;
    if (images == 0 || t->address + rows > KMODEL_KPU_ROWS || rows * 64 > size) {
        return kmodel_reject(prep, "%s: %u images take %llu rows from row %u of AI RAM (%u rows; range of %u bytes)",
                             operand_name(prep, t), (unsigned)images, (unsigned long long)rows, (unsigned)t->address,
                             KMODEL_KPU_ROWS, (unsigned)size);
    }
    t->n = images;
    t->bytes = t->w * t->h * t->c * images;
    return 0;
}

int kmodel_v4_shift(kmodel_prep_t *prep, uint32_t shift)
{
    return shift > 63 ? kmodel_reject(prep, "shift %d, must be 0 to 63", (int)shift) : 0;
}

int kmodel_v4_op(kmodel_prep_t *prep, uint32_t op, uint32_t count)
{
    return op >= count ? kmodel_reject(prep, "operation %u, must be below %u", (unsigned)op, (unsigned)count) : 0;
}

// Element by element: binary, unary, quantized_binary, table_lookup1d, nnil_unary_method.
static bool in_place(const kmodel_prep_t *prep, const kmodel_tensor_t *in, const kmodel_tensor_t *out)
{
    uint32_t type = prep->node->op->type, ops = 1u << 0x00 | 1u << 0x0e | 1u << 0x11 | 1u << 0x12 | 1u << 0x14;
    return type < 32 && ops >> type & 1 && in->address == out->address && in->bytes == out->bytes;
}

int kmodel_v4_overlap_of(kmodel_prep_t *prep, const kmodel_tensor_t *in, const kmodel_tensor_t *out)
{
    if (in->bytes && out->bytes && in->space == KMODEL_MAIN && out->space == KMODEL_MAIN &&
        in->address < out->address + (uint64_t)out->bytes && out->address < in->address + (uint64_t)in->bytes &&
        !in_place(prep, in, out)) {
        return kmodel_reject(prep, "input (%u + %u bytes) and output (%u + %u) overlap in main memory",
                             (unsigned)in->address, (unsigned)in->bytes, (unsigned)out->address, (unsigned)out->bytes);
    }
    return 0;
}

int kmodel_v4_overlap(kmodel_prep_t *prep)
{
    int rc = kmodel_v4_overlap_of(prep, &prep->in[0], &prep->out);
    return rc ? rc : kmodel_v4_overlap_of(prep, &prep->in[1], &prep->out);
}
