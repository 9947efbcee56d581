/* `holders(blocks, without)`: the look at all objects for what holds some blocks, in slices; see _heap.pyi.
 *
 * A pass goes over the frames that run, over every object that the collector knows, and over the frames again. What holds
 * something wanted is wanted itself at once, so one pass often finds whole chains; who decides what the next pass looks
 * for is the caller.
 *
 * Ownership: the Python object owns graph, walk and queue; see graph.h for references to objects of the program.
 * Threads:   all with the GIL, which a slice keeps; it is the caller who lets others run between slices.
 * Reentrancy: a call on an object that is at work raises RuntimeError.
 * Fork:      plain memory; the child goes on with a copy.
 */
#ifndef TOCSIN_HOLDERS_H
#define TOCSIN_HOLDERS_H

#include <Python.h>

PyObject *holders_new(PyObject *module, PyObject *args);

#endif
