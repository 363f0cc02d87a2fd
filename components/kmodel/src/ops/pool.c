// MAX_POOL2D, AVERAGE_POOL2D (f32) and QUANTIZED_MAX_POOL2D (u8). Padding is before the image only; pixels outside it
// do not take part.

#include "../ops.h"

enum { IN = 1, OUT, IN_W, IN_H, IN_C, OUT_W, OUT_H, OUT_C, KERNEL_W, KERNEL_H, STRIDE_W, STRIDE_H, PAD_W, PAD_H, ACT };

// Every window holds at least one pixel (spec kmodel.md 7.3, 3.4).
static int check_axis(kmodel_prep_t *prep, const char *axis, uint32_t in, uint32_t out, uint32_t kernel,
                      uint32_t stride, uint32_t pad)
{
    if (kernel == 0 || stride == 0) {
        return kmodel_reject(prep, "%s: kernel %u and stride %u must be at least 1", axis, (unsigned)kernel,
                             (unsigned)stride);
    }
    if (pad >= kernel) {
        return kmodel_reject(prep, "%s: padding %u, must be below the kernel's %u", axis, (unsigned)pad,
                             (unsigned)kernel);
    }
    if ((out - 1ull) * stride >= (uint64_t)in + pad) {
        return kmodel_reject(prep, "%s: %u outputs at stride %u leave an input of %u", axis, (unsigned)out,
                             (unsigned)stride, (unsigned)in);
    }
    return 0;
}

static int prepare_typed(kmodel_prep_t *prep, kmodel_type_t type)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_shaped(prep, &prep->in[0], type, f[IN], f[IN_W], f[IN_H], f[IN_C]);
    rc = rc ? rc : kmodel_shaped(prep, &prep->out, type, f[OUT], f[OUT_W], f[OUT_H], f[OUT_C]);
    if (!rc && f[IN_C] != f[OUT_C]) {
        return kmodel_reject(prep, "%u input and %u output channels", (unsigned)f[IN_C], (unsigned)f[OUT_C]);
    }
    rc = rc ? rc : check_axis(prep, "width", f[IN_W], f[OUT_W], f[KERNEL_W], f[STRIDE_W], f[PAD_W]);
    return rc ? rc : check_axis(prep, "height", f[IN_H], f[OUT_H], f[KERNEL_H], f[STRIDE_H], f[PAD_H]);
}

static int prepare_u8(kmodel_prep_t *prep)
{
    return prepare_typed(prep, KMODEL_U8);
}

static int prepare_f32(kmodel_prep_t *prep)
{
    if (prep->field[ACT] > KMODEL_ACT_MAX) {
        return kmodel_reject(prep, "activation %u, must be 0 to %u", (unsigned)prep->field[ACT], KMODEL_ACT_MAX);
    }
    return prepare_typed(prep, KMODEL_F32);
}

typedef struct {
    uint32_t begin, end;
} span_t;

// The part of a window that lies inside the image.
static span_t window(uint32_t out, uint32_t stride, uint32_t pad, uint32_t kernel, uint32_t in)
{
    int64_t begin = (int64_t)out * stride - pad, end = begin + kernel;
    return (span_t){begin < 0 ? 0 : (uint32_t)begin, end > in ? in : (uint32_t)end};
}

typedef void (*pixel_t)(void *out, const void *plane, uint32_t pitch, span_t rows, span_t columns, uint32_t act);

#define PIXELS_PER_POLL 65536u

// Windows may be as large as the image, so a layer can take minutes: the user can stop it.
static int pool(kmodel_t *m, const uint32_t *f, uint32_t element, uint32_t act, pixel_t pixel)
{
    const uint8_t *plane = kmodel_u8_at(m, f[IN]);
    uint8_t *out = kmodel_u8_at(m, f[OUT]);
    uint32_t work = 0;
    for (uint32_t c = 0; c < f[OUT_C]; c++, plane += (size_t)f[IN_W] * f[IN_H] * element) {
        for (uint32_t y = 0; y < f[OUT_H]; y++) {
            span_t rows = window(y, f[STRIDE_H], f[PAD_H], f[KERNEL_H], f[IN_H]);
            for (uint32_t x = 0; x < f[OUT_W]; x++, out += element) {
                span_t columns = window(x, f[STRIDE_W], f[PAD_W], f[KERNEL_W], f[IN_W]);
                pixel(out, plane, f[IN_W], rows, columns, act);
                work += (rows.end - rows.begin) * (columns.end - columns.begin);
                if (work >= PIXELS_PER_POLL) {
                    work = 0;
                    if (kmodel_poll(m)) {
                        return KMODEL_HOOK_INTERRUPTED;
                    }
                }
            }
        }
    }
    return 0;
}

static void max_u8(void *out, const void *plane, uint32_t pitch, span_t rows, span_t columns, uint32_t act)
{
    (void)act;
    const uint8_t *in = plane;
    uint8_t best = 0;
    for (uint32_t y = rows.begin; y < rows.end; y++) {
        for (uint32_t x = columns.begin; x < columns.end; x++) {
            uint8_t v = in[(size_t)y * pitch + x];
            best = v > best ? v : best;
        }
    }
    *(uint8_t *)out = best;
}

static void max_f32(void *out, const void *plane, uint32_t pitch, span_t rows, span_t columns, uint32_t act)
{
    const float *in = plane;
    float best = -__builtin_inff();
    for (uint32_t y = rows.begin; y < rows.end; y++) {
        for (uint32_t x = columns.begin; x < columns.end; x++) {
            float v = in[(size_t)y * pitch + x];
            best = v > best ? v : best;
        }
    }
    *(float *)out = kmodel_act(act, best);
}

static void average_f32(void *out, const void *plane, uint32_t pitch, span_t rows, span_t columns, uint32_t act)
{
    const float *in = plane;
    float sum = 0;
    for (uint32_t y = rows.begin; y < rows.end; y++) {
        for (uint32_t x = columns.begin; x < columns.end; x++) {
            sum += in[(size_t)y * pitch + x];
        }
    }
    uint32_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
    *(float *)out = kmodel_act(act, sum / (float)count);
}

static int eval_max_u8(kmodel_t *m, const uint32_t *f)
{
    return pool(m, f, 1, 0, max_u8);
}

static int eval_max_f32(kmodel_t *m, const uint32_t *f)
{
    return pool(m, f, 4, f[ACT], max_f32);
}

static int eval_average_f32(kmodel_t *m, const uint32_t *f)
{
    return pool(m, f, 4, f[ACT], average_f32);
}

const kmodel_op_t kmodel_v3_max_pool2d = {7, 64, "MAX_POOL2D", prepare_f32, eval_max_f32};
const kmodel_op_t kmodel_v3_quantized_max_pool2d = {8, 60, "QUANTIZED_MAX_POOL2D", prepare_u8, eval_max_u8};
const kmodel_op_t kmodel_v3_average_pool2d = {9, 64, "AVERAGE_POOL2D", prepare_f32, eval_average_f32};
