/* See layout.h. */

#define Py_BUILD_CORE 1 /* before Python.h, which else defines some of the same otherwise */

#include "layout.h"

#include <string.h>
#include <structmember.h>

#include "internal/pycore_dict.h"
#include "internal/pycore_frame.h"
#include "internal/pycore_object.h"

#define NAMESPACE_LOOK 24    /* the names that make a namespace come first */
#define BLOCK_ITEMS 64
#define ARRAY_ITEMS (1 << 19) /* an array is looked at in one go, or not */
#define NUMPY_OBJECT 17       /* the type number of items that are objects */
#define NUMPY_CONTIGUOUS 3    /* the flags of either order */

/* A deque and its blocks, as _collectionsmodule.c has them. */
typedef struct Block {
    struct Block *left;
    PyObject *items[BLOCK_ITEMS];
    struct Block *right;
} Block;
typedef struct {
    PyObject_VAR_HEAD
    Block *first, *last;
    Py_ssize_t first_index; /* of the first item in the first block */
} Deque;

/* An array of the standard library, one of numpy, and what numpy says of its items: the beginning of each. */
typedef struct {
    PyObject_VAR_HEAD
    char *items;
} Array;
typedef struct {
    PyObject_HEAD
    char *data;
    int dimensions;
    Py_ssize_t *shape, *strides;
    PyObject *base;
    struct {
        PyObject_HEAD
        PyTypeObject *type;
        char letters[4];
        int number;
    } *items;
    int flags;
} NumpyArray;

static PyTypeObject *deque_type, *array_type, *numpy_type;

static PyTypeObject *type_of(const char *module, const char *name)
{
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed, as all of these */
    PyObject *found = modules != NULL && PyDict_CheckExact(modules) ? PyDict_GetItemString(modules, module) : NULL;
    if (found == NULL || !PyModule_Check(found))
        return NULL;
    PyObject *type = PyDict_GetItemString(PyModule_GetDict(found), name);
    return type != NULL && PyType_Check(type) ? (PyTypeObject *)type : NULL;
}

void layout_prepare(void)
{
    deque_type = type_of("_collections", "deque");
    array_type = type_of("array", "array");
    numpy_type = type_of("numpy", "ndarray");
    PyErr_Clear();
}

size_t layout_header(PyTypeObject *type)
{
    return _PyType_PreHeaderSize(type);
}

int layout_may_be_held(PyTypeObject *type)
{
    return type != &PyTuple_Type && type != &PyFrozenSet_Type && type != &PyBytes_Type && type != &PyUnicode_Type
        && (numpy_type == NULL || !PyType_IsSubtype(type, numpy_type));
}

Py_ssize_t layout_length(PyObject *object)
{
    if (PyList_Check(object) || PyTuple_Check(object) || PyByteArray_Check(object))
        return Py_SIZE(object);
    if (PyDict_Check(object))
        return ((PyDictObject *)object)->ma_used;
    if (PyAnySet_Check(object))
        return ((PySetObject *)object)->used;
    return layout_is_deque(object) ? Py_SIZE(object) : -1;
}

int layout_is_deque(PyObject *object)
{
    return deque_type != NULL && PyObject_TypeCheck(object, deque_type);
}

int layout_deque_items(PyObject *object, Py_ssize_t from, Py_ssize_t most, visitproc visit, void *context)
{
    Deque *deque = (Deque *)object;
    Py_ssize_t until = Py_SIZE(object) - from > most ? from + most : Py_SIZE(object);
    Py_ssize_t at = deque->first_index + from, end = deque->first_index + until;
    Block *block = deque->first;
    for (Py_ssize_t skip = at / BLOCK_ITEMS; skip > 0 && at < end; skip--)
        block = block->right;
    for (; at < end; at++) {
        visit(block->items[at % BLOCK_ITEMS], context);
        if (at % BLOCK_ITEMS == BLOCK_ITEMS - 1)
            block = block->right;
    }
    return until == Py_SIZE(object);
}

int layout_is_array(PyObject *object)
{
    return Py_TYPE(object) == numpy_type;
}

void layout_array_items(PyObject *object, visitproc visit, void *context)
{
    NumpyArray *array = (NumpyArray *)object;
    if (array->base != NULL)
        visit(array->base, context);
    if (array->items == NULL || array->items->number != NUMPY_OBJECT || !(array->flags & NUMPY_CONTIGUOUS))
        return;
    Py_ssize_t count = 1;
    for (int axis = 0; axis < array->dimensions; axis++) {
        if (array->shape[axis] > ARRAY_ITEMS)
            return;
        count *= array->shape[axis];
        if (count > ARRAY_ITEMS)
            return;
    }
    PyObject **items = (PyObject **)array->data;
    for (Py_ssize_t at = 0; at < count; at++)
        if (items[at] != NULL)
            visit(items[at], context);
}

/* ── values of attributes that are not in a dict ─────────────────────────────────────────────────────────────────── */

static PyDictValues *values_of(PyObject *object)
{
    if (!(Py_TYPE(object)->tp_flags & Py_TPFLAGS_MANAGED_DICT))
        return NULL;
#if PY_VERSION_HEX < 0x030C0000
    return *_PyObject_ValuesPointer(object);
#elif PY_VERSION_HEX < 0x030D0000
    PyDictOrValues either = *_PyObject_DictOrValuesPointer(object);
    return either.dict != NULL && _PyDictOrValues_IsValues(either) ? _PyDictOrValues_GetValues(either) : NULL;
#else
    if (!(Py_TYPE(object)->tp_flags & Py_TPFLAGS_INLINE_VALUES) || !_PyObject_InlineValues(object)->valid)
        return NULL;
    return _PyObject_InlineValues(object);
#endif
}

static uintptr_t block_of_values(PyDictValues *values)
{
#if PY_VERSION_HEX < 0x030D0000
    return (uintptr_t)values - ((uint8_t *)values)[-1];
#else
    return values->embedded ? 0 : (uintptr_t)values;
#endif
}

PyObject *layout_dict(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    if (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) {
#if PY_VERSION_HEX < 0x030C0000
        return *_PyObject_ManagedDictPointer(object);
#elif PY_VERSION_HEX < 0x030D0000
        PyDictOrValues either = *_PyObject_DictOrValuesPointer(object);
        return _PyDictOrValues_IsValues(either) ? NULL : _PyDictOrValues_GetDict(either);
#else
        return (PyObject *)_PyObject_GetManagedDict(object);
#endif
    }
    if (type->tp_dictoffset == 0)
        return NULL;
    PyObject **place = _PyObject_GetDictPtr(object);
    return place == NULL ? NULL : *place;
}

/* ── blocks ──────────────────────────────────────────────────────────────────────────────────────────────────────── */

static void blocks_of_dict(PyDictObject *dict, BlockVisit visit, void *context)
{
    visit(context, (uintptr_t)dict->ma_keys);
    if (dict->ma_values != NULL)
        visit(context, block_of_values(dict->ma_values));
}

static void blocks_of_deque(Deque *deque, BlockVisit visit, void *context)
{
    for (Block *block = deque->first; block != NULL; block = block == deque->last ? NULL : block->right)
        visit(context, (uintptr_t)block);
}

void layout_blocks(PyObject *object, BlockVisit visit, void *context)
{
    PyTypeObject *type = Py_TYPE(object);
    PyDictValues *values;
    if (PyDict_Check(object))
        blocks_of_dict((PyDictObject *)object, visit, context);
    else if (PyList_Check(object))
        visit(context, (uintptr_t)((PyListObject *)object)->ob_item);
    else if (PyAnySet_Check(object))
        visit(context, (uintptr_t)((PySetObject *)object)->table);
    else if (PyByteArray_Check(object))
        visit(context, (uintptr_t)((PyByteArrayObject *)object)->ob_bytes);
    else if (type == deque_type || type->tp_base == deque_type)
        blocks_of_deque((Deque *)object, visit, context);
    else if (type == array_type)
        visit(context, (uintptr_t)((Array *)object)->items);
    else if (type == numpy_type)
        visit(context, (uintptr_t)((NumpyArray *)object)->data);
    if ((values = values_of(object)) != NULL)
        visit(context, block_of_values(values));
}

/* ── names ───────────────────────────────────────────────────────────────────────────────────────────────────────── */

static PyObject *name_in_values(PyObject *holder, PyObject *held)
{
    PyDictValues *values = values_of(holder);
    PyDictKeysObject *keys = ((PyHeapTypeObject *)Py_TYPE(holder))->ht_cached_keys;
    if (values == NULL || keys == NULL || !DK_IS_UNICODE(keys))
        return NULL;
    Py_ssize_t count = keys->dk_nentries;
#if PY_VERSION_HEX >= 0x030D0000
    count = count < values->capacity ? count : values->capacity;
#endif
    for (Py_ssize_t at = 0; at < count; at++)
        if (values->values[at] == held)
            return Py_XNewRef(DK_UNICODE_ENTRIES(keys)[at].me_key);
    return NULL;
}

static PyObject *name_in_members(PyObject *holder, PyObject *held)
{
    for (PyTypeObject *type = Py_TYPE(holder); type != NULL; type = type->tp_base)
        for (PyMemberDef *member = type->tp_members; member != NULL && member->name != NULL; member++) {
            /* The flag 8 says that the place is relative to where the type's own part begins (3.12). */
            if ((member->type != T_OBJECT && member->type != T_OBJECT_EX) || member->flags & 8)
                continue;
            if (member->offset > 0 && *(PyObject **)((char *)holder + member->offset) == held)
                return PyUnicode_FromString(member->name);
        }
    return NULL;
}

static PyObject *name_in_function(PyFunctionObject *function, PyObject *held)
{
    const char *name = held == function->func_closure ? "__closure__"
        : held == function->func_defaults             ? "__defaults__"
        : held == function->func_kwdefaults           ? "__kwdefaults__"
        : held == function->func_dict                 ? "__dict__"
                                                      : NULL;
    return name == NULL ? NULL : PyUnicode_FromString(name);
}

static PyCodeObject *code_of(_PyInterpreterFrame *frame)
{
#if PY_VERSION_HEX >= 0x030D0000
    return frame->f_executable != NULL && PyCode_Check(frame->f_executable) ? (PyCodeObject *)frame->f_executable : NULL;
#else
    return frame->f_code;
#endif
}

static PyObject *name_in_frame(_PyInterpreterFrame *frame, PyObject *held)
{
    PyCodeObject *code = frame == NULL ? NULL : code_of(frame);
    for (int at = 0; code != NULL && at < code->co_nlocalsplus; at++)
        if (frame->localsplus[at] == held)
            return Py_NewRef(PyTuple_GET_ITEM(code->co_localsplusnames, at));
    return NULL;
}

static PyObject *name_in_generator(PyGenObject *generator, PyObject *held)
{
    int is_there = generator->gi_frame_state <= FRAME_EXECUTING;
    return is_there ? name_in_frame((_PyInterpreterFrame *)generator->gi_iframe, held) : NULL;
}

PyObject *layout_attribute(PyObject *holder, PyObject *held)
{
    if (PyModule_Check(holder) && PyModule_GetDict(holder) == held)
        return PyUnicode_FromString("__dict__");
    if (PyType_Check(holder))
        return ((PyTypeObject *)holder)->tp_dict == held ? PyUnicode_FromString("__dict__") : NULL;
    if (PyFunction_Check(holder))
        return name_in_function((PyFunctionObject *)holder, held);
    if (PyGen_Check(holder) || PyCoro_CheckExact(holder) || PyAsyncGen_CheckExact(holder))
        return name_in_generator((PyGenObject *)holder, held);
    if (PyFrame_Check(holder))
        return name_in_frame(((PyFrameObject *)holder)->f_frame, held);
    if (layout_dict(holder) == held)
        return PyUnicode_FromString("__dict__");
    PyObject *name = Py_TYPE(holder)->tp_flags & Py_TPFLAGS_HEAPTYPE ? name_in_values(holder, held) : NULL;
    return name == NULL ? name_in_members(holder, held) : name;
}

PyObject *layout_namespace(PyObject *dict)
{
    PyObject *key, *value, *name = NULL;
    Py_ssize_t place = 0;
    int builtins = 0;
    for (int looked = 0; looked < NAMESPACE_LOOK && PyDict_Next(dict, &place, &key, &value); looked++) {
        if (!PyUnicode_CheckExact(key))
            continue;
        if (PyUnicode_CompareWithASCIIString(key, "__name__") == 0 && PyUnicode_CheckExact(value))
            name = value;
        builtins |= PyUnicode_CompareWithASCIIString(key, "__builtins__") == 0
            || PyUnicode_CompareWithASCIIString(key, "__spec__") == 0;
    }
    return builtins ? name : NULL;
}

/* ── frames ──────────────────────────────────────────────────────────────────────────────────────────────────────── */

static void locals_of(_PyInterpreterFrame *frame, PyObject *without, LocalVisit visit, void *context)
{
#if PY_VERSION_HEX >= 0x030C0000
    if (frame->owner == FRAME_OWNED_BY_CSTACK)
        return;
#endif
    if (_PyFrame_IsIncomplete(frame) || frame->f_globals == without)
        return;
    PyCodeObject *code = code_of(frame);
    for (int at = 0; code != NULL && at < code->co_nlocalsplus; at++)
        if (frame->localsplus[at] != NULL)
            visit(context, code, frame->f_globals, PyTuple_GET_ITEM(code->co_localsplusnames, at), frame->localsplus[at]);
}

int layout_frames(PyObject *without, LocalVisit visit, void *context)
{
    /* The function of `sys` takes the lock that keeps the list of threads as it is. */
    PyObject *function = PySys_GetObject("_current_frames");
    PyObject *threads = function == NULL ? NULL : PyObject_CallNoArgs(function);
    if (threads == NULL || !PyDict_CheckExact(threads)) {
        Py_XDECREF(threads);
        return PyErr_Occurred() ? -1 : 0;
    }
    PyObject *thread, *frame;
    for (Py_ssize_t place = 0; PyDict_Next(threads, &place, &thread, &frame);)
        if (PyFrame_Check(frame))
            for (_PyInterpreterFrame *at = ((PyFrameObject *)frame)->f_frame; at != NULL; at = at->previous)
                locals_of(at, without, visit, context);
    Py_DECREF(threads);
    return 0;
}
