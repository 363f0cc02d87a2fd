/* Linked lists of blocks and the single-field helpers, which have no prototypes in the public header. */

#include "check.h"
#include "dmac.h"
#include "dump.h"
#include "iomem.h"

uint64_t dmac_read_id(void);
int dmac_set_channel_config(dmac_channel_number_t channel_num, dmac_channel_config_t *cfg_param);
void dmac_get_channel_config(dmac_channel_number_t channel_num, dmac_channel_config_t *cfg_param);
void dmac_link_list_item(dmac_channel_number_t channel_num, uint8_t LLI_row_num, int8_t LLI_last_row,
                         dmac_lli_item_t *lli_item, dmac_channel_config_t *cfg_param);
void dmac_set_linked_list_addr_point(dmac_channel_number_t channel_num, uint64_t *addr);
void dmac_set_source_transfer_control(dmac_channel_number_t channel_num, dmac_multiblk_transfer_type_t transfer_type,
                                      dmac_sw_hw_hs_select_t handshak_select);
void dmac_set_destination_transfer_control(dmac_channel_number_t channel_num,
                                           dmac_multiblk_transfer_type_t transfer_type,
                                           dmac_sw_hw_hs_select_t handshak_select);
void dmac_set_flow_control(dmac_channel_number_t channel_num, dmac_transfer_flow_t flow_control);
void dmac_set_channel_param(dmac_channel_number_t channel_num, const void *src, void *dest,
                            dmac_address_increment_t src_inc, dmac_address_increment_t dest_inc,
                            dmac_burst_trans_length_t dmac_burst_size, dmac_transfer_width_t dmac_trans_width,
                            uint32_t block_size);
void INIT_LIST_HEAD(struct list_head_t *list);
void list_add_tail(struct list_head_t *node, struct list_head_t *head);

#define PART 256
#define PARTS 3

static dmac_channel_config_t block(const uint8_t *from, uint8_t *to) {
    return (dmac_channel_config_t){.sar = (uintptr_t)from, .dar = (uintptr_t)to,
                                   .ctl_src_tr_width = DMAC_TRANS_WIDTH_32, .ctl_dst_tr_width = DMAC_TRANS_WIDTH_32,
                                   .ctl_src_msize = DMAC_MSIZE_4, .ctl_drc_msize = DMAC_MSIZE_4,
                                   .ctl_block_ts = PART / 4 - 1, .ctl_dms = 1,
                                   .cfg_hs_sel_src = DMAC_HS_SOFTWARE, .cfg_hs_sel_dst = DMAC_HS_SOFTWARE,
                                   .cfg_ch_prior = 5};
}

/* The parts in reverse order, in one transfer. */
static void list(const uint8_t *from, uint8_t *to) {
    dmac_lli_item_t *items = iomem_malloc(PARTS * sizeof *items);
    for (uint8_t i = 0; i < PARTS; i++) {
        dmac_channel_config_t config = block(from + i * PART, to + (PARTS - 1 - i) * PART);
        dmac_link_list_item(DMAC_CHANNEL4, i, i == PARTS - 1 ? LAST_ROW : 0, items, &config);
    }
    memset(to, 0, PARTS * PART);
    dmac_set_source_transfer_control(DMAC_CHANNEL4, LINKEDLIST, DMAC_HS_SOFTWARE);
    dmac_set_destination_transfer_control(DMAC_CHANNEL4, LINKEDLIST, DMAC_HS_SOFTWARE);
    dmac_set_flow_control(DMAC_CHANNEL4, DMAC_MEM2MEM_DMA);
    dmac_set_linked_list_addr_point(DMAC_CHANNEL4, (uint64_t *)items);
    dmac_channel_enable(DMAC_CHANNEL4);
    CHECK_EQ("the list ends", dmac_wait(DMAC_CHANNEL4, 10000), 0);
    unsigned equal = 0;
    for (unsigned i = 0; i < PARTS; i++) {
        equal += memcmp(to + (PARTS - 1 - i) * PART, from + i * PART, PART) == 0;
    }
    CHECK_EQ("every block of the list", equal, PARTS);
    iomem_free(items);
}

int main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    uint8_t *from = iomem_malloc(PARTS * PART), *to = iomem_malloc(PARTS * PART);
    uint32_t seed = 1;
    for (unsigned i = 0; i < PARTS * PART; i++) {
        from[i] = (uint8_t)test_random(&seed);
    }
    CHECK_EQ("id", dmac_read_id(), dmac->id);
    dmac_channel_config_t config = block(from, to), back;
    CHECK_EQ("a configuration", dmac_set_channel_config(DMAC_CHANNEL3, &config), 0);
    dmac_get_channel_config(DMAC_CHANNEL3, &back);
    check_bytes("reads back", &back, &config, sizeof config);
    dmac_channel_enable(DMAC_CHANNEL3);
    dmac_wait_idle(DMAC_CHANNEL3);
    check_bytes("and moves a block", to, from, PART);
    list(from, to);

    dmac_set_source_transfer_control(DMAC_CHANNEL4, CONTIGUOUS, DMAC_HS_SOFTWARE);
    dmac_set_destination_transfer_control(DMAC_CHANNEL4, CONTIGUOUS, DMAC_HS_SOFTWARE);
    dmac_set_channel_param(DMAC_CHANNEL4, from, to, DMAC_ADDR_INCREMENT, DMAC_ADDR_INCREMENT, DMAC_MSIZE_1,
                           DMAC_TRANS_WIDTH_64, PART / 8);
    dmac_channel_enable(DMAC_CHANNEL4);
    dmac_wait_idle(DMAC_CHANNEL4);
    check_bytes("a block of parameters", to, from, PART);

    struct {
        int number;
        struct list_head_t link;
    } one = {.number = 1}, two = {.number = 2};
    struct list_head_t head;
    INIT_LIST_HEAD(&head);
    list_add_tail(&one.link, &head);
    list_add_tail(&two.link, &head);
    CHECK("a list in order", head.next == &one.link && one.link.next == &two.link && two.link.next == &head &&
                                 head.prev == &two.link);
    CHECK_EQ("an entry", LIST_ENTRY(head.prev, __typeof__(one), link)->number, 2);

    uintptr_t regs[32], fregs[32];
    for (unsigned i = 0; i < 32; i++) {
        regs[i] = 0x1000 + i;
        fregs[i] = 0x2000 + i;
    }
    dump_core("on request", 7, 0x80001234, regs, fregs);
    iomem_free(from);
    iomem_free(to);
    return check_done();
}
