/* Where allocations come from: each stack is kept once and known by its number.
 *
 * Ownership: a stack holds a strong reference to each of its code objects, for good; there are at most STACKS_MAX.
 * Threads:   `stacks_here` must be called with the mutex of samples.h held; the rest as well, or with no hook active.
 * Reentrancy: nothing here allocates through Python, runs Python code or drops a reference.
 * Fork:      plain memory; the child goes on with the parent's stacks.
 */
#ifndef TOCSIN_STACKS_H
#define TOCSIN_STACKS_H

#include <Python.h>
#include <stdint.h>

#define STACK_DEPTH 32
#define STACKS_MAX 32768

/* Numbers below STACKS_FIRST are no stacks but say why there is none. */
enum { STACK_WITHOUT_GIL, STACK_OTHER_INTERPRETER, STACK_TOO_MANY, STACK_OUTSIDE, STACKS_FIRST };

typedef struct {
    PyCodeObject *code;
    int32_t instruction; /* in bytes, as f_lasti */
} Place;

typedef struct {
    uint64_t hash;
    uint32_t depth;
    uint64_t samples;  /* of all allocations since the start */
    double bytes;      /* that they stand for */
    Place *places;     /* innermost first */
} Stack;

/* The number of the stack of this thread now. Refers to code, so a caller without the GIL gets STACK_WITHOUT_GIL. */
uint32_t stacks_here(void);

/* A stack by its number; also the numbers that are none have a row, of depth 0. */
Stack *stacks_get(uint32_t number);

uint32_t stacks_count(void);

/* Forget the counts, not the stacks. */
void stacks_forget_counts(void);

#endif
