/* A walk over all objects that the garbage collector knows, which can be left and gone on with.
 *
 * No references are taken: an object of ours, an empty list, is put into the collector's own lists where the walk stands,
 * and is moved along by collections like any other. The walk goes from the youngest object to the oldest, so that what
 * ages meanwhile is met again rather than missed, and what holds something is mostly met after it.
 *
 * Ownership: the mark is the walk's; it is taken out of the lists while the walk goes on.
 * Threads:   all with the GIL, which must not be given up, nor anything allocated that the collector knows, nor a
 *            reference dropped, between `walk_resume` and `walk_pause`.
 * Reentrancy: `walk_resume` refuses while a collection is under way.
 * Fork:      plain memory; the child has a walk of its own.
 */
#ifndef TOCSIN_WALK_H
#define TOCSIN_WALK_H

#include <Python.h>

#define WALK_LISTS 4

typedef struct {
    PyObject *mark;          /* an empty list */
    void *at;                /* what comes next, between resume and pause */
    void *heads[WALK_LISTS]; /* the collector's lists from young to old, then what `gc.freeze` has set aside */
    Py_ssize_t begun;        /* full collections before the walk began */
} Walk;

/* Stand before the youngest object; again, if the walk was begun before. 0, or -1 with an exception. */
int walk_begin(Walk *walk);

/* Go on; 0 if that cannot be now. */
int walk_resume(Walk *walk);

/* The next object, borrowed; NULL at the end. */
PyObject *walk_next(Walk *walk);

void walk_pause(Walk *walk);

/* Whether a full collection has changed the order since the walk began, so that objects may have been missed. */
int walk_was_disturbed(const Walk *walk);

void walk_end(Walk *walk);

#endif
