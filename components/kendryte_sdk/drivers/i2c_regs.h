/* Registers of the I2C blocks (spec soc.md 10.1) and what the parts of the driver share. */
#ifndef SDK_I2C_REGS_H
#define SDK_I2C_REGS_H

#include "i2c.h"
#include "platform.h"

#define I2C_REG(bus, offset) (I2C0_BASE_ADDR + 0x10000ul * (bus) + (offset))
#define CON 0x00
#define TAR 0x04
#define SAR_ADDRESS 0x08
#define DATA_CMD 0x10
#define SS_SCL_HCNT 0x14
#define SS_SCL_LCNT 0x18
#define INTR_STAT 0x2C
#define INTR_MASK 0x30
#define RX_TL 0x38
#define TX_TL 0x3C
#define CLR_RD_REQ 0x50
#define CLR_TX_ABRT 0x54
#define CLR_STOP_DET 0x60
#define CLR_START_DET 0x64
#define ENABLE 0x6C
#define STATUS 0x70
#define TX_ABRT_SOURCE 0x80
#define DMA_CR 0x88
#define DMA_TDLR 0x8C
#define DMA_RDLR 0x90
#define ENABLE_STATUS 0x9C

#define I2C_FIFO_DEPTH 8
#define I2C_FAILED 1 /* what the public functions return */

bool i2c_bad(i2c_device_number_t bus);
void i2c_open(i2c_device_number_t bus); /* clock on, block disabled */
/* mtime by which a transaction of that many bytes must be through. */
uint64_t i2c_deadline(i2c_device_number_t bus, size_t bytes);
void i2c_begin(i2c_device_number_t bus); /* forgets an old abort */
bool i2c_aborted(i2c_device_number_t bus);
/* Waits for the end on the wire: 0 or I2C_FAILED. */
int i2c_finish(i2c_device_number_t bus, uint64_t deadline);
int i2c_give_up(i2c_device_number_t bus); /* I2C_FAILED */

#endif
