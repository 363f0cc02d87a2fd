#ifndef KENDRYTE_GPIO_COMMON_H
#define KENDRYTE_GPIO_COMMON_H


#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    GPIO_DM_INPUT, GPIO_DM_INPUT_PULL_DOWN, GPIO_DM_INPUT_PULL_UP, GPIO_DM_OUTPUT,
} gpio_drive_mode_t;

typedef enum {
    GPIO_PE_NONE, GPIO_PE_FALLING, GPIO_PE_RISING, GPIO_PE_BOTH, GPIO_PE_LOW, GPIO_PE_HIGH = 8,
} gpio_pin_edge_t;

typedef enum {
    GPIO_PV_LOW, GPIO_PV_HIGH,
} gpio_pin_value_t;



#ifdef __cplusplus
}
#endif

#endif
