// Conversions between the datatypes of V5.

#include "../v5.h"
#include "more.h"

typedef struct {
    uint32_t from, to;
} convert_t;

typedef struct {
    bool is_float;
    double f;
    int64_t i; // u64 as its bits
} number_t;

static number_t load(const uint8_t *p, uint32_t type)
{
    union {
        int8_t i8;
        int16_t i16;
        int32_t i32;
        int64_t i64;
        uint16_t u16;
        uint32_t u32;
        float f32;
        double f64;
    } v = {.i64 = 0};
    memcpy(&v, p, kmodel_v5_type_bytes(type));
    switch (type) {
    case V5_I8: return (number_t){.i = v.i8};
    case V5_I16: return (number_t){.i = v.i16};
    case V5_I32: return (number_t){.i = v.i32};
    case V5_F32: return (number_t){.is_float = true, .f = (double)v.f32};
    case V5_F64: return (number_t){.is_float = true, .f = v.f64};
    case V5_BF16: return (number_t){.is_float = true, .f = (double)kmodel_f32((uint32_t)v.u16 << 16)};
    default: return (number_t){.i = v.i64};
    }
}

// Integers keep their low bits, floats saturate.
static int64_t to_integer(number_t n, uint32_t type)
{
    if (!n.is_float) {
        return n.i;
    }
    unsigned bits = 8 * kmodel_v5_type_bytes(type);
    if (type <= V5_I64) {
        int64_t v = kmodel_to_int(n.f), top = (int64_t)(UINT64_MAX >> (65 - bits));
        return v > top ? top : v < -top - 1 ? -top - 1 : v;
    }
    double limit = ldexp(1, (int)bits);
    uint64_t top = UINT64_MAX >> (64 - bits);
    return !(n.f > 0) ? 0 : n.f >= limit ? (int64_t)top : (int64_t)(uint64_t)n.f;
}

static void store(uint8_t *p, uint32_t type, number_t n, bool from_u64)
{
    if (type < V5_F16) {
        int64_t v = to_integer(n, type);
        memcpy(p, &v, kmodel_v5_type_bytes(type));
        return;
    }
    double wide = n.is_float ? n.f : from_u64 ? (double)(uint64_t)n.i : (double)n.i;
    float narrow = (float)wide;
    uint32_t bits;
    memcpy(&bits, &narrow, 4);
    // Nearest, halves to even; a NaN keeps being one.
    uint16_t half = (uint16_t)(narrow == narrow ? (bits + 0x7fff + (bits >> 16 & 1)) >> 16 : 0x7fc0);
    memcpy(p, type == V5_F64 ? (void *)&wide : type == V5_F32 ? (void *)&narrow : (void *)&half,
           kmodel_v5_type_bytes(type));
}

static void convert_row(const void *ctx, uint8_t *const data[], const int32_t step[], uint32_t n)
{
    const convert_t *c = ctx;
    const uint8_t *in = data[0];
    uint8_t *out = data[1];
    for (uint32_t i = 0; i < n; i++, in += step[0], out += step[1]) {
        store(out, c->to, load(in, c->from), c->from == V5_U64);
    }
}

int kmodel_v5_convert(const kmodel_env_t *env, const kmodel_shape_t *shape, kmodel_view_t out, kmodel_view_t in,
                      uint32_t from, uint32_t to)
{
    convert_t c = {from, to};
    kmodel_view_t views[2] = {in, out};
    return kmodel_walk(env, shape, views, 2, convert_row, &c);
}
