/* The numbers of a kept file of /proc, read and picked in one call. See `tocsin.sensors.linux.plan`, whose plain
 * Python twin of this says the same in thirty lines, and is what it is tested against.
 *
 * Why in C: a sampler that wakes once a second finds its caches cold, and then what costs is the memory it touches.
 * Splitting a text makes an object for each of its words, of which few are wanted; this makes one for each number that
 * is. The policy stays in Python: which lines count is learnt there, and anything unexpected here is answered by None,
 * upon which Python reads the text itself and learns anew.
 *
 * The GIL is let go while the kernel writes the text, as `os.pread` does, unless the file took but microseconds the last
 * time: handing the GIL over costs more than that, and in a program with busy threads it comes back only after their
 * switch interval, for each of a dozen files. The buffer belongs to the call, so that nothing is shared meanwhile.
 */
#include "numbers.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_EXACT ((uint64_t)1 << 53)
#define MAX_WORD 32
#define MAX_DECIMALS 15
#define QUICK_NS 100000

static const double POWERS_OF_TEN[MAX_DECIMALS + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                       1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/* One wanted line: which it is, how it begins, and which of the words behind that are wanted, in ascending order. */
struct line {
    Py_ssize_t number;
    const char *prefix;
    Py_ssize_t prefix_length;
    Py_ssize_t columns;
    const struct column *column;
};

struct column {
    Py_ssize_t at;
    Py_ssize_t slot;
    double unit;
};

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '=' || c == '/';
}

/* The number that a word is: digits with an optional sign and decimals. NaN for any other word. */
static double number_of(const char *word, const char *end)
{
    const char *at = word;
    uint64_t digits = 0;
    int negative = at < end && *at == '-', decimals = 0;
    if (end - word >= MAX_WORD)
        return NAN;
    at += negative;
    const char *first = at;
    for (; at < end && *at >= '0' && *at <= '9' && digits < MAX_EXACT; at++)
        digits = digits * 10 + (uint64_t)(*at - '0');
    if (at == first)
        return NAN;
    if (at < end && *at == '.' && digits < MAX_EXACT) {
        for (at++; at < end && *at >= '0' && *at <= '9' && digits < MAX_EXACT && decimals < MAX_DECIMALS; at++) {
            digits = digits * 10 + (uint64_t)(*at - '0');
            decimals++;
        }
        if (decimals == 0)
            return NAN;
    }
    if (at == end && digits < MAX_EXACT) {
        /* Both are exact, so the quotient is what correct rounding of the decimals gives. */
        double value = (double)digits / POWERS_OF_TEN[decimals];
        return negative ? -value : value;
    }
    /* Longer than a double is exact: rare, and left to who knows how to round. */
    char copy[MAX_WORD];
    size_t length = (size_t)(end - word);
    if (strspn(word, "-.0123456789") < length || word[length - 1] == '.')
        return NAN;
    memcpy(copy, word, length);
    copy[length] = '\0';
    char *stop = copy;
    double value = PyOS_string_to_double(copy, &stop, NULL);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return NAN;
    }
    return *stop == '\0' ? value : NAN;
}

static void pick_columns(const struct line *line, const char *at, const char *end, double *slots)
{
    Py_ssize_t number = 0;
    for (Py_ssize_t i = 0; i < line->columns; i++) {
        for (;; number++) {
            while (at < end && is_blank(*at))
                at++;
            const char *word = at;
            while (at < end && !is_blank(*at))
                at++;
            if (word == at)
                return; /* the line is shorter: what is missing stays NaN */
            if (number == line->column[i].at) {
                slots[line->column[i].slot] = number_of(word, at) * line->column[i].unit;
                number++;
                break;
            }
        }
    }
}

/* Fills the slots; 0 if the text is not what the plan was made for. `text` ends with a zero byte behind `length`. */
static int pick(const Plan *plan, const char *text, Py_ssize_t length, double *slots)
{
    const char *at = text, *end = text + length;
    Py_ssize_t number = 0;
    for (Py_ssize_t i = 0; i < plan->slots; i++)
        slots[i] = NAN;
    for (Py_ssize_t i = 0; i < plan->line_count; i++) {
        const struct line *line = &plan->lines[i];
        for (; number < line->number; number++) {
            at = memchr(at, '\n', (size_t)(end - at));
            if (at == NULL)
                return 0;
            at++;
        }
        if (end - at < line->prefix_length || memcmp(at, line->prefix, (size_t)line->prefix_length) != 0)
            return 0;
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (line_end == NULL)
            line_end = end;
        pick_columns(line, at + line->prefix_length, line_end, slots);
    }
    if (plan->text_lines < 0)
        return 1;
    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at++;
        number++;
    }
    return number == plan->text_lines;
}

#define FEW 256

/* Room for the numbers of a plan: `few` if they fit; NULL without memory. */
static double *room_for(const Plan *plan, double few[FEW])
{
    return plan->slots <= FEW ? few : PyMem_New(double, (size_t)plan->slots);
}

PyObject *tocsin_as_list(const double *slots, Py_ssize_t count)
{
    PyObject *found = PyList_New(count);
    for (Py_ssize_t i = 0; found != NULL && i < count; i++) {
        PyObject *value = PyFloat_FromDouble(slots[i]);
        if (value == NULL)
            Py_CLEAR(found);
        else
            PyList_SET_ITEM(found, i, value);
    }
    return found;
}

static PyObject *plan_of(Plan *plan, PyObject *data)
{
    char *text;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(data, &text, &length) < 0)
        return NULL;
    double few[FEW], *slots = room_for(plan, few);
    if (slots == NULL)
        return PyErr_NoMemory();
    PyObject *found = pick(plan, text, length, slots) ? tocsin_as_list(slots, plan->slots) : Py_NewRef(Py_None);
    if (slots != few)
        PyMem_Free(slots);
    return found;
}

/* Reads until the kernel has given a last piece; -1 with errno. The text is whole only if it leaves room in `text`. */
static Py_ssize_t read_whole(int fd, Py_ssize_t last_below, char *text)
{
    Py_ssize_t length = 0;
    while (length < MAX_TEXT - 1) {
        ssize_t got = pread(fd, text + length, (size_t)(MAX_TEXT - 1 - length), length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        length += got;
        if (got < last_below || got == 0)
            break;
    }
    text[length] = '\0';
    return length;
}

static int64_t monotonic_ns(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* See the header. `is_quick` says whether the GIL may be kept, and is told whether it may the next time. */
int tocsin_fill(const Plan *plan, int fd, Py_ssize_t last_below, int *is_quick, char *text, double *slots)
{
    Py_ssize_t length;
    int64_t began_ns = monotonic_ns();
    int error;
    if (*is_quick) {
        length = read_whole(fd, last_below, text);
        error = errno;
    } else {
        Py_BEGIN_ALLOW_THREADS
        length = read_whole(fd, last_below, text);
        error = errno;
        Py_END_ALLOW_THREADS
    }
    *is_quick = monotonic_ns() - began_ns < QUICK_NS;
    errno = error;
    /* Python has room for any text. */
    return length < 0 ? -1 : length < MAX_TEXT - 1 && pick(plan, text, length, slots);
}

/* The numbers in a file; None if its text is not what the plan was made for, or too long for us; NULL with OSError. */
PyObject *tocsin_numbers_of_file(const Plan *plan, int fd, Py_ssize_t last_below, int *is_quick)
{
    double few[FEW], *slots = room_for(plan, few);
    char *text = PyMem_RawMalloc(MAX_TEXT); /* only what the kernel writes is ever touched of it */
    PyObject *found = NULL;
    int filled = slots == NULL || text == NULL ? -2 : tocsin_fill(plan, fd, last_below, is_quick, text, slots);
    if (filled == -2)
        PyErr_NoMemory();
    else if (filled < 0)
        PyErr_SetFromErrno(PyExc_OSError);
    else
        found = filled ? tocsin_as_list(slots, plan->slots) : Py_NewRef(Py_None);
    PyMem_RawFree(text);
    if (slots != few)
        PyMem_Free(slots);
    return found;
}

static PyObject *plan_read(Plan *plan, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "read: expected a descriptor and the size below which a piece is the last");
        return NULL;
    }
    int fd = (int)PyLong_AsLong(args[0]);
    Py_ssize_t last_below = PyLong_AsSsize_t(args[1]);
    int is_quick = 0;
    return PyErr_Occurred() ? NULL : tocsin_numbers_of_file(plan, fd, last_below, &is_quick);
}

static void plan_dealloc(Plan *plan)
{
    PyTypeObject *type = Py_TYPE(plan);
    PyMem_Free(plan->lines);
    PyMem_Free(plan->columns);
    Py_XDECREF(plan->source);
    type->tp_free(plan);
    Py_DECREF(type);
}

/* Takes (number, prefix, columns, slots, units); answers how many columns there are, or -1. There is room for `room`. */
static Py_ssize_t take_line(const Plan *plan, PyObject *source, struct line *line, struct column *column, Py_ssize_t room)
{
    PyObject *prefix, *columns, *slots, *units;
    if (!PyArg_ParseTuple(source, "nSO!O!O!", &line->number, &prefix, &PyTuple_Type, &columns, &PyTuple_Type, &slots,
                          &PyTuple_Type, &units))
        return -1;
    line->prefix = PyBytes_AS_STRING(prefix);
    line->prefix_length = PyBytes_GET_SIZE(prefix);
    line->columns = PyTuple_GET_SIZE(columns);
    line->column = column;
    if (line->columns > room || PyTuple_GET_SIZE(slots) != line->columns || PyTuple_GET_SIZE(units) != line->columns) {
        PyErr_SetString(PyExc_ValueError, "Plan: a line has not as many slots and units as columns");
        return -1;
    }
    for (Py_ssize_t i = 0; i < line->columns; i++) {
        column[i].at = PyLong_AsSsize_t(PyTuple_GET_ITEM(columns, i));
        column[i].slot = PyLong_AsSsize_t(PyTuple_GET_ITEM(slots, i));
        column[i].unit = PyFloat_AsDouble(PyTuple_GET_ITEM(units, i));
        if (PyErr_Occurred())
            return -1;
        if (column[i].slot < 0 || column[i].slot >= plan->slots) {
            PyErr_SetString(PyExc_ValueError, "Plan: a slot is out of range");
            return -1;
        }
    }
    return line->columns;
}

static int take_lines(Plan *plan)
{
    Py_ssize_t taken = 0;
    for (Py_ssize_t i = 0; i < plan->line_count; i++) {
        PyObject *source = PyTuple_GET_ITEM(plan->source, i);
        if (!PyTuple_Check(source)) {
            PyErr_SetString(PyExc_TypeError, "Plan: expected lines as tuples");
            return -1;
        }
        Py_ssize_t columns =
            take_line(plan, source, &plan->lines[i], plan->columns + taken, plan->slots - taken);
        if (columns < 0)
            return -1;
        taken += columns;
    }
    return 0;
}

static PyObject *plan_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"lines", "slots", "text_lines", NULL};
    PyObject *source;
    Py_ssize_t slots, text_lines = -1;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O!n|n", names, &PyTuple_Type, &source, &slots, &text_lines))
        return NULL;
    if (slots < 0) {
        PyErr_SetString(PyExc_ValueError, "Plan: expected 0 slots or more");
        return NULL;
    }
    Plan *plan = (Plan *)type->tp_alloc(type, 0);
    if (plan == NULL)
        return NULL;
    plan->source = Py_NewRef(source);
    plan->slots = slots;
    plan->text_lines = text_lines;
    plan->line_count = PyTuple_GET_SIZE(source);
    plan->lines = PyMem_New(struct line, (size_t)plan->line_count);
    plan->columns = PyMem_New(struct column, (size_t)slots); /* no two columns have one slot */
    if (plan->lines == NULL || plan->columns == NULL)
        PyErr_NoMemory();
    else if (take_lines(plan) == 0)
        return (PyObject *)plan;
    Py_DECREF(plan);
    return NULL;
}

static PyMethodDef plan_methods[] = {
    {"of", (PyCFunction)plan_of, METH_O, "The numbers in a text; None if it is not what the plan was made for."},
    {"read", (PyCFunction)(void (*)(void))plan_read, METH_FASTCALL, "The numbers in a file, by its descriptor."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot plan_slots[] = {
    {Py_tp_new, plan_new},
    {Py_tp_dealloc, plan_dealloc},
    {Py_tp_methods, plan_methods},
    {Py_tp_doc, "Where the wanted numbers of a text stand."},
    {0, NULL},
};

PyType_Spec tocsin_plan_spec = {
    .name = "tocsin.sensors.linux._numbers.Plan",
    .basicsize = sizeof(Plan),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = plan_slots,
};

int tocsin_is_plan(PyObject *object)
{
    return Py_TYPE(object)->tp_dealloc == (destructor)plan_dealloc;
}
