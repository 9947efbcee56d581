/* See holders.h. */

#include "holders.h"

#include <stdlib.h>
#include <time.h>

#include "graph.h"
#include "layout.h"
#include "walk.h"

#define LARGE 4096        /* items of a container that is looked at piece by piece, with a reference held */
#define CLOCK_EVERY 512   /* edges between two looks at the clock */
#define NESTED_MOST 16    /* untracked containers within each other */
#define DROP_EVERY 16

typedef enum { FRAMES_FIRST, OBJECTS, FRAMES_LAST, DONE } Stage;

typedef struct {
    PyObject *object;
    Py_ssize_t at;
} Large;

typedef struct {
    PyObject_HEAD
    Graph *graph;
    Walk walk;
    Stage stage;
    PyObject *without;
    Large *large;
    size_t large_count, large_room;
    uint32_t pass;
    int busy, nested, has_begun;
    uint64_t objects, edges;
    /* What is looked at: */
    PyObject *holder;
    ItemKind kind;
    PyObject *globals; /* of the frame */
} Holders;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ── what one object refers to ───────────────────────────────────────────────────────────────────────────────────── */

static int visit(PyObject *held, void *context);
static void see(Holders *self, PyObject *held, PyObject *name);

static ItemKind kind_of(PyObject *holder)
{
    if (PyDict_CheckExact(holder) && layout_namespace(holder) != NULL)
        return ITEM_NAMESPACE;
    return PyModule_Check(holder) || PyType_Check(holder) || PyFunction_Check(holder) ? ITEM_END : ITEM_OBJECT;
}

static void connect(Holders *self, uint32_t child, PyObject *name)
{
    ItemKind kind = self->kind == ITEM_FRAME ? ITEM_FRAME : kind_of(self->holder);
    uint32_t number = graph_connect(self->graph, child, self->holder, kind, name);
    if (number == GRAPH_NONE || self->graph->items[number].module != NULL)
        return;
    PyObject *space = kind == ITEM_FRAME ? self->globals : kind == ITEM_NAMESPACE ? self->holder : NULL;
    if (space != NULL && PyDict_CheckExact(space))
        self->graph->items[number].module = Py_XNewRef(layout_namespace(space));
}

static void found(Holders *self, PyObject *held, PyObject *name)
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
    Holders *self = context;
    if (block == 0 || !graph_may_want(self->graph, block))
        return;
    uint32_t child = graph_find_block(self->graph, block);
    if (child != GRAPH_NONE && self->graph->items[child].wanted)
        connect(self, child, NULL);
}

static void queue(Holders *self, PyObject *object)
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

static void look_at_dict(Holders *self, PyObject *dict)
{
    PyObject *key, *value;
    for (Py_ssize_t place = 0; PyDict_Next(dict, &place, &key, &value);) {
        see(self, key, NULL);
        see(self, value, PyUnicode_CheckExact(key) ? key : NULL);
    }
}

/* All that `object` refers to; piece by piece, later, if that is much. */
static void look_at(Holders *self, PyObject *object)
{
    self->holder = object;
    self->kind = ITEM_OBJECT;
    layout_blocks(object, found_block, self);
    PyTypeObject *type = Py_TYPE(object);
    int parts = PyDict_Check(object) || PyList_Check(object) || PyAnySet_Check(object);
    if (parts && layout_may_be_held(type) && layout_length(object) > LARGE) {
        PyObject *attributes = layout_dict(object);
        if (attributes != NULL)
            see(self, attributes, NULL);
        queue(self, object);
    } else if (type == &PyDict_Type)
        look_at_dict(self, object);
    else if (type->tp_traverse != NULL)
        type->tp_traverse(object, visit, self);
}

/* What the collector does not know, and is met only through who refers to it. */
static void look_into(Holders *self, PyObject *object)
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
    if (layout_is_array(object) && layout_array_base(object) != NULL)
        see(self, layout_array_base(object), NULL);
    self->nested--;
    self->holder = holder;
    self->kind = kind;
    self->globals = globals;
}

static void see(Holders *self, PyObject *held, PyObject *name)
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
    Holders *self = context;
    self->holder = (PyObject *)code;
    self->kind = ITEM_FRAME;
    self->globals = globals;
    see(self, value, name);
}

/* ── slices ──────────────────────────────────────────────────────────────────────────────────────────────────────── */

/* Some more of a large container; 1 at its end. It may have changed since, and any place in it is checked again. */
static int go_on_with(Holders *self, Large *large)
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
    PySetObject *set = (PySetObject *)object;
    for (Py_ssize_t looked = 0; looked < CLOCK_EVERY && large->at <= set->mask; looked++, large->at++)
        if (set->table[large->at].key != NULL)
            see(self, set->table[large->at].key, NULL);
    return large->at > set->mask;
}

/* Objects until the time is over, something large is met or the end is reached. */
static void walk_on(Holders *self, double until_s)
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
            if (now_s() >= until_s)
                break;
            clock_at = self->edges + CLOCK_EVERY;
        }
    }
    walk_pause(&self->walk);
}

static int slice(Holders *self, double until_s)
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
    } while ((self->stage != DONE || self->large_count > 0) && now_s() < until_s);
    return self->stage == DONE && self->large_count == 0;
}

/* ── the Python object ───────────────────────────────────────────────────────────────────────────────────────────── */

static int enter(Holders *self)
{
    if (self->busy)
        PyErr_SetString(PyExc_RuntimeError, "this search is at work in another call");
    return self->busy ? -1 : (self->busy = 1, 0);
}

static PyObject *step(Holders *self, PyObject *seconds)
{
    double slice_s = PyFloat_AsDouble(seconds);
    if (PyErr_Occurred() || enter(self) < 0)
        return NULL;
    int result = slice(self, now_s() + slice_s);
    self->busy = 0;
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static PyObject *want(Holders *self, PyObject *numbers)
{
    if (!PyList_CheckExact(numbers)) {
        PyErr_SetString(PyExc_TypeError, "items: expected a list of numbers");
        return NULL;
    }
    if (enter(self) < 0)
        return NULL;
    graph_want_none(self->graph);
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(numbers); at++) {
        size_t number = PyLong_AsSize_t(PyList_GET_ITEM(numbers, at));
        if (PyErr_Occurred())
            break;
        if (number < self->graph->item_count)
            graph_want(self->graph, (uint32_t)number);
    }
    self->stage = FRAMES_FIRST;
    self->has_begun = 0;
    self->pass++;
    self->busy = 0;
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *item(Holders *self, PyObject *number)
{
    size_t at = PyLong_AsSize_t(number);
    if (PyErr_Occurred())
        return NULL;
    if (at >= self->graph->item_count) {
        PyErr_Format(PyExc_IndexError, "item: expected a number below %u, found %zu", self->graph->item_count, at);
        return NULL;
    }
    const Item *one = &self->graph->items[at];
    PyObject *none = Py_None, *object = one->object;
    PyObject *type = object != NULL ? (PyObject *)Py_TYPE(object) : (PyObject *)one->type;
    return Py_BuildValue("(iOOnO)", (int)one->kind, object == NULL ? none : object, type == NULL ? none : type, one->length,
                         one->module == NULL ? none : one->module);
}

static PyObject *edges(Holders *self, PyObject *first)
{
    size_t from = PyLong_AsSize_t(first);
    if (PyErr_Occurred())
        return NULL;
    PyObject *rows = PyList_New(0);
    /* Making rows may run a collection, and that anything; the edges stay where they are, or their count shrinks. */
    for (size_t at = from; rows != NULL && at < self->graph->edge_count; at++) {
        const Edge *edge = &self->graph->edges[at];
        PyObject *row = Py_BuildValue("(IIO)", edge->child, edge->holder, edge->name == NULL ? Py_None : edge->name);
        if (row == NULL || PyList_Append(rows, row) < 0)
            Py_CLEAR(rows);
        Py_XDECREF(row);
    }
    return rows;
}

static PyObject *state(Holders *self, PyObject *unused)
{
    int disturbed = self->has_begun && walk_was_disturbed(&self->walk);
    return Py_BuildValue("{s:K,s:K,s:I,s:N,s:N}", "objects", (unsigned long long)self->objects, "references",
                         (unsigned long long)self->edges, "items", self->graph->item_count, "disturbed",
                         PyBool_FromLong(disturbed), "full", PyBool_FromLong(self->graph->full));
}

static PyObject *drop(Holders *self, PyObject *seconds)
{
    double slice_s = PyFloat_AsDouble(seconds);
    if (PyErr_Occurred() || enter(self) < 0)
        return NULL;
    double until_s = now_s() + slice_s;
    self->stage = DONE;
    walk_end(&self->walk);
    int is_over = 0;
    while (self->large_count > 0)
        Py_DECREF(self->large[--self->large_count].object);
    do
        is_over = graph_drop(self->graph, DROP_EVERY);
    while (!is_over && now_s() < until_s);
    self->busy = 0;
    return PyBool_FromLong(is_over);
}

static void dealloc(Holders *self)
{
    walk_end(&self->walk);
    while (self->large_count > 0)
        Py_DECREF(self->large[--self->large_count].object);
    free(self->large);
    if (self->graph != NULL)
        while (!graph_drop(self->graph, DROP_EVERY))
            ;
    free(self->graph);
    Py_XDECREF(self->without);
    PyObject_Free(self);
}

static PyMethodDef methods[] = {
    {"step", (PyCFunction)step, METH_O, "Look for so many seconds; True at the end of the pass."},
    {"want", (PyCFunction)want, METH_O, "Begin another pass, for the holders of these items."},
    {"item", (PyCFunction)item, METH_O, "Kind, object, type, length and module of an item."},
    {"edges", (PyCFunction)edges, METH_O, "Child, holder and name, from the edge of this number on."},
    {"state", (PyCFunction)state, METH_NOARGS, "How the search does."},
    {"drop", (PyCFunction)drop, METH_O, "Drop references for so many seconds; True when none are left."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject holders_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "tocsin.memory._heap.Holders",
    .tp_basicsize = sizeof(Holders),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)dealloc,
    .tp_methods = methods,
    .tp_doc = "A search for what holds blocks.",
};

static int ask(Holders *self, PyObject *blocks)
{
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(blocks); at++) {
        size_t block = PyLong_AsSize_t(PyList_GET_ITEM(blocks, at));
        if (PyErr_Occurred())
            return -1;
        if (graph_ask(self->graph, block) < 0) {
            PyErr_Format(PyExc_ValueError, "blocks: expected %d or fewer", GRAPH_ITEMS / 3);
            return -1;
        }
    }
    return 0;
}

PyObject *holders_new(PyObject *module, PyObject *args)
{
    PyObject *blocks, *without;
    if (!PyArg_ParseTuple(args, "O!O", &PyList_Type, &blocks, &without) || PyType_Ready(&holders_type) < 0)
        return NULL;
    Holders *self = PyObject_New(Holders, &holders_type);
    if (self == NULL)
        return NULL;
    memset((char *)self + sizeof(PyObject), 0, sizeof(Holders) - sizeof(PyObject));
    self->without = Py_NewRef(without);
    self->pass = 1;
    self->graph = calloc(1, sizeof(Graph));
    if (self->graph == NULL)
        PyErr_NoMemory();
    if (self->graph == NULL || ask(self, blocks) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    layout_prepare();
    return (PyObject *)self;
}
