/* Busy waits on the cycle counter (spec sdk-api.md 2.8): usable before any initialisation and in callbacks. */

#include "sleep.h"
#include "sysctl.h"

int usleep(uint64_t usec) {
    uint64_t start = read_cycle(), hz = sysctl_clock_get_freq(SYSCTL_CLOCK_CPU);
    uint64_t cycles = usec / 1000000 * hz + (usec % 1000000 * hz + 999999) / 1000000;
    while (read_cycle() - start < cycles) {
    }
    return 0;
}

int msleep(uint64_t msec) {
    return usleep(msec * 1000);
}

unsigned int sleep(unsigned int seconds) {
    msleep((uint64_t)seconds * 1000);
    return 0;
}
