/* Console on UARTHS, pads 4 and 5. */

#include "bsp.h"
#include "fpioa.h"
#include "uarths.h"

__attribute__((weak)) void bsp_console_init(void) {
    fpioa_set_function(4, FUNC_UARTHS_RX);
    fpioa_set_function(5, FUNC_UARTHS_TX);
    uarths_init();
    sys_register_putchar(uarths_putchar);
    sys_register_getchar(uarths_getchar);
}

__attribute__((weak)) void bsp_console_drain(void) {
    uarths_drain();
}

__attribute__((weak)) void bsp_console_reclock(void) {
    uarths_config(115200, UARTHS_STOP_1);
}
