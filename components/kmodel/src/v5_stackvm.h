// The stack machine of kmodel V5 (spec kmodel.md 5.4 .. 5.6).

#ifndef KMODEL_V5_STACKVM_H
#define KMODEL_V5_STACKVM_H

#include "v5.h"

#define V5_STACK 64u
#define V5_SHAPES 32u
#define V5_PADDINGS 8u
#define V5_OP_ARGUMENTS 7u
#define V5_OP_FIELDS 16u

typedef enum { V5_ADDRESS, V5_INTEGER, V5_FLOAT } kmodel_v5_kind_t;

// Buffers that addresses point into: inputs from 0, outputs behind them, then these.
enum { V5_BUFFER_OUTPUT = V5_MAX_ARGUMENTS, V5_BUFFER_RDATA = 2 * V5_MAX_ARGUMENTS, V5_BUFFER_DATA, V5_BUFFER_NULL };

typedef struct {
    uint8_t kind, buffer;
    uint32_t value; // offset in the buffer, integer, or the bits of a float
} kmodel_v5_entry_t;

typedef struct {
    int32_t before, after, interior;
} kmodel_v5_padding_t;

// Functions of TENSOR in this runtime's numbering.
typedef enum {
    V5_BATCH_TO_SPACE, V5_BINARY, V5_BROADCAST, V5_CALL, V5_COMPARE, V5_CONV2D, V5_CONVERT, V5_COPY, V5_CUMSUM,
    V5_DEQUANTIZE, V5_GATHER, V5_GATHER_ND, V5_HARDMAX, V5_LUT1D, V5_MATMUL, V5_ONEHOT, V5_PAD, V5_QUANTIZE,
    V5_RANDOM_NORMAL, V5_RANDOM_UNIFORM, V5_REDUCE, V5_REDUCE_ARG, V5_REDUCE_PROD, V5_REDUCE_WINDOW2D, V5_RESIZE_IMAGE,
    V5_ROI_ALIGN, V5_SIGMOID, V5_SLICE, V5_SOFTMAX, V5_SPACE_TO_BATCH, V5_TERNARY, V5_TOPK, V5_TRANSPOSE, V5_TRILU,
    V5_UNARY, V5_GRU, V5_TFLITE_DETECTION_POSTPROCESS, V5_LAYER_NORMALIZATION, V5_COMPRESS, V5_GATHER_ELEMENTS,
    V5_EQUAL, V5_FUNCTIONS
} kmodel_v5_function_id_t;

enum { V5_RC1, V5_1_0, V5_1_1, V5_1_2, V5_1_3, V5_1_4, V5_1_6, V5_1_8, V5_1_9, V5_DIALECTS };

typedef struct {
    kmodel_v5_call_t *call;
    uint8_t dialect;
    uint32_t at, start, end; // file offsets: next instruction, code
    uint32_t depth;          // of the stack
    kmodel_v5_entry_t stack[V5_STACK];
    uint32_t shapes_set, paddings_set; // registers, one bit each
    kmodel_shape_t shape[V5_SHAPES];
    uint8_t padding_rank[V5_PADDINGS];
    kmodel_v5_padding_t padding[V5_PADDINGS][KMODEL_RANK];
    uint32_t op_index; // operations so far

    // The TENSOR operation that is being carried out.
    kmodel_v5_function_id_t id;
    const char *name;
    kmodel_v5_entry_t arg[V5_OP_ARGUMENTS]; // in push order, without paddings
    kmodel_v5_padding_t pad[2];
    uint64_t field[V5_OP_FIELDS]; // of its record, in order; floats as bits
} kmodel_v5_vm_t;

// A tensor operand after its checks; view.data is NULL unless the model runs.
typedef struct {
    kmodel_shape_t shape;
    kmodel_view_t view;
    uint32_t type;
} kmodel_v5_operand_t;

// v5_decode.c
// Run up to and including the next TENSOR operation, whose arguments and record are then in vm. 1 when there is one, 0 at
// the end of the code, or -1 with call->error filled.
int kmodel_v5_step(kmodel_v5_vm_t *vm);
const char *kmodel_v5_function_name(kmodel_v5_function_id_t id);
void kmodel_v5_start(kmodel_v5_vm_t *vm, kmodel_v5_call_t *call, uint8_t dialect);
int kmodel_v5_refuse(kmodel_v5_vm_t *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));

// v5_operand.c
// Argument `arg` as a tensor of datatype `type` and shape; strides in elements, NULL: dense. 0 or a code.
int kmodel_v5_operand(kmodel_v5_vm_t *vm, unsigned arg, uint32_t type, const kmodel_shape_t *shape,
                      const kmodel_shape_t *strides, bool write, kmodel_v5_operand_t *out);

// v5_ops*.c: check, and when the call runs carry out, the operation in vm. 0 or a code.
int kmodel_v5_op(kmodel_v5_vm_t *vm);

#endif
