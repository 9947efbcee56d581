/* See holders.h. */

#include "holders.h"

#include <stdlib.h>

#include "graph.h"
#include "layout.h"
#include "look.h"

#define DROP_EVERY 16

typedef struct {
    PyObject_HEAD
    Search search;
    int busy;
} Holders;

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
    int result = look_until(&self->search, look_now_s() + slice_s);
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
    graph_want_none(self->search.graph);
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(numbers); at++) {
        size_t number = PyLong_AsSize_t(PyList_GET_ITEM(numbers, at));
        if (PyErr_Occurred())
            break;
        if (number < self->search.graph->item_count)
            graph_want(self->search.graph, (uint32_t)number);
    }
    look_begin(&self->search);
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
    if (at >= self->search.graph->item_count) {
        PyErr_Format(PyExc_IndexError, "item: expected a number below %u, found %zu", self->search.graph->item_count, at);
        return NULL;
    }
    const Item *one = &self->search.graph->items[at];
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
    for (size_t at = from; rows != NULL && at < self->search.graph->edge_count; at++) {
        const Edge *edge = &self->search.graph->edges[at];
        PyObject *row = Py_BuildValue("(IIO)", edge->child, edge->holder, edge->name == NULL ? Py_None : edge->name);
        if (row == NULL || PyList_Append(rows, row) < 0)
            Py_CLEAR(rows);
        Py_XDECREF(row);
    }
    return rows;
}

static PyObject *state(Holders *self, PyObject *unused)
{
    int disturbed = self->search.has_begun && walk_was_disturbed(&self->search.walk);
    return Py_BuildValue("{s:K,s:K,s:I,s:N,s:N}", "objects", (unsigned long long)self->search.objects, "references",
                         (unsigned long long)self->search.edges, "items", self->search.graph->item_count, "disturbed",
                         PyBool_FromLong(disturbed), "full", PyBool_FromLong(self->search.graph->full));
}

static PyObject *drop(Holders *self, PyObject *seconds)
{
    double slice_s = PyFloat_AsDouble(seconds);
    if (PyErr_Occurred() || enter(self) < 0)
        return NULL;
    double until_s = look_now_s() + slice_s;
    look_end(&self->search);
    int is_over = 0;
    do
        is_over = graph_drop(self->search.graph, DROP_EVERY);
    while (!is_over && look_now_s() < until_s);
    self->busy = 0;
    return PyBool_FromLong(is_over);
}

static void dealloc(Holders *self)
{
    look_end(&self->search);
    if (self->search.graph != NULL)
        while (!graph_drop(self->search.graph, DROP_EVERY))
            ;
    free(self->search.graph);
    Py_XDECREF(self->search.without);
    PyObject_Free(self);
}

static PyMethodDef methods[] = {
    {"step", (PyCFunction)(void (*)(void))step, METH_O, "Look for so many seconds; True at the end of the pass."},
    {"want", (PyCFunction)(void (*)(void))want, METH_O, "Begin another pass, for the holders of these items."},
    {"item", (PyCFunction)(void (*)(void))item, METH_O, "Kind, object, type, length and module of an item."},
    {"edges", (PyCFunction)(void (*)(void))edges, METH_O, "Child, holder and name, from the edge of this number on."},
    {"state", (PyCFunction)(void (*)(void))state, METH_NOARGS, "How the search does."},
    {"drop", (PyCFunction)(void (*)(void))drop, METH_O, "Drop references for so many seconds; True when none are left."},
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
        if (graph_ask(self->search.graph, block) < 0) {
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
    self->search.without = Py_NewRef(without);
    look_begin(&self->search);
    self->search.graph = calloc(1, sizeof(Graph));
    if (self->search.graph == NULL)
        PyErr_NoMemory();
    if (self->search.graph == NULL || ask(self, blocks) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    layout_prepare();
    return (PyObject *)self;
}
