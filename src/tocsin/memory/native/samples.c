/* See samples.h. Linear probing; a place that becomes empty is closed by moving up what belongs there. */

#include "samples.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_PLACES 4096u

uint64_t samples_filter[(1u << FILTER_BITS) / 64];

static uint8_t users[1u << FILTER_BITS]; /* samples behind each bit of the filter; at 255 the bit stays for good */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static Sample *table;
static Samples state;

void samples_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void samples_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

int samples_guard_forks(void)
{
    return pthread_atfork(samples_lock, samples_unlock, samples_unlock);
}

double samples_chance(size_t size, double interval)
{
    return -expm1(-(double)size / interval);
}

double samples_random(void)
{
    static __thread uint64_t seed;
    if (seed == 0) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        seed = ((uint64_t)now.tv_nsec << 32) ^ (uint64_t)now.tv_sec ^ (uint64_t)(uintptr_t)&seed ^ 0x9E3779B97F4A7C15u;
    }
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return ((double)(seed >> 11) + 1.0) / 9007199254740992.0;
}

const Samples *samples_state(void)
{
    return &state;
}

uint32_t samples_mark(void)
{
    return ++state.epoch;
}

static size_t home(uintptr_t address)
{
    return (size_t)(((uint64_t)address * 0x9E3779B97F4A7C15u) >> 20) & (state.places - 1);
}

static void filter_add(const void *address)
{
    size_t at = samples_filter_index(address);
    if (users[at] < UINT8_MAX && users[at]++ == 0)
        __atomic_fetch_or(&samples_filter[at / 64], UINT64_C(1) << (at % 64), __ATOMIC_RELAXED);
}

static void filter_remove(const void *address)
{
    size_t at = samples_filter_index(address);
    if (users[at] < UINT8_MAX && --users[at] == 0)
        __atomic_fetch_and(&samples_filter[at / 64], ~(UINT64_C(1) << (at % 64)), __ATOMIC_RELAXED);
}

static void put(const Sample *sample)
{
    size_t at = home(sample->address);
    while (table[at].address != 0)
        at = (at + 1) & (state.places - 1);
    table[at] = *sample;
}

static int grow(size_t places)
{
    Sample *wider = calloc(places, sizeof(Sample));
    if (wider == NULL)
        return 0;
    Sample *old = table;
    size_t before = state.places;
    table = wider;
    state.places = places;
    for (size_t at = 0; at < before; at++)
        if (old[at].address != 0)
            put(&old[at]);
    free(old);
    return 1;
}

static void remove_at(size_t hole)
{
    filter_remove((const void *)table[hole].address);
    state.live--;
    size_t mask = state.places - 1, at = hole;
    for (;;) {
        table[hole].address = 0;
        do {
            at = (at + 1) & mask;
            if (table[at].address == 0)
                return;
            /* It stays where it is if its home lies behind the hole, on the way to it. */
        } while (((at - home(table[at].address)) & mask) < ((at - hole) & mask));
        table[hole] = table[at];
        hole = at;
    }
}

/* Halve the rate. Each sample stays with the share of its chance that is left, so every total keeps its expectation. */
static void thin(void)
{
    double wider = 2.0 * state.interval;
    size_t kept = 0;
    Sample *staying = malloc(state.live * sizeof(Sample));
    if (staying == NULL)
        return; /* the next one tries again; until then new samples are counted as lost */
    for (size_t at = 0; at < state.places; at++) {
        if (table[at].address == 0)
            continue;
        size_t size = table[at].size;
        if (samples_random() <= samples_chance(size, wider) / samples_chance(size, state.interval))
            staying[kept++] = table[at];
        else
            filter_remove((const void *)table[at].address);
    }
    memset(table, 0, state.places * sizeof(Sample));
    for (size_t at = 0; at < kept; at++)
        put(&staying[at]);
    free(staying);
    state.thinned += state.live - kept;
    state.live = kept;
    state.interval = wider;
}

void samples_reset(double interval, size_t most)
{
    if (table != NULL)
        memset(table, 0, state.places * sizeof(Sample));
    memset(users, 0, sizeof users);
    for (size_t at = 0; at < sizeof samples_filter / sizeof *samples_filter; at++)
        __atomic_store_n(&samples_filter[at], 0, __ATOMIC_RELAXED);
    state = (Samples){.interval = interval, .most = most, .places = state.places};
}

void samples_add(const Sample *sample)
{
    state.taken++;
    Sample unlikely;
    /* An address that is still there was freed where no hook saw it. */
    samples_take_away((const void *)sample->address, &unlikely);
    if (state.live >= state.most)
        thin();
    if (state.places == 0 && !grow(FIRST_PLACES)) {
        state.lost++;
        return;
    }
    if (4 * state.live >= 3 * state.places && !grow(2 * state.places) && state.live + 1 >= state.places) {
        state.lost++;
        return;
    }
    if (state.live >= state.most) {
        state.lost++;
        return;
    }
    put(sample);
    filter_add((const void *)sample->address);
    state.live++;
}

int samples_take_away(const void *address, Sample *into)
{
    if (state.live == 0)
        return 0;
    size_t at = home((uintptr_t)address);
    while (table[at].address != 0) {
        if (table[at].address == (uintptr_t)address) {
            *into = table[at];
            remove_at(at);
            return 1;
        }
        at = (at + 1) & (state.places - 1);
    }
    return 0;
}

const Sample *samples_next(size_t *place)
{
    while (*place < state.places) {
        const Sample *found = &table[(*place)++];
        if (found->address != 0)
            return found;
    }
    return NULL;
}
