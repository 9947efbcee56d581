"""The kernel's own alarm: a pressure stall trigger wakes us when tasks begin to wait, so nobody has to poll for it.

Source: the kernel's Documentation/accounting/psi.rst, "Monitoring for pressure thresholds".
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    _Known = dict[int, tuple[int, int]]

# Some task waited 200 ms of 2 s. Windows must be multiples of 2 s for whoever has no special rights.
STALL_US: Final = 200_000
WINDOW_US: Final = 2_000_000
RESOURCES: Final = ("cpu", "memory", "io")


class _Word:
    """What a waiting thread and whoever stops it say to each other, under the trigger's lock.

    Attributes:
        told: the thread is to end, and to give its descriptors back.
        left: it has ended without being told, and left them.
    """

    __slots__ = ("left", "told")

    def __init__(self) -> None:
        self.told = self.left = False


class PressureTrigger:
    """Waits in the kernel, on a daemon thread without a pulse, and calls back when pressure rises.

    The kernel calls at most once a window and resource.

    Args:
        rises: called with the resource, on the trigger's thread; must not block.
        folder: where the pressure files are.
    """

    def __init__(self, rises: Callable[[str], None], folder: Path = Path("/proc/pressure")) -> None:
        self._rises = rises
        self._folder = folder
        self._files: dict[int, str] = {}
        self._wake: tuple[int, int] | None = None
        self._known: _Known = {}
        self._word = _Word()
        self._lock = threading.Lock()  # two threads may start and stop it at once

    def start(self) -> str:
        """Ask the kernel and wait. Twice is once.

        Returns: why there is no trigger, in words; empty where there is one.
        """
        import select  # noqa: PLC0415 - not everywhere has it in full

        if not hasattr(select, "poll"):
            return "this system cannot wait for pressure"
        with self._lock:
            return self._start() if self._wake is None else ""

    def _start(self) -> str:
        reason = self._open()
        if not self._files:
            return reason
        self._wake = os.pipe()
        self._known = {fd: _identity(fd) for fd in (*self._wake, *self._files)}
        # Named at once: the number of a nameless one would be missing in the names of the program's own threads.
        self._word = _Word()
        what = (dict(self._files), self._wake[0], self._known, self._word)
        thread = threading.Thread(target=self._wait, args=what, name="tocsin-pressure", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._close()
            return str(error)
        return ""

    def stop(self) -> None:
        """Take the triggers back; the thread ends by itself."""
        with self._lock:
            if self._wake is None:
                return
            self._word.told = True
            if _is_ours(self._wake[1], self._known):
                with suppress(BrokenPipeError):  # the thread has ended, since what it called back raised
                    os.write(self._wake[1], b"x")
                os.close(self._wake[1])
            if self._word.left:
                _give_back((self._wake[0], *self._files), self._known)
            self._wake, self._files = None, {}

    def forget(self) -> None:
        """In a forked child: the thread stayed with the parent, and these copies of its descriptors are of no use."""
        self._lock = threading.Lock()
        self._close()

    def _close(self) -> None:
        if self._wake is not None:
            _give_back((*self._wake, *self._files), self._known)
        self._wake, self._files = None, {}

    def _open(self) -> str:
        reason = f"{self._folder} is not there: the kernel was built or started without pressure stall information"
        for resource in RESOURCES:
            fd = -1
            try:
                fd = os.open(self._folder / resource, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
                os.write(fd, b"some %d %d\0" % (STALL_US, WINDOW_US))
            except FileNotFoundError:
                continue
            except OSError as error:
                if fd >= 0:
                    os.close(fd)
                reason = f"{self._folder / resource}: {error.strerror}"
                continue
            self._files[fd] = resource
        return reason

    def _wait(self, files: dict[int, str], woken: int, known: _Known, word: _Word) -> None:
        """Call back until told to end.

        Whoever wakes us without telling so is a program that closes descriptors by number, or uses their numbers anew.
        It goes on with the next ones at this moment, and between our look at one and its closing it may have become
        the program's: so we close none of them. Those that stay ours are given back by `stop`.
        """
        import select  # noqa: PLC0415 - as above

        poll = select.poll()
        poll.register(woken, select.POLLIN)
        for fd in files:
            poll.register(fd, select.POLLPRI)
        try:
            while True:
                ready = poll.poll()
                if any(fd == woken for fd, _ in ready):
                    with self._lock:
                        word.left = not word.told
                    return
                for fd, event in ready:
                    if event & (select.POLLERR | select.POLLNVAL):
                        poll.unregister(fd)  # the trigger is gone, with its cgroup or closed by the program
                    else:
                        self._rises(files[fd])
        finally:
            if not word.left:
                _give_back((woken, *files), known)


def _identity(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


def _is_ours(fd: int, known: _Known) -> bool:
    """Whether it is still what we opened: a program that becomes a daemon closes all, and uses their numbers anew."""
    try:
        return _identity(fd) == known[fd]
    except OSError:
        return False


def _give_back(fds: Iterable[int], known: _Known) -> None:
    for fd in fds:
        if _is_ours(fd, known):
            os.close(fd)
