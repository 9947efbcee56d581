/* See hook.h. */

#include "hook.h"

#include <Python.h>
#include <math.h>

#include "samples.h"
#include "stacks.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

typedef struct {
    PyMemAllocatorEx before;
    size_t counts_up_to;
} Domain;

static Domain raw, mem, obj;
static int installed;
static volatile int active;
static volatile int probing; /* `hook_install` looks whether a domain hands over to RAW */
static volatile int probed;  /* it does */

typedef struct {
    int64_t left;  /* bytes to the next sample */
    int ready;     /* the start for which `left` was drawn; 0: never */
    int within;    /* in a realloc, whose calls of other hooks do not count */
} Thread;

/* Of this thread, reached without a call: this is what the fast path costs. */
static __thread Thread own __attribute__((tls_model("initial-exec")));
static int starts; /* distances that were drawn for another interval are drawn anew */

static int64_t draw(void)
{
    double bytes = -log(samples_random()) * samples_state()->interval;
    return bytes < 1.0 ? 1 : (int64_t)bytes;
}

static void keep(const void *block, size_t size)
{
    Sample sample = {.address = (uintptr_t)block, .size = size};
    samples_lock();
    sample.epoch = samples_state()->epoch;
    sample.stack = stacks_here();
    Stack *stack = stacks_get(sample.stack);
    stack->samples++;
    stack->bytes += (double)size / samples_chance(size, samples_state()->interval);
    samples_add(&sample);
    samples_unlock();
}

/* The distance is used up: a sample, or a thread's first block. */
static void reached(const void *block, size_t size)
{
    int first = own.ready != starts;
    if (first) {
        own.ready = starts;
        own.left = draw() - (int64_t)size;
        if (own.left > 0)
            return;
    }
    own.left = draw(); /* from the end of this block: an exponential distance does not remember */
    keep(block, size);
}

static inline void count(const void *block, size_t size)
{
    own.left -= (int64_t)size;
    if (UNLIKELY(own.left <= 0))
        reached(block, size);
}

static void untrack(const void *block)
{
    Sample gone;
    samples_lock();
    samples_take_away(block, &gone);
    samples_unlock();
}

static inline void *allocated(const Domain *domain, void *block, size_t size)
{
    if (LIKELY(active) && size <= domain->counts_up_to && block != NULL && !own.within)
        count(block, size);
    return block;
}

/* Before the block goes: afterwards another thread may have got its address. */
static inline void going(const void *block)
{
    if (UNLIKELY(samples_may_have(block)) && active && block != NULL)
        untrack(block);
}

static void *reallocated(const Domain *domain, void *context, void *block, size_t size)
{
    if (!active || own.within)
        return domain->before.realloc(context, block, size);
    Sample sample;
    int was = 0;
    if (block != NULL && samples_may_have(block)) {
        samples_lock();
        was = samples_take_away(block, &sample);
        samples_unlock();
    }
    own.within = 1;
    void *moved = domain->before.realloc(context, block, size);
    own.within = 0;
    if (moved != NULL) {
        count(moved, size);
    } else if (was) { /* it failed, so the old one lives on */
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
        return allocated(&domain, domain.before.malloc(context, size), size);                            \
    }                                                                                                    \
    static void *domain##_calloc(void *context, size_t number, size_t size)                              \
    {                                                                                                    \
        return allocated(&domain, domain.before.calloc(context, number, size), number * size);           \
    }                                                                                                    \
    static void *domain##_realloc(void *context, void *block, size_t size)                               \
    {                                                                                                    \
        return reallocated(&domain, context, block, size);                                               \
    }                                                                                                    \
    static void domain##_free(void *context, void *block)                                                \
    {                                                                                                    \
        going(block);                                                                                    \
        domain.before.free(context, block);                                                              \
    }

HOOKS(mem)
HOOKS(obj)

static void *raw_malloc(void *context, size_t size)
{
    if (UNLIKELY(probing))
        probed = 1;
    return allocated(&raw, raw.before.malloc(context, size), size);
}

static void *raw_calloc(void *context, size_t number, size_t size)
{
    return allocated(&raw, raw.before.calloc(context, number, size), number * size);
}

static void *raw_realloc(void *context, void *block, size_t size)
{
    return reallocated(&raw, context, block, size);
}

static void raw_free(void *context, void *block)
{
    going(block);
    raw.before.free(context, block);
}

static void replace(PyMemAllocatorDomain which, const PyMemAllocatorEx *hooks, const Domain *domain)
{
    PyMemAllocatorEx ours = *hooks;
    ours.ctx = domain->before.ctx;
    PyMem_SetAllocator(which, &ours);
}

/* How large a block may be that this domain does not hand over to RAW. */
static size_t counts_up_to(void *(*allocate)(size_t), void (*release)(void *))
{
    probed = 0;
    probing = 1;
    release(allocate(PYMALLOC_AT_MOST + 1));
    probing = 0;
    return probed ? PYMALLOC_AT_MOST : SIZE_MAX;
}

void hook_install(void)
{
    if (installed)
        return;
    installed = 1;
    samples_guard_forks();
    PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &raw.before);
    PyMem_GetAllocator(PYMEM_DOMAIN_MEM, &mem.before);
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &obj.before);
    raw.counts_up_to = SIZE_MAX;
    replace(PYMEM_DOMAIN_RAW, &(PyMemAllocatorEx){NULL, raw_malloc, raw_calloc, raw_realloc, raw_free}, &raw);
    mem.counts_up_to = counts_up_to(PyMem_Malloc, PyMem_Free);
    obj.counts_up_to = counts_up_to(PyObject_Malloc, PyObject_Free);
    replace(PYMEM_DOMAIN_MEM, &(PyMemAllocatorEx){NULL, mem_malloc, mem_calloc, mem_realloc, mem_free}, &mem);
    replace(PYMEM_DOMAIN_OBJ, &(PyMemAllocatorEx){NULL, obj_malloc, obj_calloc, obj_realloc, obj_free}, &obj);
}

void hook_start(double interval, size_t most)
{
    active = 0;
    samples_lock();
    samples_reset(interval, most);
    stacks_forget_counts();
    starts++;
    samples_unlock();
    active = 1;
}

void hook_stop(void)
{
    active = 0;
}

int hook_is_active(void)
{
    return active;
}

void hook_track(const void *block, size_t size)
{
    if (active && block != NULL)
        count(block, size);
}

void hook_untrack(const void *block)
{
    going(block);
}
