#include "hart1.h"

#include "clint.h"
#include "encoding.h"
#include "entry.h"

static struct {
    hart1_job_t job; /* non-zero from hart1_start() until hart 1 has done it */
    void *argument;
} work;

static int worker(void *ctx) {
    (void)ctx;
    /* A pending MSIP ends wfi whether or not it would trap. */
    clear_csr(mstatus, MSTATUS_MIE);
    set_csr(mie, MIP_MSIP);
    for (;;) {
        /* Lowered before the look, raised after the job was set: no job is slept through. */
        clint_ipi_clear(1);
        hart1_job_t job = __atomic_load_n(&work.job, __ATOMIC_ACQUIRE);
        if (job) {
            job(work.argument);
            __atomic_store_n(&work.job, NULL, __ATOMIC_RELEASE);
        } else {
            __asm__ volatile("wfi");
        }
    }
    return 0;
}

void hart1_start(hart1_job_t job, void *argument) {
    if (!core1_instance.callback) {
        register_core1(worker, NULL);
    }
    if (core1_instance.callback != worker) {
        job(argument);
        return;
    }
    work.argument = argument;
    __atomic_store_n(&work.job, job, __ATOMIC_RELEASE);
    clint_ipi_send(1);
}

void hart1_wait(void) {
    while (__atomic_load_n(&work.job, __ATOMIC_ACQUIRE)) {
    }
}
