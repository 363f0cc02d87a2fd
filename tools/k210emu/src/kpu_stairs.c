#include "kpu_stairs.h"

#include "kpu_simd.h"

#pragma GCC optimize("O3")

#define TOP ((1ll << 35) - 1)
/* In place of a value, with the number of a segment: more than one change in the step, compute. NO_SEGMENT: find it. */
#define EXACT 256
#define NO_SEGMENT KPU_SEGMENTS
#define FAR_BELOW (-(1ll << 34))
#define CHUNK 1024

/* Both vendor roundings as floor plus a carry; the carry counts downwards for t < 0 (spec kpu.md 5.4). `s` is 1..63. */
static int64_t round_b(int64_t t, unsigned s)
{
    int64_t q = t >> s, sign = t >> 63;
    uint64_t f = (uint64_t)t & ((1ull << s) - 1);
    int64_t carry = f + ((uint64_t)q & 1) > 1ull << (s - 1);
    return q + ((carry ^ sign) - sign);
}

static int64_t round_a(int64_t t, unsigned s)
{
    int64_t p = t >> (s - 1), sign = t >> 63, carry = p & 1;
    return (p >> 1) + ((carry ^ sign) - sign);
}

static uint8_t evaluate(const kpu_segment_t *segment, kpu_profile_t profile, int64_t v)
{
    int64_t t = (int64_t)(((uint64_t)v - (uint64_t)segment->start) * (uint64_t)(int64_t)segment->mul);
    unsigned s = segment->shift;
    int64_t out = t;
    if (s > 63) { /* |t| <= 2^63: nothing is left but the sign */
        out = t >= 0 ? 0 : profile == KPU_PROFILE_TRUNCATE ? -1 : -2;
    } else if (s > 0) {
        out = profile == KPU_PROFILE_B ? round_b(t, s) : profile == KPU_PROFILE_A ? round_a(t, s) : t >> s;
    }
    out = (int64_t)((uint64_t)out + (uint64_t)segment->bias);
    return out < 0 ? 0 : out > 255 ? 255 : (uint8_t)out;
}

/* The smallest v of a segment. */
static int64_t begin_of(const kpu_segment_t *segment, kpu_profile_t profile)
{
    return segment->start + (profile != KPU_PROFILE_A);
}

uint8_t kpu_stairs_exact(const kpu_stairs_t *stairs, int64_t v)
{
    int i = KPU_SEGMENTS - 1;
    while (i > 0 && v < begin_of(&stairs->segments[i], stairs->profile)) {
        i--;
    }
    return evaluate(&stairs->segments[i], stairs->profile, v);
}

/* A stretch [first, last] of values that one segment serves. */
typedef struct {
    const kpu_segment_t *segment;
    int64_t first, last;
} piece_t;

/* The pieces in ascending order. The largest matching index wins, so a start hides all later ones of lower index. */
static int find_pieces(const kpu_stairs_t *stairs, piece_t pieces[KPU_SEGMENTS])
{
    piece_t found[KPU_SEGMENTS];
    int count = 0;
    int64_t end = TOP;
    for (int i = KPU_SEGMENTS - 1; i >= 0; i--) {
        int64_t first = begin_of(&stairs->segments[i], stairs->profile);
        if (first <= end) {
            found[count++] = (piece_t){&stairs->segments[i], first, end};
            end = first - 1;
        }
    }
    for (int i = 0; i < count; i++) {
        pieces[i] = found[count - 1 - i];
    }
    return count;
}

/* The first v in (first, last] whose value is not that of `first`, in a rising segment whose ends differ. */
static int64_t find_change(const kpu_stairs_t *stairs, const kpu_segment_t *segment, int64_t first, int64_t last)
{
    uint8_t value = evaluate(segment, stairs->profile, first);
    while (last - first > 1) {
        int64_t middle = first + (last - first) / 2;
        if (evaluate(segment, stairs->profile, middle) == value) {
            first = middle;
        } else {
            last = middle;
        }
    }
    return last;
}

/* The first v in [first, last] that has the value of `last`, in a rising segment. */
static int64_t find_end(const kpu_stairs_t *stairs, const kpu_segment_t *segment, int64_t first, int64_t last)
{
    uint8_t value = evaluate(segment, stairs->profile, last);
    while (first < last) {
        int64_t middle = first + (last - first) / 2;
        if (evaluate(segment, stairs->profile, middle) == value) {
            last = middle;
        } else {
            first = middle + 1;
        }
    }
    return first;
}

static bool is_flat(const kpu_stairs_t *stairs, const piece_t *piece, uint8_t value)
{
    return piece->segment->mul >= 0 && evaluate(piece->segment, stairs->profile, piece->first) == value
           && evaluate(piece->segment, stairs->profile, piece->last) == value;
}

/* Narrows [low, high] to where the function changes, with one value of the flat stretch on each side. */
static void find_range(kpu_stairs_t *stairs, const piece_t *pieces, int count)
{
    const piece_t *first = pieces, *last = pieces + count - 1;
    uint8_t bottom = evaluate(first->segment, stairs->profile, first->first);
    uint8_t top = evaluate(last->segment, stairs->profile, last->last);
    while (first < last && is_flat(stairs, first, bottom)) {
        first++;
    }
    while (last > first && is_flat(stairs, last, top)) {
        last--;
    }
    if (is_flat(stairs, first, bottom)) { /* the whole function */
        stairs->low = stairs->high = first->first;
        return;
    }
    stairs->low = first->first - (first > pieces);
    if (first->segment->mul >= 0 && evaluate(first->segment, stairs->profile, first->first) == bottom) {
        stairs->low = find_change(stairs, first->segment, first->first, first->last) - 1;
    }
    stairs->high = last->last + (last < pieces + count - 1);
    if (last->segment->mul >= 0 && evaluate(last->segment, stairs->profile, last->last) == top) {
        stairs->high = find_end(stairs, last->segment, last->first, last->last);
    }
}

static uint64_t make_step(int64_t change, unsigned before, unsigned after)
{
    return (uint64_t)change | (uint64_t)before << 32 | (uint64_t)after << 48;
}

static uint64_t make_exact(const kpu_stairs_t *stairs, const piece_t *piece, int64_t first, int64_t last)
{
    bool one = piece->first <= first && piece->last >= last;
    unsigned value = EXACT + (one ? (unsigned)(piece->segment - stairs->segments) : NO_SEGMENT);
    return make_step(0, value, value);
}

/* Describes [first, last] as one step if it holds at most one change. `piece` is the one at `first`; those after it
 * follow in memory up to `last`. */
static uint64_t describe(const kpu_stairs_t *stairs, const piece_t *piece, int64_t first, int64_t last)
{
    int changes = -1; /* the value at `first` is not a change */
    int64_t change = 0;
    unsigned before = 0, after = 0;
    for (int64_t a = first, b; a <= last; a = b + 1, piece++) {
        const kpu_segment_t *segment = piece->segment;
        b = piece->last < last ? piece->last : last;
        if (segment->mul < 0 && a < b) { /* the roundings of a falling segment go up and down */
            return make_exact(stairs, piece, first, last);
        }
        unsigned value = evaluate(segment, stairs->profile, a), end = evaluate(segment, stairs->profile, b);
        if (changes < 0 || value != after) {
            before = changes < 0 ? value : after;
            after = value;
            change = a - first;
            changes++;
        }
        if (value != end && !stairs->fine) {
            return make_exact(stairs, piece, first, last);
        }
        if (value != end) {
            int64_t at = find_change(stairs, segment, a, b);
            changes += evaluate(segment, stairs->profile, at) == end ? 1 : 2;
            before = value;
            after = end;
            change = at - first;
        }
        if (changes > 1) {
            return make_exact(stairs, piece, first, last);
        }
    }
    return make_step(change, before, after);
}

static void tabulate(kpu_stairs_t *stairs)
{
    piece_t pieces[KPU_SEGMENTS];
    int count = find_pieces(stairs, pieces);
    if (count == 0) { /* every start is at the end of s36: no value reaches the steps */
        stairs->low = stairs->high = stairs->walk_from = stairs->lowest;
        return;
    }
    /* Unused segments are often stacked at the bottom: steps wide enough to reach there would be too coarse. */
    const piece_t *piece = pieces;
    while (piece->last < FAR_BELOW) {
        piece++;
    }
    stairs->walk_from = piece->first;
    find_range(stairs, piece, count - (int)(piece - pieces));
    uint64_t range = (uint64_t)(stairs->high - stairs->low);
    while (range >> stairs->shift >= (stairs->fine ? KPU_STAIRS_STEPS : KPU_STAIRS_COARSE_STEPS)) {
        stairs->shift++;
    }
    int64_t width = 1ll << stairs->shift;
    for (uint64_t i = 0; i <= range >> stairs->shift; i++) {
        int64_t first = stairs->low + (int64_t)i * width;
        while (piece->last < first) {
            piece++;
        }
        int64_t last = first + width - 1 < stairs->high ? first + width - 1 : stairs->high;
        stairs->steps[i] = describe(stairs, piece, first, last);
    }
}

void kpu_stairs_init(kpu_stairs_t *stairs, const uint8_t *table, kpu_profile_t profile, size_t values)
{
    kpu_segments(table, stairs->segments);
    stairs->profile = profile;
    stairs->lowest = begin_of(&stairs->segments[0], profile);
    for (int i = 1; i < KPU_SEGMENTS; i++) {
        int64_t begin = begin_of(&stairs->segments[i], profile);
        stairs->lowest = begin < stairs->lowest ? begin : stairs->lowest;
    }
    stairs->fine = values >= KPU_STAIRS_FINE_FROM;
    stairs->shift = 0;
    tabulate(stairs);
}

/* Looks up to CHUNK values up; returns the bits of all of them. */
KPU_CLONES static unsigned look_up(const kpu_stairs_t *stairs, kpu_norm_t norm, const int32_t *u, size_t count,
                                   uint16_t *values)
{
    const uint64_t *steps = stairs->steps;
    int64_t low = stairs->low, high = stairs->high;
    unsigned shift = stairs->shift, all = 0;
    uint64_t mask = (1ull << shift) - 1;
    for (size_t i = 0; i < count; i++) {
        int64_t v = ((int64_t)u[i] * norm.mul >> norm.shift) + norm.add;
        v = v < low ? low : v;
        v = v > high ? high : v;
        uint64_t offset = (uint64_t)(v - low);
        uint64_t step = steps[offset >> shift];
        uint64_t value = (offset & mask) < (step & 0xFFFFFFFF) ? step >> 32 : step >> 48;
        values[i] = (uint16_t)value;
        all |= (unsigned)value;
    }
    return all;
}

KPU_CLONES static void narrow(const uint16_t *values, size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (uint8_t)values[i];
    }
}

/* A value whose step names a segment, or none; both hold for the v inside the range only. */
static uint8_t compute(const kpu_stairs_t *stairs, unsigned named, int64_t v)
{
    int64_t inside = v < stairs->low ? stairs->low : v > stairs->high ? stairs->high : v;
    if (named == NO_SEGMENT) {
        return kpu_stairs_exact(stairs, inside);
    }
    return evaluate(&stairs->segments[named], stairs->profile, inside);
}

void kpu_stairs_walk(const kpu_stairs_t *stairs, kpu_norm_t norm, const int32_t *u, size_t count, uint8_t *out)
{
    uint16_t values[CHUNK];
    for (; count > 0; u += CHUNK, out += CHUNK) {
        size_t some = count < CHUNK ? count : CHUNK;
        unsigned all = look_up(stairs, norm, u, some, values);
        narrow(values, some, out);
        for (size_t i = 0; all & EXACT && i < some; i++) {
            if (values[i] & EXACT) {
                out[i] = compute(stairs, values[i] - EXACT, ((int64_t)u[i] * norm.mul >> norm.shift) + norm.add);
            }
        }
        count -= some;
    }
}
