/* `tocsin.memory._heap`: the Python side of the sampling heap profiler. What each function gives stands in _heap.pyi.
 *
 * Threads: every function runs with the GIL, and makes no Python object while it holds the mutex of samples.h, since
 *          making one runs the hooks, which take it.
 */

#include <Python.h>
#include <stdlib.h>

#include "arenas.h"
#include "frames.h"
#include "free_chunks.h"
#include "holders.h"
#include "hook.h"
#include "numpy.h"
#include "pace.h"
#include "rows.h"
#include "samples.h"
#include "stacks.h"

#define DISPLACED "another tool put other allocators in the place of our hooks; start the heap profiler before it"

static int numpy_slots;

static PyObject *refuse_number(const char *message, double found)
{
    PyObject *number = PyFloat_FromDouble(found);
    if (number != NULL)
        PyErr_Format(PyExc_ValueError, message, number);
    Py_XDECREF(number);
    return NULL;
}

/* Why this interpreter is not sampled, NULL if it can be. */
static const char *reason_against(void)
{
    if (PyInterpreterState_Get() != PyInterpreterState_Main())
        return "the heap is sampled by the main interpreter only; this is another one";
    if (Py_Version >> 16 != PY_VERSION_HEX >> 16)
        return "the heap profiler was built for another version of Python";
    if (!frames_can_be_walked())
        return "the frames of this Python are not as the heap profiler knows them";
    return NULL;
}

/* 1, 0, or -1 with an exception. */
static int is_tracemalloc_tracing(void)
{
    PyObject *tracemalloc = PyImport_ImportModule("_tracemalloc");
    PyObject *answer = tracemalloc == NULL ? NULL : PyObject_CallMethod(tracemalloc, "is_tracing", NULL);
    int is = answer == NULL ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    Py_XDECREF(tracemalloc);
    return is;
}

/* When the interpreter ends, blocks are taken down that nobody asks about any more. */
static int stop_at_exit(PyObject *module)
{
    PyObject *atexit = PyImport_ImportModule("atexit");
    PyObject *stop = atexit == NULL ? NULL : PyObject_GetAttrString(module, "stop");
    PyObject *done = stop == NULL ? NULL : PyObject_CallMethod(atexit, "register", "O", stop);
    int registered = done != NULL;
    Py_XDECREF(done);
    Py_XDECREF(stop);
    Py_XDECREF(atexit);
    return registered;
}

/* The first start; 0 with an exception. */
static int install(PyObject *module)
{
    static int installed;
    if (installed)
        return 1;
    int tracing = is_tracemalloc_tracing();
    if (tracing > 0)
        PyErr_SetString(PyExc_RuntimeError, "tracemalloc traces already, and would take our hooks away when it stops; "
                                            "stop it, start this, then start it again");
    if (tracing != 0 || !stop_at_exit(module))
        return 0;
    arenas_watch();
    int error = hook_install();
    if (error != 0) {
        PyErr_Format(PyExc_RuntimeError, "the fork handlers could not be put in place: errno %d", error);
        return 0;
    }
    return installed = 1;
}

static PyObject *start(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"interval", "max_samples", "max_samples_per_s", NULL};
    double interval = 131072.0, most_per_s = 10000.0;
    Py_ssize_t most = 65536;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|dnd", names, &interval, &most, &most_per_s))
        return NULL;
    if (!(interval >= 1.0 && interval <= 1e12))
        return refuse_number("interval: expected 1 to 1e12 bytes, found %R", interval);
    if (most < 16 || most > (1 << 24))
        return PyErr_Format(PyExc_ValueError, "max_samples: expected 16 to 16,777,216, found %zd", most);
    if (!(most_per_s >= 0.0 && most_per_s <= 1e9))
        return refuse_number("max_samples_per_s: expected 0 (no limit) to 1e9, found %R", most_per_s);
    const char *reason = reason_against();
    if (reason != NULL) {
        PyErr_SetString(PyExc_RuntimeError, reason);
        return NULL;
    }
    if (!install(module))
        return NULL;
    if (!hook_is_in_place()) {
        PyErr_SetString(PyExc_RuntimeError, DISPLACED);
        return NULL;
    }
    numpy_slots += numpy_patch();
    hook_start(interval, (size_t)most, most_per_s);
    Py_RETURN_NONE;
}

/* What is looked after now and then: libraries that were loaded since, hooks that were taken away. */
static void look_after(void)
{
    if (!hook_is_active())
        return;
    numpy_slots += numpy_patch();
    if (!hook_is_in_place())
        hook_stop(); /* what goes is seen no more, so whatever was said of what lives would be wrong */
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
    look_after();
    samples_lock();
    pace_relax();
    uint32_t epoch = ++samples_state()->epoch;
    samples_unlock();
    return PyLong_FromUnsignedLong(epoch);
}

static PyObject *snapshot(PyObject *module, PyObject *unused)
{
    look_after();
    return rows_now();
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
    Py_ssize_t count = 0;
    size_t place = 0;
    samples_lock();
    if ((size_t)most > samples_state()->live)
        most = (Py_ssize_t)samples_state()->live;
    Sample *copies = samples_malloc(((size_t)most + 1) * sizeof(Sample));
    for (const Sample *sample; copies != NULL && count < most && (sample = samples_next(&place)) != NULL;)
        if (sample->stack == number)
            copies[count++] = *sample;
    samples_unlock();
    if (copies == NULL)
        return PyErr_NoMemory();
    PyObject *found = PyList_New(count);
    for (Py_ssize_t at = 0; found != NULL && at < count; at++) {
        PyObject *one = Py_BuildValue("(KnI)", (unsigned long long)copies[at].address, (Py_ssize_t)copies[at].size,
                                      (unsigned int)copies[at].epoch);
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
    unsigned long long raised = pace_raised();
    samples_unlock();
    return Py_BuildValue("{s:d,s:n,s:n,s:K,s:K,s:K,s:K,s:I,s:I,s:i,s:i}", "interval",
                         samples_interval(now.interval, now.level), "alive", (Py_ssize_t)now.live, "max_samples",
                         (Py_ssize_t)now.most, "taken", (unsigned long long)now.taken, "thinned",
                         (unsigned long long)now.thinned, "lost", (unsigned long long)now.lost, "raised", raised,
                         "epoch", (unsigned int)now.epoch, "stacks", (unsigned int)(stacks - STACKS_FIRST),
                         "numpy_slots", numpy_slots, "in_place", hook_is_in_place());
}

static PyObject *small_blocks(PyObject *module, PyObject *unused)
{
    double blocks = 0.0, bytes = 0.0, variance = 0.0, set_aside = 0.0;
    size_t place = 0;
    samples_lock();
    double interval = samples_state()->interval;
    for (const Sample *sample; (sample = samples_next(&place)) != NULL;) {
        if (sample->size > PYMALLOC_AT_MOST)
            continue;
        double chance = samples_chance(sample->size, samples_interval(interval, sample->level));
        double weight = (double)sample->size / chance;
        blocks += 1.0 / chance;
        bytes += weight;
        variance += weight * weight * (1.0 - chance);
        set_aside += (double)((sample->size + PYMALLOC_STEP - 1) / PYMALLOC_STEP * PYMALLOC_STEP) / chance;
    }
    samples_unlock();
    return Py_BuildValue("(dddd)", blocks, bytes, variance, set_aside);
}

static PyObject *malloc_free(PyObject *module, PyObject *unused)
{
    size_t bytes = 0, chunks = 0;
    int known;
    Py_BEGIN_ALLOW_THREADS;
    known = free_chunks(&bytes, &chunks);
    Py_END_ALLOW_THREADS;
    if (!known)
        Py_RETURN_NONE;
    return Py_BuildValue("(nn)", (Py_ssize_t)bytes, (Py_ssize_t)chunks);
}

static PyObject *arena_bytes(PyObject *module, PyObject *unused)
{
    return PyLong_FromLongLong(arenas_bytes());
}

static PyObject *fail_next(PyObject *module, PyObject *args)
{
    int count;
    if (!PyArg_ParseTuple(args, "i", &count))
        return NULL;
    samples_lock();
    samples_fail_next(count);
    samples_unlock();
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"start", (PyCFunction)(void (*)(void))start, METH_VARARGS | METH_KEYWORDS, "Sample from now on."},
    {"stop", stop, METH_NOARGS, "Sample no more."},
    {"is_active", is_active, METH_NOARGS, "Whether blocks are sampled."},
    {"mark", mark, METH_NOARGS, "Begin the next epoch."},
    {"snapshot", snapshot, METH_NOARGS, "What lives, for each stack."},
    {"frames", frames, METH_VARARGS, "The places of a stack, innermost first."},
    {"survivors", survivors, METH_VARARGS, "Some sampled blocks of a stack that live."},
    {"holders", holders_new, METH_VARARGS, "Look for what holds blocks."},
    {"state", state, METH_NOARGS, "How the sampling does."},
    {"small_blocks", small_blocks, METH_NOARGS, "What lives of blocks that pymalloc holds."},
    {"malloc_free", malloc_free, METH_NOARGS, "What malloc keeps although nobody uses it."},
    {"arena_bytes", arena_bytes, METH_NOARGS, "Bytes that pymalloc holds from the system."},
    {"_fail_next", fail_next, METH_VARARGS, "For tests: allocations of the tables fail."},
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
