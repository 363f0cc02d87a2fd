// V4 nnil_unary_method: byte code for one number, on a stack of at most 64 (spec kmodel.md 4.4).

#include "v4.h"

#define STACK 64
#define CODE_AT 32u // byte of the body

enum { NOP, DUP, POP, LOAD, ZERO, ONE, CONSTANT, UNARY = 0x20, BINARY = 0x40, CLAMP = 0x80, RETURN = 0xa0 };

static const uint8_t unary_ops[] = {KMODEL_ABS, KMODEL_CEIL, KMODEL_COS,   KMODEL_EXP, KMODEL_FLOOR,
                                    KMODEL_LOG, KMODEL_NEG,  KMODEL_RSQRT, KMODEL_SIN, KMODEL_SQUARE};

static uint32_t code_bytes(const kmodel_node_t *node, uint32_t present)
{
    return (node->body_size < present ? node->body_size : present) - CODE_AT;
}

// Numbers an instruction takes and leaves; false: there is no such instruction.
static bool effect(uint8_t code, int *takes, int *leaves)
{
    *takes = *leaves = 0;
    if (code == DUP) {
        *takes = 1, *leaves = 2;
    } else if (code == POP || code == RETURN) {
        *takes = 1;
    } else if (code >= LOAD && code <= CONSTANT) {
        *leaves = 1;
    } else if (code >= UNARY && code < UNARY + sizeof(unary_ops)) {
        *takes = 1, *leaves = 1;
    } else if (code >= BINARY && code <= BINARY + KMODEL_MAX) {
        *takes = 2, *leaves = 1;
    } else if (code == CLAMP) {
        *takes = 3, *leaves = 1;
    } else {
        return code == NOP;
    }
    return true;
}

static int prepare(kmodel_prep_t *prep)
{
    const uint32_t *f = prep->field;
    int rc = kmodel_v4_flat(prep, &prep->in[0], f, KMODEL_F32);
    rc = rc ? rc : kmodel_v4_sized(prep, &prep->out, f + 4, KMODEL_F32, prep->in[0].bytes);
    const uint8_t *code = (const uint8_t *)f + CODE_AT;
    uint32_t size = code_bytes(prep->node, prep->present);
    int depth = 0, takes, leaves;
    for (uint32_t at = 0; !rc && at < size; at++) {
        if (!effect(code[at], &takes, &leaves)) {
            return kmodel_reject(prep, "instruction 0x%02x at byte %u of the code", code[at], (unsigned)at);
        }
        if (depth < takes || depth - takes + leaves > STACK) {
            return kmodel_reject(prep, "instruction 0x%02x at byte %u with %d numbers on the stack of %d", code[at],
                                 (unsigned)at, depth, STACK);
        }
        if (code[at] == RETURN) {
            return 0;
        }
        depth += leaves - takes;
        at += code[at] == CONSTANT ? 4 : 0;
        if (at >= size) {
            return kmodel_reject(prep, "a constant ends behind the code (%u bytes)", (unsigned)size);
        }
    }
    return rc || depth == 1 ? rc : kmodel_reject(prep, "the code leaves %d numbers, must be 1", depth);
}

static float run(const uint8_t *code, uint32_t size, float x)
{
    float stack[STACK + 1], *top = stack; // the number on top
    for (const uint8_t *end = code + size; code < end && *code != RETURN; code++) {
        switch (*code) {
        case NOP: break;
        case DUP: top[1] = top[0], top++; break;
        case POP: top--; break;
        case LOAD: *++top = x; break;
        case ZERO: *++top = 0; break;
        case ONE: *++top = 1; break;
        case CONSTANT: memcpy(++top, code + 1, 4), code += 4; break;
        case CLAMP: top -= 2, *top = kmodel_clamp(top[0], top[1], top[2]); break;
        default:
            if (*code < BINARY) {
                *top = kmodel_unary_value(unary_ops[*code - UNARY], *top);
            } else {
                top--, *top = kmodel_binary_value(*code - BINARY, top[0], top[1]);
            }
        }
    }
    return *top;
}

static const kmodel_node_t *node_of(const kmodel_t *m, const uint32_t *f)
{
    const kmodel_node_t *node = m->nodes;
    while ((const uint8_t *)f != m->file + node->body) {
        node++;
    }
    return node;
}

static int eval(kmodel_t *m, const uint32_t *f)
{
    const kmodel_node_t *node = node_of(m, f);
    uint32_t size = code_bytes(node, m->available - node->body), count = kmodel_v4_range(f)->size / 4;
    const float *in = (const float *)(const void *)kmodel_v4_data(m, f);
    float *out = (float *)(void *)kmodel_v4_data(m, f + 4);
    kmodel_pace_t pace = {&m->env, 0};
    for (uint32_t i = 0; i < count; i++) {
        out[i] = run((const uint8_t *)f + CODE_AT, size, in[i]);
        int rc = kmodel_pace(&pace, size);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

const kmodel_op_t kmodel_v4_nnil = {0x14, 32, "nnil_unary_method", prepare, eval};
