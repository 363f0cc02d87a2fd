/* Registers of UART1..3, 4 bytes apart (spec soc.md 6.4). */
#ifndef SDK_UART_REGS_H
#define SDK_UART_REGS_H

#define REG(channel, offset) (UART1_BASE_ADDR + 0x10000ul * (channel) + (offset))

#define RBR 0x00
#define THR 0x00
#define DLL 0x00
#define IER 0x04
#define DLH 0x04
#define IIR 0x08
#define FCR 0x08
#define LCR 0x0C
#define MCR 0x10
#define LSR 0x14
#define USR 0x7C
#define SRT 0x9C
#define STET 0xA0
#define TCR 0xAC
#define DE_EN 0xB0
#define RE_EN 0xB4
#define DET 0xB8
#define TAT 0xBC
#define DLF 0xC0

#define LSR_IDLE 0x40u /* FIFO and shifter empty */

#endif
