// Runtime for K210 model files (kmodel). Portable C11: memory, clock, model bytes and the KPU come from the caller.
//
//   kmodel_t *model = kmodel_load(&env, &source, &error);      // NULL: error says why
//   kmodel_input_t in = {.data = pixels, .type = KMODEL_U8, .count = 3 * 240 * 320, .w = 320, .h = 240, .c = 3};
//   int rc = kmodel_run(model, &in, &error);                   // 0, or the code in error
//   kmodel_tensor_t out;
//   kmodel_output_info(model, 0, &out);                        // out.data, valid until the next run or kmodel_free
//   kmodel_free(model);
//
// A model is validated completely while it is loaded (spec kmodel.md 7); running it checks nothing but its input.

#ifndef KMODEL_H
#define KMODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KMODEL_KPU_ROWS 32768u // rows of 64 bytes in AI RAM
#define KMODEL_BLOCK_ALIGN 256 // of the block that holds the file: activation tables are used in place

// Result codes 2001..2015 are MaixPy's (spec maixpy-kpu.md 1.1); kmodel_error_text() gives their texts.
enum {
    KMODEL_OK = 0,
    KMODEL_ERR_INTERRUPTED = 1, // the poll hook or the source asked to stop; no MaixPy code
    KMODEL_ERR_PARAM = 2001,
    KMODEL_ERR_VERSION = 2002,
    KMODEL_ERR_FORMAT = 2003,
    KMODEL_ERR_DECRYPT = 2004,
    KMODEL_ERR_READ = 2005,
    KMODEL_ERR_MEMORY = 2006,
    KMODEL_ERR_FIRST_LAYER = 2007,
    KMODEL_ERR_RUN = 2008,
    KMODEL_ERR_MODELS_FULL = 2009,
    KMODEL_ERR_PERMISSION = 2010,
    KMODEL_ERR_INDEX = 2011,
    KMODEL_ERR_SIZE = 2012,
    KMODEL_ERR_OUTPUTS_SET = 2013,
    KMODEL_ERR_NOT_IMPLEMENTED = 2014,
    KMODEL_ERR_UNKNOWN = 2015,
};

typedef struct {
    int code;
    char detail[200]; // what is wrong, with the values and limits; NUL-terminated, may be empty
} kmodel_error_t;

// Text of a code, e.g. "ERR_NO_MEM: memory not enough".
const char *kmodel_error_text(int code);

// What hooks (source.read, kpu.run) return besides 0.
enum {
    KMODEL_HOOK_FAILED = -1,
    KMODEL_HOOK_TIMEOUT = -2,
    KMODEL_HOOK_INTERRUPTED = -3,
};

// Where the bytes of a model come from. `size` is the number of bytes that can be read: the length of the file, or the
// distance to the end of the flash. Reads never go beyond it.
typedef struct {
    void *ctx;
    int (*read)(void *ctx, uint32_t offset, void *dst, size_t len);
    uint64_t size;
} kmodel_source_t;

// A KPU. The runtime queues successive layers in one run() call.
typedef struct {
    void *ctx;
    uint8_t *ai_ram; // 2 MiB; accessed with integer loads and stores of up to 8 bytes only (spec kpu.md 7.6)
    // Bus address by which the KPU reads the byte at p.
    uint32_t (*bus_address)(void *ctx, const void *p);
    // Make bytes that the CPU has stored to [p, p + len) visible to the KPU. p and len are multiples of 8. May be NULL.
    void (*publish)(void *ctx, void *p, size_t len);
    // Run layers (12 words each, bus addresses filled in, int_en and send_data_out 0) in order and wait for the last.
    // `cycles` is their expected duration in KPU clocks (spec kpu.md 8.2). 0 or KMODEL_HOOK_*.
    int (*run)(void *ctx, const uint64_t (*layers)[12], unsigned count, uint64_t cycles, bool eight_bit_weights);
} kmodel_kpu_t;

// Surroundings of a model; must outlive it.
typedef struct {
    void *ctx;
    void *(*alloc)(void *ctx, size_t align, size_t size); // NULL when there is no room
    void (*free)(void *ctx, void *p);
    int (*poll)(void *ctx);       // nonzero stops load or run; may be NULL
    uint64_t (*clock)(void *ctx); // free-running cycle counter for the statistics; may be NULL
    const kmodel_kpu_t *kpu;
} kmodel_env_t;

typedef enum { KMODEL_U8, KMODEL_F32, KMODEL_I8, KMODEL_I32, KMODEL_I64 } kmodel_type_t; // after f32: V5 only

static inline uint32_t kmodel_type_bytes(kmodel_type_t type)
{
    return type == KMODEL_I64 ? 8 : type == KMODEL_F32 || type == KMODEL_I32 ? 4 : 1;
}

#define KMODEL_MAX_RANK 8

typedef enum { KMODEL_MAIN = 0, KMODEL_KPU = 1, KMODEL_CONSTANT = 2 } kmodel_space_t;

// A tensor of the model, dense, order N,C,H,W. w, h, c and n are 0 when the file does not tell the shape.
typedef struct {
    void *data;           // NULL for a tensor in AI RAM
    uint32_t address;     // byte in main memory, or row of AI RAM
    uint32_t bytes;       // dense size, without the padding of AI RAM
    uint32_t w, h, c;     // the last three axes
    uint32_t n;           // product of those before them
    uint32_t rank, dim[KMODEL_MAX_RANK]; // V5: all axes; rank is 0 for other formats
    kmodel_type_t type;
    kmodel_space_t space;
} kmodel_tensor_t;

// What is fed to a run. w, h, c of 0 mean "an array of count elements"; otherwise they must equal the model's.
typedef struct {
    const void *data; // order N,C,H,W, aligned to its type. V5 reads it where it lies. A V5 model that takes u8 in order
                      // N,H,W,C (with preprocessing) takes a C,H,W image of w, h, c too
    uint32_t count;   // elements
    uint32_t w, h, c;
    kmodel_type_t type;
} kmodel_input_t;

// One layer, for netinfo and inspectors. Fields that a layer kind does not have are 0.
typedef struct {
    uint32_t type;      // number of the kind in its format
    const char *name;   // e.g. "K210_CONV"
    uint32_t body_size; // bytes in the file
    uint32_t wi, hi, ci, wo, ho, co;
    uint32_t depthwise, kernel_type, pool_type, para_size; // K210_CONV; para_size in bytes per weight load
    bool main_output;                                      // K210_CONV: the result also goes to main memory
    kmodel_tensor_t in, out;
} kmodel_layer_t;

typedef struct {
    uint32_t version;    // 3, 4 or 5
    uint32_t layers;     // in the file
    uint32_t run_layers; // that a run executes
    uint32_t inputs;
    uint32_t outputs;
    uint32_t file_bytes;   // length of the model computed from its tables (spec kmodel.md 1.2)
    uint32_t main_bytes;   // main memory
    uint32_t index_bytes;  // decoded layers and KPU records
    uint32_t kpu_rows;     // rows of AI RAM from the lowest to the highest one used
    uint32_t kpu_layers;
    bool word_swapped; // the source held the 4-byte words reversed
} kmodel_info_t;

// Of the last run, in ticks of env.clock.
typedef struct {
    uint64_t total;        // whole run
    uint64_t kpu;          // inside kpu.run
    uint64_t kpu_expected; // sum of the estimates of spec kpu.md 8.2, in KPU clocks
    uint32_t kpu_calls;
} kmodel_stats_t;

typedef struct kmodel kmodel_t;

// Load and validate. NULL on failure: all memory is returned, error has code and detail.
kmodel_t *kmodel_load(const kmodel_env_t *env, const kmodel_source_t *source, kmodel_error_t *error);

// NULL is allowed.
void kmodel_free(kmodel_t *model);

void kmodel_info(const kmodel_t *model, kmodel_info_t *info);

// Type, shape and place of input 0; every model has one.
void kmodel_input_info(const kmodel_t *model, kmodel_tensor_t *input);
// The same of any input: 0 or KMODEL_ERR_INDEX.
int kmodel_input_at(const kmodel_t *model, uint32_t index, kmodel_tensor_t *input);

// Output `index`: 0 or KMODEL_ERR_INDEX. The data are valid after a run, until the next run, kmodel_set_layers or
// kmodel_free.
int kmodel_output_info(const kmodel_t *model, uint32_t index, kmodel_tensor_t *output);

// Give output `index` the shape w, h, c, n = 1: 0, KMODEL_ERR_INDEX, or KMODEL_ERR_SIZE when its number of elements is
// another. For V4, whose files do not always tell it.
int kmodel_set_output_shape(kmodel_t *model, uint32_t index, uint32_t w, uint32_t h, uint32_t c, kmodel_error_t *error);

// 0 or KMODEL_ERR_INDEX.
int kmodel_layer_info(const kmodel_t *model, uint32_t index, kmodel_layer_t *layer);

// Runs stop after `count` layers and output 0 is the result of the last of them; 0 restores the whole model.
// 0, KMODEL_ERR_INDEX (more than there are) or KMODEL_ERR_MEMORY (no room to bring the result out of AI RAM).
int kmodel_set_layers(kmodel_t *model, uint32_t count, kmodel_error_t *error);

// Run the model. 0 or a code: KMODEL_ERR_SIZE when the input does not fit, KMODEL_ERR_RUN when the KPU does not
// finish, KMODEL_ERR_INTERRUPTED.
int kmodel_run(kmodel_t *model, const kmodel_input_t *input, kmodel_error_t *error);
// The same for a model with `count` inputs.
int kmodel_run_inputs(kmodel_t *model, const kmodel_input_t *inputs, uint32_t count, kmodel_error_t *error);

void kmodel_stats(const kmodel_t *model, kmodel_stats_t *stats);

#endif
