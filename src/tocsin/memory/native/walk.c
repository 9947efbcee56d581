/* See walk.h. */

#define Py_BUILD_CORE 1 /* before Python.h, which else defines some of the same otherwise */

#include "walk.h"

#include "internal/pycore_gc.h"
#include "internal/pycore_interp.h"

_Static_assert(WALK_LISTS == NUM_GENERATIONS + 1, "the collector has other lists than walk.h knows");

#define OLDEST (NUM_GENERATIONS - 1)

static struct _gc_runtime_state *collector(void)
{
    return &PyInterpreterState_Get()->gc;
}

static PyGC_Head *gc_head(PyObject *object)
{
    return (PyGC_Head *)object - 1;
}

/* A new object is the last of the youngest list: where that is not so, the lists are not where this build looks. */
static int make_mark(Walk *walk)
{
    walk->mark = PyList_New(0);
    if (walk->mark == NULL)
        return -1;
    if (_PyGCHead_NEXT(gc_head(walk->mark)) == &collector()->generations[0].head)
        return 0;
    Py_CLEAR(walk->mark);
    PyErr_SetString(PyExc_RuntimeError, "the collector of this Python is not as the search for holders knows it");
    return -1;
}

int walk_begin(Walk *walk)
{
    if (walk->mark == NULL && make_mark(walk) < 0)
        return -1;
    PyObject_GC_UnTrack(walk->mark);
    walk->at = NULL;
    struct _gc_runtime_state *gc = collector();
    for (int number = 0; number < NUM_GENERATIONS; number++)
        walk->heads[number] = &gc->generations[number].head;
    walk->heads[NUM_GENERATIONS] = &gc->permanent_generation.head;
    walk->begun = gc->generation_stats[OLDEST].collections;
    return 0;
}

int walk_resume(Walk *walk)
{
    if (collector()->collecting)
        return 0;
    if (!PyObject_GC_IsTracked(walk->mark)) {
        walk->at = _PyGCHead_PREV((PyGC_Head *)walk->heads[0]);
        return 1;
    }
    walk->at = _PyGCHead_PREV(gc_head(walk->mark));
    PyObject_GC_UnTrack(walk->mark);
    return 1;
}

PyObject *walk_next(Walk *walk)
{
    PyGC_Head *at = walk->at;
    /* A collection may have moved the mark on to an older list, so any head may be met. */
    for (int number = 0; number < NUM_GENERATIONS; number++)
        if (at == walk->heads[number])
            at = _PyGCHead_PREV((PyGC_Head *)walk->heads[number + 1]);
    if (at == walk->heads[NUM_GENERATIONS])
        return NULL;
    PyGC_Head *next = _PyGCHead_PREV(at);
    __builtin_prefetch(next);
    walk->at = next;
    return (PyObject *)(at + 1);
}

void walk_pause(Walk *walk)
{
    PyGC_Head *mark = gc_head(walk->mark), *before = walk->at, *behind = _PyGCHead_NEXT(before);
    _PyGCHead_SET_NEXT(before, mark);
    _PyGCHead_SET_PREV(mark, before);
    _PyGCHead_SET_NEXT(mark, behind);
    _PyGCHead_SET_PREV(behind, mark);
    walk->at = NULL;
}

int walk_was_disturbed(const Walk *walk)
{
    return collector()->generation_stats[OLDEST].collections != walk->begun;
}

void walk_end(Walk *walk)
{
    Py_CLEAR(walk->mark);
}
