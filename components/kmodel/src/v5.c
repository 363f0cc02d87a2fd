// The container of kmodel V5 (spec kmodel.md 5.1): header 32 | modules, each header 48 | pools | functions | sections.

#include "v5.h"

#define HEADER_BYTES 32u
#define MODULE_BYTES 48u
#define POOL_BYTES 8u
#define FUNCTION_BYTES 32u
#define RANGE_BYTES 12u
#define SECTION_BYTES 32u
#define MERGED 1u           // section flag: the body is a part of .rdata
#define MAX_PADDING_SHORT 7 // bytes of final padding that a file may lack

// Limits of spec kmodel.md 7.1 A2.
#define MAX_MODULES 16u
#define MAX_FUNCTIONS 1024u
#define MAX_SECTIONS 16u
#define MAX_POOLS 16u
#define MAX_ALIGNMENT 4096u

enum { VERSION = 1, HEADER_SIZE, FLAGS, ALIGNMENT, MODULES, ENTRY_MODULE, ENTRY_FUNCTION }; // words of the header

// Where a module is being read.
typedef struct {
    kmodel_t *m;
    kmodel_error_t *error;
    uint32_t at, end; // file offsets
    uint32_t index;   // of the module
    kmodel_v5_module_t *module;
    bool fill; // second pass: the tables have been allocated
} reader_t;

const char *kmodel_v5_type_name(uint32_t type)
{
    static const char names[V5_TYPES][5] = {"i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64",
                                            "f16", "f32", "f64", "bf16"};
    return names[type];
}

#define reject(r, ...) kmodel_fail((r)->error, KMODEL_ERR_FORMAT, __VA_ARGS__)

static int need(const reader_t *r, uint64_t bytes, const char *what)
{
    if (r->at + bytes > r->end || r->at + bytes > r->m->available) {
        return reject(r, "module %u: %s at file offset %u + %llu bytes end outside the module", (unsigned)r->index, what,
                      (unsigned)r->at, (unsigned long long)bytes);
    }
    return 0;
}

static uint32_t word(const reader_t *r, uint32_t offset)
{
    return kmodel_v5_word(r->m, r->at + offset);
}

// Truncated, or the padding of the last module at most.
static int compute_length(kmodel_t *m, const kmodel_source_t *source, uint32_t modules, kmodel_error_t *error)
{
    uint64_t length = HEADER_BYTES;
    for (uint32_t i = 0; i < modules; i++) {
        uint32_t head[MODULE_BYTES / 4];
        if (length + MODULE_BYTES > source->size) {
            return kmodel_fail(error, KMODEL_ERR_FORMAT, "truncated: module %u starts at %llu, %llu bytes are there",
                               (unsigned)i, (unsigned long long)length, (unsigned long long)source->size);
        }
        int rc = kmodel_read(&m->env, source, m->word_swapped, (uint32_t)length, head, MODULE_BYTES, error);
        if (rc) {
            return rc;
        }
        uint32_t header_size = head[5], size = head[6];
        if (header_size != MODULE_BYTES || size < MODULE_BYTES || size % 8) {
            return kmodel_fail(error, KMODEL_ERR_FORMAT,
                               "module %u: header of %u bytes, must be %u; size %u, must be a multiple of 8 and at least %u",
                               (unsigned)i, (unsigned)header_size, MODULE_BYTES, (unsigned)size, MODULE_BYTES);
        }
        length += size;
    }
    if (length > source->size + MAX_PADDING_SHORT || length > UINT32_MAX - KMODEL_BLOCK_ALIGN) {
        return kmodel_fail(error, KMODEL_ERR_FORMAT, "truncated: the model needs %llu bytes, %llu are there",
                           (unsigned long long)length, (unsigned long long)source->size);
    }
    m->length = (uint32_t)length;
    m->available = length < source->size ? m->length : (uint32_t)source->size;
    m->available -= m->word_swapped ? m->available % 4 : 0;
    return 0;
}

static int read_type(reader_t *r)
{
    const char *type = (const char *)r->m->file + r->at;
    uint32_t version = word(r, 16);
    r->module->k210 = !memcmp(type, "k210\0\0\0\0\0\0\0\0\0\0\0", 16);
    if (!r->module->k210 && memcmp(type, "stackvm\0\0\0\0\0\0\0\0", 16)) {
        char name[16];
        memcpy(name, type, 15);
        name[15] = 0;
        for (unsigned i = 0; name[i]; i++) {
            name[i] = name[i] >= ' ' && name[i] <= '~' && name[i] != '"' && name[i] != '\\' ? name[i] : '?';
        }
        return reject(r, "module %u: type '%s' cannot be run, only stackvm and k210", (unsigned)r->index, name);
    }
    if (version != 1) {
        return reject(r, "module %u: version %u, must be 1", (unsigned)r->index, (unsigned)version);
    }
    return 0;
}

static int read_pools(reader_t *r, uint32_t pools, uint32_t shared, uint32_t *rdata_bytes)
{
    uint32_t seen = 0;
    if (pools > MAX_POOLS || shared > MAX_POOLS) {
        return reject(r, "module %u: %u and %u memory pools, at most %u", (unsigned)r->index, (unsigned)pools,
                      (unsigned)shared, MAX_POOLS);
    }
    int rc = need(r, POOL_BYTES * (pools + shared), "memory pools");
    for (uint32_t i = 0; !rc && i < pools; i++, r->at += POOL_BYTES) {
        uint32_t location = word(r, 0) & 0xff, size = word(r, 4);
        uint32_t bit = location == V5_KPU_RAM ? V5_SHARED_DATA + 1u : location;
        if (bit > V5_SHARED_DATA + 1u || (location != V5_KPU_RAM && location > V5_SHARED_DATA) || seen >> bit & 1) {
            return reject(r, "module %u: memory pool %u at location %u, unknown or there twice", (unsigned)r->index,
                          (unsigned)i, (unsigned)location);
        }
        seen |= 1u << bit;
        if (location == V5_DATA) {
            r->module->data_bytes = size;
        } else if (location == V5_RDATA) {
            *rdata_bytes = size;
        }
    }
    if (!rc) {
        r->at += POOL_BYTES * shared;
    }
    return rc;
}

// Elements of a shape in the file; 0 when a dimension or the product is out of range.
static uint64_t elements(const kmodel_t *m, uint32_t dims, uint32_t rank)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < rank; i++) {
        uint32_t dim = kmodel_v5_word(m, dims + 4 * i);
        n = dim && n * dim <= KMODEL_MAX_ELEMENTS ? n * dim : 0;
        if (!n) {
            break;
        }
    }
    return n;
}

// Ranges and shapes of the inputs or outputs at `at`; the cursor ends behind them.
static int read_params(reader_t *r, uint32_t location, uint32_t count)
{
    kmodel_t *m = r->m;
    const char *what = location == V5_INPUT ? "input" : "output";
    uint32_t ranges = r->at;
    int rc = need(r, RANGE_BYTES * count, "ranges");
    r->at += rc ? 0 : RANGE_BYTES * count;
    for (uint32_t i = 0; !rc && i < count; i++) {
        uint32_t head = kmodel_v5_word(m, ranges + RANGE_BYTES * i);
        kmodel_v5_param_t p = {.type = head >> 8 & 0xff,
                               .start = kmodel_v5_word(m, ranges + RANGE_BYTES * i + 4),
                               .size = kmodel_v5_word(m, ranges + RANGE_BYTES * i + 8)};
        if ((rc = need(r, 4, "shape"))) {
            break;
        }
        uint32_t rank = word(r, 0);
        p.dims = r->at += 4;
        if ((head & 0xff) != location || p.type >= V5_TYPES || rank > KMODEL_RANK) {
            return reject(r, "module %u: %s %u has location %u, datatype %u, rank %u; must be %u, below %u, up to %u",
                          (unsigned)r->index, what, (unsigned)i, (unsigned)(head & 0xff), p.type, (unsigned)rank,
                          (unsigned)location, V5_TYPES, KMODEL_RANK);
        }
        p.rank = (uint8_t)rank;
        if ((rc = need(r, 4 * rank, "shape"))) {
            break;
        }
        r->at += 4 * rank;
        uint64_t n = elements(m, p.dims, rank);
        if (n == 0 || n * kmodel_v5_type_bytes(p.type) != p.size) {
            return reject(r, "module %u: %s %u has %llu elements (1 to %u) of %s in %u bytes", (unsigned)r->index, what,
                          (unsigned)i, (unsigned long long)n, KMODEL_MAX_ELEMENTS, kmodel_v5_type_name(p.type),
                          (unsigned)p.size);
        }
        if (r->fill) {
            m->v5->param[m->v5->params] = p;
        }
        m->v5->params++;
    }
    return rc;
}

static int read_function(reader_t *r)
{
    struct kmodel_v5 *v5 = r->m->v5;
    int rc = need(r, FUNCTION_BYTES, "function");
    if (rc) {
        return rc;
    }
    uint32_t start = r->at, size = word(r, 4), inputs = word(r, 16), outputs = word(r, 20);
    kmodel_v5_function_t f = {.module = (uint8_t)r->index, .inputs = (uint16_t)inputs, .outputs = (uint16_t)outputs,
                              .param = v5->params, .text = word(r, 24), .text_bytes = word(r, 28)};
    if (word(r, 0) != FUNCTION_BYTES || size < FUNCTION_BYTES || size % 8) {
        return reject(r, "function %u: header of %u bytes, must be %u; size %u, must be a multiple of 8",
                      (unsigned)v5->functions, (unsigned)word(r, 0), FUNCTION_BYTES, (unsigned)size);
    }
    if (inputs > V5_MAX_ARGUMENTS || outputs > V5_MAX_ARGUMENTS) {
        return reject(r, "function %u: %u inputs and %u outputs, at most %u", (unsigned)v5->functions, (unsigned)inputs,
                      (unsigned)outputs, V5_MAX_ARGUMENTS);
    }
    r->at += FUNCTION_BYTES;
    rc = read_params(r, V5_INPUT, inputs);
    rc = rc ? rc : read_params(r, V5_OUTPUT, outputs);
    if (rc) {
        return rc;
    }
    if (r->at - start > size) {
        return reject(r, "function %u: size %u, its inputs and outputs take %u", (unsigned)v5->functions, (unsigned)size,
                      (unsigned)(r->at - start));
    }
    r->at = start;
    rc = need(r, size, "function");
    r->at += size;
    if (r->fill) {
        v5->function[v5->functions] = f;
    }
    v5->functions++;
    return rc;
}

typedef struct {
    uint32_t at, bytes;
    bool found, merged;
} section_t;

static int read_section(reader_t *r, section_t *rdata, section_t *text)
{
    int rc = need(r, SECTION_BYTES, "section");
    if (rc) {
        return rc;
    }
    const char *name = (const char *)r->m->file + r->at;
    if (!memchr(name, 0, 16)) {
        return reject(r, "module %u: section name without an end", (unsigned)r->index);
    }
    section_t s = {.at = word(r, 20), .bytes = word(r, 24), .found = true, .merged = word(r, 16) & MERGED};
    section_t *known = !strcmp(name, ".rdata") ? rdata : !strcmp(name, ".text") ? text : NULL;
    r->at += SECTION_BYTES;
    if (!s.merged) {
        rc = need(r, (uint64_t)s.at + s.bytes, "section body");
        s.at += r->at;
        r->at = rc ? r->at : s.at + s.bytes;
    }
    if (known && known->found) {
        return reject(r, "module %u: section %s is there twice", (unsigned)r->index, name);
    }
    if (known) {
        *known = s;
    }
    return rc;
}

static int read_sections(reader_t *r, uint32_t count, uint32_t rdata_pool)
{
    section_t rdata = {0}, text = {0};
    int rc = 0;
    for (uint32_t i = 0; !rc && i < count; i++) {
        rc = read_section(r, &rdata, &text);
    }
    if (rc) {
        return rc;
    }
    if (rdata.merged || (text.merged && (uint64_t)text.at + text.bytes > rdata.bytes)) {
        return reject(r, "module %u: merged section %u + %u outside .rdata (%u bytes)", (unsigned)r->index,
                      (unsigned)text.at, (unsigned)text.bytes, (unsigned)rdata.bytes);
    }
    if (rdata_pool > rdata.bytes) {
        return reject(r, "module %u: constants of %u bytes, .rdata has %u", (unsigned)r->index, (unsigned)rdata_pool,
                      (unsigned)rdata.bytes);
    }
    r->module->rdata = rdata.at;
    r->module->rdata_bytes = rdata.bytes;
    r->module->text = text.at + (text.merged ? rdata.at : 0);
    r->module->text_bytes = text.bytes;
    return 0;
}

// Make the entry points of a module's functions file offsets.
static int place_functions(const reader_t *r)
{
    const kmodel_v5_module_t *module = r->module;
    for (uint32_t i = module->function; i < module->function + module->functions; i++) {
        kmodel_v5_function_t *f = &r->m->v5->function[i];
        if ((uint64_t)f->text + f->text_bytes > module->text_bytes) {
            return reject(r, "function %u: code %u + %u bytes, .text has %u", (unsigned)i, (unsigned)f->text,
                          (unsigned)f->text_bytes, (unsigned)module->text_bytes);
        }
        f->text += module->text;
    }
    return 0;
}

static int read_module(reader_t *r)
{
    struct kmodel_v5 *v5 = r->m->v5;
    uint32_t start = r->at, pools = word(r, 28), shared = word(r, 32), sections = word(r, 36), rdata_pool = 0;
    *r->module = (kmodel_v5_module_t){.function = v5->functions, .functions = word(r, 40)};
    r->end = start + word(r, 24);
    if (r->module->functions > MAX_FUNCTIONS - v5->functions || sections > MAX_SECTIONS) {
        return reject(r, "module %u: %u functions (%u in all), %u sections (%u)", (unsigned)r->index,
                      (unsigned)r->module->functions, MAX_FUNCTIONS, (unsigned)sections, MAX_SECTIONS);
    }
    int rc = read_type(r);
    r->at += MODULE_BYTES;
    rc = rc ? rc : read_pools(r, pools, shared, &rdata_pool);
    for (uint32_t i = 0; !rc && i < r->module->functions; i++) {
        rc = read_function(r);
    }
    rc = rc ? rc : read_sections(r, sections, rdata_pool);
    rc = rc || !r->fill ? rc : place_functions(r);
    r->at = r->end;
    return rc;
}

static int read_modules(kmodel_t *m, bool fill, kmodel_error_t *error)
{
    struct kmodel_v5 *v5 = m->v5;
    kmodel_v5_module_t scratch;
    reader_t r = {.m = m, .error = error, .at = HEADER_BYTES, .fill = fill};
    v5->functions = v5->params = 0;
    int rc = 0;
    for (; !rc && r.index < v5->modules; r.index++) {
        r.module = fill ? &v5->module[r.index] : &scratch;
        rc = read_module(&r);
    }
    return rc;
}

// Tables of the sizes that a first reading has found.
static int alloc_tables(kmodel_t *m, kmodel_error_t *error)
{
    struct kmodel_v5 *v5 = m->v5;
    uint32_t bytes = v5->modules * (uint32_t)sizeof(*v5->module) + v5->functions * (uint32_t)sizeof(*v5->function) +
                     v5->params * (uint32_t)sizeof(*v5->param);
    v5->module = m->env.alloc(m->env.ctx, 8, bytes);
    if (!v5->module) {
        return kmodel_fail(error, KMODEL_ERR_MEMORY, "no %u bytes for %u functions", (unsigned)bytes,
                           (unsigned)v5->functions);
    }
    v5->function = (kmodel_v5_function_t *)(void *)(v5->module + v5->modules);
    v5->param = (kmodel_v5_param_t *)(void *)(v5->function + v5->functions);
    return 0;
}

static int check_header(const uint32_t *header, kmodel_error_t *error)
{
    uint32_t modules = header[MODULES], alignment = header[ALIGNMENT];
    if (modules == 0 || modules > MAX_MODULES || header[ENTRY_MODULE] >= modules) {
        return kmodel_fail(error, KMODEL_ERR_FORMAT, "%u modules (1 to %u), entry module %u", (unsigned)modules,
                           MAX_MODULES, (unsigned)header[ENTRY_MODULE]);
    }
    if (alignment == 0 || alignment > MAX_ALIGNMENT || (alignment & (alignment - 1))) {
        return kmodel_fail(error, KMODEL_ERR_FORMAT, "alignment %u, must be a power of two up to %u",
                           (unsigned)alignment, MAX_ALIGNMENT);
    }
    return 0;
}

static int find_entry(kmodel_t *m, const uint32_t *header, kmodel_error_t *error)
{
    const kmodel_v5_module_t *module = &m->v5->module[header[ENTRY_MODULE]];
    if (header[ENTRY_FUNCTION] >= module->functions) {
        return kmodel_fail(error, KMODEL_ERR_FORMAT, "entry function %u, module %u has %u",
                           (unsigned)header[ENTRY_FUNCTION], (unsigned)header[ENTRY_MODULE],
                           (unsigned)module->functions);
    }
    m->v5->entry = module->function + header[ENTRY_FUNCTION];
    const kmodel_v5_function_t *f = &m->v5->function[m->v5->entry];
    if (f->outputs == 0) {
        return kmodel_fail(error, KMODEL_ERR_FORMAT, "the entry function has no outputs");
    }
    return 0;
}

static int to_public(kmodel_t *m, const kmodel_v5_param_t *p, kmodel_tensor_t *t, const char *what,
                     kmodel_error_t *error)
{
    static const int8_t types[V5_TYPES] = {
        [V5_I8] = KMODEL_I8, [V5_I16] = -1, [V5_I32] = KMODEL_I32, [V5_I64] = KMODEL_I64, [V5_U8] = KMODEL_U8,
        [V5_U16] = -1,       [V5_U32] = -1, [V5_U64] = -1,         [V5_F16] = -1,         [V5_F32] = KMODEL_F32,
        [V5_F64] = -1,       [V5_BF16] = -1,
    };
    if (types[p->type] < 0) {
        return kmodel_fail(error, KMODEL_ERR_NOT_IMPLEMENTED, "%s of type %s; u8, i8, i32, i64 and f32 can be used", what,
                           kmodel_v5_type_name(p->type));
    }
    *t = (kmodel_tensor_t){.type = (kmodel_type_t)types[p->type], .bytes = p->size, .rank = p->rank};
    for (uint32_t i = 0; i < p->rank; i++) {
        t->dim[i] = kmodel_v5_word(m, p->dims + 4 * i);
    }
    // Leading axes of size 1 do not keep a tensor from being an image.
    uint32_t skip = 0;
    while (p->rank - skip > 3 && t->dim[skip] == 1) {
        skip++;
    }
    if (p->rank - skip <= 3) {
        t->c = p->rank - skip > 2 ? t->dim[p->rank - 3] : 1;
        t->h = p->rank - skip > 1 ? t->dim[p->rank - 2] : 1;
        t->w = p->rank ? t->dim[p->rank - 1] : 1;
        t->n = 1;
    }
    return 0;
}

// Data pools and outputs one behind the other, each with the slack of spec kmodel.md 2.4.
static int plan_memory(kmodel_t *m, kmodel_error_t *error)
{
    struct kmodel_v5 *v5 = m->v5;
    const kmodel_v5_function_t *f = &v5->function[v5->entry];
    uint64_t at = 0;
    for (uint32_t i = 0; i < v5->modules; i++) {
        v5->module[i].data = (uint32_t)at;
        at += v5->module[i].data_bytes ? (v5->module[i].data_bytes + 15ull) & ~7ull : 0;
        if (at > UINT32_MAX) {
            break;
        }
    }
    for (uint32_t i = 0; i < f->inputs; i++) {
        int rc = to_public(m, &v5->param[f->param + i], &m->inputs[i], "input", error);
        if (rc) {
            return rc;
        }
    }
    for (uint32_t i = 0; i < f->outputs; i++) {
        int rc = to_public(m, &v5->param[f->param + f->inputs + i], &m->outputs[i], "output", error);
        if (rc) {
            return rc;
        }
        m->outputs[i].address = (uint32_t)at;
        at += (m->outputs[i].bytes + 15ull) & ~7ull;
    }
    if (at > UINT32_MAX - 16) {
        return kmodel_fail(error, KMODEL_ERR_MEMORY, "%llu bytes of work memory", (unsigned long long)at);
    }
    m->main_bytes = (uint32_t)at;
    return 0;
}

static int check_functions(kmodel_t *m, kmodel_error_t *error)
{
    uint32_t ops = 0;
    for (uint32_t i = 0; i < m->v5->functions; i++) {
        ops += m->v5->function[i].ops;
        if (ops > KMODEL_MAX_LAYERS) {
            return kmodel_fail(error, KMODEL_ERR_FORMAT, "more than %u operations", KMODEL_MAX_LAYERS);
        }
    }
    m->node_count = m->run_count = ops;
    for (uint32_t i = 0; i < m->v5->functions; i++) {
        int rc = kmodel_v5_check(m, &m->v5->function[i], 1, error);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

static int count_records(kmodel_t *m, uint64_t *records, kmodel_error_t *error)
{
    for (uint32_t i = 0; i < m->v5->functions; i++) {
        kmodel_v5_function_t *f = &m->v5->function[i];
        f->record = (uint32_t)*records;
        int rc = m->v5->module[f->module].k210 ? kmodel_v5_k210_count(m, f, records, error) : 0;
        if (rc) {
            return rc;
        }
    }
    return 0;
}

int kmodel_v5_load(kmodel_t *m, const kmodel_source_t *source, kmodel_error_t *error)
{
    uint32_t header[HEADER_BYTES / 4];
    uint64_t records = 0;
    if (source->size < HEADER_BYTES) {
        return kmodel_fail(error, KMODEL_ERR_FORMAT, "truncated: %llu bytes, the header has %u",
                           (unsigned long long)source->size, HEADER_BYTES);
    }
    int rc = kmodel_read(&m->env, source, m->word_swapped, 0, header, HEADER_BYTES, error);
    rc = rc ? rc : check_header(header, error);
    rc = rc ? rc : compute_length(m, source, header[MODULES], error);
    rc = rc ? rc : kmodel_read_file(m, source, error);
    if (rc) {
        return rc;
    }
    m->v5 = m->env.alloc(m->env.ctx, 8, sizeof(*m->v5));
    if (!m->v5) {
        return kmodel_fail(error, KMODEL_ERR_MEMORY, "no %u bytes for the model's description",
                           (unsigned)sizeof(*m->v5));
    }
    *m->v5 = (struct kmodel_v5){.modules = header[MODULES]};
    m->eight_bit_weights = true;
    rc = read_modules(m, false, error);
    rc = rc ? rc : alloc_tables(m, error);
    rc = rc ? rc : read_modules(m, true, error);
    rc = rc ? rc : find_entry(m, header, error);
    rc = rc ? rc : count_records(m, &records, error);
    if (rc) {
        return rc;
    }
    const kmodel_v5_function_t *entry = &m->v5->function[m->v5->entry];
    rc = kmodel_alloc_index(m, 0, records, entry->inputs, entry->outputs, error);
    rc = rc ? rc : plan_memory(m, error);
    rc = rc ? rc : kmodel_v5_find_dialect(m, error);
    m->kpu_low = KMODEL_KPU_ROWS;
    rc = rc ? rc : check_functions(m, error);
    return rc;
}

void kmodel_v5_free(kmodel_t *m)
{
    const kmodel_env_t *env = &m->env;
    if (m->v5) {
        if (m->v5->staged) {
            env->free(env->ctx, m->v5->staged);
        }
        if (m->v5->module) {
            env->free(env->ctx, m->v5->module);
        }
        env->free(env->ctx, m->v5);
    }
}
