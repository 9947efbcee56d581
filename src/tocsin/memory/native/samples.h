/* The sampled blocks that are alive: a table by address, and a filter that answers nearly every `free` at once.
 *
 * Ownership: memory of malloc, never of Python; kept until the process ends.
 * Threads:   one mutex, held for microseconds, under which no Python function is called. The filter is read without it:
 *            a block comes to another thread only behind something that orders the two.
 * Reentrancy: none; nothing in here allocates through Python.
 * Fork:      the mutex is taken around a fork, so a child never finds it held by a thread that it does not have.
 */
#ifndef TOCSIN_SAMPLES_H
#define TOCSIN_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#define FILTER_BITS 18

typedef struct {
    uintptr_t address; /* 0: an empty place */
    size_t size;
    uint32_t stack;
    uint32_t epoch;    /* of birth */
} Sample;

typedef struct {
    double interval;   /* mean bytes between two samples */
    uint64_t taken;    /* samples since the start */
    uint64_t thinned;  /* of them given up, their weight going over to the rest */
    uint64_t lost;     /* of them not kept, for want of memory: what they stand for is not in any total */
    uint32_t epoch;    /* in which new samples are born */
    size_t live;
    size_t most;
    size_t places;
} Samples;

extern uint64_t samples_filter[(1u << FILTER_BITS) / 64];

static inline size_t samples_filter_index(const void *address)
{
    uintptr_t number = (uintptr_t)address;
    /* Neighbours share a cache line of the filter. */
    return ((number >> 4) ^ (number >> (4 + FILTER_BITS))) & ((1u << FILTER_BITS) - 1);
}

/* Whether a block may be among the samples. */
static inline int samples_may_have(const void *address)
{
    size_t at = samples_filter_index(address);
    return (int)((__atomic_load_n(&samples_filter[at / 64], __ATOMIC_RELAXED) >> (at % 64)) & 1);
}

/* Take the mutex around forks; once. 0, or an errno. */
int samples_guard_forks(void);

void samples_lock(void);
void samples_unlock(void);

/* With the mutex held: */
void samples_reset(double interval, size_t most);
const Samples *samples_state(void);
uint32_t samples_mark(void); /* begin the next epoch */
void samples_add(const Sample *sample);
int samples_take_away(const void *address, Sample *into); /* 0: it is not there */
const Sample *samples_next(size_t *place);                /* begin with 0; NULL at the end */

/* How likely a block of this size is to be sampled. */
double samples_chance(size_t size, double interval);

/* Uniform in (0, 1], for each thread of its own. */
double samples_random(void);

#endif
