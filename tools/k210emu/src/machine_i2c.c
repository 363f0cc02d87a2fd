/* I2C wires: which part answers to an address on a pair of pads. */
#include "machine.h"

#include <stdlib.h>

typedef struct i2c_node {
    struct i2c_node *next;
    int scl, sda;      /* pads; functions where `answers` is set */
    unsigned address;
    bool (*answers)(void *opaque, unsigned address);
    emu_i2c_part_t part;
} i2c_node_t;

static void add(emu_t *emu, const i2c_node_t *node) {
    i2c_node_t **list = &emu->i2c_nodes;
    while (*list)
        list = &(*list)->next;
    *list = calloc(1, sizeof **list);
    **list = *node;
}

void emu_i2c_attach(emu_t *emu, unsigned scl_pad, unsigned sda_pad, unsigned address, const emu_i2c_part_t *part) {
    add(emu, &(i2c_node_t){.scl = (int)scl_pad, .sda = (int)sda_pad, .address = address, .part = *part});
    machine_decode_i2c(emu, scl_pad, sda_pad);
}

const emu_i2c_part_t *machine_i2c_at(emu_t *emu, unsigned scl_pad, unsigned sda_pad, unsigned address) {
    for (i2c_node_t *node = emu->i2c_nodes; node; node = node->next)
        if (!node->answers && node->scl == (int)scl_pad && node->sda == (int)sda_pad && node->address == address)
            return &node->part;
    return NULL;
}

void emu_i2c_attach_slave(emu_t *emu, unsigned scl_function, unsigned sda_function,
                          bool (*answers)(void *opaque, unsigned address), const emu_i2c_part_t *part) {
    add(emu, &(i2c_node_t){.scl = (int)scl_function, .sda = (int)sda_function, .answers = answers, .part = *part});
}

static bool same_wire(emu_t *emu, int pad_a, int pad_b) {
    return pad_a >= 0 && pad_b >= 0 && (pad_a == pad_b || emu_jumper_of(emu, (unsigned)pad_a) == pad_b);
}

const emu_i2c_part_t *emu_i2c_find(emu_t *emu, unsigned scl_function, unsigned sda_function, unsigned address) {
    int scl = emu_pad_of_function(emu, scl_function), sda = emu_pad_of_function(emu, sda_function);
    for (i2c_node_t *node = emu->i2c_nodes; node; node = node->next) {
        int node_scl = node->answers ? emu_pad_of_function(emu, (unsigned)node->scl) : node->scl;
        int node_sda = node->answers ? emu_pad_of_function(emu, (unsigned)node->sda) : node->sda;
        if (!same_wire(emu, scl, node_scl) || !same_wire(emu, sda, node_sda))
            continue;
        if (node->answers ? node->answers(node->part.opaque, address) : node->address == address)
            return &node->part;
    }
    return NULL;
}

void machine_free_i2c(emu_t *emu) {
    machine_free_i2c_bits(emu);
    while (emu->i2c_nodes) {
        i2c_node_t *next = emu->i2c_nodes->next;
        free(emu->i2c_nodes);
        emu->i2c_nodes = next;
    }
}
