/* The sampled blocks that are alive: a table by address, and a filter that answers nearly every `free` at once.
 *
 * Ownership: memory of malloc, never of Python; kept until the process ends.
 * Threads:   one mutex, held for microseconds, under which no Python function is called and no GIL is waited for. The
 *            filter is read without it: a block comes to another thread only behind something that orders the two.
 * Reentrancy: none; nothing in here allocates through Python.
 * Fork:      the mutex is taken around a fork, so a child never finds it held by a thread that it does not have.
 */
#ifndef TOCSIN_SAMPLES_H
#define TOCSIN_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

/* A thread's own, reached without a call. musl gives a loaded library no such room, and macOS has no such model. */
#ifdef __GLIBC__
#define OF_THREAD static __thread __attribute__((tls_model("initial-exec")))
#else
#define OF_THREAD static __thread
#endif

#define FILTER_BITS 18
#define LEVELS_MAX 40

/* 24 bytes. The mean distance for which a sample was taken is the interval of its level: each level's is twice that of
 * the level below. It stays right when the distance in use changes, because a sample's weight is that of its own. */
typedef struct {
    uintptr_t address; /* 0: an empty place */
    size_t size;
    uint32_t epoch; /* of birth */
    uint16_t stack;
    uint16_t level;
} Sample;

typedef struct {
    double interval;  /* mean bytes between two samples at level 0 */
    unsigned level;   /* at which samples are taken now */
    uint32_t epoch;   /* in which new samples are born */
    uint64_t taken;   /* samples since the start */
    uint64_t thinned; /* of them given up, their weight going over to the rest */
    uint64_t lost;    /* of them not kept, for want of memory: what they stand for is in no sum of what lives */
    size_t live;
    size_t most;
    size_t places;
} Samples;

extern uint64_t samples_filter[(1u << FILTER_BITS) / 64];

/* Whether a block may be among the samples. The lowest bits of an address say nothing, and those above 4 MiB are left
 * out: ten instructions on every `free` are what this costs. Neighbours share a cache line. */
static inline int samples_may_have(const void *block)
{
    uintptr_t number = (uintptr_t)block >> 4;
    const uint64_t *word = &samples_filter[(number >> 6) & ((1u << (FILTER_BITS - 6)) - 1)];
    return (int)((__atomic_load_n(word, __ATOMIC_RELAXED) >> (number & 63)) & 1);
}

/* Take the mutex around forks; once. 0, or an errno. */
int samples_guard_forks(void);

void samples_lock(void);
void samples_unlock(void);

/* With the mutex held: */
void samples_reset(double interval, size_t most);
Samples *samples_state(void);
void samples_add(const Sample *sample);                   /* replaces one of the same address */
int samples_take_away(const void *address, Sample *into); /* 0: it is not there */
const Sample *samples_next(size_t *place);                /* begin with 0; NULL at the end */

/* Mean bytes between two samples at a level. */
double samples_interval(double interval, unsigned level);

/* How likely a block of this size is to be sampled. */
double samples_chance(size_t size, double interval);

/* Uniform in (0, 1], for each thread of its own. */
double samples_random(void);

/* For tests: the next allocations of our own tables fail, that many. */
void samples_fail_next(int count);

/* As malloc and calloc, but obeying `samples_fail_next`. */
void *samples_malloc(size_t size);
void *samples_calloc(size_t number, size_t size);

#endif
