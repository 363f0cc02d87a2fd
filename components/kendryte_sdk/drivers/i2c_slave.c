/* The chip as an I2C slave: a table of callbacks, called from the bus's interrupt (spec soc.md 10.1). */

#include "bsp.h"
#include "i2c.h"
#include "i2c_regs.h"
#include "mmio.h"

#define SCL_HIGH 37
#define SCL_LOW 40
#define PRIORITY 1

static struct {
    i2c_slave_handler_t handler;
    bool started; /* between START and STOP */
} slaves[I2C_MAX_NUM];

static void event(i2c_device_number_t bus, i2c_event_t what) {
    if (slaves[bus].handler.on_event) {
        slaves[bus].handler.on_event(what);
    }
}

/* In the order in which they happen on the wire when one interrupt brings several. */
static int on_irq(void *ctx) {
    i2c_device_number_t bus = (i2c_device_number_t)(uintptr_t)ctx;
    const i2c_slave_handler_t *handler = &slaves[bus].handler;
    uint32_t status = mmio_read(I2C_REG(bus, INTR_STAT));
    if (status & I2C_INTR_STAT_START_DET) {
        mmio_read(I2C_REG(bus, CLR_START_DET));
        event(bus, slaves[bus].started ? I2C_EV_RESTART : I2C_EV_START);
        slaves[bus].started = true;
    }
    while (mmio_read(I2C_REG(bus, STATUS)) & I2C_STATUS_RFNE) {
        uint32_t data = mmio_read(I2C_REG(bus, DATA_CMD)) & I2C_DATA_CMD_DATA_MASK;
        if (handler->on_receive) {
            handler->on_receive(data);
        }
    }
    if (status & I2C_INTR_STAT_RD_REQ) {
        mmio_read(I2C_REG(bus, CLR_TX_ABRT)); /* what the last reader did not take was flushed */
        mmio_read(I2C_REG(bus, CLR_RD_REQ));
        mmio_write(I2C_REG(bus, DATA_CMD), handler->on_transmit ? handler->on_transmit() & I2C_DATA_CMD_DATA_MASK
                                                                : 0xFF);
    }
    if (status & I2C_INTR_STAT_STOP_DET) {
        mmio_read(I2C_REG(bus, CLR_STOP_DET));
        slaves[bus].started = false;
        event(bus, I2C_EV_STOP);
    }
    return 0;
}

void i2c_init_as_slave(i2c_device_number_t i2c_num, uint32_t slave_address, uint32_t address_width,
                       const i2c_slave_handler_t *handler) {
    if (i2c_bad(i2c_num) || (address_width != 7 && address_width != 10) || slave_address >> address_width) {
        printk("i2c: slave address 0x%x of %u bits: 7 or 10\r\n", slave_address, address_width);
        return;
    }
    plic_irq_t irq = (plic_irq_t)(IRQN_I2C0_INTERRUPT + i2c_num);
    i2c_open(i2c_num);
    slaves[i2c_num].handler = *handler;
    slaves[i2c_num].started = false;
    mmio_write(I2C_REG(i2c_num, CON), (address_width == 10 ? I2C_CON_10BITADDR_SLAVE : 0) | I2C_CON_SPEED(1) |
                                          I2C_CON_STOP_DET_IFADDRESSED);
    mmio_write(I2C_REG(i2c_num, SS_SCL_HCNT), SCL_HIGH);
    mmio_write(I2C_REG(i2c_num, SS_SCL_LCNT), SCL_LOW);
    mmio_write(I2C_REG(i2c_num, SAR_ADDRESS), slave_address);
    mmio_write(I2C_REG(i2c_num, RX_TL), 0);
    mmio_write(I2C_REG(i2c_num, TX_TL), 0);
    mmio_write(I2C_REG(i2c_num, INTR_MASK), I2C_INTR_MASK_RX_FULL | I2C_INTR_MASK_START_DET | I2C_INTR_MASK_STOP_DET |
                                                I2C_INTR_MASK_RD_REQ);
    plic_set_priority(irq, PRIORITY);
    plic_irq_register(irq, on_irq, (void *)(uintptr_t)i2c_num);
    plic_irq_enable(irq);
    mmio_write(I2C_REG(i2c_num, ENABLE), I2C_ENABLE_ENABLE);
}
