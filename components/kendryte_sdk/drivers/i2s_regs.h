/* Registers of the I2S blocks (spec soc.md 10.9) and what the parts of the driver share. */
#ifndef SDK_I2S_REGS_H
#define SDK_I2S_REGS_H

#include "i2s.h"

#define I2S_REG(device, offset) (I2S0_BASE_ADDR + 0x10000ul * (device) + (offset))
#define I2S_CHANNEL(device, channel, offset) I2S_REG(device, 0x20 + 0x40ul * (channel) + (offset))
#define IER 0x00
#define IRER 0x04
#define ITER 0x08
#define CER 0x0C
#define CCR 0x10
#define RXFFR 0x14
#define TXFFR 0x18
#define RXDMA 0x1C0
#define TXDMA 0x1C8
#define LEFT 0x00
#define RIGHT 0x04
#define RER 0x08
#define TER 0x0C
#define RCR 0x10
#define TCR 0x14
#define ISR 0x18
#define IMR 0x1C
#define RFCR 0x28
#define TFCR 0x2C

#define CCR_GATING 7u
#define CCR_WORD_SELECT (3u << 3)
#define CCR_ALIGN (7u << 5)
#define CCR_DMA_TX (1u << 8)
#define CCR_DMA_RX (1u << 9)
#define CCR_DIVIDE_16 (1u << 10)
#define ISR_RX_DATA 1u
#define ISR_TX_ROOM 0x10u

bool i2s_bad(i2s_device_number_t device);
/* A little-endian sample of 2 .. 4 bytes, not extended. */
uint32_t i2s_sample(const uint8_t *pcm, size_t bytes);

#endif
