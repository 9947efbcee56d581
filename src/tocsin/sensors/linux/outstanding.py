"""Calls that may never come back: a thread that waits for a dead server cannot be ended, only left behind."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")


class OutstandingCall(Generic[Answer]):
    """One call, made again and again on a daemon thread of its own, and never twice at a time.

    Used by one thread at a time.

    Args:
        name: of the thread.
        call: what may hang; an OSError is an answer of None.
    """

    def __init__(self, name: str, call: Callable[[], Answer]) -> None:
        self._name = name
        self._call = call
        self._pid = os.getpid()
        self._began_s: float | None = None
        self._finished: list[Answer | None] = []  # the thread's last step is to put its answer here

    def begin(self, mono_s: float) -> bool:
        """Make the call, unless one is out, or its answer was not asked for. False: none was made."""
        self._notice_fork()
        if self._began_s is not None:
            return False
        # A list of its own for each call: an answer that comes after a fork, or late, belongs to nobody.
        finished: list[Answer | None] = []
        thread = threading.Thread(target=_run, args=(self._call, finished), name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads, or the interpreter is going down
            return False
        self._finished, self._began_s = finished, mono_s
        return True

    def answer(self) -> Answer | None:
        """What the last call answered; None until it has, when it failed, and once it has been asked for."""
        self._notice_fork()
        if self._began_s is None or not self._finished:
            return None
        self._began_s = None
        return self._finished.pop()

    def age_s(self, mono_s: float) -> float:
        """For how long the answer has been owed; 0 when none is."""
        self._notice_fork()
        if self._began_s is None or self._finished:
            return 0.0
        return max(mono_s - self._began_s, 0.0)

    def is_out(self) -> bool:
        """Whether an answer is owed now."""
        self._notice_fork()
        return self._began_s is not None and not self._finished

    def _notice_fork(self) -> None:
        if self._pid != os.getpid():  # there is no such thread in the child
            self._pid, self._began_s = os.getpid(), None


def _run(call: Callable[[], Answer], finished: list[Answer | None]) -> None:
    found: Answer | None = None
    try:
        with suppress(OSError):
            found = call()
    finally:
        finished.append(found)
