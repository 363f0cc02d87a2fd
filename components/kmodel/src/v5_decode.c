// The byte code of stackvm functions: instructions, and the records of TENSOR operations in nine dialects.

#include <stdarg.h>

#include "v5_stackvm.h"

// Arguments on the stack, in push order: a address, f float, n integer, x integer or float, p padding. Record, one letter
// a field: d datatype, S and T shape and stride register, P padding register, h u16, w 32 bits, F f32, q 64 bits,
// b u8; u8 with a largest value: B binary_op, U unary_op, R reduce_op, C compare_op, M pad_mode, t 0 to 2, z 0 or 1.
// Functions whose record changed have two; `since` is the first dialect with the second.
static const struct {
    const char *text;    // name, stack, record[, record], each with a NUL
    uint8_t since;
    uint8_t number[8];   // by dialect; 1.8 and 1.9 agree
} functions[V5_FUNCTIONS] = {
#define NONE 0xff
    [V5_BATCH_TO_SPACE] = {"BATCH_TO_SPACE\0aa\0dSTTSP", 0, {0, 0, 0, 0, 0, 0, 0, 0}},
    [V5_BINARY] = {"BINARY\0aaa\0dSTSTTBFF\0dSTSTSTBFF", V5_1_4, {1, 1, 1, 1, 1, 1, 1, 1}},
    [V5_BROADCAST] = {"BROADCAST\0aa\0dSTST", 0, {2, 2, 2, 2, 2, 2, 2, 2}},
    [V5_CALL] = {"CALL\0\0whbb", 0, {3, 3, 3, 3, 3, 3, 3, 3}},
    [V5_COMPARE] = {"COMPARE\0aaa\0dSTSTSTC", 0, {NONE, NONE, NONE, NONE, NONE, NONE, 4, 4}},
    [V5_CONV2D] = {"CONV2D\0aaaapp\0dSTSTTThhhhhFF", 0, {5, 5, 5, 5, 5, 5, 6, 6}},
    [V5_CONVERT] = {"CONVERT\0aa\0ddSTT", 0, {7, 7, 7, 7, 7, 7, 8, 8}},
    [V5_COPY] = {"COPY\0aa\0dSTT", 0, {8, 8, 8, 8, 8, 8, 9, 9}},
    [V5_CUMSUM] = {"CUMSUM\0aa\0dSwzz", 0, {NONE, 9, 9, 9, 9, 9, 10, 10}},
    [V5_DEQUANTIZE] = {"DEQUANTIZE\0aaff\0ddSTT", 0, {9, 10, 10, 10, 10, 10, 11, 11}},
    [V5_GATHER] = {"GATHER\0aaa\0dSSTTSb", 0, {10, 11, 11, 11, 12, 12, 12, 12}},
    [V5_GATHER_ND] = {"GATHER_ND\0aaa\0dSSTTSb", 0, {11, 12, 12, 12, 13, 13, 13, 13}},
    [V5_HARDMAX] = {"HARDMAX\0aa\0dSTw", 0, {NONE, 13, 13, 13, 14, 14, 14, 14}},
    [V5_LUT1D] = {"LUT1D\0aaaxx\0dSTTh", 0, {13, 15, 15, 15, 16, 16, 16, 16}},
    [V5_MATMUL] = {"MATMUL\0aaaa\0SSFF\0STSTSTFF", V5_1_4, {NONE, NONE, NONE, NONE, 17, 17, 17, 17}},
    [V5_ONEHOT] = {"ONEHOT\0aaaaa\0dSSTbz", 0, {15, 17, 17, 17, 18, 18, 18, 18}},
    [V5_PAD] = {"PAD\0aax\0dSTTPM", 0, {16, 18, 18, 18, 19, 19, 19, 19}},
    [V5_QUANTIZE] = {"QUANTIZE\0aaff\0ddSTT", 0, {17, 19, 19, 19, 20, 20, 20, 20}},
    [V5_RANDOM_NORMAL] = {"RANDOM_NORMAL\0a\0dSFFF", 0, {NONE, NONE, 20, 20, 21, 21, 21, 21}},
    [V5_RANDOM_UNIFORM] = {"RANDOM_UNIFORM\0a\0dSFFF", 0, {NONE, NONE, 21, 21, 22, 22, 22, 22}},
    [V5_REDUCE] = {"REDUCE\0aax\0dSTTRSz", 0, {18, 20, 22, 22, 23, 23, 23, 23}},
    [V5_REDUCE_ARG] = {"REDUCE_ARG\0aa\0dSTdTzSzz", 0, {NONE, 21, 23, 23, 24, 24, 24, 24}},
    [V5_REDUCE_PROD] = {"REDUCE_PROD\0aa\0STTSz\0dSTTSz", V5_1_6, {NONE, NONE, 24, 24, 25, 25, 25, 25}},
    [V5_REDUCE_WINDOW2D] = {"REDUCE_WINDOW2D\0afapp\0dRSTThhhhhhFF", 0, {19, 22, 25, 25, 26, 26, 26, 26}},
    [V5_RESIZE_IMAGE] = {"RESIZE_IMAGE\0nnaa\0dSTTzzz", 0, {20, 23, 26, 26, 27, 27, 27, 27}},
    [V5_ROI_ALIGN] = {"ROI_ALIGN\0aaaa\0dSSzFq", 0, {NONE, NONE, NONE, 27, 28, 28, 28, 28}},
    [V5_SIGMOID] = {"SIGMOID\0aa\0dST\0dSTT", V5_1_3, {NONE, NONE, NONE, 28, 29, 29, 29, 29}},
    [V5_SLICE] = {"SLICE\0aa\0dSTTSSS", 0, {21, 24, 27, 29, 30, 30, 30, 30}},
    [V5_SOFTMAX] = {"SOFTMAX\0aa\0dSTTwF", 0, {NONE, NONE, NONE, NONE, NONE, NONE, 31, 31}},
    [V5_SPACE_TO_BATCH] = {"SPACE_TO_BATCH\0aa\0dSTTSP", 0, {NONE, NONE, NONE, NONE, NONE, NONE, NONE, 32}},
    [V5_TERNARY] = {"TERNARY\0aaaa\0dSTSTSTT", 0, {NONE, NONE, 31, 33, 34, 34, 34, 34}},
    [V5_TOPK] = {"TOPK\0aaa\0dSTSTSTqwzz", 0, {NONE, NONE, NONE, 34, 35, 35, 35, 35}},
    [V5_TRANSPOSE] = {"TRANSPOSE\0aa\0dSTTS", 0, {25, 28, 32, 35, 36, 36, 36, 36}},
    [V5_TRILU] = {"TRILU\0aa\0dSzq", 0, {NONE, NONE, NONE, 36, 37, 37, 37, 37}},
    [V5_UNARY] = {"UNARY\0aa\0dSTTU", 0, {26, 29, 33, 37, 38, 38, 38, 38}},
    [V5_GRU] = {"GRU\0aaaaaaa\0SSt\0SStz", V5_1_9, {NONE, NONE, NONE, NONE, NONE, NONE, NONE, 39}},
    [V5_TFLITE_DETECTION_POSTPROCESS] = {"TFLITE_DETECTION_POSTPROCESS\0aaaaaaa\0SSSwwwzFFwFFFF", 0,
                                         {NONE, NONE, NONE, NONE, NONE, NONE, NONE, 40}},
    [V5_LAYER_NORMALIZATION] = {"LAYER_NORMALIZATION\0aaaa\0dSwF", 0, {NONE, NONE, NONE, NONE, NONE, NONE, NONE, 41}},
    [V5_COMPRESS] = {"COMPRESS\0aaa\0SSF", 0, {NONE, NONE, NONE, NONE, NONE, NONE, NONE, 42}},
    [V5_GATHER_ELEMENTS] = {"GATHER_ELEMENTS\0aaa\0SSw", 0, {NONE, NONE, NONE, NONE, NONE, NONE, NONE, 43}},
    [V5_EQUAL] = {"EQUAL\0aaa\0dSTSTT", 0, {NONE, NONE, NONE, NONE, 11, 11, NONE, NONE}},
};

enum {
    OP_NOP = 0, OP_LDNULL, OP_LDC_I4, OP_LDC_I4_0, OP_LDC_I4_1, OP_LDC_R4,
    OP_LEA_BUFFER = 0x17, OP_DUP = 0x2f, OP_POP, OP_STSHAPE, OP_STPADDINGS,
    OP_RET = 0x59, OP_TENSOR = 0x5e,
};

int kmodel_v5_refuse(kmodel_v5_vm_t *vm, const char *format, ...)
{
    kmodel_error_t *error = vm->call->error;
    va_list args;
    va_start(args, format);
    kmodel_fail_in(error, KMODEL_ERR_FORMAT, "function ", kmodel_v5_function_index(vm->call->model, vm->call->function),
                   vm->name ? vm->name : "code", format, args);
    va_end(args);
    return KMODEL_ERR_FORMAT;
}

const char *kmodel_v5_function_name(kmodel_v5_function_id_t id)
{
    return functions[id].text;
}

void kmodel_v5_start(kmodel_v5_vm_t *vm, kmodel_v5_call_t *call, uint8_t dialect)
{
    vm->call = call;
    vm->dialect = dialect;
    vm->at = vm->start = call->function->text;
    vm->end = vm->start + call->function->text_bytes;
    vm->depth = vm->shapes_set = vm->paddings_set = vm->op_index = 0;
    vm->name = NULL;
}

#define position(vm) ((unsigned)((vm)->at - (vm)->start))

// Bytes of the code; they end before the function does, or this returns NULL with the error filled.
static const uint8_t *take(kmodel_v5_vm_t *vm, uint32_t bytes)
{
    if (bytes > vm->end - vm->at) {
        kmodel_v5_refuse(vm, "instruction at %u is cut off", position(vm));
        return NULL;
    }
    const uint8_t *p = vm->call->model->file + vm->at;
    vm->at += bytes;
    return p;
}

static uint64_t little(const uint8_t *p, uint32_t bytes)
{
    uint64_t v = 0;
    memcpy(&v, p, bytes);
    return v;
}

static int push(kmodel_v5_vm_t *vm, kmodel_v5_kind_t kind, uint8_t buffer, uint32_t value)
{
    if (vm->depth == V5_STACK) {
        return kmodel_v5_refuse(vm, "stack of %u entries overflows at %u", V5_STACK, position(vm));
    }
    vm->stack[vm->depth++] = (kmodel_v5_entry_t){(uint8_t)kind, buffer, value};
    return 0;
}

// The top `count` entries, which leave the stack.
static const kmodel_v5_entry_t *pop(kmodel_v5_vm_t *vm, uint32_t count)
{
    if (vm->depth < count) {
        kmodel_v5_refuse(vm, "stack holds %u entries, %u are needed at %u", (unsigned)vm->depth, (unsigned)count,
                         position(vm));
        return NULL;
    }
    vm->depth -= count;
    return &vm->stack[vm->depth];
}

static int wrong_kind(kmodel_v5_vm_t *vm)
{
    return kmodel_v5_refuse(vm, "stack entry of the wrong kind at %u", position(vm));
}

static int push_constant(kmodel_v5_vm_t *vm, kmodel_v5_kind_t kind)
{
    const uint8_t *p = take(vm, 4);
    return p ? push(vm, kind, 0, (uint32_t)little(p, 4)) : KMODEL_ERR_FORMAT;
}

// The argument whose start is the largest one up to the offset (spec kmodel.md 5.5).
static int find_argument(kmodel_v5_vm_t *vm, uint32_t location, uint32_t offset)
{
    const kmodel_v5_function_t *f = vm->call->function;
    uint32_t first = location == V5_INPUT ? 0 : f->inputs, count = location == V5_INPUT ? f->inputs : f->outputs;
    const kmodel_v5_param_t *p = vm->call->model->v5->param + f->param + first, *best = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (p[i].start <= offset && (!best || p[i].start > best->start)) {
            best = &p[i];
        }
    }
    if (!best) {
        return kmodel_v5_refuse(vm, "no %s of the function begins up to %u", location == V5_INPUT ? "input" : "output",
                                (unsigned)offset);
    }
    uint32_t buffer = (uint32_t)(best - p) + (location == V5_INPUT ? 0u : V5_BUFFER_OUTPUT);
    return push(vm, V5_ADDRESS, (uint8_t)buffer, offset - best->start);
}

static int lea_buffer(kmodel_v5_vm_t *vm)
{
    const uint8_t *p = take(vm, 6);
    if (!p) {
        return KMODEL_ERR_FORMAT;
    }
    uint32_t location = p[0], offset = (uint32_t)little(p + 2, 4);
    switch (location) {
    case V5_INPUT:
    case V5_OUTPUT: return find_argument(vm, location, offset);
    case V5_RDATA: return push(vm, V5_ADDRESS, V5_BUFFER_RDATA, offset);
    case V5_DATA: return push(vm, V5_ADDRESS, V5_BUFFER_DATA, offset);
    default: return kmodel_v5_refuse(vm, "address in location %u at %u", (unsigned)location, position(vm));
    }
}

static int store_shape(kmodel_v5_vm_t *vm)
{
    const uint8_t *p = take(vm, 2);
    if (!p) {
        return KMODEL_ERR_FORMAT;
    }
    uint32_t reg = p[0], rank = p[1];
    if (reg >= V5_SHAPES || rank > KMODEL_RANK) {
        return kmodel_v5_refuse(vm, "shape register %u (below %u), rank %u (up to %u)", (unsigned)reg, V5_SHAPES,
                                (unsigned)rank, KMODEL_RANK);
    }
    const kmodel_v5_entry_t *e = pop(vm, rank);
    if (!e) {
        return KMODEL_ERR_FORMAT;
    }
    vm->shape[reg].rank = rank;
    for (uint32_t i = 0; i < rank; i++) {
        if (e[i].kind != V5_INTEGER) {
            return wrong_kind(vm);
        }
        vm->shape[reg].dim[i] = e[i].value;
    }
    vm->shapes_set |= 1u << reg;
    return 0;
}

static uint32_t padding_values(const kmodel_v5_vm_t *vm)
{
    return vm->dialect <= V5_1_0 ? 2 : 3;
}

static int read_padding(kmodel_v5_vm_t *vm, const kmodel_v5_entry_t *e, kmodel_v5_padding_t *out)
{
    uint32_t n = padding_values(vm);
    for (uint32_t i = 0; i < n; i++) {
        if (e[i].kind != V5_INTEGER) {
            return wrong_kind(vm);
        }
    }
    *out = (kmodel_v5_padding_t){(int32_t)e[0].value, (int32_t)e[1].value, n > 2 ? (int32_t)e[2].value : 0};
    return 0;
}

static int store_paddings(kmodel_v5_vm_t *vm)
{
    const uint8_t *p = take(vm, 2);
    if (!p) {
        return KMODEL_ERR_FORMAT;
    }
    uint32_t reg = p[0], rank = p[1], n = padding_values(vm);
    if (reg >= V5_PADDINGS || rank > KMODEL_RANK) {
        return kmodel_v5_refuse(vm, "padding register %u (below %u), rank %u (up to %u)", (unsigned)reg, V5_PADDINGS,
                                (unsigned)rank, KMODEL_RANK);
    }
    const kmodel_v5_entry_t *e = pop(vm, n * rank);
    int rc = e ? 0 : KMODEL_ERR_FORMAT;
    for (uint32_t i = 0; !rc && i < rank; i++) {
        rc = read_padding(vm, e + n * i, &vm->padding[reg][i]);
    }
    vm->padding_rank[reg] = (uint8_t)rank;
    vm->paddings_set |= 1u << reg;
    return rc;
}

static int find_function(const kmodel_v5_vm_t *vm, uint32_t number)
{
    unsigned column = vm->dialect == V5_1_9 ? V5_1_8 : vm->dialect;
    for (int i = 0; i < V5_FUNCTIONS; i++) {
        if (functions[i].number[column] == number && number != NONE) {
            return i;
        }
    }
    return -1;
}

// Largest value of a field of one byte.
static uint32_t field_limit(const kmodel_v5_vm_t *vm, char letter)
{
    switch (letter) {
    case 'd': return V5_TYPES - 1;
    case 'B': return 14;
    case 'U': return vm->dialect <= V5_1_0 ? 17 : 18;
    case 'R':
    case 'M': return 3;
    case 'C': return 5;
    case 't': return 2;
    case 'z': return 1;
    case 'S':
    case 'T': return V5_SHAPES - 1;
    case 'P': return V5_PADDINGS - 1;
    default: return 255;
    }
}

static int read_record(kmodel_v5_vm_t *vm, const char *letters)
{
    for (unsigned i = 0; letters[i]; i++) {
        char c = letters[i];
        uint32_t bytes = c == 'h' ? 2 : c == 'w' || c == 'F' ? 4 : c == 'q' ? 8 : 1;
        const uint8_t *p = take(vm, bytes);
        if (!p) {
            return KMODEL_ERR_FORMAT;
        }
        uint64_t v = vm->field[i] = little(p, bytes);
        if (bytes == 1 && v > field_limit(vm, c)) {
            return kmodel_v5_refuse(vm, "field %u is %u, at most %u", i, (unsigned)v, (unsigned)field_limit(vm, c));
        }
        if (((c == 'S' || c == 'T') && !(vm->shapes_set >> v & 1)) || (c == 'P' && !(vm->paddings_set >> v & 1))) {
            return kmodel_v5_refuse(vm, "register %u was not set", (unsigned)v);
        }
    }
    return 0;
}

static bool is_kind(char letter, uint8_t kind)
{
    return letter == 'a'   ? kind == V5_ADDRESS
           : letter == 'f' ? kind == V5_FLOAT
           : letter == 'n' ? kind == V5_INTEGER
                           : kind != V5_ADDRESS;
}

static int read_arguments(kmodel_v5_vm_t *vm, const char *letters)
{
    uint32_t count = 0;
    for (const char *c = letters; *c; c++) {
        count += *c == 'p' ? padding_values(vm) : 1;
    }
    const kmodel_v5_entry_t *e = pop(vm, count);
    unsigned args = 0, pads = 0;
    if (!e) {
        return KMODEL_ERR_FORMAT;
    }
    for (const char *c = letters; *c; c++) {
        if (*c == 'p') {
            if (read_padding(vm, e, &vm->pad[pads++])) {
                return KMODEL_ERR_FORMAT;
            }
            e += padding_values(vm);
        } else if (!is_kind(*c, e->kind)) {
            return wrong_kind(vm);
        } else {
            vm->arg[args++] = *e++;
        }
    }
    return 0;
}

static const char *next_word(const char *text)
{
    return text + strlen(text) + 1;
}

static int tensor(kmodel_v5_vm_t *vm)
{
    const uint8_t *p = take(vm, 2);
    if (!p) {
        return KMODEL_ERR_FORMAT;
    }
    int id = find_function(vm, (uint32_t)little(p, 2));
    if (id < 0) {
        return kmodel_v5_refuse(vm, "unknown operation %u at %u", (unsigned)little(p, 2), position(vm));
    }
    vm->id = (kmodel_v5_function_id_t)id;
    vm->name = functions[id].text;
    const char *stack = next_word(vm->name), *record = next_word(stack);
    if (functions[id].since && vm->dialect >= functions[id].since) {
        record = next_word(record);
    }
    int rc = read_record(vm, record);
    // CALL finds its arguments by its record.
    if (!rc && id == V5_CALL) {
        uint32_t count = 4 * ((uint32_t)vm->field[2] + (uint32_t)vm->field[3]);
        return pop(vm, count) ? 0 : KMODEL_ERR_FORMAT;
    }
    return rc ? rc : read_arguments(vm, stack);
}

static int instruction(kmodel_v5_vm_t *vm, uint8_t code)
{
    switch (code) {
    case OP_NOP: return 0;
    case OP_LDNULL: return push(vm, V5_ADDRESS, V5_BUFFER_NULL, 0);
    case OP_LDC_I4: return push_constant(vm, V5_INTEGER);
    case OP_LDC_I4_0: return push(vm, V5_INTEGER, 0, 0);
    case OP_LDC_I4_1: return push(vm, V5_INTEGER, 0, 1);
    case OP_LDC_R4: return push_constant(vm, V5_FLOAT);
    case OP_LEA_BUFFER: return lea_buffer(vm);
    case OP_DUP: {
        const kmodel_v5_entry_t *top = pop(vm, 1);
        if (!top) {
            return KMODEL_ERR_FORMAT;
        }
        vm->depth++;
        return push(vm, top->kind, top->buffer, top->value);
    }
    case OP_POP: return pop(vm, 1) ? 0 : KMODEL_ERR_FORMAT;
    case OP_STSHAPE: return store_shape(vm);
    case OP_STPADDINGS: return store_paddings(vm);
    case OP_RET: vm->at = vm->end; return 0;
    case OP_TENSOR: return tensor(vm);
    default: return kmodel_v5_refuse(vm, "instruction %u at %u is not in the set", code, position(vm) - 1);
    }
}

int kmodel_v5_step(kmodel_v5_vm_t *vm)
{
    vm->name = NULL;
    while (vm->at < vm->end) {
        uint8_t code = vm->call->model->file[vm->at++];
        if (instruction(vm, code)) {
            return -1;
        }
        if (code == OP_TENSOR) {
            vm->op_index++;
            return 1;
        }
    }
    if (vm->depth) {
        kmodel_v5_refuse(vm, "%u entries are left on the stack", (unsigned)vm->depth);
        return -1;
    }
    return 0;
}
