// Functions of stackvm modules: finding the dialect, checking, running, and calls between functions.

#include "v5_ops.h"

// All code of the model decodes in the dialect; *reached is how far it did, over all functions.
static bool decodes(kmodel_t *m, uint8_t dialect, kmodel_error_t *error, uint64_t *reached)
{
    kmodel_v5_vm_t vm;
    *reached = 0;
    for (uint32_t i = 0; i < m->v5->functions; i++) {
        kmodel_v5_call_t call = {.model = m, .function = &m->v5->function[i], .error = error};
        if (m->v5->module[call.function->module].k210) {
            continue;
        }
        kmodel_v5_start(&vm, &call, dialect);
        int rc;
        while ((rc = kmodel_v5_step(&vm)) > 0) {
        }
        call.function->ops = vm.op_index;
        *reached += vm.at - vm.start;
        if (rc) {
            return false;
        }
    }
    return true;
}

int kmodel_v5_find_dialect(kmodel_t *m, kmodel_error_t *error)
{
    kmodel_error_t reason = {0};
    uint64_t furthest = 0;
    for (uint8_t d = V5_DIALECTS; d-- > 0;) {
        kmodel_error_t why = {0};
        uint64_t reached;
        if (decodes(m, d, &why, &reached)) {
            m->v5->dialect = d;
            return 0;
        }
        if (reached > furthest || !reason.code) {
            furthest = reached;
            reason = why;
        }
    }
    return kmodel_fail(error, KMODEL_ERR_FORMAT,
                       "V5 instruction set not recognised (nncase older than 1.0-rc1 or newer than 1.9): %s",
                       reason.detail);
}

static int interrupted(const kmodel_v5_call_t *call)
{
    return kmodel_fail(call->error, KMODEL_ERR_INTERRUPTED, "interrupted");
}

int kmodel_v5_stackvm(kmodel_v5_call_t *call)
{
    kmodel_v5_vm_t vm;
    kmodel_v5_start(&vm, call, call->model->v5->dialect);
    int rc, more;
    for (;;) {
        if (call->run && kmodel_poll(call->model)) {
            return interrupted(call);
        }
        more = kmodel_v5_step(&vm);
        if (more <= 0 || (call->layer && vm.op_index > call->layer_index + 1)) {
            break;
        }
        if (call->layer && vm.op_index == call->layer_index + 1) {
            call->layer->type = (uint32_t)vm.id;
            call->layer->name = kmodel_v5_function_name(vm.id);
        }
        if (call->layer && vm.op_index <= call->layer_index) {
            continue;
        }
        rc = kmodel_v5_op(&vm);
        if (rc) {
            return rc == KMODEL_HOOK_INTERRUPTED ? interrupted(call) : rc;
        }
    }
    return more < 0 ? KMODEL_ERR_FORMAT : 0;
}

#define MAX_DEPTH 2u // of calls between stackvm functions, which keeps circles out

int kmodel_v5_check(kmodel_t *m, kmodel_v5_function_t *f, uint32_t depth, kmodel_error_t *error)
{
    kmodel_v5_call_t call = {.model = m, .function = f, .depth = depth, .error = error};
    if (f->depth) {
        return 0;
    }
    bool k210 = m->v5->module[f->module].k210;
    f->depth = V5_CHECKING;
    V5_TRY(k210 ? kmodel_v5_k210(&call) : kmodel_v5_stackvm(&call));
    f->depth = f->depth == V5_CHECKING ? 1 : f->depth;
    return 0;
}

static int check_callee(kmodel_v5_vm_t *vm, kmodel_v5_function_t *callee)
{
    kmodel_v5_function_t *caller = vm->call->function;
    if (vm->call->model->v5->module[callee->module].k210) {
        return 0;
    }
    if (!callee->depth && vm->call->depth < MAX_DEPTH) {
        V5_TRY(kmodel_v5_check(vm->call->model, callee, vm->call->depth + 1, vm->call->error));
    }
    if (callee->depth != 1) {
        return kmodel_v5_refuse(vm, "calls of stackvm functions are nested more than %u deep", MAX_DEPTH);
    }
    caller->depth = 2;
    return 0;
}

// Arguments `first` to `first + count` of the call, which match the parameters of the callee.
static int pass(kmodel_v5_vm_t *vm, const kmodel_v5_entry_t *e, const kmodel_v5_param_t *p, uint32_t count, bool write,
                uint8_t **pointers)
{
    for (uint32_t i = 0; i < count; i++, e += 4) {
        kmodel_v5_operand_t o;
        uint32_t type = e[1].value, shape = e[2].value, strides = e[3].value;
        if (e[0].kind != V5_ADDRESS || e[1].kind != V5_INTEGER || e[2].kind != V5_INTEGER ||
            e[3].kind != V5_INTEGER || shape >= V5_SHAPES || strides >= V5_SHAPES || !(vm->shapes_set >> shape & 1) ||
            !(vm->shapes_set >> strides & 1)) {
            return kmodel_v5_refuse(vm, "%s %u is not an address, a datatype and two shapes",
                                    write ? "output" : "input", (unsigned)i);
        }
        if (type != p[i].type) {
            return kmodel_v5_refuse(vm, "%s %u has datatype %u, the function takes %u", write ? "output" : "input",
                                    (unsigned)i, (unsigned)type, p[i].type);
        }
        vm->arg[0] = e[0];
        V5_TRY(kmodel_v5_operand(vm, 0, type, &vm->shape[shape], &vm->shape[strides], write, &o));
        uint64_t bytes = kmodel_elements(&o.shape) * kmodel_v5_type_bytes(type);
        if (bytes != p[i].size || !v5_is_dense(&o)) {
            return kmodel_v5_refuse(vm, "%s %u has %llu bytes, the function takes %u that lie densely",
                                    write ? "output" : "input", (unsigned)i, (unsigned long long)bytes,
                                    (unsigned)p[i].size);
        }
        pointers[i] = o.view.data;
    }
    return 0;
}

int v5_call(kmodel_v5_vm_t *vm)
{
    const struct kmodel_v5 *v5 = vm->call->model->v5;
    uint32_t id = (uint32_t)vm->field[0], module = (uint32_t)vm->field[1];
    if (module >= v5->modules || id >= v5->module[module].functions) {
        return kmodel_v5_refuse(vm, "function %u of module %u does not exist", (unsigned)id, (unsigned)module);
    }
    kmodel_v5_function_t *f = &v5->function[v5->module[module].function + id];
    if (f->inputs != vm->field[2] || f->outputs != vm->field[3]) {
        return kmodel_v5_refuse(vm, "%u inputs and %u outputs for a function with %u and %u", (unsigned)vm->field[2],
                                (unsigned)vm->field[3], f->inputs, f->outputs);
    }
    const kmodel_v5_entry_t *e = &vm->stack[vm->depth];
    const kmodel_v5_param_t *p = v5->param + f->param;
    kmodel_v5_call_t call = {.model = vm->call->model, .function = f, .depth = vm->call->depth + 1,
                             .run = vm->call->run, .error = vm->call->error};
    V5_TRY(pass(vm, e, p, f->inputs, false, call.input));
    V5_TRY(pass(vm, e + 4 * f->inputs, p + f->inputs, f->outputs, true, call.output));
    if (!vm->call->run) {
        return vm->call->layer ? 0 : check_callee(vm, f);
    }
    return v5->module[module].k210 ? kmodel_v5_k210(&call) : kmodel_v5_stackvm(&call);
}
