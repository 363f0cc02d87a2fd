// The K210's KPU behind the SDK's driver, and memory from malloc.

#ifndef KMODEL_K210_H
#define KMODEL_K210_H

#include "kmodel.h"

// Surroundings of models on the chip. `poll` may be NULL; nonzero from it stops loading and running.
const kmodel_env_t *kmodel_k210_env(int (*poll)(void));

#endif
