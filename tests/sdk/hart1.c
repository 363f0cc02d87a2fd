/* Jobs for hart 1 while hart 0 works: each runs once, there, and its results are seen after the wait. */
#include "check.h"
#include "encoding.h"
#include "hart1.h"

#define ROUNDS 500

typedef struct {
    uint32_t seed, result;
    unsigned hart, runs;
} job_t;

static void job(void *argument) {
    job_t *j = argument;
    uint32_t state = j->seed;
    for (unsigned i = 0; i < j->seed % 300; i++) {
        test_random(&state);
    }
    j->result = state;
    j->hart = (unsigned)read_csr(mhartid);
    j->runs++;
}

int main(void) {
    unsigned elsewhere = 0, once = 0, right = 0;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        job_t there = {.seed = i * 2654435761u}, here = there;
        hart1_start(job, &there);
        job(&here); /* the same arithmetic on this hart */
        hart1_wait();
        elsewhere += there.hart == 1 && here.hart == 0;
        once += there.runs == 1;
        right += there.result == here.result;
    }
    CHECK_EQ("ran on hart 1", elsewhere, ROUNDS);
    CHECK_EQ("ran once", once, ROUNDS);
    CHECK_EQ("results", right, ROUNDS);

    /* A long pause: the hart sleeps and wakes again. */
    uint64_t until = clint_get_time() + clint_timer_get_freq() / 100;
    while (clint_get_time() < until) {
    }
    job_t late = {.seed = 77};
    hart1_start(job, &late);
    hart1_wait();
    CHECK_EQ("after a pause", late.runs, 1);
    return check_done();
}
