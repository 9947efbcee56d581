"""Hears of threads that die of an uncaught exception, through `threading.excepthook`.

The hook that was there before runs afterwards, as if nobody had come between. It is put in place when somebody begins
to listen, and taken out when nobody does any more, if nobody else has put his own on top in between: then ours stays
where it is, and says nothing.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final, Protocol

from tocsin.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

# Somebody who wraps whatever is there again and again must not make a chain without end of us.
MAX_HOOKS: Final = 32
failures: Final = Tally()


class DeathListener(Protocol):
    """Who wants to hear."""

    def died(self, thread: threading.Thread, error: BaseException) -> None:
        """A thread is about to end of this exception. Called on that thread; twice for one death is possible."""
        ...


class _Hook:
    """One link of the chain."""

    def __init__(self, previous: Callable[[Any], object]) -> None:
        self.previous = previous

    def __call__(self, args: Any, /) -> None:
        try:
            if args.thread is not None and args.exc_value is not None:
                for listener in tuple(_listeners):
                    listener.died(args.thread, args.exc_value)
        except Exception:  # noqa: BLE001 - the program's own hook must run, whatever becomes of ours
            failures.add()
        self.previous(args)


_listeners: weakref.WeakSet[DeathListener] = weakref.WeakSet()
_lock = threading.Lock()
_hooks: weakref.WeakSet[_Hook] = weakref.WeakSet()  # those that somebody still holds


def listen(listener: DeathListener) -> None:
    """Tell this listener of deaths from now on; it is not kept alive by this. Twice is once."""
    with _lock:
        _listeners.add(listener)
        # A hook of somebody else on top may call ours, or may have taken its place: a death that is heard of twice does
        # no harm, one that is not heard of does.
        if not isinstance(threading.excepthook, _Hook) and len(_hooks) < MAX_HOOKS:
            hook = _Hook(threading.excepthook)
            _hooks.add(hook)
            threading.excepthook = hook


def leave(listener: DeathListener) -> None:
    """Tell it no longer. Twice is once."""
    with _lock:
        _listeners.discard(listener)
        if not _listeners and isinstance(threading.excepthook, _Hook):
            threading.excepthook = threading.excepthook.previous


def _in_child() -> None:
    """Whoever held the lock in the parent does not hold it here."""
    global _lock  # noqa: PLW0603 - there is one hook in a process
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
