#include "part.h"

double half(int n) {
    return n * 0.5;
}
