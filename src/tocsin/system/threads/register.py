"""The program's threads that a system knows of.

| state of the thread    | register                          | unregister                              |
|------------------------|-----------------------------------|-----------------------------------------|
| not known              | known; the coordinator is told    | nothing                                 |
| known                  | nothing                           | not known; the coordinator is told      |
| not yet started, ended | as above: it is the object that counts, never its number, which is used again             |

| coordinator            | register                          | unregister                              |
|------------------------|-----------------------------------|-----------------------------------------|
| None                   | known                             | not known                               |
| raises                 | known; counted and logged         | not known; counted and logged           |
| replaced               | the new one is told               | the one in place then is told           |
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Coordinator(Protocol):
    """What a system asks of its coordinator."""

    def register_thread(self, thread: threading.Thread) -> None:
        """A thread is to be looked after."""
        ...

    def unregister_thread(self, thread: threading.Thread) -> None:
        """It is not, any longer."""
        ...


class ThreadRegister:
    """Knows Thread objects, and tells the coordinator of them.

    No lock is held while the coordinator is called, so the two cannot wait for each other.

    Args:
        coordinator: asked for at each call, since it may be exchanged or taken away.
        report: called with what went wrong, in words.
    """

    def __init__(self, coordinator: Callable[[], Coordinator | None], report: Callable[[str], None]) -> None:
        self.known: set[threading.Thread] = set()
        self._coordinator = coordinator
        self._report = report
        self._lock = threading.RLock()  # a finalizer may come between

    def after_fork(self) -> None:
        """In the child only the thread that forked goes on."""
        self._lock = threading.RLock()  # a finalizer may come between
        self.known = {thread for thread in self.known if thread.is_alive()}

    def register(self, thread: threading.Thread | None) -> None:
        """Know a thread, by default the calling one."""
        thread = thread if thread is not None else threading.current_thread()
        with self._lock:
            if thread in self.known:
                return
            self.known.add(thread)
        self._tell("register_thread", thread)

    def unregister(self, thread: threading.Thread | None) -> None:
        """Forget a thread, by default the calling one."""
        thread = thread if thread is not None else threading.current_thread()
        with self._lock:
            if thread not in self.known:
                return
            self.known.discard(thread)
        self._tell("unregister_thread", thread)

    def forget_all(self) -> list[str]:
        """Unregister every thread; one that fails does not keep the rest. Returns what failed, by name."""
        with self._lock:
            threads = sorted(self.known, key=lambda thread: thread.name)
            self.known.clear()
        return [failure for thread in threads if (failure := self._tell("unregister_thread", thread))]

    def _tell(self, call: str, thread: threading.Thread) -> str:
        coordinator = self._coordinator()
        if coordinator is None:
            return ""
        try:
            getattr(coordinator, call)(thread)
        except Exception as error:  # noqa: BLE001 - a foreign coordinator must not harm the program
            failure = f"{call} of {thread.name!r} failed: {type(error).__name__}: {error}"
            self._report(failure)
            return failure
        return ""
