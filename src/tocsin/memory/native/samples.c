/* See samples.h. Linear probing; a place that becomes empty is closed by moving up what belongs there. */

#include "samples.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PLACES 4096u

uint64_t samples_filter[(1u << FILTER_BITS) / 64] __attribute__((aligned(64)));

static uint8_t users[1u << FILTER_BITS]; /* samples behind each bit of the filter; at 255 the bit stays for good */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static Sample *table;
static Samples state;
OF_THREAD uint64_t seed;
static int failures;

void samples_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void samples_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

static void in_child(void)
{
    seed ^= (uint64_t)getpid() * 0x9E3779B97F4A7C15u; /* or it would sample what its parent samples */
    pthread_mutex_unlock(&mutex);
}

int samples_guard_forks(void)
{
    return pthread_atfork(samples_lock, samples_unlock, in_child);
}

void samples_fail_next(int count)
{
    failures = count;
}

static int fails(void)
{
    return failures > 0 && failures-- > 0;
}

void *samples_malloc(size_t size)
{
    return fails() ? NULL : malloc(size);
}

void *samples_calloc(size_t number, size_t size)
{
    return fails() ? NULL : calloc(number, size);
}

double samples_interval(double interval, unsigned level)
{
    return ldexp(interval, (int)level);
}

double samples_chance(size_t size, double interval)
{
    return -expm1(-(double)size / interval);
}

double samples_random(void)
{
    if (seed == 0) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        seed = ((uint64_t)now.tv_nsec << 32) ^ (uint64_t)now.tv_sec ^ (uint64_t)(uintptr_t)&seed;
        seed = (seed + 0x9E3779B97F4A7C15u) * 0xBF58476D1CE4E5B9u | 1;
    }
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return ((double)(seed >> 11) + 1.0) / 9007199254740992.0;
}

Samples *samples_state(void)
{
    return &state;
}

static size_t home(uintptr_t address)
{
    return (size_t)(((uint64_t)address * 0x9E3779B97F4A7C15u) >> 20) & (state.places - 1);
}

static size_t bit_of(uintptr_t address)
{
    return (address >> 4) & ((1u << FILTER_BITS) - 1);
}

static void filter_add(uintptr_t address)
{
    size_t at = bit_of(address);
    if (users[at] < UINT8_MAX && users[at]++ == 0)
        __atomic_fetch_or(&samples_filter[at / 64], UINT64_C(1) << (at % 64), __ATOMIC_RELAXED);
}

static void filter_remove(uintptr_t address)
{
    size_t at = bit_of(address);
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
    Sample *wider = samples_calloc(places, sizeof(Sample));
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
    filter_remove(table[hole].address);
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

static unsigned lowest_level(void)
{
    unsigned lowest = LEVELS_MAX;
    for (size_t at = 0; at < state.places; at++)
        if (table[at].address != 0 && table[at].level < lowest)
            lowest = table[at].level;
    return lowest;
}

/* A sample rises with the share of its chance that is left, so every sum keeps its expectation. */
static int rises(const Sample *sample, unsigned level)
{
    double there = samples_chance(sample->size, samples_interval(state.interval, level));
    double here = samples_chance(sample->size, samples_interval(state.interval, sample->level));
    return samples_random() * here <= there;
}

static void raise_all(unsigned level)
{
    for (size_t at = 0; at < state.places; at++)
        /* What moves up into a hole is looked at in its turn; what has risen is not asked twice. */
        while (table[at].address != 0 && table[at].level < level) {
            if (rises(&table[at], level)) {
                table[at].level = (uint16_t)level;
            } else {
                remove_at(at);
                state.thinned++;
            }
        }
}

/* An eighth of the room becomes free, so that this is rare. Blocks much larger than the interval stay for some turns. */
static void thin(void)
{
    unsigned level = lowest_level();
    while (state.live > state.most - state.most / 8 && level < LEVELS_MAX)
        raise_all(++level);
    if (state.level < level)
        state.level = level;
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

static int has_room(void)
{
    if (state.places == 0)
        return grow(FIRST_PLACES);
    if (4 * state.live < 3 * state.places || grow(2 * state.places))
        return 1;
    return 8 * state.live < 7 * state.places; /* slower, but none is lost yet */
}

void samples_add(const Sample *sample)
{
    Sample risen = *sample, stale;
    /* An address that is still there was freed where no hook saw it. */
    samples_take_away((const void *)sample->address, &stale);
    if (state.live >= state.most)
        thin();
    if (risen.level < state.level) {
        if (!rises(&risen, state.level)) {
            state.thinned++;
            return;
        }
        risen.level = (uint16_t)state.level;
    }
    if (state.live >= state.most || !has_room()) {
        state.lost++;
        return;
    }
    put(&risen);
    filter_add(risen.address);
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
