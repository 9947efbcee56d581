/* The look at all objects, in slices, for who refers to what is wanted.
 *
 * A pass goes over the frames that run, over every object that the collector knows, and over the frames again. What holds
 * something wanted is wanted itself at once, so one pass often finds whole chains.
 *
 * Ownership: the caller owns the search, and its graph; see graph.h and walk.h. Large containers are looked at piece by
 *            piece, and a reference to each is held meanwhile.
 * Threads:   all with the GIL, which a slice keeps.
 * Reentrancy: at the end of a large container, and with the frames, code of the program may run: a slice must not be
 *            begun while another of the same search is not over.
 * Fork:      plain memory; the child goes on with a copy.
 */
#ifndef TOCSIN_LOOK_H
#define TOCSIN_LOOK_H

#include <Python.h>

#include "graph.h"
#include "walk.h"

typedef enum { FRAMES_FIRST, OBJECTS, FRAMES_LAST, DONE } Stage;

typedef struct {
    PyObject *object;
    Py_ssize_t at;
} Large;

typedef struct {
    Graph *graph;
    Walk walk;
    Stage stage;
    PyObject *without;
    Large *large;
    size_t large_count, large_room;
    uint32_t pass;
    int nested, has_begun;
    uint64_t objects, edges;
    /* What is looked at: */
    PyObject *holder;
    ItemKind kind;
    PyObject *globals; /* of the frame */
} Search;

/* Of the clock that the slices go by. */
double look_now_s(void);

/* Begin a pass; what it looks for is what the graph wants. */
void look_begin(Search *search);

/* Look until then. 1 at the end of the pass, 0 before it, -1 with an exception. */
int look_until(Search *search, double until_s);

/* Let go of all but the graph. */
void look_end(Search *search);

#endif
