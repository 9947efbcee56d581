/* What the parts of the module share: how a kept file is read (numbers.c, reader.c), and what is made of it (sweep.c). */
#ifndef TOCSIN_NUMBERS_H
#define TOCSIN_NUMBERS_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define MAX_TEXT (1 << 16)

typedef struct {
    PyObject_HEAD
    PyObject *source; /* the tuple it was made of, which keeps the prefixes alive */
    struct line *lines;
    struct column *columns;
    Py_ssize_t line_count;
    Py_ssize_t slots;
    Py_ssize_t text_lines; /* the text must have as many; negative: it does not matter */
} Plan;

/* The quick way of a kept file: while descriptor, process and plan are what they were, its numbers come without a step
 * of Python. Everything else is left to the method `anew` of whoever inherits from this. */
typedef struct {
    PyObject_HEAD
    Plan *plan; /* NULL: none was learnt */
    int fd;
    int pid; /* of the process that opened the descriptor; a fork's /proc/self would be its parent's */
    Py_ssize_t last_below;
    Py_ssize_t left; /* readings until the plan is learnt anew */
    int is_quick;
} Reader;

/* The types, for whoever is handed objects of them. */
typedef struct {
    PyTypeObject *reader;
    PyTypeObject *base;
} ModuleState;

/* The numbers of a file into as many slots as its plan has: 1; 0 if the text is not what the plan was made for; -1 with
 * errno if it cannot be read. `text` is room for MAX_TEXT bytes. The GIL may be let go meanwhile: the caller owns the
 * plan and the slots. */
int tocsin_fill(const Plan *plan, int fd, Py_ssize_t last_below, int *is_quick, char *text, double *slots);

/* A list of floats; NULL with an exception. */
PyObject *tocsin_as_list(const double *slots, Py_ssize_t count);

/* The numbers of a file as a list; None if the text is not what the plan was made for; NULL with an exception. */
PyObject *tocsin_numbers_of_file(const Plan *plan, int fd, Py_ssize_t last_below, int *is_quick);

/* Whether an object is a Plan of this module. */
int tocsin_is_plan(PyObject *object);

extern PyType_Spec tocsin_plan_spec, tocsin_reader_spec, tocsin_base_spec, tocsin_sweep_spec;
extern PyMethodDef tocsin_library_methods[];

#endif
