// Memory, Ctrl-C and the KPU for the model runtime.
#include <malloc.h>

#include "heap.h"
#include "kmodel_k210.h"
#include "kpu_objects.h"
#include "py/gc.h"
#include "py/runtime.h"

static struct {
    bool failed;
    size_t available, largest;
} shortage;

int kpu_py_poll(void *ctx)
{
    (void)ctx;
    return MP_STATE_MAIN_THREAD(mp_pending_exception) != MP_OBJ_NULL;
}

static int poll(void)
{
    return kpu_py_poll(NULL);
}

// Models that nobody refers to any more, and empty areas of the Python heap, give back memory when they are collected.
static void *alloc(void *ctx, size_t align, size_t size)
{
    (void)ctx;
    void *p = memalign(MAX(align, HEAP_ALIGN), size);
    if (!p && !shortage.failed) {
        gc_collect();
        py_image_release_unviewed();
        p = memalign(MAX(align, HEAP_ALIGN), size);
    }
    if (!p) {
        shortage.failed = true;
        shortage.available = sdk_heap_free();
        shortage.largest = sdk_heap_largest();
    }
    return p;
}

void kpu_shortage_clear(void)
{
    shortage.failed = false;
}

bool kpu_shortage(size_t *available, size_t *largest)
{
    *available = shortage.available;
    *largest = shortage.largest;
    return shortage.failed;
}

const kmodel_env_t *kpu_env(void)
{
    static kmodel_env_t env;
    if (!env.kpu) {
        const kmodel_env_t *k210 = kmodel_k210_env(poll);
        if (!k210) {
            return NULL;
        }
        env = *k210;
        env.alloc = alloc;
    }
    return &env;
}

// The Python heap grows out of the C heap, so its largest block may be one that it does not have yet.
static mp_obj_t kpu_memtest(void)
{
    gc_info_t info;
    gc_info(&info);
    size_t block = MAX(info.max_free * MICROPY_BYTES_PER_GC_BLOCK, info.max_new_split);
    mp_printf(&mp_plat_print, "###free gc heap memory : %d KB\n###free sys heap memory: %d KB\n", (int)(block / 1024),
              (int)(sdk_heap_free() / 1024));
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_0(kpu_memtest_obj, kpu_memtest);
