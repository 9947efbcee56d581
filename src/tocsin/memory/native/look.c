/* See look.h. */

#include "look.h"

#include <stdlib.h>
#include <time.h>

#include "layout.h"

#define LARGE 4096        /* items of a container that is looked at piece by piece, with a reference held */
#define CLOCK_EVERY 512   /* edges between two looks at the clock */
#define DEQUE_PART 4096   /* items of a deque at a time: its blocks before these have to be passed each time */
#define NESTED_MOST 16    /* untracked containers within each other */

double look_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ── what one object refers to ───────────────────────────────────────────────────────────────────────────────────── */

static int visit(PyObject *held, void *context);
static void see(Search *self, PyObject *held, PyObject *name);

static ItemKind kind_of(PyObject *holder)
{
    if (PyDict_CheckExact(holder) && layout_namespace(holder) != NULL)
        return ITEM_NAMESPACE;
    return PyModule_Check(holder) || PyType_Check(holder) || PyFunction_Check(holder) ? ITEM_END : ITEM_OBJECT;
}

static void connect(Search *self, uint32_t child, PyObject *name)
{
    ItemKind kind = self->kind == ITEM_FRAME ? ITEM_FRAME : kind_of(self->holder);
    uint32_t number = graph_connect(self->graph, child, self->holder, kind, name);
    if (number == GRAPH_NONE || self->graph->items[number].module != NULL)
        return;
    PyObject *space = kind == ITEM_FRAME ? self->globals : kind == ITEM_NAMESPACE ? self->holder : NULL;
    if (space != NULL && PyDict_CheckExact(space))
        self->graph->items[number].module = Py_XNewRef(layout_namespace(space));
}

static void found(Search *self, PyObject *held, PyObject *name)
{
    uint32_t child = graph_find(self->graph, held);
    if (child == GRAPH_NONE || !self->graph->items[child].wanted || held == self->holder)
        return;
    PyObject *made = name == NULL && self->kind != ITEM_FRAME ? layout_attribute(self->holder, held) : NULL;
    PyErr_Clear(); /* a name for which there is no memory */
    connect(self, child, name != NULL ? name : made);
    Py_XDECREF(made); /* a string: nothing else goes with it */
}

static void found_block(void *context, uintptr_t block)
{
    Search *self = context;
    if (block == 0 || !graph_may_want(self->graph, block))
        return;
    uint32_t child = graph_find_block(self->graph, block);
    if (child != GRAPH_NONE && self->graph->items[child].wanted)
        connect(self, child, NULL);
}

static void queue(Search *self, PyObject *object)
{
    if (self->large_count == self->large_room) {
        size_t room = self->large_room == 0 ? 64 : 2 * self->large_room;
        Large *more = realloc(self->large, room * sizeof(Large));
        if (more == NULL)
            return;
        self->large = more;
        self->large_room = room;
    }
    self->large[self->large_count++] = (Large){Py_NewRef(object), 0};
}

static void look_at_dict(Search *self, PyObject *dict)
{
    PyObject *key, *value;
    for (Py_ssize_t place = 0; PyDict_Next(dict, &place, &key, &value);) {
        see(self, key, NULL);
        see(self, value, PyUnicode_CheckExact(key) ? key : NULL);
    }
}

/* All that `object` refers to; piece by piece, later, if that is much. */
static void look_at(Search *self, PyObject *object)
{
    self->holder = object;
    self->kind = ITEM_OBJECT;
    layout_blocks(object, found_block, self);
    PyTypeObject *type = Py_TYPE(object);
    int parts = PyDict_Check(object) || PyList_Check(object) || PyAnySet_Check(object) || layout_is_deque(object);
    if (parts && layout_may_be_held(type) && layout_length(object) > LARGE) {
        PyObject *attributes = layout_dict(object);
        if (attributes != NULL)
            see(self, attributes, NULL);
        queue(self, object);
    } else if (type == &PyDict_Type)
        look_at_dict(self, object);
    else if (layout_is_array(object))
        layout_array_items(object, visit, self);
    else if (type->tp_traverse != NULL)
        type->tp_traverse(object, visit, self);
}

/* What the collector does not know, and is met only through who refers to it. */
static void look_into(Search *self, PyObject *object)
{
    PyObject *holder = self->holder, *globals = self->globals;
    ItemKind kind = self->kind;
    if (self->nested >= NESTED_MOST)
        return;
    self->nested++;
    if (PyDict_CheckExact(object) && layout_length(object) > LARGE) {
        uint32_t number = graph_note(self->graph, object);
        if (number != GRAPH_NONE && self->graph->items[number].looked != self->pass) {
            self->graph->items[number].looked = self->pass;
            look_at(self, object);
        }
    } else
        look_at(self, object);
    self->nested--;
    self->holder = holder;
    self->kind = kind;
    self->globals = globals;
}

static void see(Search *self, PyObject *held, PyObject *name)
{
    self->edges++;
    PyTypeObject *type = Py_TYPE(held);
    if (type == &PyDict_Type || type == &PyTuple_Type) {
        if (!PyObject_GC_IsTracked(held))
            look_into(self, held);
    } else if (type == &PyByteArray_Type || layout_is_array(held))
        look_into(self, held);
    if (graph_may_want(self->graph, (uintptr_t)held))
        found(self, held, name);
}

static int visit(PyObject *held, void *context)
{
    see(context, held, NULL);
    return 0;
}

static void see_local(void *context, PyCodeObject *code, PyObject *globals, PyObject *name, PyObject *value)
{
    Search *self = context;
    self->holder = (PyObject *)code;
    self->kind = ITEM_FRAME;
    self->globals = globals;
    see(self, value, name);
}

/* ── slices ──────────────────────────────────────────────────────────────────────────────────────────────────────── */

/* Some more of a large container; 1 at its end. It may have changed since, and any place in it is checked again. */
static int go_on_with(Search *self, Large *large)
{
    PyObject *object = large->object, *key, *value;
    uint64_t until = self->edges + CLOCK_EVERY;
    self->holder = object;
    self->kind = ITEM_OBJECT;
    if (PyList_Check(object)) {
        for (; self->edges < until && large->at < PyList_GET_SIZE(object); large->at++)
            if (PyList_GET_ITEM(object, large->at) != NULL)
                see(self, PyList_GET_ITEM(object, large->at), NULL);
        return large->at >= PyList_GET_SIZE(object);
    }
    if (PyDict_Check(object)) {
        while (self->edges < until) {
            if (!PyDict_Next(object, &large->at, &key, &value))
                return 1;
            see(self, key, NULL);
            see(self, value, PyUnicode_CheckExact(key) ? key : NULL);
        }
        return 0;
    }
    if (layout_is_deque(object)) {
        int is_over = layout_deque_items(object, large->at, DEQUE_PART, visit, self);
        large->at += DEQUE_PART;
        return is_over;
    }
    PySetObject *set = (PySetObject *)object;
    for (Py_ssize_t looked = 0; looked < CLOCK_EVERY && large->at <= set->mask; looked++, large->at++)
        if (set->table[large->at].key != NULL)
            see(self, set->table[large->at].key, NULL);
    return large->at > set->mask;
}

/* Objects until the time is over, something large is met or the end is reached. */
static void walk_on(Search *self, double until_s)
{
    uint64_t clock_at = self->edges + CLOCK_EVERY;
    if (!walk_resume(&self->walk))
        return;
    for (PyObject *object; self->large_count == 0;) {
        if ((object = walk_next(&self->walk)) == NULL) {
            self->stage = FRAMES_LAST;
            return;
        }
        self->objects++;
        self->edges++;
        if (Py_REFCNT(object) > 0)
            look_at(self, object);
        if (self->edges >= clock_at) {
            if (look_now_s() >= until_s)
                break;
            clock_at = self->edges + CLOCK_EVERY;
        }
    }
    walk_pause(&self->walk);
}

int look_until(Search *self, double until_s)
{
    do {
        if (self->large_count > 0) {
            /* What is met within is put behind, so the place may move: it is copied out. */
            size_t last = self->large_count - 1;
            Large large = self->large[last];
            int is_over = go_on_with(self, &large);
            if (is_over)
                self->large[last] = self->large[--self->large_count];
            else
                self->large[last].at = large.at;
            if (is_over)
                Py_DECREF(large.object);
        } else if (self->stage == FRAMES_FIRST || self->stage == FRAMES_LAST) {
            self->stage = self->stage == FRAMES_FIRST ? OBJECTS : DONE;
            if (layout_frames(self->without, see_local, self) < 0)
                return -1;
        } else if (self->stage == OBJECTS) {
            if (!self->has_begun && walk_begin(&self->walk) < 0)
                return -1;
            self->has_begun = 1;
            walk_on(self, until_s);
            if (self->walk.at == NULL && self->stage == OBJECTS && self->large_count == 0)
                return 0; /* time is over, or a collection is under way */
        }
    } while ((self->stage != DONE || self->large_count > 0) && look_now_s() < until_s);
    return self->stage == DONE && self->large_count == 0;
}

void look_begin(Search *self)
{
    self->stage = FRAMES_FIRST;
    self->has_begun = 0;
    self->pass++;
}

void look_end(Search *self)
{
    self->stage = DONE;
    walk_end(&self->walk);
    while (self->large_count > 0) {
        PyObject *object = self->large[--self->large_count].object;
        Py_DECREF(object);
    }
    free(self->large);
    self->large = NULL;
    self->large_room = 0;
}
