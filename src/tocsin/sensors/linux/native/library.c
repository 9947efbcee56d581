/* A shared library that stays in the process. It has nothing to do with numbers: it is here since a module of its own,
 * or ctypes, would cost a hundred times what this does. */
#include "numbers.h"
#include <dlfcn.h>

static PyObject *keep_library(PyObject *Py_UNUSED(module), PyObject *name)
{
    const char *text = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : NULL;
    if (text == NULL)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "the name of a library is a str");
    return PyBool_FromLong(dlopen(text, RTLD_NOW) != NULL);
}

PyMethodDef tocsin_library_methods[] = {
    {"keep_library", keep_library, METH_O, "Load a shared library for good, and say whether it is there."},
    {NULL, NULL, 0, NULL},
};
