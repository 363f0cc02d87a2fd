#ifndef PART_H
#define PART_H

#ifdef __cplusplus
extern "C" {
#endif

int sum_in_assembly(int a, int b);
double half(int n);

#ifdef __cplusplus
}
#endif

#endif
