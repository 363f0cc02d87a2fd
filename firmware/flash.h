// The board's NOR flash as MicroPython sees it.
#ifndef KPUPY_FLASH_H
#define KPUPY_FLASH_H

#include <stdint.h>

#include "py/obj.h"

// Probes the flash and reads its unique id. A board whose flash does not answer still reaches its prompt.
void flash_init(void);
// 8 bytes, all zero when the flash did not answer.
const uint8_t *flash_unique_id(void);

// kpupy.Flash: a block device over a part of the flash.
extern const mp_obj_type_t flash_type;

#endif
