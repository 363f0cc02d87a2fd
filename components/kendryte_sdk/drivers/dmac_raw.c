/* Single fields of the DMA controller and linked lists of blocks: functions of the vendor's library that its headers do
 * not declare (spec sdk-api.md 6.1, soc.md 8). Arguments are not checked; addresses go to the bus as they are. */

#include "dmac.h"
#include "mmio.h"

#define CH dmac_channel_number_t channel_num
#define VALID (1ull << 63)
#define LAST (1ull << 62)
#define COMMON_EVENTS 0x10Full

static void update(volatile uint64_t *reg, unsigned shift, unsigned width, uint64_t value) {
    uint64_t mask = ((1ull << width) - 1) << shift;
    *reg = (*reg & ~mask) | (value << shift & mask);
}

static volatile dmac_channel_t *regs(CH) {
    return &dmac->channel[channel_num];
}

uint64_t dmac_read_id(void) {
    return dmac->id;
}

uint64_t dmac_read_version(void) {
    return dmac->compver;
}

uint64_t dmac_read_channel_id(CH) {
    return regs(channel_num)->axi_id;
}

void dmac_disable(void) {
    dmac->cfg = 0;
}

void dmac_enable_common_interrupt_status(void) {
    dmac->com_intstatus_en = COMMON_EVENTS;
}

void dmac_enable_common_interrupt_signal(void) {
    dmac->com_intsignal_en = COMMON_EVENTS;
}

/* ---- addresses and sizes ---- */

void dmac_set_address(CH, uint64_t src_addr, uint64_t dst_addr) {
    regs(channel_num)->sar = src_addr;
    regs(channel_num)->dar = dst_addr;
}

/* Items; the register holds one less. */
void dmac_set_block_ts(CH, uint32_t block_size) {
    regs(channel_num)->block_ts = block_size - 1;
}

void dmac_set_linked_list_addr_point(CH, uint64_t *addr) {
    regs(channel_num)->llp = (uintptr_t)addr & ~(uint64_t)63;
}

void dmac_set_list_master_select(CH, dmac_src_dst_select_t sd_sel, dmac_master_number_t mst_num) {
    if (sd_sel & DMAC_SRC) {
        update(&regs(channel_num)->ctl, 0, 1, mst_num);
    }
    if (sd_sel & DMAC_DST) {
        update(&regs(channel_num)->ctl, 2, 1, mst_num);
    }
}

/* ---- the two sides ---- */

static void side(CH, unsigned destination, uint64_t master, uint64_t increment, uint64_t width, uint64_t burst) {
    volatile uint64_t *ctl = &regs(channel_num)->ctl;
    update(ctl, 2 * destination, 1, master);
    update(ctl, 4 + 2 * destination, 1, increment);
    update(ctl, 8 + 3 * destination, 3, width);
    update(ctl, 14 + 4 * destination, 4, burst);
}

void dmac_source_control(CH, dmac_master_number_t master_select, dmac_address_increment_t address_mode,
                         dmac_transfer_width_t tr_width, dmac_burst_trans_length_t burst_length) {
    side(channel_num, 0, master_select, address_mode, tr_width, burst_length);
}

void dmac_master_control(CH, dmac_master_number_t master_select, dmac_address_increment_t address_mode,
                         dmac_transfer_width_t tr_width, dmac_burst_trans_length_t burst_length) {
    side(channel_num, 1, master_select, address_mode, tr_width, burst_length);
}

void dmac_set_source_transfer_control(CH, dmac_multiblk_transfer_type_t transfer_type,
                                      dmac_sw_hw_hs_select_t handshak_select) {
    update(&regs(channel_num)->cfg, 0, 2, transfer_type);
    update(&regs(channel_num)->cfg, 35, 1, handshak_select);
}

void dmac_set_destination_transfer_control(CH, dmac_multiblk_transfer_type_t transfer_type,
                                           dmac_sw_hw_hs_select_t handshak_select) {
    update(&regs(channel_num)->cfg, 2, 2, transfer_type);
    update(&regs(channel_num)->cfg, 36, 1, handshak_select);
}

void dmac_set_flow_control(CH, dmac_transfer_flow_t flow_control) {
    update(&regs(channel_num)->cfg, 32, 3, flow_control);
}

/* A block between given addresses with the same width and burst on both sides; the transfer type stays. */
void dmac_set_channel_param(CH, const void *src, void *dest, dmac_address_increment_t src_inc,
                            dmac_address_increment_t dest_inc, dmac_burst_trans_length_t dmac_burst_size,
                            dmac_transfer_width_t dmac_trans_width, uint32_t block_size) {
    dmac_set_address(channel_num, (uintptr_t)src, (uintptr_t)dest);
    dmac_source_control(channel_num, DMAC_MASTER1, src_inc, dmac_trans_width, dmac_burst_size);
    dmac_master_control(channel_num, DMAC_MASTER2, dest_inc, dmac_trans_width, dmac_burst_size);
    dmac_set_block_ts(channel_num, block_size);
}

/* ---- whole configurations ---- */

static uint64_t ctl_of(const dmac_channel_config_t *c) {
    return (uint64_t)c->ctl_sms | (uint64_t)c->ctl_dms << 2 | (uint64_t)c->ctl_sinc << 4 | (uint64_t)c->ctl_dinc << 6 |
           (uint64_t)c->ctl_src_tr_width << 8 | (uint64_t)c->ctl_dst_tr_width << 11 |
           (uint64_t)c->ctl_src_msize << 14 | (uint64_t)c->ctl_drc_msize << 18 | (uint64_t)c->ctl_src_stat_en << 56 |
           (uint64_t)c->ctl_dst_stat_en << 57 | (uint64_t)c->ctl_ioc_blktfr << 58;
}

int dmac_set_channel_config(CH, dmac_channel_config_t *cfg_param) {
    const dmac_channel_config_t *c = cfg_param;
    if ((unsigned)channel_num >= DMAC_CHANNEL_COUNT || dmac_check_channel_busy(channel_num)) {
        return -1;
    }
    regs(channel_num)->sar = c->sar;
    regs(channel_num)->dar = c->dar;
    regs(channel_num)->block_ts = c->ctl_block_ts;
    regs(channel_num)->llp = (c->llp_loc & ~(uint64_t)63) | (c->llp_lms & 1);
    regs(channel_num)->ctl = ctl_of(c);
    regs(channel_num)->cfg = (c->cfg_src_multblk_type & 3) | (c->cfg_dst_multblk_type & 3) << 2 |
                             (uint64_t)c->ctl_tt_fc << 32 | (uint64_t)c->cfg_hs_sel_src << 35 |
                             (uint64_t)c->cfg_hs_sel_dst << 36 | (uint64_t)c->cfg_src_hs_pol << 37 |
                             (uint64_t)c->cfg_dst_hs_pol << 38 | (uint64_t)c->cfg_src_per << 39 |
                             (uint64_t)c->cfg_dst_per << 44 | (uint64_t)c->cfg_ch_prior << 49 |
                             (uint64_t)c->cfg_lock_ch_l << 53;
    return 0;
}

void dmac_get_channel_config(CH, dmac_channel_config_t *cfg_param) {
    uint64_t ctl = regs(channel_num)->ctl, cfg = regs(channel_num)->cfg, llp = regs(channel_num)->llp;
    *cfg_param = (dmac_channel_config_t){
        .sar = regs(channel_num)->sar,
        .dar = regs(channel_num)->dar,
        .ctl_block_ts = regs(channel_num)->block_ts,
        .llp_loc = llp & ~(uint64_t)63,
        .llp_lms = llp & 1,
        .ctl_sms = ctl & 1,
        .ctl_dms = ctl >> 2 & 1,
        .ctl_sinc = ctl >> 4 & 1,
        .ctl_dinc = ctl >> 6 & 1,
        .ctl_src_tr_width = ctl >> 8 & 7,
        .ctl_dst_tr_width = ctl >> 11 & 7,
        .ctl_src_msize = ctl >> 14 & 15,
        .ctl_drc_msize = ctl >> 18 & 15,
        .ctl_src_stat_en = ctl >> 56 & 1,
        .ctl_dst_stat_en = ctl >> 57 & 1,
        .ctl_ioc_blktfr = ctl >> 58 & 1,
        .cfg_src_multblk_type = cfg & 3,
        .cfg_dst_multblk_type = cfg >> 2 & 3,
        .ctl_tt_fc = cfg >> 32 & 7,
        .cfg_hs_sel_src = cfg >> 35 & 1,
        .cfg_hs_sel_dst = cfg >> 36 & 1,
        .cfg_src_hs_pol = cfg >> 37 & 1,
        .cfg_dst_hs_pol = cfg >> 38 & 1,
        .cfg_src_per = cfg >> 39 & 15,
        .cfg_dst_per = cfg >> 44 & 15,
        .cfg_ch_prior = cfg >> 49 & 7,
        .cfg_lock_ch_l = cfg >> 53 & 3,
    };
}

/* ---- lists ---- */

/* Fills row `row` of a list in uncached memory from a configuration; the row points to the next one. */
void dmac_link_list_item(CH, uint8_t LLI_row_num, int8_t LLI_last_row, dmac_lli_item_t *lli_item,
                         dmac_channel_config_t *cfg_param) {
    dmac_lli_item_t *item = &lli_item[LLI_row_num];
    (void)channel_num;
    bool last = LLI_last_row == LAST_ROW;
    item->sar = cfg_param->sar;
    item->dar = cfg_param->dar;
    item->ch_block_ts = cfg_param->ctl_block_ts;
    item->llp = last ? 0 : (uintptr_t)(item + 1);
    item->ctl = ctl_of(cfg_param) | VALID | (last ? LAST : 0);
    item->sstat = item->dstat = 0;
}

/* The next block of a channel in shadow mode. */
void dmac_update_shandow_register(CH, int8_t last_block, dmac_channel_config_t *cfg_param) {
    regs(channel_num)->sar = cfg_param->sar;
    regs(channel_num)->dar = cfg_param->dar;
    regs(channel_num)->block_ts = cfg_param->ctl_block_ts;
    regs(channel_num)->ctl = ctl_of(cfg_param) | VALID | (last_block == LAST_ROW ? LAST : 0);
}

void dmac_set_shadow_invalid_flag(CH) {
    update(&regs(channel_num)->ctl, 63, 1, 0);
}

void INIT_LIST_HEAD(struct list_head_t *list) {
    list->next = list->prev = list;
}

void list_add_tail(struct list_head_t *node, struct list_head_t *head) {
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}
