/* The quick way of a kept file: its numbers by the plan that was learnt last, and by Python whenever anything differs. */
#include "numbers.h"

#include <unistd.h>

static PyObject *reader_numbers(Reader *reader, PyObject *Py_UNUSED(ignored))
{
    if (reader->plan != NULL && reader->left > 0 && reader->pid == getpid()) {
        Plan *plan = (Plan *)Py_NewRef(reader->plan);
        reader->left--;
        PyObject *found = tocsin_numbers_of_file(plan, reader->fd, reader->last_below, &reader->is_quick);
        Py_DECREF(plan);
        if (found != NULL && found != Py_None)
            return found;
        if (found == NULL && !PyErr_ExceptionMatches(PyExc_OSError))
            return NULL;
        PyErr_Clear();
        Py_XDECREF(found);
    }
    return PyObject_CallMethod((PyObject *)reader, "anew", NULL);
}

/* keep(fd, last_below, plan, left): from now on the quick way is open. */
static PyObject *reader_keep(Reader *reader, PyObject *args)
{
    PyObject *plan;
    int fd;
    Py_ssize_t last_below, left;
    if (!PyArg_ParseTuple(args, "inOn", &fd, &last_below, &plan, &left))
        return NULL;
    if (!tocsin_is_plan(plan)) {
        PyErr_SetString(PyExc_TypeError, "keep: expected a Plan of this module");
        return NULL;
    }
    Py_XSETREF(reader->plan, (Plan *)Py_NewRef(plan));
    reader->fd = fd;
    reader->last_below = last_below;
    reader->left = left;
    reader->is_quick = 0;
    reader->pid = getpid();
    Py_RETURN_NONE;
}

static PyObject *reader_forget(Reader *reader, PyObject *Py_UNUSED(ignored))
{
    Py_CLEAR(reader->plan);
    Py_RETURN_NONE;
}

static void reader_dealloc(Reader *reader)
{
    PyTypeObject *type = Py_TYPE(reader);
    Py_XDECREF(reader->plan);
    type->tp_free(reader);
    Py_DECREF(type);
}

static PyMethodDef reader_methods[] = {
    {"numbers", (PyCFunction)reader_numbers, METH_NOARGS, "The wanted numbers of the file, by `anew` if need be."},
    {"keep", (PyCFunction)reader_keep, METH_VARARGS, "Read this descriptor by this plan, so many times."},
    {"forget", (PyCFunction)reader_forget, METH_NOARGS, "Call `anew` at the next reading."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot reader_slots[] = {
    {Py_tp_dealloc, reader_dealloc},
    {Py_tp_methods, reader_methods},
    {Py_tp_doc, "The quick way of a kept file of numbers."},
    {0, NULL},
};

PyType_Spec tocsin_reader_spec = {
    .name = "tocsin.sensors.linux._numbers.Reader",
    .basicsize = sizeof(Reader),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = reader_slots,
};
