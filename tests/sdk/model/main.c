/* Written as the model demos for Kendryte's SDK are. The test puts digits.kmodel and pictures.bin beside a copy. */

#include <stdio.h>
#include <string.h>
#include "iomem.h"
#include "kpu.h"
#include "plic.h"
#include "sysctl.h"

#define INCBIN(name, file) \
    __asm__(".section .rodata\n" \
            ".balign 128\n" \
            ".global " #name "\n" #name ": .incbin \"" file "\"\n" \
            ".global " #name "_end\n" #name "_end:\n.previous\n"); \
    extern const uint8_t name[], name##_end[]

INCBIN(model_data, "digits.kmodel");
INCBIN(pictures, "pictures.bin");

#define PICTURE (28 * 28)

kpu_model_context_t task;
volatile uint8_t ai_done_flag;

static void ai_done(void *userdata) {
    ai_done_flag = *(uint8_t *)userdata;
}

int main(void) {
    static uint8_t one = 1, junk[64] __attribute__((aligned(128))) = "no model";
    sysctl_pll_set_freq(SYSCTL_PLL1, 400000000);
    sysctl_clock_enable(SYSCTL_CLOCK_AI);
    plic_init();
    sysctl_enable_irq();
    printf("junk %d\n", kpu_load_kmodel(&task, junk));
    if (kpu_load_kmodel(&task, model_data) != 0) {
        printf("cannot load\n");
        while (1)
            ;
    }
    uint8_t *buffer = iomem_malloc(PICTURE);
    for (const uint8_t *picture = pictures; picture < pictures_end; picture += PICTURE) {
        memcpy(buffer, picture, PICTURE);
        ai_done_flag = 0;
        kpu_run_kmodel(&task, buffer, DMAC_CHANNEL5, ai_done, &one);
        while (!ai_done_flag)
            ;
        float *output;
        size_t size;
        kpu_get_output(&task, 0, (uint8_t **)&output, &size);
        printf("output");
        for (size_t i = 0; i < size / 4; i++) {
            printf(" %.6f", output[i]);
        }
        printf("\n");
    }
    uint8_t *none;
    size_t size;
    printf("output 1 %d\n", kpu_get_output(&task, 1, &none, &size));
    kpu_model_free(&task);
    printf("end\n");
    while (1)
        ;
}
