/* An exception that nothing handles: the dump on the console, the other hart goes on. */

#include <assert.h>
#include "check.h"

static int hart1(void *ctx) {
    msleep(20);
    printk("hart 1 lives\nDONE 0 0\n");
    assert(ctx != NULL);
    return 0;
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    register_core1(hart1, NULL);
    __asm__ volatile("li s3, 0x5353\n li a2, 0x4242\n .word 0xFFFFFFFF" ::: "s3", "a2");
    return 0;
}
