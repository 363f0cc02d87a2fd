#include "kpu_stairs.h"

#define TOP ((1ll << 35) - 1)

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

/* Describes [first, last] as one step if it holds at most one change. */
static kpu_step_t describe(const kpu_stairs_t *stairs, const piece_t *pieces, int count, int64_t first, int64_t last)
{
    const kpu_step_t exact = {0, KPU_STAIRS_EXACT, KPU_STAIRS_EXACT};
    kpu_step_t step = {0};
    int changes = -1; /* the value at `first` is not a change */
    for (int i = 0; i < count; i++) {
        int64_t a = pieces[i].first > first ? pieces[i].first : first;
        int64_t b = pieces[i].last < last ? pieces[i].last : last;
        if (a > b) {
            continue;
        }
        if (pieces[i].segment->mul < 0 && a < b) {
            return exact; /* the roundings of a falling segment go up and down */
        }
        uint8_t value = evaluate(pieces[i].segment, stairs->profile, a);
        uint8_t end = evaluate(pieces[i].segment, stairs->profile, b);
        if (changes < 0 || value != step.after) {
            step = (kpu_step_t){(uint32_t)(a - first), changes < 0 ? value : step.after, value};
            changes++;
        }
        if (value != end) {
            int64_t at = find_change(stairs, pieces[i].segment, a, b);
            if (evaluate(pieces[i].segment, stairs->profile, at) != end) {
                return exact;
            }
            step = (kpu_step_t){(uint32_t)(at - first), value, end};
            changes++;
        }
        if (changes > 1) {
            return exact;
        }
    }
    return step;
}

static void tabulate(kpu_stairs_t *stairs)
{
    piece_t pieces[KPU_SEGMENTS];
    int count = find_pieces(stairs, pieces);
    if (count == 0) { /* every start is at the end of s36: no value reaches the steps */
        stairs->low = stairs->high = stairs->lowest;
        return;
    }
    find_range(stairs, pieces, count);
    uint64_t range = (uint64_t)(stairs->high - stairs->low);
    while (range >> stairs->shift >= KPU_STAIRS_STEPS) {
        stairs->shift++;
    }
    int64_t width = 1ll << stairs->shift;
    for (uint64_t i = 0; i <= range >> stairs->shift; i++) {
        int64_t first = stairs->low + (int64_t)i * width;
        int64_t last = first + width - 1 < stairs->high ? first + width - 1 : stairs->high;
        stairs->steps[i] = describe(stairs, pieces, count, first, last);
    }
}

void kpu_stairs_init(kpu_stairs_t *stairs, const uint8_t *table, kpu_profile_t profile, bool want_steps)
{
    kpu_segments(table, stairs->segments);
    stairs->profile = profile;
    stairs->lowest = begin_of(&stairs->segments[0], profile);
    for (int i = 1; i < KPU_SEGMENTS; i++) {
        int64_t begin = begin_of(&stairs->segments[i], profile);
        stairs->lowest = begin < stairs->lowest ? begin : stairs->lowest;
    }
    stairs->shift = 0;
    if (want_steps) {
        tabulate(stairs);
    }
}
