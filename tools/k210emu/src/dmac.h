/* State shared by the parts of the DMAC model: registers (dmac.c), blocks and data transfer. */
#ifndef K210EMU_DMAC_H
#define K210EMU_DMAC_H

#include "device.h"

#define DMAC_CHANNELS 6
#define DMAC_CHUNK 4096   /* bytes of memory-to-memory data moved at once */
#define DMAC_STAGE 1024   /* items exchanged at once with a peripheral that allows it */
#define DMAC_FIFO 16384   /* two bursts of 256 items of 32 bytes */

/* intstatus bits, spec soc.md 8.2 */
#define DMAC_INT_BLOCK_DONE (1ull << 0)
#define DMAC_INT_DONE (1ull << 1)
#define DMAC_INT_SOURCE_TRANSACTION (1ull << 3)
#define DMAC_INT_DESTINATION_TRANSACTION (1ull << 4)
#define DMAC_INT_SOURCE_ERROR (1ull << 5)
#define DMAC_INT_DESTINATION_ERROR (1ull << 6)
#define DMAC_INT_LLI_READ_ERROR (1ull << 9)
#define DMAC_INT_LLI_INVALID (1ull << 13)
#define DMAC_INT_SUSPENDED (1ull << 29)
#define DMAC_INT_DISABLED (1ull << 30)
#define DMAC_INT_ABORTED (1ull << 31)

typedef struct dmac dmac_t;

typedef struct {
    dmac_t *dmac;
    unsigned n;
    uint64_t sar, dar, block_ts, ctl, cfg, llp, done /* status: completed items */, axi_id, axi_qos;
    uint64_t intstatus_en, intstatus, intsignal_en;
    bool enabled, suspended, irq;
    bool resume_needed;       /* between blocks, until the software writes blk_tfr */
    bool first_block, stepping;
    bool software_request[2]; /* source, destination */

    uint32_t source, destination; /* of the next item */
    uint64_t items_left;          /* of the source, in this block */
    uint8_t fifo[DMAC_FIFO];      /* read but not yet written */
    unsigned fifo_level;
    uint32_t stage[DMAC_STAGE]; /* items of a stream that have arrived when the step event fires */
    unsigned staged;
    emu_event_t step;
} channel_t;

struct dmac {
    emu_t *emu;
    bool enabled, int_en;
    uint64_t com_intstatus, com_intstatus_en, com_intsignal_en;
    channel_t channel[DMAC_CHANNELS];
};

/* dmac.c */
void dmac_update_interrupts(dmac_t *s);
void dmac_raise(channel_t *ch, uint64_t interrupts);
void dmac_stop(channel_t *ch, uint64_t interrupts);

/* dmac_blocks.c */
void dmac_start(channel_t *ch);  /* the channel was enabled: loads the first block */
void dmac_resume(channel_t *ch); /* blk_tfr: the next block may be loaded */
void dmac_end_block(channel_t *ch);

/* dmac_transfer.c */
unsigned dmac_source_width(const channel_t *ch); /* bytes */
unsigned dmac_destination_width(const channel_t *ch);
void dmac_kick(channel_t *ch); /* plans the next step if the channel can make one */
void dmac_step(void *opaque);

#endif
