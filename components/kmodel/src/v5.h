// kmodel V5 (spec kmodel.md 5): modules of functions. Functions of `stackvm` modules are byte code for a stack machine,
// those of `k210` modules records for the KPU.
//
// The byte code is straight-line. It is checked completely while the model is loaded, by the decoder and the operators
// that also run it: a run repeats the checks, which costs little beside the arithmetic, and no decoded copy takes memory.

#ifndef KMODEL_V5_H
#define KMODEL_V5_H

#include "internal.h"
#include "kernels/kernels.h"

#define V5_MAX_ARGUMENTS 64u // inputs of a function, and outputs

// Datatypes of the format.
enum { V5_I8, V5_I16, V5_I32, V5_I64, V5_U8, V5_U16, V5_U32, V5_U64, V5_F16, V5_F32, V5_F64, V5_BF16, V5_TYPES };

// Memory locations of the format.
enum { V5_INPUT, V5_OUTPUT, V5_RDATA, V5_DATA, V5_SHARED_DATA, V5_KPU_RAM = 64 };

// An input or output of a function.
typedef struct {
    uint8_t type, rank;
    uint32_t start, size; // in the pool of inputs or outputs; bytes
    uint32_t dims;        // file offset of the dimensions
} kmodel_v5_param_t;

typedef struct {
    uint8_t module;
    uint16_t inputs, outputs;
    uint32_t param;            // index of the first input; outputs follow the inputs
    uint32_t text, text_bytes; // file offset of the code
    uint32_t record;           // k210: first KPU record
    uint32_t ops;              // TENSOR operations or k210 records
    uint8_t depth;             // 0: not checked yet, V5_CHECKING, 1: calls no stackvm function, 2: calls one
} kmodel_v5_function_t;

#define V5_CHECKING 255u

typedef struct {
    bool k210;
    uint32_t rdata, rdata_bytes; // file offsets
    uint32_t text, text_bytes;
    uint32_t data, data_bytes; // data pool, in main memory
    uint32_t function, functions;
} kmodel_v5_module_t;

struct kmodel_v5 {
    uint32_t modules, functions, params;
    kmodel_v5_module_t *module;
    kmodel_v5_function_t *function;
    kmodel_v5_param_t *param;
    uint32_t entry; // function
    uint8_t dialect;
    uint8_t *staged; // input brought into the model's order, or NULL (kmodel_v5_run)
};

// A call of a function: where its arguments are. All pointers are NULL while the model is checked.
typedef struct {
    kmodel_t *model;
    kmodel_v5_function_t *function;
    uint32_t depth; // 1: called from outside
    bool run;
    uint8_t *input[V5_MAX_ARGUMENTS], *output[V5_MAX_ARGUMENTS];
    kmodel_error_t *error;
    kmodel_layer_t *layer; // to be described, or NULL
    uint32_t layer_index;  // operation of the function that `layer` asks for; no other is looked at closely
} kmodel_v5_call_t;

static inline uint32_t kmodel_v5_word(const kmodel_t *m, uint32_t offset)
{
    uint32_t w;
    memcpy(&w, m->file + offset, 4);
    return w;
}

static inline uint32_t kmodel_v5_type_bytes(uint32_t type)
{
    static const uint8_t bytes[V5_TYPES] = {1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8, 2};
    return bytes[type];
}

const char *kmodel_v5_type_name(uint32_t type);

// v5.c
// Number of a function, for messages.
static inline uint32_t kmodel_v5_function_index(const kmodel_t *m, const kmodel_v5_function_t *f)
{
    return (uint32_t)(f - m->v5->function);
}

// v5_stackvm.c
// Choose the dialect in which all code of the model decodes (spec kmodel.md 5.6). 0 or a code.
int kmodel_v5_find_dialect(kmodel_t *model, kmodel_error_t *error);
// Check or run a function of a stackvm module. 0 or a code; error is filled.
int kmodel_v5_stackvm(kmodel_v5_call_t *call);
// Check a function of any module, unless that has been done.
int kmodel_v5_check(kmodel_t *model, kmodel_v5_function_t *function, uint32_t depth, kmodel_error_t *error);

// v5_k210.c
// Records of the KPU that the function needs; its number of operations. 0 or a code.
int kmodel_v5_k210_count(const kmodel_t *model, kmodel_v5_function_t *function, uint64_t *records,
                         kmodel_error_t *error);
// Check (and build the KPU records) or run a function of a k210 module. 0 or a code; error is filled.
int kmodel_v5_k210(kmodel_v5_call_t *call);

#endif
