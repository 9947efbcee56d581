/* `tocsin.memory._heap`: the Python side of the sampling heap profiler. What each function gives stands in _heap.pyi.
 *
 * Threads: every function runs with the GIL. Rows are copied under the mutex and become Python objects outside of it,
 *          since making an object runs the hook, which takes the mutex.
 */

#include <Python.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hook.h"
#include "numpy.h"
#include "samples.h"
#include "stacks.h"

/* A live sample, or those of one stack and one epoch together. */
typedef struct {
    uint32_t stack, epoch, samples;
    double bytes, variance;
} Birth;

/* What travels to Python of it: `IId` to the module struct. */
typedef struct {
    uint32_t epoch, samples;
    double bytes;
} PackedBirth;

typedef struct {
    uint64_t samples; /* since the start */
    double bytes;
} Total;

typedef struct {
    Birth *births; /* by stack and epoch */
    size_t births_count;
    Total *totals; /* by stack */
    uint32_t stacks;
} Copy;

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

static PyObject *mark(PyObject *module, PyObject *unused)
{
    samples_lock();
    uint32_t epoch = samples_mark();
    samples_unlock();
    return PyLong_FromUnsignedLong(epoch);
}

static int by_stack_and_epoch(const void *one, const void *other)
{
    const Birth *a = one, *b = other;
    if (a->stack != b->stack)
        return a->stack < b->stack ? -1 : 1;
    return (a->epoch > b->epoch) - (a->epoch < b->epoch);
}

static size_t put_together(Birth *births, size_t count)
{
    size_t last = 0;
    qsort(births, count, sizeof *births, by_stack_and_epoch);
    for (size_t at = 1; at < count; at++) {
        if (by_stack_and_epoch(&births[last], &births[at]) != 0) {
            births[++last] = births[at];
            continue;
        }
        births[last].samples += births[at].samples;
        births[last].bytes += births[at].bytes;
        births[last].variance += births[at].variance;
    }
    return count == 0 ? 0 : last + 1;
}

/* 0 for want of memory. What was copied is freed by the caller in either case. */
static int copy_all(Copy *copy)
{
    samples_lock();
    double interval = samples_state()->interval;
    copy->stacks = stacks_count();
    copy->totals = malloc(copy->stacks * sizeof(Total));
    copy->births = malloc((samples_state()->live + 1) * sizeof(Birth));
    int fits = copy->totals != NULL && copy->births != NULL;
    size_t place = 0;
    for (const Sample *sample; fits && (sample = samples_next(&place)) != NULL;) {
        double chance = samples_chance(sample->size, interval), weight = (double)sample->size / chance;
        copy->births[copy->births_count++] = (Birth){.stack = sample->stack,
                                                     .epoch = sample->epoch,
                                                     .samples = 1,
                                                     .bytes = weight,
                                                     .variance = weight * weight * (1.0 - chance)};
    }
    for (uint32_t number = 0; fits && number < copy->stacks; number++)
        copy->totals[number] = (Total){stacks_get(number)->samples, stacks_get(number)->bytes};
    samples_unlock();
    if (fits)
        copy->births_count = put_together(copy->births, copy->births_count);
    return fits;
}

/* The row of a stack whose births are `count` from the first of `births`. */
static PyObject *row(uint32_t stack, const Total *total, const Birth *births, size_t count)
{
    PyObject *packed = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * sizeof(PackedBirth)));
    if (packed == NULL)
        return NULL;
    char *into = PyBytes_AS_STRING(packed);
    double bytes = 0.0, variance = 0.0;
    unsigned int alive = 0;
    for (size_t at = 0; at < count; at++) {
        PackedBirth one = {births[at].epoch, births[at].samples, births[at].bytes};
        memcpy(into + at * sizeof one, &one, sizeof one);
        bytes += births[at].bytes;
        variance += births[at].variance;
        alive += births[at].samples;
    }
    return Py_BuildValue("(IddIKdN)", stack, bytes, variance, alive, (unsigned long long)total->samples, total->bytes,
                         packed);
}

static PyObject *rows_of(const Copy *copy)
{
    PyObject *found = PyList_New(0);
    size_t at = 0;
    for (uint32_t stack = 0; found != NULL && stack < copy->stacks; stack++) {
        size_t first = at;
        while (at < copy->births_count && copy->births[at].stack == stack)
            at++;
        if (copy->totals[stack].samples == 0 && at == first)
            continue;
        PyObject *one = row(stack, &copy->totals[stack], &copy->births[first], at - first);
        if (one == NULL || PyList_Append(found, one) < 0)
            Py_CLEAR(found);
        Py_XDECREF(one);
    }
    return found;
}

static PyObject *snapshot(PyObject *module, PyObject *unused)
{
    Copy copy = {0};
    PyObject *found = copy_all(&copy) ? rows_of(&copy) : PyErr_NoMemory();
    free(copy.births);
    free(copy.totals);
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
        PyObject *one = Py_BuildValue("(KnI)", (unsigned long long)copies[at].address, (Py_ssize_t)copies[at].size,
                                      copies[at].epoch);
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

static PyObject *small_blocks(PyObject *module, PyObject *unused)
{
    double blocks = 0.0, bytes = 0.0, variance = 0.0;
    size_t place = 0;
    samples_lock();
    double interval = samples_state()->interval;
    for (const Sample *sample; (sample = samples_next(&place)) != NULL;) {
        if (sample->size > PYMALLOC_AT_MOST)
            continue;
        double chance = samples_chance(sample->size, interval), weight = (double)sample->size / chance;
        blocks += 1.0 / chance;
        bytes += weight;
        variance += weight * weight * (1.0 - chance);
    }
    samples_unlock();
    return Py_BuildValue("(ddd)", blocks, bytes, variance);
}

static PyObject *arena_bytes(PyObject *module, PyObject *unused)
{
    return PyLong_FromLong(-1);
}

static PyMethodDef functions[] = {
    {"start", (PyCFunction)(void (*)(void))start, METH_VARARGS | METH_KEYWORDS, "Sample from now on."},
    {"stop", stop, METH_NOARGS, "Sample no more."},
    {"is_active", is_active, METH_NOARGS, "Whether blocks are sampled."},
    {"mark", mark, METH_NOARGS, "Begin the next epoch."},
    {"snapshot", snapshot, METH_NOARGS, "What lives, for each stack."},
    {"frames", frames, METH_VARARGS, "The places of a stack, innermost first."},
    {"survivors", survivors, METH_VARARGS, "Some sampled blocks of a stack that live."},
    {"state", state, METH_NOARGS, "How the sampling does."},
    {"small_blocks", small_blocks, METH_NOARGS, "What lives of blocks that pymalloc holds."},
    {"arena_bytes", arena_bytes, METH_NOARGS, "Bytes that pymalloc holds from the system."},
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
