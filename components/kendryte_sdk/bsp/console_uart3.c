/* Console on UART3, pads 4 and 5: the default of Kendryte's SDK. */

#include "bsp.h"
#include "fpioa.h"
#include "uart.h"

__attribute__((weak)) void bsp_console_init(void) {
    fpioa_set_function(4, FUNC_UART3_RX);
    fpioa_set_function(5, FUNC_UART3_TX);
    uart_debug_init(UART_DEVICE_3);
}

__attribute__((weak)) void bsp_console_drain(void) {
    uart_debug_drain();
}

__attribute__((weak)) void bsp_console_reclock(void) {
    uart_debug_init((uart_device_number_t)-1);
}
