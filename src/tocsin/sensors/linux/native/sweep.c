/* All sensors of a sample in one call: the files of each are read, its readings made of their numbers (derive.c), and
 * all of them are handed over as one list. See `tocsin.sensors.linux.quick`, whose `PureSweep` is the same in Python.
 *
 * Why: a sampler that wakes once a second finds its caches cold, and then each further function of Python on its way
 * costs more than a file. What is not the ordinary reading of a sensor is left to the sensor: it is called for it.
 *
 * Memory and threads: a Sweep never changes; all that it points to lives in the tuple that it was made of. The GIL is
 * let go only where tocsin_fill says so, and in what is called back; a plan is held over that, and what a Base has is
 * looked at after it. Buffers belong to the call, so it may be entered again, from another thread too. After a fork the
 * descriptors are known by their pid to be the parent's, and the sensors open them anew.
 */
#include "derive.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* ── Base ── */

static void base_forget(Base *base)
{
    PyMem_Free(base->before);
    base->before = NULL;
    base->count = 0;
    base->outputs = -1;
}

static PyObject *base_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(keywords))
{
    Base *base = (Base *)type->tp_alloc(type, 0);
    if (base != NULL)
        base->outputs = -1;
    return (PyObject *)base;
}

static void base_dealloc(Base *base)
{
    PyTypeObject *type = Py_TYPE(base);
    PyMem_Free(base->before);
    type->tp_free(base);
    Py_DECREF(type);
}

/* Copies a list of floats; -1 with an exception. */
static int copy_floats(PyObject *list, double *to)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        to[i] = PyFloat_AsDouble(PyList_GET_ITEM(list, i));
        if (to[i] == -1.0 && PyErr_Occurred())
            return -1;
    }
    return 0;
}

static PyObject *base_keep(Base *base, PyObject *args)
{
    PyObject *before;
    Py_ssize_t outputs;
    double before_s, until_s;
    if (!PyArg_ParseTuple(args, "O!dnd", &PyList_Type, &before, &before_s, &outputs, &until_s))
        return NULL;
    Py_ssize_t count = PyList_GET_SIZE(before);
    double *kept = PyMem_New(double, (size_t)count + 1); /* never NULL for an empty one: that is "nothing is kept" */
    if (kept == NULL)
        return PyErr_NoMemory();
    if (copy_floats(before, kept) < 0) {
        PyMem_Free(kept);
        return NULL;
    }
    base_forget(base);
    base->before = kept;
    base->count = count;
    base->before_s = before_s;
    base->outputs = outputs;
    base->until_s = until_s;
    base->pid = getpid();
    Py_RETURN_NONE;
}

static PyObject *base_forget_method(Base *base, PyObject *Py_UNUSED(ignored))
{
    base_forget(base);
    Py_RETURN_NONE;
}

static PyObject *base_get_before(Base *base, void *Py_UNUSED(closure))
{
    if (base->before == NULL)
        Py_RETURN_NONE;
    return tocsin_as_list(base->before, base->count);
}

static PyObject *base_get_before_s(Base *base, void *Py_UNUSED(closure))
{
    return PyFloat_FromDouble(base->before_s);
}

static PyMethodDef base_methods[] = {
    {"keep", (PyCFunction)base_keep, METH_VARARGS, "Keep this for the next reading."},
    {"forget", (PyCFunction)base_forget_method, METH_NOARGS, "Keep nothing: the next reading is a first one."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef base_getset[] = {
    {"before", (getter)base_get_before, NULL, "What was kept; None: nothing.", NULL},
    {"before_s", (getter)base_get_before_s, NULL, "When it was kept, in monotonic seconds.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot base_slots[] = {
    {Py_tp_new, base_new},
    {Py_tp_dealloc, base_dealloc},
    {Py_tp_methods, base_methods},
    {Py_tp_getset, base_getset},
    {Py_tp_doc, "What a sensor keeps from one reading to the next."},
    {0, NULL},
};

PyType_Spec tocsin_base_spec = {
    .name = "tocsin.sensors.linux._numbers.Base",
    .basicsize = sizeof(Base),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = base_slots,
};

/* ── Sweep ── */

#define MAX_FILES 8
#define MAX_SETTINGS 16
#define FEW 512

struct entry {
    PyObject *who; /* what is called back with */
    Derive derive; /* NULL: it is always called back */
    Base *base;
    Py_ssize_t file_count;
    Reader *files[MAX_FILES];
    Py_ssize_t settings_count;
    double settings[MAX_SETTINGS];
};

typedef struct {
    PyObject_HEAD
    PyObject *source; /* the tuple that keeps all of it alive */
    struct entry *entries;
    Py_ssize_t count;
} Sweep;

/* Doubles that grow. */
struct row {
    double *cells;
    Py_ssize_t count;
    Py_ssize_t room;
    double few[FEW];
};

static int make_room(struct row *row, Py_ssize_t more)
{
    if (row->count + more <= row->room)
        return 0;
    Py_ssize_t room = 2 * (row->count + more);
    double *cells = PyMem_New(double, (size_t)room);
    if (cells == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(cells, row->cells, (size_t)row->count * sizeof *cells);
    if (row->cells != row->few)
        PyMem_Free(row->cells);
    row->cells = cells;
    row->room = room;
    return 0;
}

static void give_back(struct row *row)
{
    if (row->cells != row->few)
        PyMem_Free(row->cells);
}

struct call {
    PyObject *now;
    double mono_s;
    double boot_s;
    PyObject *one; /* what is called for whatever is not ordinary */
    int pid;
    char *text;
    struct row numbers; /* of one sensor's files */
    struct row out;     /* of all sensors */
};

/* Reads the files of a sensor: 1; 0 if one of them is not what it was; -1 with an exception. */
static int read_files(const struct entry *entry, struct call *call)
{
    call->numbers.count = 0;
    for (Py_ssize_t i = 0; i < entry->file_count; i++) {
        Reader *reader = entry->files[i];
        if (reader->plan == NULL || reader->left <= 0 || reader->pid != call->pid)
            return 0;
        Plan *plan = (Plan *)Py_NewRef(reader->plan);
        int filled = make_room(&call->numbers, plan->slots);
        if (filled == 0) {
            double *slots = call->numbers.cells + call->numbers.count;
            filled = tocsin_fill(plan, reader->fd, reader->last_below, &reader->is_quick, call->text, slots) > 0;
            call->numbers.count += plan->slots;
            reader->left -= filled; /* a file that failed is read once more, by the sensor, which counts it */
        }
        Py_DECREF(plan);
        if (filled <= 0)
            return filled;
    }
    return 1;
}

/* The ordinary reading of a sensor: 1; 0 if this is none; -1 with an exception. */
static int read_quickly(const struct entry *entry, struct call *call)
{
    Base *base = entry->base;
    if (base->before == NULL || base->pid != call->pid || !(call->mono_s < base->until_s))
        return 0;
    int done = read_files(entry, call);
    if (done <= 0)
        return done;
    /* Only now is the base looked at: while a file was read, another thread may have had the GIL. */
    if (base->before == NULL || make_room(&call->out, base->outputs) < 0)
        return base->before == NULL ? 0 : -1;
    Case one = {
        .numbers = call->numbers.cells, .count = call->numbers.count, .settings = entry->settings,
        .settings_count = entry->settings_count, .base = base, .mono_s = call->mono_s, .boot_s = call->boot_s,
        .out = call->out.cells + call->out.count,
    };
    if (!entry->derive(&one))
        return 0;
    call->out.count += base->outputs;
    return 1;
}

/* Lets Python read a sensor. */
static int call_back(const struct entry *entry, struct call *call)
{
    PyObject *found = PyObject_CallFunctionObjArgs(call->one, entry->who, call->now, NULL);
    if (found == NULL)
        return -1;
    int failed = 0;
    if (!PyList_Check(found)) {
        PyErr_SetString(PyExc_TypeError, "Sweep.read: expected a list of readings");
        failed = -1;
    } else if ((failed = make_room(&call->out, PyList_GET_SIZE(found))) == 0 &&
               (failed = copy_floats(found, call->out.cells + call->out.count)) == 0) {
        call->out.count += PyList_GET_SIZE(found);
    }
    Py_DECREF(found);
    return failed;
}

static PyObject *sweep_read(Sweep *sweep, PyObject *args)
{
    struct call call;
    if (!PyArg_ParseTuple(args, "OddO", &call.now, &call.mono_s, &call.boot_s, &call.one))
        return NULL;
    call.pid = getpid();
    call.numbers.cells = call.numbers.few;
    call.out.cells = call.out.few;
    call.numbers.count = call.out.count = 0;
    call.numbers.room = call.out.room = FEW;
    call.text = PyMem_RawMalloc(MAX_TEXT); /* only what the kernel writes is ever touched of it */
    if (call.text == NULL)
        return PyErr_NoMemory();
    int done = 1;
    for (Py_ssize_t i = 0; i < sweep->count && done >= 0; i++) {
        const struct entry *entry = &sweep->entries[i];
        done = entry->derive == NULL ? 0 : read_quickly(entry, &call);
        if (done == 0)
            done = call_back(entry, &call);
    }
    PyObject *found = done < 0 ? NULL : tocsin_as_list(call.out.cells, call.out.count);
    PyMem_RawFree(call.text);
    give_back(&call.numbers);
    give_back(&call.out);
    return found;
}

/* Takes (kind, files, base, settings) into an entry; -1 with an exception. */
static int take_quick(const ModuleState *state, PyObject *quick, struct entry *entry)
{
    const char *kind;
    PyObject *files, *base, *settings;
    if (!PyTuple_Check(quick)) {
        PyErr_SetString(PyExc_TypeError, "Sweep: expected None or (kind, files, base, settings)");
        return -1;
    }
    if (!PyArg_ParseTuple(quick, "sO!O!O!", &kind, &PyTuple_Type, &files, state->base, &base, &PyTuple_Type, &settings))
        return -1;
    entry->base = (Base *)base;
    entry->file_count = PyTuple_GET_SIZE(files);
    entry->settings_count = PyTuple_GET_SIZE(settings);
    entry->derive = tocsin_derive_by_name(kind, entry->settings_count);
    if (entry->derive == NULL || entry->file_count > MAX_FILES || entry->settings_count > MAX_SETTINGS) {
        PyErr_Format(PyExc_ValueError, "Sweep: there is no way %R with as many files and settings", quick);
        return -1;
    }
    for (Py_ssize_t i = 0; i < entry->file_count; i++) {
        PyObject *file = PyTuple_GET_ITEM(files, i);
        if (!PyObject_TypeCheck(file, state->reader)) {
            PyErr_Format(PyExc_TypeError, "Sweep: expected a Reader, found %R", file);
            return -1;
        }
        entry->files[i] = (Reader *)file;
    }
    for (Py_ssize_t i = 0; i < entry->settings_count; i++) {
        entry->settings[i] = PyFloat_AsDouble(PyTuple_GET_ITEM(settings, i));
        if (PyErr_Occurred())
            return -1;
        if (!(entry->settings[i] >= 0.0)) {
            PyErr_SetString(PyExc_ValueError, "Sweep: expected settings of 0 or more");
            return -1;
        }
    }
    return 0;
}

static PyObject *sweep_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"entries", NULL};
    PyObject *source;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O!", names, &PyTuple_Type, &source))
        return NULL;
    const ModuleState *state = PyType_GetModuleState(type);
    if (state == NULL)
        return NULL;
    Sweep *sweep = (Sweep *)type->tp_alloc(type, 0);
    if (sweep == NULL)
        return NULL;
    sweep->source = Py_NewRef(source);
    sweep->entries = PyMem_Calloc((size_t)PyTuple_GET_SIZE(source) + 1, sizeof *sweep->entries);
    if (sweep->entries == NULL) {
        Py_DECREF(sweep);
        return PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(source); i++) {
        PyObject *quick, *one = PyTuple_GET_ITEM(source, i);
        struct entry *entry = &sweep->entries[i];
        if (!PyTuple_Check(one) || PyTuple_GET_SIZE(one) != 2) {
            PyErr_SetString(PyExc_TypeError, "Sweep: expected entries of (who, quick)");
            Py_DECREF(sweep);
            return NULL;
        }
        entry->who = PyTuple_GET_ITEM(one, 0);
        quick = PyTuple_GET_ITEM(one, 1);
        if (quick != Py_None && take_quick(state, quick, entry) < 0) {
            Py_DECREF(sweep);
            return NULL;
        }
    }
    sweep->count = PyTuple_GET_SIZE(source);
    return (PyObject *)sweep;
}

static int sweep_traverse(Sweep *sweep, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(sweep));
    Py_VISIT(sweep->source);
    return 0;
}

static int sweep_clear(Sweep *sweep)
{
    sweep->count = 0; /* the entries point into the source */
    Py_CLEAR(sweep->source);
    return 0;
}

static void sweep_dealloc(Sweep *sweep)
{
    PyTypeObject *type = Py_TYPE(sweep);
    PyObject_GC_UnTrack(sweep);
    sweep_clear(sweep);
    PyMem_Free(sweep->entries);
    type->tp_free(sweep);
    Py_DECREF(type);
}

static PyMethodDef sweep_methods[] = {
    {"read", (PyCFunction)sweep_read, METH_VARARGS, "All readings, in the order of the entries."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot sweep_slots[] = {
    {Py_tp_new, sweep_new},
    {Py_tp_dealloc, sweep_dealloc},
    {Py_tp_traverse, sweep_traverse},
    {Py_tp_clear, sweep_clear},
    {Py_tp_methods, sweep_methods},
    {Py_tp_doc, "All sensors of a sample, read in one call."},
    {0, NULL},
};

PyType_Spec tocsin_sweep_spec = {
    .name = "tocsin.sensors.linux._numbers.Sweep",
    .basicsize = sizeof(Sweep),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = sweep_slots,
};
