/* Audio lines of the board: what the host feeds and records, and jumpers between I2S pads. */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

#define UNITS 3u
#define LINES 4u
#define MOST_WAITING 65536u /* frames from a jumper that nobody takes */

static unsigned in_function(unsigned unit, unsigned line) {
    return 90 + 11 * unit + line;
}

static unsigned out_function(unsigned unit, unsigned line) {
    return 94 + 11 * unit + line;
}

static void append(frames_t *f, const int32_t *frames, size_t count) {
    if (f->start != 0 && f->start + f->count + count > f->capacity) {
        memmove(f->frames, f->frames + 2 * f->start, 2 * f->count * sizeof *f->frames);
        f->start = 0;
    }
    if (f->count + count > f->capacity) {
        f->capacity = 2 * (f->count + count);
        f->frames = realloc(f->frames, 2 * f->capacity * sizeof *f->frames);
        if (!f->frames)
            abort();
    }
    memcpy(f->frames + 2 * (f->start + f->count), frames, 2 * count * sizeof *frames);
    f->count += count;
}

/* The pad at the other end of the wire at a function's pad, -1: none. */
static int far_end(emu_t *emu, unsigned function) {
    int pad = emu_pad_of_function(emu, function);
    return pad < 0 ? -1 : emu_jumper_of(emu, (unsigned)pad);
}

void emu_audio_in(emu_t *emu, unsigned unit, unsigned line, int32_t frame[2]) {
    frames_t *in = &emu->audio[unit][line].in;
    if (in->count == 0 && far_end(emu, in_function(unit, line)) >= 0)
        for (unsigned other = 0; other < UNITS; other++)
            if (other != unit && emu->audio_advance[other])
                emu->audio_advance[other](emu->audio_opaque[other]);
    frame[0] = frame[1] = 0;
    if (in->count == 0)
        return;
    memcpy(frame, in->frames + 2 * in->start, 2 * sizeof *frame);
    in->start++;
    in->count--;
}

static void cross_jumper(emu_t *emu, unsigned unit, unsigned line, const int32_t frame[2]) {
    int pad = far_end(emu, out_function(unit, line));
    for (unsigned u = 0; pad >= 0 && u < UNITS; u++)
        for (unsigned l = 0; l < LINES; l++)
            if (emu_pad_of_function(emu, in_function(u, l)) == pad && emu->audio[u][l].in.count < MOST_WAITING)
                append(&emu->audio[u][l].in, frame, 1);
}

void emu_audio_out(emu_t *emu, unsigned unit, unsigned line, const int32_t frame[2]) {
    append(&emu->audio[unit][line].out, frame, 1);
    cross_jumper(emu, unit, line, frame);
}

void emu_audio_silence(emu_t *emu, unsigned unit, unsigned line, uint64_t frames) {
    static const int32_t silence[2] = {0, 0};
    for (; frames != 0; frames--)
        append(&emu->audio[unit][line].out, silence, 1);
}

void emu_on_audio(emu_t *emu, unsigned unit, void (*advance)(void *opaque), void *opaque) {
    emu->audio_advance[unit] = advance;
    emu->audio_opaque[unit] = opaque;
}

bool emu_audio_feed(emu_t *emu, unsigned unit, unsigned line, const int32_t *frames, uint64_t count) {
    if (unit >= UNITS || line >= LINES)
        return false;
    append(&emu->audio[unit][line].in, frames, count);
    return true;
}

uint64_t emu_audio_recorded(emu_t *emu, unsigned unit, unsigned line, const int32_t **frames) {
    *frames = NULL;
    if (unit >= UNITS || line >= LINES)
        return 0;
    if (emu->audio_advance[unit])
        emu->audio_advance[unit](emu->audio_opaque[unit]);
    *frames = emu->audio[unit][line].out.frames;
    return emu->audio[unit][line].out.count;
}

void machine_free_audio(emu_t *emu) {
    for (unsigned unit = 0; unit < UNITS; unit++)
        for (unsigned line = 0; line < LINES; line++) {
            free(emu->audio[unit][line].in.frames);
            free(emu->audio[unit][line].out.frames);
        }
}
