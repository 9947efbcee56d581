/* Which code runs in this thread: a walk over the interpreter's own frames, whose layout is each minor version's own.
 *
 * Making frame objects, as the public functions do, would allocate within an allocation and could start the collector.
 *
 * Ownership: what is returned is borrowed: it lives as long as the GIL is not given up and no frame returns.
 * Threads:   a walk needs the GIL; `frames_holder` says whether this thread has it.
 * Reentrancy: nothing here allocates or runs Python code, but for `frames_can_be_walked`, which is not for hooks.
 * Fork:      no state.
 */
#ifndef TOCSIN_FRAMES_H
#define TOCSIN_FRAMES_H

#include <Python.h>
#include <stdint.h>

typedef struct {
    PyCodeObject *code;
    int32_t instruction; /* in bytes, as f_lasti */
} Place;

/* The state of this thread if it holds the GIL, else NULL. In 3.11 also NULL within another interpreter. */
PyThreadState *frames_holder(void);

/* The places where a thread is, innermost first; how many. */
uint32_t frames_walk(PyThreadState *thread, Place *places, uint32_t most);

/* Whether the walk finds what the public functions find; with the GIL, from Python code. */
int frames_can_be_walked(void);

#endif
