// Running a V5 model and listing its operations.

#include "v5.h"

// Pixels in C,H,W order for a model that takes H,W,C, as models with preprocessing do. NULL: no room.
static uint8_t *interleave(kmodel_t *m, const kmodel_input_t *in)
{
    const kmodel_tensor_t *t = &m->inputs[0];
    if (!m->v5->staged) {
        m->v5->staged = m->env.alloc(m->env.ctx, 8, (t->bytes + 7) & ~7u);
    }
    if (m->v5->staged) {
        size_t plane = (size_t)in->w * in->h;
        const uint8_t *from = in->data;
        for (uint32_t c = 0; c < in->c; c++) {
            for (size_t i = 0; i < plane; i++) {
                m->v5->staged[i * in->c + c] = *from++;
            }
        }
    }
    return m->v5->staged;
}

bool kmodel_v5_takes_image(const kmodel_tensor_t *t, const kmodel_input_t *in)
{
    return t->type == KMODEL_U8 && t->rank == 4 && t->dim[0] == 1 && t->dim[1] == in->h && t->dim[2] == in->w &&
           t->dim[3] == in->c;
}

static int place_inputs(kmodel_t *m, const kmodel_input_t *inputs, kmodel_v5_call_t *call)
{
    for (uint32_t i = 0; i < m->input_count; i++) {
        const kmodel_tensor_t *t = &m->inputs[i];
        // Read only; the functions of the model cannot write it.
        call->input[i] = (uint8_t *)(uintptr_t)inputs[i].data;
        bool planar = t->c == inputs[i].c && t->h == inputs[i].h && t->w == inputs[i].w;
        if (i == 0 && inputs[0].w && !planar && kmodel_v5_takes_image(t, &inputs[0])) {
            call->input[0] = interleave(m, &inputs[0]);
            if (!call->input[0]) {
                return kmodel_fail(call->error, KMODEL_ERR_MEMORY, "no %u bytes for the input", (unsigned)t->bytes);
            }
        }
        uint32_t align = kmodel_type_bytes(t->type);
        if ((uintptr_t)call->input[i] % align) {
            return kmodel_fail(call->error, KMODEL_ERR_PARAM, "input %u is not at a multiple of %u bytes", (unsigned)i,
                               (unsigned)align);
        }
    }
    return 0;
}

int kmodel_v5_run(kmodel_t *m, const kmodel_input_t *inputs, kmodel_error_t *error)
{
    struct kmodel_v5 *v5 = m->v5;
    kmodel_v5_call_t call = {.model = m, .function = &v5->function[v5->entry], .depth = 1, .run = true, .error = error};
    int rc = place_inputs(m, inputs, &call);
    for (uint32_t i = 0; i < m->output_count; i++) {
        call.output[i] = m->main + m->outputs[i].address;
    }
    if (rc) {
        return rc;
    }
    rc = v5->module[call.function->module].k210 ? kmodel_v5_k210(&call) : kmodel_v5_stackvm(&call);
    if (rc == KMODEL_ERR_FORMAT) {
        // Only addresses are known better than when the model was loaded: its functions pass one that is misaligned.
        rc = error->code = KMODEL_ERR_RUN;
    }
    return rc;
}

int kmodel_v5_layer_info(const kmodel_t *m, uint32_t index, kmodel_layer_t *layer)
{
    struct kmodel_v5 *v5 = m->v5;
    for (uint32_t i = 0; i < v5->functions; i++) {
        kmodel_v5_function_t *f = &v5->function[i];
        if (index < f->ops) {
            kmodel_error_t unused;
            kmodel_v5_call_t call = {.model = (kmodel_t *)(uintptr_t)m, .function = f, .error = &unused,
                                     .layer = layer, .layer_index = index};
            return v5->module[f->module].k210 ? kmodel_v5_k210(&call) : kmodel_v5_stackvm(&call);
        }
        index -= f->ops;
    }
    return KMODEL_ERR_INDEX;
}
