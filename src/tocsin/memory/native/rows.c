/* See rows.h. */

#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include "samples.h"
#include "stacks.h"

/* A live sample, or those of one stack and one epoch together. */
typedef struct {
    uint32_t stack, epoch, samples;
    double bytes, variance;
} Birth;

/* What travels to Python of it: `IId` to the module struct. */
typedef struct {
    uint32_t epoch, samples;
    double bytes;
} PackedBirth;

typedef struct {
    uint64_t samples; /* since the start */
    double bytes;
} Total;

typedef struct {
    double interval;
    Sample *samples;
    size_t samples_count;
    Birth *births; /* by stack and epoch */
    size_t births_count;
    Total *totals; /* by stack */
    uint32_t stacks;
} Copy;

static int by_stack_and_epoch(const void *one, const void *other)
{
    const Sample *a = one, *b = other;
    if (a->stack != b->stack)
        return a->stack < b->stack ? -1 : 1;
    return (a->epoch > b->epoch) - (a->epoch < b->epoch);
}

/* 0 for want of memory. */
static int copy_samples(Copy *copy)
{
    samples_lock();
    copy->interval = samples_state()->interval;
    copy->stacks = stacks_count();
    copy->totals = samples_malloc(copy->stacks * sizeof(Total));
    copy->samples = samples_malloc((samples_state()->live + 1) * sizeof(Sample));
    int fits = copy->totals != NULL && copy->samples != NULL;
    size_t place = 0;
    for (const Sample *sample; fits && (sample = samples_next(&place)) != NULL;)
        copy->samples[copy->samples_count++] = *sample;
    for (uint32_t number = 0; fits && number < copy->stacks; number++)
        copy->totals[number] = (Total){stacks_get(number)->samples, stacks_get(number)->bytes};
    samples_unlock();
    return fits;
}

static Birth birth_of(const Sample *sample, double interval)
{
    double chance = samples_chance(sample->size, samples_interval(interval, sample->level));
    double weight = (double)sample->size / chance;
    return (Birth){sample->stack, sample->epoch, 1, weight, weight * weight * (1.0 - chance)};
}

static void add_birth(Copy *copy, Birth birth)
{
    Birth *last = copy->births_count == 0 ? NULL : &copy->births[copy->births_count - 1];
    if (last == NULL || last->stack != birth.stack || last->epoch != birth.epoch) {
        copy->births[copy->births_count++] = birth;
        return;
    }
    last->samples += birth.samples;
    last->bytes += birth.bytes;
    last->variance += birth.variance;
}

static int copy_all(Copy *copy)
{
    if (!copy_samples(copy))
        return 0;
    copy->births = samples_malloc((copy->samples_count + 1) * sizeof(Birth));
    if (copy->births == NULL)
        return 0;
    qsort(copy->samples, copy->samples_count, sizeof(Sample), by_stack_and_epoch);
    for (size_t at = 0; at < copy->samples_count; at++)
        add_birth(copy, birth_of(&copy->samples[at], copy->interval));
    return 1;
}

/* The row of a stack whose births are `count` from the first of `births`. */
static PyObject *row(uint32_t stack, const Total *total, const Birth *births, size_t count)
{
    PyObject *packed = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * sizeof(PackedBirth)));
    if (packed == NULL)
        return NULL;
    char *into = PyBytes_AS_STRING(packed);
    double bytes = 0.0, variance = 0.0;
    unsigned int alive = 0;
    for (size_t at = 0; at < count; at++) {
        PackedBirth one = {births[at].epoch, births[at].samples, births[at].bytes};
        memcpy(into + at * sizeof one, &one, sizeof one);
        bytes += births[at].bytes;
        variance += births[at].variance;
        alive += births[at].samples;
    }
    return Py_BuildValue("(IddIKdN)", stack, bytes, variance, alive, (unsigned long long)total->samples, total->bytes,
                         packed);
}

static PyObject *rows_of(const Copy *copy)
{
    PyObject *found = PyList_New(0);
    size_t at = 0;
    for (uint32_t stack = 0; found != NULL && stack < copy->stacks; stack++) {
        size_t first = at;
        while (at < copy->births_count && copy->births[at].stack == stack)
            at++;
        if (copy->totals[stack].samples == 0 && at == first)
            continue;
        PyObject *one = row(stack, &copy->totals[stack], &copy->births[first], at - first);
        if (one == NULL || PyList_Append(found, one) < 0)
            Py_CLEAR(found);
        Py_XDECREF(one);
    }
    return found;
}

PyObject *rows_now(void)
{
    Copy copy = {0};
    int fits;
    Py_BEGIN_ALLOW_THREADS
    fits = copy_all(&copy);
    Py_END_ALLOW_THREADS
    PyObject *found = fits ? rows_of(&copy) : PyErr_NoMemory();
    free(copy.samples);
    free(copy.births);
    free(copy.totals);
    return found;
}
