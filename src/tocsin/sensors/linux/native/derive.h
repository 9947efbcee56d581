/* What is made of the numbers of a sensor's files, in the order of its layout. See derive.c. */
#ifndef TOCSIN_DERIVE_H
#define TOCSIN_DERIVE_H
#include "numbers.h"

/* What a sensor keeps from one reading to the next; see `tocsin.sensors.linux.quick`. */
typedef struct {
    PyObject_HEAD
    double *before; /* NULL: there is none, and the sensor itself reads */
    Py_ssize_t count;
    Py_ssize_t outputs; /* how many readings the sensor has */
    int pid;            /* of the process that kept it */
    double before_s;
    double until_s; /* from then on the sensor itself reads, once */
} Base;

/* One sensor at one time. */
typedef struct {
    const double *numbers; /* of its files, one behind the other */
    Py_ssize_t count;
    const double *settings;
    Py_ssize_t settings_count;
    Base *base;
    double mono_s;
    double boot_s;
    double *out; /* room for `base->outputs` */
} Case;

/* Fills `out` and moves the base on: 1. 0, and nothing has changed: the sensor itself is to read. */
typedef int (*Derive)(Case *one);

/* How it is made, by its name, which has so many settings; NULL: there is no such way. */
Derive tocsin_derive_by_name(const char *name, Py_ssize_t settings);

#endif
