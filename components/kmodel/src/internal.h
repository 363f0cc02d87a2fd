// Shared by the loaders, the planner and the operators. Not for users of the runtime.
// The code reads little-endian files in place: host and K210 are both little-endian.

#ifndef KMODEL_INTERNAL_H
#define KMODEL_INTERNAL_H

#include <stdarg.h>
#include <string.h>

#include "kmodel.h"

// Limits of spec kmodel.md 7.1 A2 and A4.
#define KMODEL_MAX_LAYERS 4096u
#define KMODEL_MAX_INPUTS 64u
#define KMODEL_MAX_OUTPUTS 64u
#define KMODEL_MAX_ELEMENTS (1u << 28)

#define KMODEL_READ_CHUNK 65536u // bytes between two calls of the poll hook while loading

typedef uint64_t __attribute__((may_alias)) kmodel_word_t; // feature maps are moved in words, whatever their type

typedef struct kmodel_op kmodel_op_t;

typedef struct {
    const kmodel_op_t *op;
    uint32_t body;      // offset in the file block
    uint32_t body_size; // as stored; the last body may lack its padding
    uint32_t record;    // KPU layers: the first of their records
    uint16_t records;   // how many; 0 for layers of the CPU
    bool cpu_after;     // KPU layers: eval() has work to do behind the KPU
} kmodel_node_t;

struct kmodel {
    kmodel_env_t env;
    uint32_t version;
    bool word_swapped;
    bool eight_bit_weights;

    uint8_t *file;      // the model as stored, KMODEL_BLOCK_ALIGN-aligned: offsets in it are file offsets
    uint32_t length;    // computed from its tables
    uint32_t available; // bytes of it that the source had (final padding may be missing)

    uint8_t *main; // main memory of the model, 8 bytes of slack behind it
    uint32_t main_bytes;

    void *index; // one block: nodes, records, inputs, outputs
    uint32_t index_bytes;
    kmodel_node_t *nodes;
    uint32_t node_count;
    uint32_t run_count; // nodes that a run executes
    uint64_t (*records)[12];
    uint32_t record_count;
    kmodel_tensor_t *inputs;
    uint32_t input_count;
    kmodel_tensor_t *outputs;
    uint32_t output_count;

    const uint8_t *constants; // V4: in the file block
    uint32_t constant_bytes;

    uint32_t kpu_low, kpu_high; // rows of AI RAM in use: [kpu_low, kpu_high)
    uint8_t *tap;               // result of the last executed layer when it stays in AI RAM (kmodel_set_layers)
    kmodel_stats_t stats;
    struct kmodel_v5 *v5; // NULL for other formats
};

// What prepare() gets and finds out about one layer.
typedef struct {
    const kmodel_t *model;
    const kmodel_node_t *node;
    uint32_t index;
    const uint32_t *field; // the body; field[0] is its flags
    uint32_t present;      // bytes of the body that exist
    kmodel_error_t *error;
    uint64_t (*record)[12]; // where to build the KPU records; NULL when only asked to describe
    uint16_t records;       // KPU layers: how many
    bool cpu_after;         // KPU layers: eval() brings the result to main memory
    kmodel_tensor_t in[2];  // second input: of operations on two tensors
    kmodel_tensor_t out;
    kmodel_tensor_t map;   // KPU layers: output in AI RAM, also when out is in main memory
    kmodel_layer_t *layer; // KPU layers fill its fields when not NULL
} kmodel_prep_t;

struct kmodel_op {
    uint16_t type;
    uint16_t fixed; // bytes of the fixed part of the body
    const char *name;
    // All checks of a layer (spec kmodel.md 7.3, 7.4), and its tensors. 0 or a code.
    int (*prepare)(kmodel_prep_t *prep);
    // Arithmetic only; of a KPU layer, what is left behind the KPU. 0 or KMODEL_HOOK_*.
    int (*eval)(kmodel_t *model, const uint32_t *field);
};

// error.c. Formats: %u %d %x %s %c %%, widths and l, ll. Returns code.
int kmodel_fail(kmodel_error_t *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
// The same with "PREFIXindex (name): " in front. prefix may be NULL.
int kmodel_fail_in(kmodel_error_t *error, int code, const char *prefix, uint32_t index, const char *name,
                   const char *format, va_list args);
// The same with "layer 3 (ADD): " in front and KMODEL_ERR_FORMAT.
int kmodel_reject(kmodel_prep_t *prep, const char *format, ...) __attribute__((format(printf, 2, 3)));

// identify.c: 0 when the bytes are those of a model that can be loaded (version in *version), or a code.
#define KMODEL_HEAD_BYTES 28u
int kmodel_identify(const uint8_t *head, uint64_t size, uint32_t *version, bool *word_swapped, kmodel_error_t *error);

// source.c: read model bytes in their natural order. 0 or a code.
int kmodel_read(const kmodel_env_t *env, const kmodel_source_t *source, bool word_swapped, uint32_t offset, void *dst,
                uint32_t len, kmodel_error_t *error);

// file.c: the length of a model whose `count` layer headers (type, body size) start at `table`, computed from them
// (spec kmodel.md 1.2) into length and available. 0 or a code.
int kmodel_measure(kmodel_t *model, const kmodel_source_t *source, uint64_t table, uint32_t count,
                   kmodel_error_t *error);
// Allocates the block of the file and reads it.
int kmodel_read_file(kmodel_t *model, const kmodel_source_t *source, kmodel_error_t *error);
static inline const uint32_t *kmodel_words_at(const kmodel_t *model, uint32_t offset)
{
    return (const uint32_t *)(const void *)(model->file + offset);
}

// v3.c, v4.c: everything up to main memory. 0 or a code; whatever was allocated is freed by kmodel_free.
int kmodel_v3_load(kmodel_t *model, const kmodel_source_t *source, kmodel_error_t *error);
int kmodel_v4_load(kmodel_t *model, const kmodel_source_t *source, kmodel_error_t *error);
// 7.4 4.16, of a node that is otherwise right.
int kmodel_v4_overlap(kmodel_prep_t *prep);

// v5.c: the same for V5, and the work memory is planned only.
int kmodel_v5_load(kmodel_t *model, const kmodel_source_t *source, kmodel_error_t *error);
void kmodel_v5_free(kmodel_t *model);
// v5_run.c: what kmodel_run and kmodel_layer_info do for V5. The inputs have been checked.
int kmodel_v5_run(kmodel_t *model, const kmodel_input_t *inputs, kmodel_error_t *error);
// Input t is an image of w, h, c with interleaved channels.
bool kmodel_v5_takes_image(const kmodel_tensor_t *t, const kmodel_input_t *input);
int kmodel_v5_layer_info(const kmodel_t *model, uint32_t index, kmodel_layer_t *layer);

// plan.c
// Check all nodes and build the KPU records. 0 or a code.
int kmodel_plan(kmodel_t *model, kmodel_error_t *error);
int kmodel_alloc_index(kmodel_t *model, uint32_t nodes, uint64_t records, uint32_t inputs, uint32_t outputs,
                       kmodel_error_t *error);
// Counts the rows of a tensor in AI RAM as used.
void kmodel_use_rows(kmodel_t *model, const kmodel_tensor_t *t);
// Describe (and, with a record to fill, prepare) node `index`. 0 or a code.
int kmodel_prepare(const kmodel_t *model, uint32_t index, kmodel_prep_t *prep);
// Give a tensor type and, where layers tell it, shape: walk back from the node that writes it (spec kmodel.md 3.2).
void kmodel_infer(const kmodel_t *model, uint32_t nodes, kmodel_tensor_t *tensor);

// run.c: KPU records [first, first + count) in one call. 0 or KMODEL_HOOK_*.
int kmodel_run_records(kmodel_t *model, uint32_t first, uint32_t count);

// tensor.c: declare operands of a layer; range, alignment and size are checked here. 0 or a code.
int kmodel_flat(kmodel_prep_t *prep, kmodel_tensor_t *t, kmodel_type_t type, uint32_t address, uint32_t count);
// A V3 body of input, output and element count, both f32: all that the layers of one vector have.
int kmodel_prepare_f32_vector(kmodel_prep_t *prep);
int kmodel_shaped(kmodel_prep_t *prep, kmodel_tensor_t *t, kmodel_type_t type, uint32_t address, uint32_t w, uint32_t h,
                  uint32_t c);
int kmodel_in_kpu(kmodel_prep_t *prep, kmodel_tensor_t *t, uint32_t row, uint32_t w, uint32_t h, uint32_t c);
// w*h*c, or 2^64 - 1 when it is more than the limit of elements.
uint64_t kmodel_volume(uint32_t w, uint32_t h, uint32_t c);
int kmodel_range(kmodel_prep_t *prep, const char *what, uint32_t address, uint64_t bytes, uint32_t align);
// The body must hold `bytes` (fixed and variable part).
int kmodel_body(kmodel_prep_t *prep, uint64_t bytes);
int kmodel_scale(kmodel_prep_t *prep, float scale);

static inline float kmodel_f32(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline uint8_t *kmodel_u8_at(const kmodel_t *model, uint32_t address)
{
    return model->main + address;
}

static inline float *kmodel_f32_at(const kmodel_t *model, uint32_t address)
{
    return (float *)(void *)(model->main + address);
}

static inline uint8_t *kmodel_kpu_at(const kmodel_t *model, uint32_t row)
{
    return model->env.kpu->ai_ram + 64u * (size_t)row;
}

// Nonzero: stop.
static inline int kmodel_poll(const kmodel_t *model)
{
    return model->env.poll ? model->env.poll(model->env.ctx) : 0;
}

#endif
