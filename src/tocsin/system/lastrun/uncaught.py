"""Exceptions that ended threads and tasks, and the one that ends the program."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NoReturn

from tocsin.model.readings import inert
from tocsin.sensors import deaths
from tocsin.system.witness.frames import MAX_FRAMES, entry_line

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_KEPT: Final = 10
_MAX_WORDS: Final = 200


class Uncaught:
    """Remembers the last of them.

    Attributes:
        count: how many there were.
    """

    def __init__(self) -> None:
        self.count = 0
        self._last: deque[str] = deque(maxlen=MAX_KEPT)
        self._tasks = _TaskFilter(self)

    def begin(self) -> None:
        """Hear of them from now on. Twice is once."""
        deaths.listen(self)
        # A filter, since a logger with a handler of ours would no longer show the program's messages by itself.
        _asyncio_logger().addFilter(self._tasks)

    def end(self) -> None:
        """Hear of them no longer."""
        deaths.leave(self)
        _asyncio_logger().removeFilter(self._tasks)

    def lines(self) -> tuple[str, ...]:
        """The last ones, oldest first."""
        return tuple(self._last)

    def died(self, thread: threading.Thread, error: BaseException) -> None:
        """See `DeathListener.died`."""
        self.note(f"thread {thread.name!r}", error)

    def note(self, who: str, error: BaseException) -> None:
        """One more."""
        self.count += 1
        place = (stack_of(error) or ("",))[0]
        self._last.append(inert(f"{who}: {in_words(error)}" + (f" ({place})" if place else ""), _MAX_WORDS))


class _TaskFilter(logging.Filter):
    """Sees what asyncio says of tasks whose exception nobody took, and lets everything pass."""

    def __init__(self, uncaught: Uncaught) -> None:
        super().__init__()
        self._uncaught = uncaught

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is not None and record.levelno >= logging.ERROR:
            self._uncaught.note("task", error)
        return True


class ExitCode:
    """What the program hands to `sys.exit` on its main thread; a `raise SystemExit` of its own is not seen.

    Attributes:
        code: as the shell will see it; None: `sys.exit` was not called.
    """

    def __init__(self) -> None:
        self.code: int | None = None
        self._stand_in: object = None

    def watch(self) -> None:
        """From now on; for the interpreter that `tocsin run` started, which is ours to arrange."""
        if sys.exit is not self._stand_in:
            self._stand_in = sys.exit = _noting(self._note, sys.exit)

    def _note(self, status: object = None, *_: object) -> None:
        if threading.current_thread() is threading.main_thread():
            self.code = 0 if status is None else status & 0xFF if isinstance(status, int) else 1


def _noting(note: Callable[..., None], real: Callable[..., NoReturn]) -> Any:
    """A stand-in for `sys.exit` that does not show in tracebacks.

    A function that calls the real one would stand in each of them. Calling a class is one call for the program and two
    for the interpreter: of `__new__`, which takes a note and has returned when `__init__` raises. That is the real
    function itself, so what it says of wrong arguments is its own too.
    """

    def take_note(kind: type, *words: object, **named: object) -> object:  # noqa: ARG001 - it refuses them itself
        note(*words)
        return object.__new__(kind)

    members = {"__new__": take_note, "__init__": staticmethod(real), "__module__": "sys", "__doc__": real.__doc__}
    return type("exit", (), members)


exit_code: Final = ExitCode()


def in_words(error: BaseException) -> str:
    """The exception in a line."""
    try:
        return inert(f"{type(error).__name__}: {error}".rstrip(": "), _MAX_WORDS)
    except Exception:  # noqa: BLE001 - a user's exception that cannot even be shown
        return type(error).__name__


def stack_of(error: BaseException) -> tuple[str, ...]:
    """Where it was raised, innermost first."""
    entries = traceback.extract_tb(error.__traceback__)
    return tuple(entry_line(entry) for entry in reversed(entries[-MAX_FRAMES:]))


def last_of_the_program() -> BaseException | None:
    """The exception that ends the program, once the interpreter has shown it; None: there is none."""
    error: Any = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if not isinstance(error, BaseException) or isinstance(error, (KeyboardInterrupt, SystemExit)):
        return None
    return error


def _asyncio_logger() -> logging.Logger:
    return logging.getLogger("asyncio")
