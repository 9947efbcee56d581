/* Where allocations come from: each stack is kept once and known by its number.
 *
 * Code that is compiled again and again (exec, eval, templates) is one place, if file, name, first line and line table
 * are the same; else a program that does so would fill the table with copies.
 *
 * Ownership: a stack holds a strong reference to each of its code objects, for good; there are at most STACKS_MAX.
 * Threads:   all of it with the mutex of samples.h held. `stacks_here` refers to code only if this thread has the GIL.
 * Reentrancy: nothing here allocates through Python, runs Python code or drops a reference.
 * Fork:      plain memory; the child goes on with the parent's stacks.
 */
#ifndef TOCSIN_STACKS_H
#define TOCSIN_STACKS_H

#include <Python.h>
#include <stdint.h>

#include "frames.h"

#define STACK_DEPTH 32
#define STACKS_MAX 32768

/* Numbers below STACKS_FIRST are no stacks but say why there is none. */
enum { STACK_WITHOUT_GIL, STACK_OTHER_INTERPRETER, STACK_TOO_MANY, STACK_OUTSIDE, STACKS_FIRST };

typedef struct {
    uint64_t hash;
    uint64_t samples; /* of all allocations since the start */
    double bytes;     /* that they stand for */
    Place *places;    /* innermost first */
    uint32_t depth;
} Stack;

/* The number of the stack of this thread now. */
uint16_t stacks_here(void);

/* A stack by its number; also the numbers that are none have a row, of depth 0. */
Stack *stacks_get(uint32_t number);

uint32_t stacks_count(void);

/* Forget the counts, not the stacks. */
void stacks_forget_counts(void);

#endif
