/* How objects lie in memory: what stands in front of them, which blocks they own, which of their attributes holds what.
 *
 * Ownership: what is given is borrowed, but for names, which are new references.
 * Threads:   all with the GIL; nothing of the program's code is run: no attribute is asked for, only memory read.
 * Reentrancy: no object is made that the garbage collector knows, but by `layout_frames`.
 * Fork:      nothing is kept but types.
 */
#ifndef TOCSIN_LAYOUT_H
#define TOCSIN_LAYOUT_H

#include <Python.h>
#include <stddef.h>
#include <stdint.h>

typedef void (*BlockVisit)(void *context, uintptr_t block);
typedef void (*LocalVisit)(void *context, PyCodeObject *code, PyObject *globals, PyObject *name, PyObject *value);

/* Look up the types of modules that are loaded by now. */
void layout_prepare(void);

/* Bytes in front of objects of a type, in their block. */
size_t layout_header(PyTypeObject *type);

/* Whether one may keep a reference to an object of this type for a while. Not where the interpreter or numpy changes
 * one in place as long as nobody else has a reference, and fails otherwise. */
int layout_may_be_held(PyTypeObject *type);

/* The number of its items if that is known without asking it, else -1. */
Py_ssize_t layout_length(PyObject *object);

/* Some of the items of a deque, from a place on; whether these were the last. */
int layout_is_deque(PyObject *object);
int layout_deque_items(PyObject *deque, Py_ssize_t from, Py_ssize_t most, visitproc visit, void *context);

/* What an array of numpy refers to: what it is a view of, and its items if they are objects. It tells no collector. */
int layout_is_array(PyObject *object);
void layout_array_items(PyObject *array, visitproc visit, void *context);

/* The blocks that an object owns beside the one it lies in. */
void layout_blocks(PyObject *object, BlockVisit visit, void *context);

/* The `__dict__` of an object if it has one by now, else NULL. */
PyObject *layout_dict(PyObject *object);

/* By which name an object holds another: attribute, slot, local variable of a generator; NULL if not by one. */
PyObject *layout_attribute(PyObject *holder, PyObject *held);

/* The `__name__` of a namespace, NULL if it is none (of a module, or one that `exec` runs in). */
PyObject *layout_namespace(PyObject *dict);

/* The local variables of all frames that run, but those whose globals are `without`. 0, or -1 with an exception. */
int layout_frames(PyObject *without, LocalVisit visit, void *context);

#endif
