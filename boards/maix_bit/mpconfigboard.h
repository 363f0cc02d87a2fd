// Sipeed Maix Bit: 26 MHz crystal, 16 MiB flash, console through a CH340 (spec boards.md, block maix_bit).
#define MICROPY_HW_CPU_HZ 400000000
#define MICROPY_HW_PLL1_HZ 400000000 // the KPU's clock
#define MICROPY_HW_CONSOLE_RX 4
#define MICROPY_HW_CONSOLE_TX 5
#define MICROPY_HW_CONSOLE_BAUD 115200
#define MICROPY_HW_IO_BANKS_1V8 0xC0 // banks 6 and 7: camera and display
#define MICROPY_HW_FLASH_HZ 50000000
#define MICROPY_HW_FLASH_FS_START 0xD00000
#define MICROPY_HW_FLASH_FS_LENGTH 0x300000
