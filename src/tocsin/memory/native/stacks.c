/* See stacks.h. */

#include "stacks.h"

#include <stdlib.h>
#include <string.h>

#include "samples.h"

#define BUCKETS (2 * STACKS_MAX)

static Stack stacks[STACKS_MAX];
static uint16_t buckets[BUCKETS]; /* 0: empty, as no stack has the number 0 */
static uint32_t count = STACKS_FIRST;

/* As the table fills, new stacks are told apart by fewer frames, so the line of an allocation is the last to be lost. */
static uint32_t depth_of_new(void)
{
    if (count < STACKS_MAX / 2)
        return STACK_DEPTH;
    return count < STACKS_MAX / 4 * 3 ? 8 : 2;
}

static uint64_t hash_of(const Place *places, uint32_t depth)
{
    uint64_t hash = depth;
    for (uint32_t at = 0; at < depth; at++) {
        const PyCodeObject *code = places[at].code;
        /* Names are interned: those of copies are one object. */
        hash ^= (uint64_t)(uintptr_t)code->co_name + ((uint64_t)(uint32_t)code->co_firstlineno << 32);
        hash += (uint32_t)places[at].instruction;
        hash *= 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
    }
    return hash;
}

static int same_text(PyObject *one, PyObject *other)
{
    if (one == other)
        return 1;
    Py_ssize_t length = PyUnicode_GET_LENGTH(one);
    int kind = PyUnicode_KIND(one);
    return length == PyUnicode_GET_LENGTH(other) && kind == (int)PyUnicode_KIND(other)
        && memcmp(PyUnicode_DATA(one), PyUnicode_DATA(other), (size_t)length * (size_t)kind) == 0;
}

static int same_bytes(PyObject *one, PyObject *other)
{
    return one == other
        || (PyBytes_GET_SIZE(one) == PyBytes_GET_SIZE(other)
            && memcmp(PyBytes_AS_STRING(one), PyBytes_AS_STRING(other), (size_t)PyBytes_GET_SIZE(one)) == 0);
}

static int same_code(const PyCodeObject *one, const PyCodeObject *other)
{
    return one == other
        || (one->co_firstlineno == other->co_firstlineno && same_text(one->co_qualname, other->co_qualname)
            && same_text(one->co_filename, other->co_filename) && same_bytes(one->co_linetable, other->co_linetable));
}

static int equal(const Stack *stack, uint64_t hash, const Place *places, uint32_t depth)
{
    if (stack->hash != hash || stack->depth != depth)
        return 0;
    for (uint32_t at = 0; at < depth; at++)
        if (stack->places[at].instruction != places[at].instruction
            || !same_code(stack->places[at].code, places[at].code))
            return 0;
    return 1;
}

typedef struct {
    uint64_t hash;
    uint32_t bucket; /* of the stack, or where it belongs */
} Lookup;

static Lookup look_up(const Place *places, uint32_t depth)
{
    Lookup found = {.hash = hash_of(places, depth)};
    found.bucket = (uint32_t)(found.hash % BUCKETS);
    while (buckets[found.bucket] != 0 && !equal(&stacks[buckets[found.bucket]], found.hash, places, depth))
        found.bucket = (found.bucket + 1) % BUCKETS;
    return found;
}

static uint16_t keep(Lookup where, const Place *places, uint32_t depth)
{
    Place *kept = count < STACKS_MAX ? samples_malloc(depth * sizeof(Place)) : NULL;
    if (kept == NULL)
        return STACK_TOO_MANY;
    memcpy(kept, places, depth * sizeof(Place));
    for (uint32_t at = 0; at < depth; at++)
        Py_INCREF(kept[at].code);
    stacks[count] = (Stack){.hash = where.hash, .depth = depth, .places = kept};
    buckets[where.bucket] = (uint16_t)count;
    return (uint16_t)count++;
}

uint16_t stacks_here(void)
{
    PyThreadState *thread = frames_holder();
    if (thread == NULL)
        return STACK_WITHOUT_GIL;
    if (thread->interp != PyInterpreterState_Main())
        return STACK_OTHER_INTERPRETER;
    Place places[STACK_DEPTH];
    uint32_t depth = frames_walk(thread, places, STACK_DEPTH), kept = depth_of_new();
    if (depth == 0)
        return STACK_OUTSIDE;
    Lookup where = look_up(places, depth);
    if (buckets[where.bucket] == 0 && depth > kept) {
        depth = kept;
        where = look_up(places, depth);
    }
    return buckets[where.bucket] != 0 ? buckets[where.bucket] : keep(where, places, depth);
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
