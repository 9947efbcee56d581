/* See hook.h. What runs on every allocation is a comparison, a subtraction and a jump; all else is out of the way. */

#include "hook.h"

#include <Python.h>
#include <math.h>

#include "pace.h"
#include "samples.h"
#include "stacks.h"

#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define COLD __attribute__((noinline, cold))
#define FAR (UINT64_MAX / 4) /* a distance that is not reached */

typedef struct {
    PyMemAllocatorEx before;
    size_t counts_up_to; /* larger blocks are handed over to RAW and count there */
} __attribute__((aligned(64))) Domain;

typedef struct {
    uint64_t left;   /* bytes that may still come without one being sampled */
    unsigned start;  /* for which `left` was drawn */
    unsigned level;  /* at which it was */
    double interval; /* of that level then; 0: never drawn */
} Thread;

static Domain raw, mem, obj;
static int installed;
static int active;      /* with the mutex held */
static unsigned starts; /* as `active` */

OF_THREAD Thread own;

/* Count a block; whether it is reached. The wrapped difference stays until the next draw. One instruction and a jump. */
static inline int counts(size_t size)
{
    return UNLIKELY(__builtin_sub_overflow(own.left, (uint64_t)size, &own.left));
}

/* Whether a block of this size counts here; the compiler sees that for RAW this is always so. */
static inline int own_business(const Domain *domain, size_t size)
{
    return domain == &raw || size <= domain->counts_up_to;
}

static void draw(void)
{
    const Samples *samples = samples_state();
    double interval = samples_interval(samples->interval, samples->level);
    double bytes = ceil(-log(samples_random()) * interval);
    own.left = bytes < 1.0 ? 0 : bytes < (double)FAR ? (uint64_t)bytes - 1 : FAR;
    own.start = starts;
    own.level = samples->level;
    own.interval = interval;
}

/* Whether a block is a sample that came at the end of a distance from before the last start. */
static int is_sample_all_the_same(size_t size)
{
    const Samples *samples = samples_state();
    double interval = samples_interval(samples->interval, samples->level);
    if (own.interval == 0.0 || own.interval > interval) {
        draw(); /* the thread's first block; or it was to wait longer than it should now: begin with this block */
        return counts(size);
    }
    own.level = samples->level; /* an exponential distance does not know when it began: it only was too short */
    return samples_random() * samples_chance(size, own.interval) <= samples_chance(size, interval);
}

/* One that was reached at a shorter distance than that of now counts with the share that is left of its chance, which
 * samples_add sees to. */
static void keep(const void *block, size_t size)
{
    Samples *samples = samples_state();
    Sample sample = {.address = (uintptr_t)block,
                     .size = size,
                     .epoch = samples->epoch,
                     .stack = stacks_here(),
                     .level = (uint16_t)own.level};
    Stack *stack = stacks_get(sample.stack);
    stack->samples++;
    stack->bytes += (double)size / samples_chance(size, samples_interval(samples->interval, own.level));
    samples->taken++;
    samples_add(&sample);
    pace_sampled();
}

/* The distance is used up. An exponential one does not remember, so the next begins at the end of this block. */
static COLD void reached(const void *block, size_t size)
{
    samples_lock();
    if (own.start == starts || is_sample_all_the_same(size)) {
        if (active && block != NULL && size > 0)
            keep(block, size);
        draw();
    } else if (own.start != starts) {
        draw();
    }
    samples_unlock();
}

static COLD void *malloc_reached(const Domain *domain, void *context, size_t size)
{
    own.left = FAR; /* nothing within counts */
    void *block = domain->before.malloc(context, size);
    reached(block, size);
    return block;
}

static COLD void *calloc_reached(const Domain *domain, void *context, size_t number, size_t size)
{
    own.left = FAR;
    void *block = domain->before.calloc(context, number, size);
    reached(block, number * size);
    return block;
}

static int take_away(const void *block, Sample *into)
{
    samples_lock();
    int was = samples_take_away(block, into);
    samples_unlock();
    return was;
}

static COLD void free_sampled(const Domain *domain, void *context, void *block)
{
    Sample gone;
    take_away(block, &gone);
    domain->before.free(context, block);
}

static COLD void *realloc_reached(const Domain *domain, void *context, void *block, size_t size)
{
    own.left = FAR;
    void *moved = domain->before.realloc(context, block, size);
    reached(moved, size);
    return moved;
}

/* pymalloc may hand a block over to RAW within, or get it from there: then it was counted there. */
static __attribute__((noinline)) void *resize_small(const Domain *domain, void *context, void *block, size_t size)
{
    uint64_t left = own.left;
    void *moved = domain->before.realloc(context, block, size);
    if (own.left == left && counts(size))
        reached(moved, size);
    return moved;
}

static inline void *resize(const Domain *domain, void *context, void *block, size_t size)
{
    if (domain == &raw)
        return counts(size) ? realloc_reached(domain, context, block, size)
                            : domain->before.realloc(context, block, size);
    if (own_business(domain, size))
        return resize_small(domain, context, block, size);
    return domain->before.realloc(context, block, size);
}

static COLD void *realloc_sampled(const Domain *domain, void *context, void *block, size_t size)
{
    Sample sample;
    int was = take_away(block, &sample);
    void *moved = resize(domain, context, block, size);
    if (moved == NULL && was) { /* it failed, so the old one lives on */
        samples_lock();
        samples_add(&sample);
        samples_unlock();
    }
    return moved;
}

/* Each hook calls what was there before with the context of before, which Python hands over unchanged: while the five
 * words of an allocator are exchanged, any mixture of old and new works. */
#define HOOKS(domain)                                                                                    \
    static void *domain##_malloc(void *context, size_t size)                                             \
    {                                                                                                    \
        if (own_business(&domain, size) && counts(size))                                                 \
            return malloc_reached(&domain, context, size);                                               \
        return domain.before.malloc(context, size);                                                      \
    }                                                                                                    \
    static void *domain##_calloc(void *context, size_t number, size_t size)                              \
    {                                                                                                    \
        size_t bytes = number * size;                                                                    \
        if (own_business(&domain, bytes) && counts(bytes))                                               \
            return calloc_reached(&domain, context, number, size);                                       \
        return domain.before.calloc(context, number, size);                                              \
    }                                                                                                    \
    static void *domain##_realloc(void *context, void *block, size_t size)                               \
    {                                                                                                    \
        if (UNLIKELY(samples_may_have(block)))                                                           \
            return realloc_sampled(&domain, context, block, size);                                       \
        return resize(&domain, context, block, size);                                                    \
    }                                                                                                    \
    static void domain##_free(void *context, void *block)                                                \
    {                                                                                                    \
        if (UNLIKELY(samples_may_have(block)))                                                           \
            free_sampled(&domain, context, block);                                                       \
        else                                                                                             \
            domain.before.free(context, block);                                                          \
    }

HOOKS(raw)
HOOKS(mem)
HOOKS(obj)

/* Whether a block that is asked for comes by one of the hooks that count it. */
static int comes_by(void *(*allocate)(size_t), void (*release)(void *), size_t size)
{
    uint64_t left = own.left;
    own.left = FAR;
    release(allocate(size));
    int counted = own.left != FAR;
    own.left = left;
    return counted;
}

/* How large a block may be that this domain, not hooked yet, does not hand over to RAW. With PYTHONMALLOC=debug it is
 * less than what pymalloc takes, since blocks are larger then than asked for. */
static size_t find_limit(void *(*allocate)(size_t), void (*release)(void *))
{
    if (!comes_by(allocate, release, PYMALLOC_AT_MOST + 1))
        return SIZE_MAX;
    size_t limit = PYMALLOC_AT_MOST;
    while (limit > 0 && comes_by(allocate, release, limit))
        limit -= 8;
    return limit;
}

static void put_in(PyMemAllocatorDomain which, Domain *domain, PyMemAllocatorEx hooks)
{
    hooks.ctx = domain->before.ctx;
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* who calls the hook must see what it goes on to */
    PyMem_SetAllocator(which, &hooks);
}

int hook_install(void)
{
    if (installed)
        return 0;
    int error = samples_guard_forks();
    if (error != 0)
        return error;
    installed = 1;
    PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &raw.before);
    PyMem_GetAllocator(PYMEM_DOMAIN_MEM, &mem.before);
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &obj.before);
    put_in(PYMEM_DOMAIN_RAW, &raw, (PyMemAllocatorEx){NULL, raw_malloc, raw_calloc, raw_realloc, raw_free});
    mem.counts_up_to = find_limit(PyMem_Malloc, PyMem_Free);
    obj.counts_up_to = find_limit(PyObject_Malloc, PyObject_Free);
    put_in(PYMEM_DOMAIN_MEM, &mem, (PyMemAllocatorEx){NULL, mem_malloc, mem_calloc, mem_realloc, mem_free});
    put_in(PYMEM_DOMAIN_OBJ, &obj, (PyMemAllocatorEx){NULL, obj_malloc, obj_calloc, obj_realloc, obj_free});
    return 0;
}

int hook_is_in_place(void)
{
    return installed && comes_by(PyMem_RawMalloc, PyMem_RawFree, 8) && comes_by(PyMem_Malloc, PyMem_Free, 8)
        && comes_by(PyObject_Malloc, PyObject_Free, 8);
}

void hook_start(double interval, size_t most, double most_per_s)
{
    samples_lock();
    samples_reset(interval, most);
    pace_reset(most_per_s);
    stacks_forget_counts();
    starts++;
    own = (Thread){0}; /* it begins at once; how far the others are, only they know */
    active = 1;
    samples_unlock();
}

void hook_stop(void)
{
    samples_lock();
    active = 0;
    samples_unlock();
}

int hook_is_active(void)
{
    samples_lock();
    int is_active = active;
    samples_unlock();
    return is_active;
}

void hook_track(const void *block, size_t size)
{
    if (counts(size))
        reached(block, size);
}

void hook_untrack(const void *block)
{
    Sample gone;
    if (UNLIKELY(samples_may_have(block)))
        take_away(block, &gone);
}
