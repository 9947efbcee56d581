/* `holders(blocks, without)`: the look at all objects for what holds some blocks, in slices; see _heap.pyi.
 *
 * What the next pass looks for is what the caller says; see look.h.
 *
 * Ownership: the Python object owns the search; see graph.h for references to objects of the program.
 * Threads:   all with the GIL, which a slice keeps; it is the caller who lets others run between slices.
 * Reentrancy: a call on an object that is at work raises RuntimeError.
 * Fork:      plain memory; the child goes on with a copy.
 */
#ifndef TOCSIN_HOLDERS_H
#define TOCSIN_HOLDERS_H

#include <Python.h>

PyObject *holders_new(PyObject *module, PyObject *args);

#endif
