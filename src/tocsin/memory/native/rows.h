/* What lives, put together for Python: a row for each stack.
 *
 * Ownership: copies of its own, freed before it returns.
 * Threads:   the samples are copied with the mutex of samples.h held, and put in order without the mutex and without the
 *            GIL. Python objects are made with the GIL and without the mutex, since making them runs the hooks.
 * Fork:      a fork in between leaves the copy behind in the child, which is all.
 */
#ifndef TOCSIN_ROWS_H
#define TOCSIN_ROWS_H

#include <Python.h>

/* The list that `snapshot` returns, or NULL with an exception. */
PyObject *rows_now(void);

#endif
