"""A SIGTERM that a program has handled and then sends itself once more, so that it ends as by the signal.

uvicorn does so: while it serves, the handler is its own; when all is served it puts back what it found and raises the
signal again. Found was `SIG_DFL`, and of such an end nothing is seen from inside: no `atexit`, and no `faulthandler`,
whose place in the kernel went when uvicorn took the signal. So something that is equal to `SIG_DFL` stands in the
interpreter's table, to be put back in its stead. The kernel knows nothing of it: as long as nobody handles SIGTERM,
that ends the process at once, whatever it is at.
"""

from __future__ import annotations

import faulthandler
import os
import signal
from contextlib import suppress
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

# What a function calls that sends its own process a signal.
_SENDS: Final = frozenset({"raise_signal", "kill", "killpg", "pthread_kill"})


class Default:
    """What SIGTERM does without a handler, after a word."""

    def __init__(self) -> None:
        self.in_order: Callable[[], object] = lambda: None  # the program ends of itself
        self.from_outside: Callable[[], object] = lambda: None  # somebody ends it

    def __eq__(self, other: object) -> bool:
        """Whoever asks whether SIGTERM has a handler is to go on as without us."""
        return other is self or (isinstance(other, int) and other == signal.SIG_DFL)

    def __hash__(self) -> int:
        # Not that of SIG_DFL, or `signal` of Python 3.11 finds it in a table, and gives that out for us.
        return id(self)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """End the process, unless a handler of the program's only hands on what it was called with."""
        in_order, from_outside = self.in_order, self.from_outside
        if signal.getsignal(number) is not self:
            return  # it would have found nothing to call
        signal.signal(number, signal.SIG_DFL)
        sent_by_itself = frame is not None and not _SENDS.isdisjoint(frame.f_code.co_names)
        with suppress(Exception):  # the signal is meant, whatever fails here
            (in_order if sent_by_itself else from_outside)()
        os.kill(os.getpid(), number)


DEFAULT: Final = Default()


def stand_in(register: Callable[[], object]) -> None:
    """Take the place of SIG_DFL in the interpreter's table, and there alone.

    Args:
        register: lets `faulthandler` write at SIGTERM. What it finds then in the kernel is what follows the writing, so
            it is called while that is SIG_DFL, once before and once after.
    Raises: ValueError: on another thread than the main one. Then all is as `register` has left it.
    """
    register()
    signal.signal(signal.SIGTERM, DEFAULT)  # in both places
    faulthandler.unregister(signal.SIGTERM)  # gives the kernel back what it found: SIG_DFL
    register()


def module_of(handler: object) -> str:
    """Where a handler of a signal was written; empty if it does not say."""
    function = handler.__func__ if isinstance(handler, MethodType) else handler
    return function.__module__ if isinstance(function, FunctionType) else ""


def stand_aside() -> None:
    """Give SIG_DFL its place back, where we have it."""
    if signal.getsignal(signal.SIGTERM) is DEFAULT:
        with suppress(ValueError):  # not the main thread: it does what SIG_DFL does
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
