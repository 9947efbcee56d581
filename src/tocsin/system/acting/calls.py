"""A function of the program's own: called on a thread of its own, which is stopped or left behind at its limits."""

from __future__ import annotations

import os
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from tocsin.errors import TocsinError
from tocsin.system.acting.ceilings import POLL_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.model.alert import PerformanceAlert
    from tocsin.system.acting.ceilings import Guard

THREAD: Final = "tocsin-call"
# How long a thread may take to notice that it is stopped.
GRACE_S: Final = 1.0
MAX_ERROR_CHARS: Final = 300


class ActionFailed(TocsinError):
    """An action did not do what it should; says why."""


class _Stopped(BaseException):
    """Raised in a function that has reached its limits; no `except Exception` of its own holds it."""


class Calls:
    """Calls functions, and knows those that did not come back."""

    def __init__(self) -> None:
        self._stuck: dict[str, threading.Thread] = {}

    def call(self, function: str, alert: PerformanceAlert, guard: Guard) -> str:
        """Call a function with the alert; what it returns is ignored, and a coroutine is run.

        Args:
            function: its module and name, with dots between.
            alert: what it is called with.
            guard: says when it has to stop.
        Returns: what became of it, in words.
        Raises: ActionFailed: if it cannot be called, raised, or had to be stopped.
        """
        before = self._stuck.get(function)
        if before is not None and before.is_alive():
            raise ActionFailed("its last call still hangs, so it is not called again")
        self._stuck.pop(function, None)
        one = _Call(function, alert)
        thread = threading.Thread(target=one.run, name=THREAD, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise ActionFailed(f"no thread is to be had: {error}") from error
        why = ""
        while not why and thread.is_alive():
            thread.join(POLL_S)
            why = guard.why_stop() if thread.is_alive() else ""
        if why and not one.is_over:
            how = "it was stopped"
            _stop(thread)
            thread.join(GRACE_S)
            if thread.is_alive():
                self._stuck[function] = thread
                how = "it could not be stopped, and its thread is left behind"
            raise ActionFailed(f"{why}; {how}")
        thread.join(GRACE_S)
        if one.error:
            raise ActionFailed(one.error)
        return "it returned"


class _Call:
    """One call, on its thread."""

    def __init__(self, function: str, alert: PerformanceAlert) -> None:
        self.error = ""
        self.is_over = False
        self._function = function
        self._alert = alert

    def run(self) -> None:
        parent = os.getpid()
        try:
            try:
                _await(find(self._function)(self._alert))
            except ActionFailed as error:
                self.error = str(error)
            except BaseException as error:  # noqa: BLE001 - an edge: whatever it raises is the outcome, SystemExit too
                self.error = _words(error)
            self.is_over = True
            if os.getpid() != parent:
                # It has forked, and came back twice. All that is ours is the parent's; the child has nothing to go to.
                os._exit(1 if self.error else 0)
        except _Stopped:
            return  # it came when all was over


def find(function: str) -> Callable[[PerformanceAlert], Any]:
    """The function of this name; its module is imported, if that has not been done.

    Raises: ActionFailed: if there is none.
    """
    names = function.split(".")
    for length in range(len(names) - 1, 0, -1):
        module = ".".join(names[:length])
        try:
            found: Any = sys.modules.get(module) or import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not (module + ".").startswith(error.name + "."):
                raise ActionFailed(f"{module} cannot be imported: {_words(error)}") from error
            continue
        except Exception as error:
            raise ActionFailed(f"{module} cannot be imported: {_words(error)}") from error
        for name in names[length:]:
            found = getattr(found, name, None)
        if not callable(found):
            raise ActionFailed(f"{module} has no function {'.'.join(names[length:])!r}")
        return found  # type: ignore[no-any-return]  # it can be called, which is all that is asked
    raise ActionFailed(f"there is no module {names[0]!r}")


def _await(result: object) -> None:
    """Run a coroutine to its end, on an event loop of its own."""
    from inspect import iscoroutine  # noqa: PLC0415 - dear to import, and only for a call

    if iscoroutine(result):
        import asyncio  # noqa: PLC0415 - whoever has a coroutine function has loaded it

        asyncio.run(result)


def _stop(thread: threading.Thread) -> None:
    """Raise in another thread. It is heard between two instructions of Python: what hangs in C hears it never."""
    import ctypes  # noqa: PLC0415 - only where something hangs

    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(_Stopped))


def _words(error: BaseException) -> str:
    """An exception in a line; what its own text raises is not ours."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the program's own
        text = "its text cannot be shown"
    words = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return words[:MAX_ERROR_CHARS]
