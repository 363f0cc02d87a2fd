#include "utils.h"
#include "platform.h"

void set_bit(volatile uint32_t *bits, uint32_t mask, uint32_t value) {
    *bits = (*bits & ~mask) | (value & mask);
}

void set_bit_offset(volatile uint32_t *bits, uint32_t mask, size_t offset, uint32_t value) {
    set_bit(bits, mask << offset, value << offset);
}

void set_gpio_bit(volatile uint32_t *bits, size_t idx, uint32_t value) {
    set_bit_offset(bits, 1, idx, value);
}

uint32_t get_bit(volatile uint32_t *bits, uint32_t mask, size_t offset) {
    return (*bits >> offset) & mask;
}

uint32_t get_gpio_bit(volatile uint32_t *bits, size_t offset) {
    return get_bit(bits, 1, offset);
}

uint32_t is_memory_cache(uintptr_t address) {
    return address - RAM_BASE_ADDR < RAM_SIZE;
}
