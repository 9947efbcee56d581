"""A fork waits a moment for the journal: SQLite's own locks are not to be held by a thread that the child has not got.

A child that forks off while another thread is inside of SQLite finds a lock of the library taken, by nobody, and hangs
as soon as it opens a file of its own. The wait is short and bounded: a disk that takes longer is not waited for.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from time import perf_counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType

WAIT_S: Final = 0.2  # for all journals of the process together


class Hold:
    """Taken by whoever is inside of SQLite; the same thread may take it again."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.is_held_for_fork = False
        _install_hooks()
        _holds.add(self)

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lock.release()


_holds: weakref.WeakSet[Hold] = weakref.WeakSet()


@functools.cache  # hooks cannot be taken back, so they are set once
def _install_hooks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)


def _before() -> None:
    until_s = perf_counter() + WAIT_S
    for hold in tuple(_holds):
        hold.is_held_for_fork = hold.lock.acquire(timeout=max(until_s - perf_counter(), 0.0))


def _in_parent() -> None:
    for hold in tuple(_holds):
        if hold.is_held_for_fork:
            hold.is_held_for_fork = False
            hold.lock.release()


def _in_child() -> None:
    for hold in tuple(_holds):
        if hold.is_held_for_fork:  # by this very thread, the only one that is left
            hold.is_held_for_fork = False
            hold.lock.release()
        else:
            hold.lock = threading.RLock()
