/* The module: its types, and what it keeps of them. */
#include "numbers.h"

/* Makes a type of the module and adds it; a borrowed reference, or NULL. */
static PyTypeObject *add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type == NULL)
        return NULL;
    int failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return failed < 0 ? NULL : (PyTypeObject *)type;
}

static int fill(PyObject *module)
{
    ModuleState *state = PyModule_GetState(module);
    PyTypeObject *reader, *base;
    if (add_type(module, &tocsin_plan_spec) == NULL || (reader = add_type(module, &tocsin_reader_spec)) == NULL ||
        (base = add_type(module, &tocsin_base_spec)) == NULL || add_type(module, &tocsin_sweep_spec) == NULL)
        return -1;
    state->reader = (PyTypeObject *)Py_NewRef(reader);
    state->base = (PyTypeObject *)Py_NewRef(base);
    return 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    const ModuleState *state = PyModule_GetState(module);
    Py_VISIT(state->reader);
    Py_VISIT(state->base);
    return 0;
}

static int module_clear(PyObject *module)
{
    ModuleState *state = PyModule_GetState(module);
    Py_CLEAR(state->reader);
    Py_CLEAR(state->base);
    return 0;
}

static void module_free(void *module)
{
    module_clear(module);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, fill},
    {0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_numbers",
    .m_doc = "The numbers of kept files of /proc, read and picked in one call a file, or in one for all of them.",
    .m_size = sizeof(ModuleState),
    .m_methods = tocsin_library_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__numbers(void)
{
    return PyModuleDef_Init(&module);
}
