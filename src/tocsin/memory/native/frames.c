/* See frames.h. */

#include "frames.h"

#if PY_VERSION_HEX < 0x030B0000 || PY_VERSION_HEX >= 0x030E0000
#error "the frames of this Python version are not known here: 3.11, 3.12 and 3.13 are"
#endif
#ifdef Py_GIL_DISABLED
#error "a free-threaded build has other allocators, and no lock that keeps frames still"
#endif

#define Py_BUILD_CORE 1
#include "internal/pycore_frame.h"
#undef Py_BUILD_CORE

#define COMPARED 64

PyThreadState *frames_holder(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyThreadState_GetUnchecked();
#elif PY_VERSION_HEX >= 0x030C0000
    return _PyThreadState_UncheckedGet();
#else
    /* Before 3.12 the current state is that of whoever holds the GIL, which may be another thread. PyGILState_Check
     * would say yes to everybody as soon as there was a second interpreter. */
    PyThreadState *mine = PyGILState_GetThisThreadState();
    return mine == _PyThreadState_UncheckedGet() ? mine : NULL;
#endif
}

static _PyInterpreterFrame *innermost(PyThreadState *thread)
{
#if PY_VERSION_HEX >= 0x030D0000
    return thread->current_frame;
#else
    return thread->cframe->current_frame;
#endif
}

/* NULL for a frame that is being entered or left, or is C code between two runs of the interpreter. */
static PyCodeObject *code_of(_PyInterpreterFrame *frame)
{
#if PY_VERSION_HEX >= 0x030C0000
    if (frame->owner == FRAME_OWNED_BY_CSTACK)
        return NULL;
#endif
#if PY_VERSION_HEX >= 0x030D0000
    PyObject *code = frame->f_executable;
#else
    PyObject *code = (PyObject *)frame->f_code;
#endif
    /* One that is being destroyed, and calls back while it is, must not be referred to any more. */
    if (code == NULL || !PyCode_Check(code) || Py_REFCNT(code) <= 0 || _PyFrame_IsIncomplete(frame))
        return NULL;
    return (PyCodeObject *)code;
}

uint32_t frames_walk(PyThreadState *thread, Place *places, uint32_t most)
{
    uint32_t depth = 0;
    for (_PyInterpreterFrame *frame = innermost(thread); frame != NULL && depth < most; frame = frame->previous) {
        PyCodeObject *code = code_of(frame);
        if (code == NULL)
            continue;
        places[depth].code = code;
        places[depth].instruction = (int32_t)(_PyInterpreterFrame_LASTI(frame) * (int)sizeof(_Py_CODEUNIT));
        depth++;
    }
    return depth;
}

int frames_can_be_walked(void)
{
    Place places[COMPARED];
    uint32_t depth = frames_walk(PyThreadState_Get(), places, COMPARED), at = 0;
    PyFrameObject *frame = PyThreadState_GetFrame(PyThreadState_Get());
    int same = 1;
    while (frame != NULL && at < COMPARED) {
        PyCodeObject *code = PyFrame_GetCode(frame);
        same = same && at < depth && places[at].code == code && places[at].instruction == PyFrame_GetLasti(frame);
        Py_DECREF(code);
        PyFrameObject *outer = PyFrame_GetBack(frame);
        Py_DECREF(frame);
        frame = outer;
        at++;
    }
    Py_XDECREF(frame);
    return same && at == depth;
}
