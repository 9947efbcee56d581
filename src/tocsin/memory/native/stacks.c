/* See stacks.h. The walk reads the interpreter's own frames: making frame objects would allocate within an allocation. */

#include "stacks.h"

#include <stdlib.h>
#include <string.h>

#if PY_VERSION_HEX < 0x030B0000 || PY_VERSION_HEX >= 0x030E0000
#error "the frames of this Python version are not known here: 3.11, 3.12 and 3.13 are"
#endif
#ifdef Py_GIL_DISABLED
#error "a free-threaded build has other allocators, and no lock that keeps frames still"
#endif

#define Py_BUILD_CORE 1
#include "internal/pycore_frame.h"
#undef Py_BUILD_CORE

#define BUCKETS (2 * STACKS_MAX)

static Stack stacks[STACKS_MAX];
static uint32_t buckets[BUCKETS]; /* 0: empty, as no stack has the number 0 */
static uint32_t count = STACKS_FIRST;

/* The state of this thread if it holds the GIL, else NULL. */
static PyThreadState *holder(void)
{
#if PY_VERSION_HEX < 0x030C0000
    /* Before 3.12 the current state is that of whoever holds the GIL, which may be another thread. PyGILState_Check
     * would say yes to everybody as soon as there was a second interpreter. */
    PyThreadState *mine = PyGILState_GetThisThreadState();
    return mine == _PyThreadState_UncheckedGet() ? mine : NULL;
#else
    return _PyThreadState_UncheckedGet();
#endif
}

static uint32_t walk(PyThreadState *thread, Place *places)
{
#if PY_VERSION_HEX >= 0x030D0000
    _PyInterpreterFrame *frame = thread->current_frame;
#else
    _PyInterpreterFrame *frame = thread->cframe->current_frame;
#endif
    uint32_t depth = 0;
    for (; frame != NULL && depth < STACK_DEPTH; frame = frame->previous) {
        if (_PyFrame_IsIncomplete(frame))
            continue; /* entering or leaving, or C code between two runs of the interpreter */
#if PY_VERSION_HEX >= 0x030D0000
        if (!PyCode_Check(frame->f_executable))
            continue;
        PyCodeObject *code = (PyCodeObject *)frame->f_executable;
#else
        PyCodeObject *code = frame->f_code;
#endif
        places[depth].code = code;
        places[depth].instruction = (int32_t)(_PyInterpreterFrame_LASTI(frame) * sizeof(_Py_CODEUNIT));
        depth++;
    }
    return depth;
}

static uint64_t hash_of(const Place *places, uint32_t depth)
{
    uint64_t hash = depth;
    for (uint32_t at = 0; at < depth; at++) {
        hash ^= (uint64_t)(uintptr_t)places[at].code + (uint32_t)places[at].instruction;
        hash *= 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
    }
    return hash;
}

static int equal(const Stack *stack, uint64_t hash, const Place *places, uint32_t depth)
{
    if (stack->hash != hash || stack->depth != depth)
        return 0;
    for (uint32_t at = 0; at < depth; at++)
        if (stack->places[at].code != places[at].code || stack->places[at].instruction != places[at].instruction)
            return 0;
    return 1;
}

uint32_t stacks_here(void)
{
    PyThreadState *thread = holder();
    if (thread == NULL)
        return STACK_WITHOUT_GIL;
    if (thread->interp != PyInterpreterState_Main())
        return STACK_OTHER_INTERPRETER;
    Place places[STACK_DEPTH];
    uint32_t depth = walk(thread, places);
    if (depth == 0)
        return STACK_OUTSIDE;
    uint64_t hash = hash_of(places, depth);
    uint32_t bucket = (uint32_t)(hash % BUCKETS);
    while (buckets[bucket] != 0) {
        if (equal(&stacks[buckets[bucket]], hash, places, depth))
            return buckets[bucket];
        bucket = (bucket + 1) % BUCKETS;
    }
    if (count == STACKS_MAX)
        return STACK_TOO_MANY;
    Place *kept = malloc(depth * sizeof(Place));
    if (kept == NULL)
        return STACK_TOO_MANY;
    memcpy(kept, places, depth * sizeof(Place));
    for (uint32_t at = 0; at < depth; at++)
        Py_INCREF(kept[at].code);
    stacks[count] = (Stack){.hash = hash, .depth = depth, .places = kept};
    buckets[bucket] = count;
    return count++;
}

Stack *stacks_get(uint32_t number)
{
    return &stacks[number];
}

uint32_t stacks_count(void)
{
    return count;
}

void stacks_forget_counts(void)
{
    for (uint32_t number = 0; number < count; number++) {
        stacks[number].samples = 0;
        stacks[number].bytes = 0.0;
    }
}
