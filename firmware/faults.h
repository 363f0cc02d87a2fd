// The end of the program: console emptied, board reset.
#ifndef KPUPY_FAULTS_H
#define KPUPY_FAULTS_H

void fatal_reset(void) __attribute__((noreturn));

#endif
