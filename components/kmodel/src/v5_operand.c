// Operands of TENSOR operations: where they lie, and whether they fit there (spec kmodel.md 7.5, 5.7).

#include "v5_stackvm.h"

typedef struct {
    uint8_t *base; // NULL: not known while the model is checked
    uint32_t bytes;
    bool writable;
} buffer_t;

static bool find_buffer(const kmodel_v5_vm_t *vm, uint32_t id, buffer_t *out)
{
    const kmodel_v5_call_t *call = vm->call;
    const kmodel_t *m = call->model;
    const kmodel_v5_function_t *f = call->function;
    const kmodel_v5_module_t *module = &m->v5->module[f->module];
    const kmodel_v5_param_t *params = m->v5->param + f->param;
    if (id < V5_BUFFER_OUTPUT) {
        *out = (buffer_t){call->input[id], params[id].size, false};
    } else if (id < V5_BUFFER_RDATA) {
        *out = (buffer_t){call->output[id - V5_BUFFER_OUTPUT], params[f->inputs + id - V5_BUFFER_OUTPUT].size, true};
    } else if (id == V5_BUFFER_RDATA) {
        *out = (buffer_t){m->file + module->rdata, module->rdata_bytes, false};
    } else if (id == V5_BUFFER_DATA) {
        *out = (buffer_t){call->run ? m->main + module->data : NULL, module->data_bytes, true};
    } else {
        return false;
    }
    return true;
}

// Bytes from the first element to the end of the last one; 0 when the shape is out of range.
static uint64_t extent(kmodel_v5_vm_t *vm, const kmodel_shape_t *shape, const kmodel_shape_t *strides, uint32_t size,
                       int32_t step[])
{
    uint64_t count = 1, last = 0, dense = size;
    if (strides && strides->rank != shape->rank) {
        kmodel_v5_refuse(vm, "shape of rank %u, strides of rank %u", (unsigned)shape->rank, (unsigned)strides->rank);
        return 0;
    }
    for (uint32_t i = shape->rank; i-- > 0;) {
        uint32_t dim = shape->dim[i];
        count *= dim;
        if (count == 0 || count > KMODEL_MAX_ELEMENTS) {
            kmodel_v5_refuse(vm, "axis %u of %u: elements must be 1 to %u in all", (unsigned)i, (unsigned)dim,
                             KMODEL_MAX_ELEMENTS);
            return 0;
        }
        uint64_t stride = strides ? (uint64_t)strides->dim[i] * size : dense;
        if (dim > 1 && stride > INT32_MAX) {
            kmodel_v5_refuse(vm, "stride %u of axis %u", (unsigned)strides->dim[i], (unsigned)i);
            return 0;
        }
        step[i] = dim > 1 ? (int32_t)stride : 0;
        last += (dim - 1) * (dim > 1 ? stride : 0);
        dense *= dim;
    }
    return last + size;
}

int kmodel_v5_operand(kmodel_v5_vm_t *vm, unsigned arg, uint32_t type, const kmodel_shape_t *shape,
                      const kmodel_shape_t *strides, bool write, kmodel_v5_operand_t *out)
{
    const kmodel_v5_entry_t *e = &vm->arg[arg];
    uint32_t size = kmodel_v5_type_bytes(type);
    buffer_t buffer;
    if (!find_buffer(vm, e->buffer, &buffer)) {
        return kmodel_v5_refuse(vm, "argument %u has no address", arg);
    }
    out->shape = *shape;
    out->type = type;
    uint64_t bytes = extent(vm, shape, strides, size, out->view.step);
    if (!bytes) {
        return KMODEL_ERR_FORMAT;
    }
    if (e->value + bytes > buffer.bytes) {
        return kmodel_v5_refuse(vm, "argument %u: %u + %llu bytes end outside its memory (%u bytes)", arg,
                                (unsigned)e->value, (unsigned long long)bytes, (unsigned)buffer.bytes);
    }
    if (write && !buffer.writable) {
        return kmodel_v5_refuse(vm, "argument %u would be written, it is an input or a constant", arg);
    }
    if (((uintptr_t)buffer.base + e->value) % size) {
        return kmodel_v5_refuse(vm, "argument %u at %u is not a multiple of %u", arg, (unsigned)e->value,
                                (unsigned)size);
    }
    out->view.data = buffer.base ? buffer.base + e->value : NULL;
    return 0;
}
