#ifndef KENDRYTE_DMAC_H
#define KENDRYTE_DMAC_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "io.h"
#include "platform.h"
#include "plic.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DMAC_CHANNEL_COUNT (DMAC_CHANNEL_MAX)
#define LAST_ROW (-1)

typedef enum {
    DMAC_CHANNEL0, DMAC_CHANNEL1, DMAC_CHANNEL2, DMAC_CHANNEL3, DMAC_CHANNEL4, DMAC_CHANNEL5, DMAC_CHANNEL_MAX,
} dmac_channel_number_t;

typedef enum {
    DMAC_SRC = 1, DMAC_DST, DMAC_SRC_DST,
} dmac_src_dst_select_t;

typedef enum {
    clear, set,
} state_value_t;

typedef enum {
    DMAC_LOCK_BUS = 1, DMAC_LOCK_CHANNEL, DMAC_LOCK_BUS_CH,
} dmac_lock_bus_ch_t;

typedef enum {
    DMAC_HS_HARDWARE, DMAC_HS_SOFTWARE,
} dmac_sw_hw_hs_select_t;

typedef enum {
    DMAC_SG_COUNT, DMAC_SG_INTERVAL,
} dmac_scatter_gather_param_t;

typedef enum {
    DMAC_IRQ_NONE, DMAC_IRQ_TFR, DMAC_IRQ_BLOCK, DMAC_IRQ_SRCTRAN = 4, DMAC_IRQ_DSTTRAN = 8, DMAC_IRQ_ERR = 16,
    DMAC_IRQ_ALL = 31,
} dmac_irq_t;

typedef enum {
    DMAC_REQUEST = 1, DMAC_SINGLE_REQUEST, DMAC_LAST_REQUEST = 4,
} dmac_software_req_t;

typedef enum {
    DMAC_MASTER1, DMAC_MASTER2,
} dmac_master_number_t;

typedef enum {
    DMAC_MEM2MEM_DMA, DMAC_MEM2PRF_DMA, DMAC_PRF2MEM_DMA, DMAC_PRF2PRF_DMA, DMAC_PRF2MEM_PRF, DMAC_PRF2PRF_SRCPRF,
    DMAC_MEM2PRF_PRF, DMAC_PRF2PRF_DSTPRF,
} dmac_transfer_flow_t;

typedef enum {
    DMAC_MSIZE_1, DMAC_MSIZE_4, DMAC_MSIZE_8, DMAC_MSIZE_16, DMAC_MSIZE_32, DMAC_MSIZE_64, DMAC_MSIZE_128,
    DMAC_MSIZE_256,
} dmac_burst_trans_length_t;

typedef enum {
    DMAC_ADDR_INCREMENT, DMAC_ADDR_NOCHANGE,
} dmac_address_increment_t;

typedef enum {
    DMAC_TRANS_WIDTH_8, DMAC_TRANS_WIDTH_16, DMAC_TRANS_WIDTH_32, DMAC_TRANS_WIDTH_64, DMAC_TRANS_WIDTH_128,
    DMAC_TRANS_WIDTH_256,
} dmac_transfer_width_t;

typedef enum {
    DMAC_HS_IF0, DMAC_HS_IF1, DMAC_HS_IF2, DMAC_HS_IF3, DMAC_HS_IF4, DMAC_HS_IF5, DMAC_HS_IF6, DMAC_HS_IF7,
    DMAC_HS_IF8, DMAC_HS_IF9, DMAC_HS_IF10, DMAC_HS_IF11, DMAC_HS_IF12, DMAC_HS_IF13, DMAC_HS_IF14, DMAC_HS_IF15,
} dmac_hs_interface_t;

typedef enum {
    CONTIGUOUS, RELOAD, SHADOWREGISTER, LINKEDLIST,
} dmac_multiblk_transfer_type_t;

typedef enum {
    DMAC_SRC_DST_CONTINUE, DMAC_SRC_CONTINUE_DST_RELAOD = 2, DMAC_SRC_CONTINUE_DST_LINKEDLIST,
    DMAC_SRC_RELOAD_DST_CONTINUE, DMAC_SRC_RELOAD_DST_RELOAD, DMAC_SRC_RELOAD_DST_LINKEDLIST,
    DMAC_SRC_LINKEDLIST_DST_CONTINUE, DMAC_SRC_LINKEDLIST_DST_RELOAD, DMAC_SRC_LINKEDLIST_DST_LINKEDLIST,
    DMAC_SRC_SHADOWREG_DST_CONTINUE,
} dmac_multiblk_type_t;

typedef enum {
    DMAC_TRANSFER_ROW1 = 1, DMAC_TRANSFER_ROW2, DMAC_TRANSFER_ROW3, DMAC_TRANSFER_ROW4, DMAC_TRANSFER_ROW5,
    DMAC_TRANSFER_ROW6, DMAC_TRANSFER_ROW7, DMAC_TRANSFER_ROW8, DMAC_TRANSFER_ROW9, DMAC_TRANSFER_ROW10,
} dmac_transfer_type_t;

typedef enum {
    DMAC_NONCACHE_NONBUFF_NONPRIV_OPCODE, DMAC_NONCACHE_NONBUFF_NONPRIV_DATA, DMAC_NONCACHE_NONBUFF_PRIV_OPCODE,
    DMAC_NONCACHE_NONBUFF_PRIV_DATA, DMAC_NONCACHE_BUFF_NONPRIV_OPCODE, DMAC_NONCACHE_BUFF_NONPRIV_DATA,
    DMAC_NONCACHE_BUFF_PRIV_OPCODE, DMAC_NONCACHE_BUFF_PRIV_DATA, DMAC_CACHE_NONBUFF_NONPRIV_OPCODE,
    DMAC_CACHE_NONBUFF_NONPRIV_DATA, DMAC_CACHE_NONBUFF_PRIV_OPCODE, DMAC_CACHE_NONBUFF_PRIV_DATA,
    DMAC_CACHE_BUFF_NONPRIV_OPCODE, DMAC_CACHE_BUFF_NONPRIV_DATA, DMAC_CACHE_BUFF_PRIV_OPCODE,
    DMAC_CACHE_BUFF_PRIV_DATA,
} dmac_prot_level_t;

typedef enum {
    DMAC_FIFO_MODE_SINGLE, DMAC_FIFO_MODE_HALF,
} dmac_fifo_mode_t;

typedef enum {
    DMAC_DATA_PREFETCH_ENABLED, DMAC_DATA_PREFETCH_DISABLED,
} dw_dmac_flow_ctl_mode_t;

typedef enum {
    DMAC_ACTIVE_HIGH, DMAC_ACTIVE_LOW,
} dmac_polarity_level_t;

typedef enum {
    DMAC_LOCK_LEVEL_DMA_TRANSFER, DMAC_LOCK_LEVEL_BLOCK_TRANSFER, DMAC_LOCK_LEVEL_TRANSACTION,
} dmac_lock_level_t;

typedef enum {
    DMAC_PRIORITY_0, DMAC_PRIORITY_1, DMAC_PRIORITY_2, DMAC_PRIORITY_3, DMAC_PRIORITY_4, DMAC_PRIORITY_5,
    DMAC_PRIORITY_6, DMAC_PRIORITY_7,
} dmac_channel_priority_t;

typedef enum {
    ZERO, ONE,
} dmac_state_t;

typedef enum {
    SLVIF_COMMON_DEC_ERR, SLVIF_COMMON_WR2RO_ERR, SLVIF_COMMON_RD2WO_ERR, SLVIF_COMMON__WRONHOLD_ERR,
    SLVIF_UNDEFINED_DEC_ERR, SLVIF_ALL_INT,
} dmac_common_int_t;

typedef struct __attribute__((packed, aligned(8))) {
    uint64_t dmac_en : 1;
    uint64_t int_en : 1;
    uint64_t rsvd : 62;
} dmac_cfg_t;

typedef union {
    dmac_cfg_t cfg;
    uint64_t data;
} dmac_cfg_u_t;

typedef struct __attribute__((packed, aligned(8))) {
    uint64_t ch1_en : 1;
    uint64_t ch2_en : 1;
    uint64_t ch3_en : 1;
    uint64_t ch4_en : 1;
    uint64_t ch5_en : 1;
    uint64_t ch6_en : 1;
    uint64_t rsvd1 : 2;
    uint64_t ch1_en_we : 1;
    uint64_t ch2_en_we : 1;
    uint64_t ch3_en_we : 1;
    uint64_t ch4_en_we : 1;
    uint64_t ch5_en_we : 1;
    uint64_t ch6_en_we : 1;
    uint64_t rsvd2 : 2;
    uint64_t ch1_susp : 1;
    uint64_t ch2_susp : 1;
    uint64_t ch3_susp : 1;
    uint64_t ch4_susp : 1;
    uint64_t ch5_susp : 1;
    uint64_t ch6_susp : 1;
    uint64_t rsvd3 : 2;
    uint64_t ch1_susp_we : 1;
    uint64_t ch2_susp_we : 1;
    uint64_t ch3_susp_we : 1;
    uint64_t ch4_susp_we : 1;
    uint64_t ch5_susp_we : 1;
    uint64_t ch6_susp_we : 1;
    uint64_t rsvd4 : 2;
    uint64_t ch1_abort : 1;
    uint64_t ch2_abort : 1;
    uint64_t ch3_abort : 1;
    uint64_t ch4_abort : 1;
    uint64_t ch5_abort : 1;
    uint64_t ch6_abort : 1;
    uint64_t rsvd5 : 2;
    uint64_t ch1_abort_we : 1;
    uint64_t ch2_abort_we : 1;
    uint64_t ch3_abort_we : 1;
    uint64_t ch4_abort_we : 1;
    uint64_t ch5_abort_we : 1;
    uint64_t ch6_abort_we : 1;
    uint64_t rsvd6 : 2;
    uint64_t rsvd7 : 16;
} damc_chen_t;

typedef struct __attribute__((packed, aligned(8))) {
    uint64_t sms : 1;
    uint64_t rsvd1 : 1;
    uint64_t dms : 1;
    uint64_t rsvd2 : 1;
    uint64_t sinc : 1;
    uint64_t rsvd3 : 1;
    uint64_t dinc : 1;
    uint64_t rsvd4 : 1;
    uint64_t src_tr_width : 3;
    uint64_t dst_tr_width : 3;
    uint64_t src_msize : 4;
    uint64_t dst_msize : 4;
    uint64_t rsvd5 : 4;
    uint64_t rsvd6 : 4;
    uint64_t nonposted_lastwrite_en : 1;
    uint64_t rsvd7 : 1;
    uint64_t rsvd8 : 3;
    uint64_t rsvd9 : 3;
    uint64_t arlen_en : 1;
    uint64_t arlen : 8;
    uint64_t awlen_en : 1;
    uint64_t awlen : 8;
    uint64_t src_stat_en : 1;
    uint64_t dst_stat_en : 1;
    uint64_t ioc_blktfr : 1;
    uint64_t rsvd10 : 3;
    uint64_t shadowreg_or_lli_last : 1;
    uint64_t shadowreg_or_lli_valid : 1;
} dmac_ch_ctl_t;

typedef struct __attribute__((packed, aligned(8))) {
    uint64_t src_multblk_type : 2;
    uint64_t dst_multblk_type : 2;
    uint64_t rsvd1 : 28;
    uint64_t tt_fc : 3;
    uint64_t hs_sel_src : 1;
    uint64_t hs_sel_dst : 1;
    uint64_t src_hwhs_pol : 1;
    uint64_t dst_hwhs_pol : 1;
    uint64_t src_per : 4;
    uint64_t rsvd3 : 1;
    uint64_t dst_per : 4;
    uint64_t rsvd5 : 1;
    uint64_t ch_prior : 3;
    uint64_t lock_ch : 1;
    uint64_t lock_ch_l : 2;
    uint64_t src_osr_lmt : 4;
    uint64_t dst_osr_lmt : 4;
} dmac_ch_cfg_t;

typedef struct __attribute__((packed, aligned(8))) {
    uint64_t sar;
    uint64_t dar;
    uint64_t block_ts;
    uint64_t ctl;
    uint64_t cfg;
    uint64_t llp;
    uint64_t status;
    uint64_t swhssrc;
    uint64_t swhsdst;
    uint64_t blk_tfr;
    uint64_t axi_id;
    uint64_t axi_qos;
    uint64_t reserved1[4];
    uint64_t intstatus_en;
    uint64_t intstatus;
    uint64_t intsignal_en;
    uint64_t intclear;
    uint64_t reserved2[12];
} dmac_channel_t;

typedef struct __attribute__((packed, aligned(8))) {
    uint64_t id;
    uint64_t compver;
    uint64_t cfg;
    uint64_t chen;
    uint64_t reserved1[2];
    uint64_t intstatus;
    uint64_t com_intclear;
    uint64_t com_intstatus_en;
    uint64_t com_intsignal_en;
    uint64_t com_intstatus;
    uint64_t reset;
    uint64_t reserved2[20];
    dmac_channel_t channel[DMAC_CHANNEL_COUNT];
} dmac_t;

typedef struct {
    uint64_t sar;
    uint64_t dar;
    uint8_t ctl_sms;
    uint8_t ctl_dms;
    uint8_t ctl_src_msize;
    uint8_t ctl_drc_msize;
    uint8_t ctl_sinc;
    uint8_t ctl_dinc;
    uint8_t ctl_src_tr_width;
    uint8_t ctl_dst_tr_width;
    uint8_t ctl_ioc_blktfr;
    uint8_t ctl_src_stat_en;
    uint8_t ctl_dst_stat_en;
    uint8_t cfg_dst_per;
    uint8_t cfg_src_per;
    uint8_t cfg_src_hs_pol;
    uint8_t cfg_dst_hs_pol;
    uint8_t cfg_hs_sel_src;
    uint8_t cfg_hs_sel_dst;
    uint64_t cfg_src_multblk_type;
    uint64_t cfg_dst_multblk_type;
    uint64_t llp_loc;
    uint8_t llp_lms;
    uint64_t ctl_block_ts;
    uint8_t ctl_tt_fc;
    uint8_t cfg_protctl;
    uint8_t cfg_fifo_mode;
    uint8_t cfg_fcmode;
    uint8_t cfg_lock_ch_l;
    uint8_t cfg_ch_prior;
} dmac_channel_config_t;

typedef struct __attribute__((packed, aligned(64))) {
    uint64_t sar;
    uint64_t dar;
    uint64_t ch_block_ts;
    uint64_t llp;
    uint64_t ctl;
    uint64_t sstat;
    uint64_t dstat;
    uint64_t resv;
} dmac_lli_item_t;

struct list_head_t {
    struct list_head_t *next, *prev;
};

/* The structure whose `member` ptr points at. */
#define LIST_ENTRY(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

extern volatile dmac_t *const dmac;

/* Clock on, reset, interrupts of all six channels off, controller on. */
void dmac_init(void);

/* Clear and stop the channel, program one block, start it, return. block_size counts items of dmac_trans_width. Cached
 * buffers are bounced: the data is there after dmac_wait_done() or in the interrupt, not after dmac_wait_idle(). */
void dmac_set_single_mode(dmac_channel_number_t channel_num, const void *src, void *dest, dmac_address_increment_t
                          src_inc, dmac_address_increment_t dest_inc, dmac_burst_trans_length_t dmac_burst_size,
                          dmac_transfer_width_t dmac_trans_width, size_t block_size);

/* 1 when the transfer-done status bit is set. */
int dmac_is_done(dmac_channel_number_t channel_num);

/* Spin until the channel is idle, then copy bounced data back. */
void dmac_wait_done(dmac_channel_number_t channel_num);

/* 1 when the channel is not enabled. */
int dmac_is_idle(dmac_channel_number_t channel_num);

/* Spin until idle and clear interrupt bits (no copy back). */
void dmac_wait_idle(dmac_channel_number_t channel_num);

/* Weak alias of dmac_irq_register. */
void dmac_set_irq(dmac_channel_number_t channel_num, plic_irq_callback_t dmac_callback, void *ctx, uint32_t priority);

/* Enable the done interrupt and register callback(ctx); call before starting the transfer. Copy-back of bounced data is
 * done before the callback. */
void dmac_irq_register(dmac_channel_number_t channel_num, plic_irq_callback_t dmac_callback, void *ctx, uint32_t
                       priority);

/* Drop the callback and disable the interrupt. */
void dmac_irq_unregister(dmac_channel_number_t channel_num);

/* Weak alias of dmac_irq_unregister. */
void dmac_free_irq(dmac_channel_number_t channel_num);

/* Re-arm a configured channel; NULL/0 leave a field as is; len in items. */
void dmac_set_src_dest_length(dmac_channel_number_t channel_num, const void *src, void *dest, size_t len);

/* Mask the channel. */
void dmac_disable_channel_interrupt(dmac_channel_number_t channel_num);

/* Stop. */
void dmac_channel_disable(dmac_channel_number_t channel_num);

/* Start. */
void dmac_channel_enable(dmac_channel_number_t channel_num);

/* 1 while the channel runs. */
int dmac_check_channel_busy(dmac_channel_number_t channel_num);

/* Ours: dmac_set_single_mode() with a result: 0, -EINVAL, -ENOMEM (no bounce buffer), -ETIMEDOUT (the channel does not
 * stop); and the wait with a limit: 0 or -ETIMEDOUT (the channel is stopped, bounced data is dropped). */
int dmac_start(dmac_channel_number_t channel_num, const void *src, void *dest, dmac_address_increment_t src_inc,
               dmac_address_increment_t dest_inc, dmac_burst_trans_length_t burst, dmac_transfer_width_t width,
               size_t items);
int dmac_wait(dmac_channel_number_t channel_num, uint64_t limit_us);

#ifdef __cplusplus
}
#endif

#endif
