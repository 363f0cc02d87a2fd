// What the first bytes say (spec kmodel.md 1.1), in the order of that table.

#include "internal.h"

#define LDMK 0x4b4d444cu           // bytes "LDMK"
#define LDMK_SWAPPED 0x4c444d4bu   // bytes "KMDL"
#define V3_SWAPPED 0x03000000u     // bytes 00 00 00 03
#define ENCRYPTED_V3 10003u        // .smodel
#define ENCRYPTED_V4 0x534d444cu   // bytes "LDMS" (spec maixpy-kpu.md 2)
#define EMODEL 0x454d444cu         // bytes "LDME"
#define COMPILER_CONFIG 0x12345678u
#define ZIP 0x04034b50u            // bytes "PK" 03 04

#define V5_HEADER_BYTES 32u        // before 1.0 it had 24

static uint32_t word(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t swapped(uint32_t w)
{
    return __builtin_bswap32(w);
}

static bool is_model(uint32_t w0, uint32_t w2)
{
    return (w0 == 3 && w2 == 0) || w0 == LDMK;
}

static int refuse_ldmk(uint32_t w1, kmodel_error_t *error)
{
    if (w1 == 5) {
        return kmodel_fail(error, KMODEL_ERR_VERSION, "kmodel V5 from a pre-release nncase; recompile with nncase 1.x");
    }
    if (w1 >= 6) {
        return kmodel_fail(error, KMODEL_ERR_VERSION, "kmodel version %u is not for the K210", (unsigned)w1);
    }
    return kmodel_fail(error, KMODEL_ERR_VERSION, "bad kmodel version %u", (unsigned)w1);
}

// Things that are no model but that people flash or copy in place of one.
static int refuse(const uint8_t *head, uint32_t w0, uint64_t size, kmodel_error_t *error)
{
    if (w0 == 1 || w0 == 2) {
        return kmodel_fail(error, KMODEL_ERR_VERSION, "kmodel V%u; recompile with a newer nncase", (unsigned)w0);
    }
    if (w0 == ENCRYPTED_V3 || w0 == ENCRYPTED_V4) {
        return kmodel_fail(error, KMODEL_ERR_DECRYPT, "encrypted model, bound to one chip");
    }
    if (w0 == EMODEL) {
        return kmodel_fail(error, KMODEL_ERR_VERSION, "wrapped model (.emodel)");
    }
    if (w0 == COMPILER_CONFIG) {
        return kmodel_fail(error, KMODEL_ERR_VERSION, "configuration of the vendor's first compiler, not a kmodel");
    }
    if (w0 == ZIP) {
        return kmodel_fail(error, KMODEL_ERR_VERSION, "a .kfpkg (zip); unpack it, or flash it with a flashing tool");
    }
    if (w0 == 3) {
        return kmodel_fail(error, KMODEL_ERR_VERSION, "kmodel V3 for architecture %u; only 0 (K210) can be run",
                           (unsigned)word(head + 8));
    }
    uint32_t payload = word(head + 1);
    if (head[0] <= 1 && payload >= KMODEL_HEAD_BYTES && (uint64_t)payload + 5 <= size &&
        is_model(word(head + 5), word(head + 13))) {
        return kmodel_fail(error, KMODEL_ERR_VERSION,
                           "a model behind a firmware header; load it 5 bytes further, or flash it without the header");
    }
    if (w0 == 0xffffffffu) {
        return kmodel_fail(error, KMODEL_ERR_VERSION, "erased flash at this address (first bytes ff ff ff ff)");
    }
    return kmodel_fail(error, KMODEL_ERR_VERSION, "not a kmodel (first bytes %02x %02x %02x %02x)", head[0], head[1],
                       head[2], head[3]);
}

int kmodel_identify(const uint8_t *head, uint64_t size, uint32_t *version, bool *word_swapped, kmodel_error_t *error)
{
    uint32_t w0 = word(head), w1 = word(head + 4), w2 = word(head + 8);
    *word_swapped = (w0 == V3_SWAPPED && w2 == 0) || w0 == LDMK_SWAPPED;
    if (*word_swapped) {
        w0 = swapped(w0);
        w1 = swapped(w1);
        w2 = swapped(w2);
    }
    if (w0 == 3 && w2 == 0) {
        *version = 3;
        return 0;
    }
    if (w0 == LDMK && (w1 == 4 || (w1 == 5 && w2 == V5_HEADER_BYTES))) {
        *version = w1;
        return 0;
    }
    if (w0 == LDMK) {
        return refuse_ldmk(w1, error);
    }
    return refuse(head, w0, size, error);
}
