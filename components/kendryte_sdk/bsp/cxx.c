/* What compiled C++ calls when it is linked without a C++ library. */

#include <stdlib.h>
#include "bsp.h"

void *__dso_handle;

void *_Znwm(size_t size); /* operator new, operator new[], and their deletes */
void *_Znam(size_t size);
void _ZdlPv(void *p);
void _ZdaPv(void *p);
void _ZdlPvm(void *p, size_t size);
void _ZdaPvm(void *p, size_t size);
void __cxa_pure_virtual(void);

/* Without exceptions there is no way to report it. */
__attribute__((weak)) void *_Znwm(size_t size) {
    void *p = malloc(size ? size : 1);
    if (p == NULL) {
        printk("new: no memory for %lu bytes\r\n", size);
        abort();
    }
    return p;
}

__attribute__((weak)) void *_Znam(size_t size) {
    return _Znwm(size);
}

__attribute__((weak)) void _ZdlPv(void *p) {
    free(p);
}

__attribute__((weak)) void _ZdaPv(void *p) {
    free(p);
}

__attribute__((weak)) void _ZdlPvm(void *p, size_t size) {
    (void)size;
    free(p);
}

__attribute__((weak)) void _ZdaPvm(void *p, size_t size) {
    (void)size;
    free(p);
}

__attribute__((weak)) void __cxa_pure_virtual(void) {
    printk("a pure virtual function was called\r\n");
    abort();
}
