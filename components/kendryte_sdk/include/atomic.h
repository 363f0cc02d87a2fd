#ifndef KENDRYTE_ATOMIC_H
#define KENDRYTE_ATOMIC_H

/* Locks between the harts. They live in cached memory (spec soc.md 1.2) and mask no interrupts: a callback must not
 * take a lock that the code it interrupted may hold. */

#ifdef __cplusplus
extern "C" {
#endif

#define SPINLOCK_INIT \
    { \
        0 \
    }
#define CORELOCK_INIT \
    { \
        SPINLOCK_INIT, 0, -1 \
    }

#define mb() \
    { \
        __asm__ volatile("fence" ::: "memory"); \
    }
#define atomic_set(ptr, val) (*(volatile __typeof__(*(ptr)) *)(ptr) = (val))
#define atomic_read(ptr) (*(volatile __typeof__(*(ptr)) *)(ptr))
/* All return the value before. */
#define atomic_add(ptr, inc) __sync_fetch_and_add(ptr, inc)
#define atomic_or(ptr, inc) __sync_fetch_and_or(ptr, inc)
#define atomic_swap(ptr, swp) __atomic_exchange_n(ptr, swp, __ATOMIC_ACQ_REL)
#define atomic_cas(ptr, cmp, swp) __sync_val_compare_and_swap(ptr, cmp, swp)

typedef struct {
    int lock;
} spinlock_t;

typedef struct {
    spinlock_t lock;
    int count;
    int waiting;
} semaphore_t;

typedef struct {
    spinlock_t lock;
    int count;
    int core;
} corelock_t;

/* 0 when taken, non-zero when it was held. */
static inline int spinlock_trylock(spinlock_t *lock) {
    return __atomic_exchange_n(&lock->lock, -1, __ATOMIC_ACQUIRE);
}

/* Spins until taken; not recursive. */
static inline void spinlock_lock(spinlock_t *lock) {
    while (spinlock_trylock(lock)) {
        while (atomic_read(&lock->lock)) {
        }
    }
}

static inline void spinlock_unlock(spinlock_t *lock) {
    __atomic_store_n(&lock->lock, 0, __ATOMIC_RELEASE);
}

static inline void semaphore_signal(semaphore_t *semaphore, int i) {
    spinlock_lock(&semaphore->lock);
    semaphore->count += i;
    spinlock_unlock(&semaphore->lock);
}

/* Spins until the count is at least i, then takes i. */
static inline void semaphore_wait(semaphore_t *semaphore, int i) {
    spinlock_lock(&semaphore->lock);
    semaphore->waiting++;
    while (semaphore->count < i) {
        spinlock_unlock(&semaphore->lock);
        while (atomic_read(&semaphore->count) < i) {
        }
        spinlock_lock(&semaphore->lock);
    }
    semaphore->waiting--;
    semaphore->count -= i;
    spinlock_unlock(&semaphore->lock);
}

static inline int semaphore_count(semaphore_t *semaphore) {
    spinlock_lock(&semaphore->lock);
    int count = semaphore->count;
    spinlock_unlock(&semaphore->lock);
    return count;
}

static inline int semaphore_waiting(semaphore_t *semaphore) {
    spinlock_lock(&semaphore->lock);
    int waiting = semaphore->waiting;
    spinlock_unlock(&semaphore->lock);
    return waiting;
}

static inline int atomic_hart_(void) {
    unsigned long hart;
    __asm__ volatile("csrr %0, mhartid" : "=r"(hart));
    return (int)hart;
}

/* Recursive per hart: 0 when taken or already owned by this hart, -1 otherwise. A zeroed lock (core 0, count 0) and
 * CORELOCK_INIT are both free locks. */
static inline int corelock_trylock(corelock_t *lock) {
    int hart = atomic_hart_(), result = -1;
    spinlock_lock(&lock->lock);
    if (lock->count == 0 || lock->core == hart) {
        lock->core = hart;
        lock->count++;
        result = 0;
    }
    spinlock_unlock(&lock->lock);
    return result;
}

static inline void corelock_lock(corelock_t *lock) {
    while (corelock_trylock(lock)) {
    }
}

/* Drops one level; a hart that does not own the lock is ended by the exit call (number 93). */
static inline void corelock_unlock(corelock_t *lock) {
    int hart = atomic_hart_();
    spinlock_lock(&lock->lock);
    if (lock->count == 0 || lock->core != hart) {
        spinlock_unlock(&lock->lock);
        register long code __asm__("a0") = 1;
        register long number __asm__("a7") = 93;
        __asm__ volatile("ecall" : "+r"(code) : "r"(number) : "memory");
        return;
    }
    if (--lock->count == 0) {
        lock->core = -1;
    }
    spinlock_unlock(&lock->lock);
}

#ifdef __cplusplus
}
#endif

#endif
