// The K210's KPU behind the SDK's driver, and memory from malloc.

#ifndef KMODEL_K210_H
#define KMODEL_K210_H

#include "kmodel.h"

// Starts the KPU and gives the surroundings of models on the chip; NULL when its clock does not start. Models must be
// run by the hart that called this. `poll` may be NULL; nonzero from it stops loading and running. Calling it again,
// while nothing runs, resets the KPU and replaces the hook.
const kmodel_env_t *kmodel_k210_env(int (*poll)(void));

#endif
