/* From the start-up code to main() and to what register_core1() asked for (spec sdk-api.md 3.1). */

#include "entry.h"
#include "bsp.h"
#include "clint.h"
#include "dmac.h"
#include "fpioa.h"
#include "plic.h"
#include "sysctl.h"

extern volatile uint64_t g_wake_up[2];
extern int main(int, char **);
extern void __libc_init_array(void);

core_instance_t core1_instance;
volatile char *const ram = (volatile char *)RAM_BASE_ADDR;

/* For the vendor's interface: programs may define it. */
__attribute__((weak)) void initialize_kendryte_ide_hook(void) {
}

__attribute__((weak)) void _init(void) {
}

__attribute__((weak)) void _fini(void) {
}

__attribute__((weak)) int os_entry(int core_id, int number_of_cores, int (*user_main)(int, char **)) {
    (void)core_id;
    (void)number_of_cores;
    return user_main(0, NULL);
}

void _init_bsp(int core_id, int number_of_cores) {
    int result = 0;
    if (core_id == 0) {
        bsp_console_init();
        dmac_init();
        fpioa_init();
        __libc_init_array();
        sysctl_get_reset_status(); /* caches it before a program clears it */
        plic_init();
        sysctl_enable_irq();
        initialize_kendryte_ide_hook();
        result = os_entry(core_id, number_of_cores, main);
    } else {
        plic_init();
        sysctl_enable_irq();
        if (core1_instance.callback) {
            result = core1_instance.callback(core1_instance.ctx);
        }
    }
    sys_exit(result);
}

int core_enable(int core_id) {
    if (core_id != 1) {
        return -1;
    }
    g_wake_up[1] = 1;
    return clint_ipi_send(1);
}

int register_core1(core_function func, void *ctx) {
    if (func == NULL) {
        return -1;
    }
    core1_instance.callback = func;
    core1_instance.ctx = ctx;
    return core_enable(1);
}
