/* `tocsin.memory._heap`: the Python side of the sampling heap profiler. What each function gives stands in _heap.pyi.
 *
 * Threads: every function runs with the GIL. Rows are copied under the mutex and become Python objects outside of it,
 *          since making an object runs the hook, which takes the mutex.
 */

#include <Python.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "holders.h"
#include "hook.h"
#include "numpy.h"
#include "samples.h"
#include "stacks.h"

typedef struct {
    double bytes, variance, old_bytes, first_s, last_s;
    uint64_t alive;
    uint64_t taken;
    double taken_bytes;
} Row;

static int numpy_slots;

static PyObject *start(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"interval", "max_samples", NULL};
    double interval = 131072.0;
    Py_ssize_t most = 65536;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|dn", names, &interval, &most))
        return NULL;
    if (!(interval >= 1.0) || !isfinite(interval))
        return PyErr_Format(PyExc_ValueError, "interval: expected 1 byte or more, found %R",
                            PyTuple_GET_SIZE(args) ? PyTuple_GET_ITEM(args, 0) : Py_None);
    if (most < 16 || most > (1 << 24))
        return PyErr_Format(PyExc_ValueError, "max_samples: expected 16 to 16,777,216, found %zd", most);
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_RuntimeError, "the heap is sampled by the main interpreter only; this is another one");
        return NULL;
    }
    hook_install();
    if (numpy_slots == 0)
        numpy_slots = numpy_patch();
    hook_start(interval, (size_t)most);
    Py_RETURN_NONE;
}

static PyObject *stop(PyObject *module, PyObject *unused)
{
    hook_stop();
    Py_RETURN_NONE;
}

static PyObject *is_active(PyObject *module, PyObject *unused)
{
    return PyBool_FromLong(hook_is_active());
}

static Row *rows_of_all(double born_before_s, uint32_t *count)
{
    /* Others may add stacks until the mutex is taken, so there is room for the most there can be. */
    Row *rows = calloc(STACKS_MAX, sizeof(Row));
    if (rows == NULL)
        return NULL;
    samples_lock();
    *count = stacks_count();
    double interval = samples_state()->interval;
    size_t place = 0;
    for (const Sample *sample; (sample = samples_next(&place)) != NULL;) {
        Row *row = &rows[sample->stack];
        double chance = samples_chance(sample->size, interval), weight = (double)sample->size / chance;
        row->bytes += weight;
        row->variance += weight * weight * (1.0 - chance);
        if (sample->born_s < born_before_s)
            row->old_bytes += weight;
        if (row->alive == 0 || sample->born_s < row->first_s)
            row->first_s = sample->born_s;
        if (row->alive == 0 || sample->born_s > row->last_s)
            row->last_s = sample->born_s;
        row->alive++;
    }
    for (uint32_t number = 0; number < *count; number++) {
        rows[number].taken = stacks_get(number)->samples;
        rows[number].taken_bytes = stacks_get(number)->bytes;
    }
    samples_unlock();
    return rows;
}

static PyObject *snapshot(PyObject *module, PyObject *args)
{
    double born_before_s = -INFINITY;
    if (!PyArg_ParseTuple(args, "|d", &born_before_s))
        return NULL;
    uint32_t count = 0;
    Row *rows = rows_of_all(born_before_s, &count);
    if (rows == NULL)
        return PyErr_NoMemory();
    PyObject *found = PyList_New(0);
    for (uint32_t number = 0; found != NULL && number < count; number++) {
        Row *row = &rows[number];
        if (row->taken == 0 && row->alive == 0)
            continue;
        PyObject *one = Py_BuildValue("(IdddKddKd)", number, row->bytes, row->variance, row->old_bytes,
                                      (unsigned long long)row->alive, row->first_s, row->last_s,
                                      (unsigned long long)row->taken, row->taken_bytes);
        if (one == NULL || PyList_Append(found, one) < 0)
            Py_CLEAR(found);
        Py_XDECREF(one);
    }
    free(rows);
    return found;
}

static PyObject *frames(PyObject *module, PyObject *args)
{
    unsigned int number;
    if (!PyArg_ParseTuple(args, "I", &number))
        return NULL;
    samples_lock();
    uint32_t count = stacks_count();
    samples_unlock();
    if (number >= count)
        return PyErr_Format(PyExc_ValueError, "stack: expected a number below %u, found %u", count, number);
    const Stack *stack = stacks_get(number); /* what has a number never changes */
    PyObject *found = PyTuple_New(stack->depth);
    for (uint32_t at = 0; found != NULL && at < stack->depth; at++) {
        PyCodeObject *code = stack->places[at].code;
        int line = PyCode_Addr2Line(code, stack->places[at].instruction);
        PyObject *one = Py_BuildValue("(OiO)", code->co_filename, line, code->co_qualname);
        if (one == NULL)
            Py_CLEAR(found);
        else
            PyTuple_SET_ITEM(found, at, one);
    }
    return found;
}

static PyObject *survivors(PyObject *module, PyObject *args)
{
    unsigned int number;
    Py_ssize_t most = 32;
    if (!PyArg_ParseTuple(args, "I|n", &number, &most))
        return NULL;
    if (most < 0 || most > 1 << 24)
        return PyErr_Format(PyExc_ValueError, "most: expected 0 to 16,777,216, found %zd", most);
    Sample *copies = malloc(((size_t)most + 1) * sizeof(Sample));
    if (copies == NULL)
        return PyErr_NoMemory();
    Py_ssize_t count = 0;
    size_t place = 0;
    samples_lock();
    for (const Sample *sample; count < most && (sample = samples_next(&place)) != NULL;)
        if (sample->stack == number)
            copies[count++] = *sample;
    samples_unlock();
    PyObject *found = PyList_New(count);
    for (Py_ssize_t at = 0; found != NULL && at < count; at++) {
        PyObject *one = Py_BuildValue("(Knd)", (unsigned long long)copies[at].address, (Py_ssize_t)copies[at].size,
                                      copies[at].born_s);
        if (one == NULL)
            Py_CLEAR(found);
        else
            PyList_SET_ITEM(found, at, one);
    }
    free(copies);
    return found;
}

static PyObject *state(PyObject *module, PyObject *unused)
{
    samples_lock();
    Samples now = *samples_state();
    uint32_t stacks = stacks_count();
    samples_unlock();
    return Py_BuildValue("{s:d,s:n,s:n,s:K,s:K,s:K,s:I,s:i}", "interval", now.interval, "alive", (Py_ssize_t)now.live,
                         "max_samples", (Py_ssize_t)now.most, "taken", (unsigned long long)now.taken, "thinned",
                         (unsigned long long)now.thinned, "lost", (unsigned long long)now.lost, "stacks",
                         (unsigned int)(stacks - STACKS_FIRST), "numpy_slots", numpy_slots);
}

static PyMethodDef functions[] = {
    {"start", (PyCFunction)(void (*)(void))start, METH_VARARGS | METH_KEYWORDS, "Sample from now on."},
    {"stop", stop, METH_NOARGS, "Sample no more."},
    {"is_active", is_active, METH_NOARGS, "Whether blocks are sampled."},
    {"snapshot", snapshot, METH_VARARGS, "What lives, for each stack."},
    {"frames", frames, METH_VARARGS, "The places of a stack, innermost first."},
    {"survivors", survivors, METH_VARARGS, "Some sampled blocks of a stack that live."},
    {"holders", holders_new, METH_VARARGS, "Look for what holds blocks."},
    {"state", state, METH_NOARGS, "How the sampling does."},
    {NULL, NULL, 0, NULL},
};

static int fill(PyObject *module)
{
    return PyModule_AddIntConstant(module, "WITHOUT_GIL", STACK_WITHOUT_GIL) < 0
                || PyModule_AddIntConstant(module, "OTHER_INTERPRETER", STACK_OTHER_INTERPRETER) < 0
                || PyModule_AddIntConstant(module, "TOO_MANY_STACKS", STACK_TOO_MANY) < 0
                || PyModule_AddIntConstant(module, "OUTSIDE", STACK_OUTSIDE) < 0
            ? -1
            : 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, fill},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "tocsin.memory._heap",
    .m_doc = "The sampling heap profiler inside of Python's allocators.",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__heap(void)
{
    return PyModuleDef_Init(&definition);
}
