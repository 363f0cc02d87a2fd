/* I2C masters, by the CPU (spec soc.md 10.1). DMA is in i2c_dma.c, the slave in i2c_slave.c. */

#include "i2c.h"
#include "bsp.h"
#include "i2c_regs.h"
#include "mmio.h"
#include "sysctl.h"

#define CLOCK_THRESHOLD 3
#define SPEED 1 /* only the standard-speed counts are programmed, for every rate */

volatile i2c_t *const i2c[3] = {
    (volatile i2c_t *)I2C0_BASE_ADDR,
    (volatile i2c_t *)I2C1_BASE_ADDR,
    (volatile i2c_t *)I2C2_BASE_ADDR,
};

bool i2c_bad(i2c_device_number_t bus) {
    return (unsigned)bus >= I2C_MAX_NUM;
}

void i2c_open(i2c_device_number_t bus) {
    sysctl_clock_enable((sysctl_clock_t)(SYSCTL_CLOCK_I2C0 + bus));
    sysctl_clock_set_threshold((sysctl_threshold_t)(SYSCTL_THRESHOLD_I2C0 + bus), CLOCK_THRESHOLD);
    mmio_write(I2C_REG(bus, ENABLE), 0);
}

void i2c_init(i2c_device_number_t i2c_num, uint32_t slave_address, uint32_t address_width, uint32_t i2c_clk) {
    if (i2c_bad(i2c_num)) {
        return;
    }
    i2c_open(i2c_num);
    uint32_t clock = sysctl_clock_get_freq((sysctl_clock_t)(SYSCTL_CLOCK_I2C0 + i2c_num));
    uint32_t count = i2c_clk ? (clock + 2 * i2c_clk - 1) / (2 * i2c_clk) : 0;
    bool wide = address_width == 10;
    if ((!wide && address_width != 7) || slave_address >> address_width || count < 6 || count > 0xFFFF) {
        printk("i2c: address 0x%x of %u bits (7 or 10), %u Hz (%u .. %u)\r\n", slave_address, address_width, i2c_clk,
               clock / (2 * 0xFFFF) + 1, clock / 12);
        return;
    }
    mmio_write(I2C_REG(i2c_num, CON), I2C_CON_MASTER_MODE | I2C_CON_SLAVE_DISABLE | I2C_CON_RESTART_EN |
                                          (wide ? I2C_CON_10BITADDR_SLAVE : 0) | I2C_CON_SPEED(SPEED));
    mmio_write(I2C_REG(i2c_num, SS_SCL_HCNT), count);
    mmio_write(I2C_REG(i2c_num, SS_SCL_LCNT), count);
    mmio_write(I2C_REG(i2c_num, TAR), I2C_TAR_ADDRESS(slave_address) | (wide ? I2C_TAR_10BITADDR_MASTER : 0));
    mmio_write(I2C_REG(i2c_num, INTR_MASK), 0);
    mmio_write(I2C_REG(i2c_num, DMA_CR), I2C_DMA_CR_RDMAE | I2C_DMA_CR_TDMAE);
    mmio_write(I2C_REG(i2c_num, DMA_RDLR), 0);
    mmio_write(I2C_REG(i2c_num, DMA_TDLR), 4);
    mmio_write(I2C_REG(i2c_num, ENABLE), I2C_ENABLE_ENABLE);
}

/* A tenth of a second for slaves that stretch the clock, and ten times what the bytes take. */
uint64_t i2c_deadline(i2c_device_number_t bus, size_t bytes) {
    uint64_t clock = sysctl_clock_get_freq((sysctl_clock_t)(SYSCTL_CLOCK_I2C0 + bus));
    uint64_t bit = mmio_read(I2C_REG(bus, SS_SCL_HCNT)) + mmio_read(I2C_REG(bus, SS_SCL_LCNT));
    return sdk_deadline(100000 + 10 * (bytes + 2) * 9 * bit * 1000000 / (clock ? clock : 1));
}

bool i2c_aborted(i2c_device_number_t bus) {
    return mmio_read(I2C_REG(bus, TX_ABRT_SOURCE)) != 0;
}

void i2c_begin(i2c_device_number_t bus) {
    mmio_read(I2C_REG(bus, CLR_TX_ABRT));
}

/* The STOP is made when the FIFO runs empty. */
int i2c_finish(i2c_device_number_t bus, uint64_t deadline) {
    while (!i2c_aborted(bus)) {
        uint32_t status = mmio_read(I2C_REG(bus, STATUS));
        if ((status & (I2C_STATUS_ACTIVITY | I2C_STATUS_TFE)) == I2C_STATUS_TFE) {
            return i2c_aborted(bus) ? I2C_FAILED : 0;
        }
        if (sdk_expired(deadline)) {
            break;
        }
    }
    return i2c_give_up(bus);
}

/* Off and on again: flushes the FIFOs and ends what is on the bus. */
int i2c_give_up(i2c_device_number_t bus) {
    mmio_read(I2C_REG(bus, CLR_TX_ABRT));
    mmio_write(I2C_REG(bus, ENABLE), 0);
    uint64_t deadline = sdk_deadline(1000);
    while ((mmio_read(I2C_REG(bus, ENABLE_STATUS)) & I2C_ENABLE_STATUS_IC_ENABLE) && !sdk_expired(deadline)) {
    }
    mmio_write(I2C_REG(bus, ENABLE), I2C_ENABLE_ENABLE);
    return I2C_FAILED;
}

/* Commands go in while there is room for them and for what the reads among them bring: nothing overruns. */
static int transfer(i2c_device_number_t bus, const uint8_t *out, size_t out_count, uint8_t *in, size_t in_count) {
    uint64_t deadline = i2c_deadline(bus, out_count + in_count);
    size_t sent = 0, asked = 0, received = 0;
    i2c_begin(bus);
    while (sent < out_count || received < in_count) {
        uint32_t status = mmio_read(I2C_REG(bus, STATUS));
        if (status & I2C_STATUS_RFNE) {
            in[received++] = (uint8_t)mmio_read(I2C_REG(bus, DATA_CMD));
        } else if ((status & I2C_STATUS_TFNF) && sent < out_count) {
            mmio_write(I2C_REG(bus, DATA_CMD), out[sent++]);
        } else if ((status & I2C_STATUS_TFNF) && asked < in_count && asked - received < I2C_FIFO_DEPTH) {
            mmio_write(I2C_REG(bus, DATA_CMD), I2C_DATA_CMD_CMD);
            asked++;
        }
        if (i2c_aborted(bus) || sdk_expired(deadline)) {
            return i2c_give_up(bus);
        }
    }
    return i2c_finish(bus, deadline);
}

int i2c_send_data(i2c_device_number_t i2c_num, const uint8_t *send_buf, size_t send_buf_len) {
    return i2c_bad(i2c_num) ? I2C_FAILED : transfer(i2c_num, send_buf, send_buf_len, NULL, 0);
}

int i2c_recv_data(i2c_device_number_t i2c_num, const uint8_t *send_buf, size_t send_buf_len, uint8_t *receive_buf,
                  size_t receive_buf_len) {
    return i2c_bad(i2c_num) ? I2C_FAILED
                            : transfer(i2c_num, send_buf, send_buf_len, receive_buf, receive_buf_len);
}
