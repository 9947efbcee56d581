"""MonitoringCoordinator: who is registered, who has to be alive, and in what order things start and stop.

Several systems may share one; whoever made it stops it.
"""

from __future__ import annotations

import itertools
import math
import sys
import threading
import traceback
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from tocsin.clock import Clock, SystemClock
from tocsin.errors import ConfigError
from tocsin.model.readings import MAX_LABEL_CHARS, inert
from tocsin.sensors import deaths

if TYPE_CHECKING:
    from collections.abc import Callable

# A watch thread that dies more often than this a minute has a cause that restarting does not mend.
MAX_RESTARTS: Final = 5
RESTART_WINDOW_S: Final = 60.0
# Ends of threads that are kept until each system has looked.
MAX_ENDS: Final = 500
MAX_FRAMES: Final = 12
MAX_ERROR_CHARS: Final = 300
# What ends a thread on purpose: the interpreter prints nothing of it either.
_ON_PURPOSE: Final = (SystemExit, KeyboardInterrupt, GeneratorExit)


class Part(Protocol):
    """Something with a thread of its own that the coordinator keeps alive."""

    name: str

    def begin(self) -> None:
        """Start the thread, if it is not running."""
        ...

    def end(self, timeout_s: float) -> bool:
        """Ask it to end; whether it did."""
        ...

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        ...


class Registered:
    """One registered thread and what it promised.

    Attributes:
        thread: the thread.
        name: as alerts call it.
        number: grows with each registration; tells a thread from one of the same name that came later.
        must_live: whether its end is told, however it ends.
        heartbeat_s: seconds within which it promised to say that it gets on; None: it promised nothing.
        beat_s: when it was registered or last said so, in monotonic seconds.
    """

    __slots__ = ("beat_s", "heartbeat_s", "must_live", "name", "number", "thread", "told")

    def __init__(
        self,
        thread: threading.Thread,
        number: int,
        beat_s: float,
        *,
        name: str,
        must_live: bool,
        heartbeat_s: float | None,
    ) -> None:
        self.thread = thread
        self.name = name
        self.number = number
        self.must_live = must_live
        self.heartbeat_s = heartbeat_s
        self.beat_s = beat_s
        self.told = False  # whether its end has been written down


class ThreadEnd(NamedTuple):
    """A thread ended in a way that is told.

    Attributes:
        number: in the order in which they were written down, from 1.
        thread: as it was registered.
        error: the exception in words; empty: it ended without one, though it promised to live.
        frames: where the exception came from, innermost last. Plain data: no frame is kept alive.
    """

    number: int
    thread: Registered
    error: str
    frames: tuple[traceback.FrameSummary, ...]


class MonitoringCoordinator:
    """Keeps the register of threads, and starts and stops the parts of a system in order.

    Calls from any thread are safe, in any order and twice. A registered thread that ended stays registered until it is
    unregistered: that it ended is for others to judge.

    Args:
        clock: tells heartbeats and restarts apart.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()  # a finalizer may come between
        self._threads: dict[threading.Thread, Registered] = {}
        self._leaving: dict[threading.Thread, Registered] = {}
        self._numbers = itertools.count(1)
        self._ends: deque[ThreadEnd] = deque(maxlen=MAX_ENDS)
        self._ended = 0
        self._parts: list[Part] = []
        self._restarts: dict[str, list[float]] = {}
        self.running = False

    # -- registered threads

    @property
    def threads(self) -> tuple[threading.Thread, ...]:
        """The registered threads, in the order of registration."""
        with self._lock:
            return tuple(self._threads)

    def register_thread(
        self,
        thread: threading.Thread | None = None,
        *,
        name: str = "",
        must_live: bool = False,
        heartbeat_s: float | None = None,
    ) -> None:
        """Register a thread, by default the calling one. Twice is once; a promise takes the place of an earlier one.

        Of every registered thread it is told when it dies of an exception.

        Args:
            thread: started or not.
            name: as alerts call it; by default the thread's own.
            must_live: whether it is told when it ends, however it ends.
            heartbeat_s: seconds within which it will call `heartbeat`; it is told when it is silent for twice as long.
        Raises: ConfigError: if `heartbeat_s` is no time.
        """
        thread = thread or threading.current_thread()
        check_heartbeat(heartbeat_s)
        now_s = self._clock.now().mono_s
        promises = bool(name or must_live or heartbeat_s is not None)
        with self._lock:
            if not promises and thread in self._threads:
                return
            self._threads[thread] = Registered(
                thread, next(self._numbers), now_s,
                name=inert(name or thread.name, MAX_LABEL_CHARS), must_live=must_live, heartbeat_s=heartbeat_s,
            )  # fmt: skip
        deaths.listen(self)

    def unregister_thread(self, thread: threading.Thread | None = None) -> None:
        """Unregister a thread, by default the calling one. One that is not registered is nothing to complain of."""
        thread = thread or threading.current_thread()
        with self._lock:
            registered = self._threads.pop(thread, None)
            if registered is not None and thread is threading.current_thread() and sys.exc_info()[1] is not None:
                # It says goodbye in a `finally`, on its way out: whether it dies is known in a moment.
                self._leaving = {other: kept for other, kept in self._leaving.items() if other.is_alive()}
                self._leaving[thread] = registered

    def heartbeat(self, thread: threading.Thread | None = None) -> None:
        """Say that a registered thread gets on. Registers it if it was not."""
        thread = thread or threading.current_thread()
        registered = self._threads.get(thread)
        if registered is None:
            self.register_thread(thread)
        else:
            registered.beat_s = self._clock.now().mono_s

    def last_heartbeat_s(self, thread: threading.Thread) -> float | None:
        """When a thread was registered or last said that it gets on, in monotonic seconds; None: not registered."""
        registered = self._threads.get(thread)
        return None if registered is None else registered.beat_s

    def registered(self) -> list[Registered]:
        """The registered threads with their promises, in the order of registration."""
        with self._lock:
            return list(self._threads.values())

    # -- ends that are told

    def died(self, thread: threading.Thread, error: BaseException) -> None:
        """A thread dies of an exception; of one that is not registered, nothing is written down."""
        if isinstance(error, _ON_PURPOSE):
            return
        with self._lock:
            registered = self._threads.get(thread) or self._leaving.pop(thread, None)
        if registered is None or registered.told:
            return
        frames = traceback.extract_tb(error.__traceback__, limit=-MAX_FRAMES)
        self._write_down(registered, inert(f"{type(error).__name__}: {_words(error)}", MAX_ERROR_CHARS), tuple(frames))

    def leave(self, thread: threading.Thread, error: BaseException | None) -> None:
        """A thread comes to the end of what it was registered for: it is unregistered, and told of if need be."""
        if error is not None:
            self.died(thread, error)
        with self._lock:
            registered = self._threads.pop(thread, None)
        if registered is not None and registered.must_live:
            self._write_down(registered, "", ())

    def ends_after(self, number: int) -> list[ThreadEnd]:
        """The ends that are told and were written down after the one of this number."""
        for registered in self.registered():
            if registered.must_live and not registered.told and has_ended(registered.thread):
                self._write_down(registered, "", ())
        return [end for end in tuple(self._ends) if end.number > number]

    def release(self) -> None:
        """Hear of deaths no longer, until a thread is registered again."""
        deaths.leave(self)

    def _write_down(self, registered: Registered, error: str, frames: tuple[traceback.FrameSummary, ...]) -> None:
        with self._lock:
            if not registered.told:
                registered.told = True
                self._ended += 1
                self._ends.append(ThreadEnd(self._ended, registered, error, frames))

    # -- parts

    def add(self, part: Part) -> None:
        """Take care of a part; it begins at once when the coordinator runs."""
        with self._lock:
            if part not in self._parts:
                self._parts.append(part)
            running = self.running
        if running:
            part.begin()

    def remove(self, part: Part) -> None:
        """Take care of a part no longer; it is not stopped."""
        with self._lock:
            if part in self._parts:
                self._parts.remove(part)

    def start(self) -> None:
        """Begin all parts, in the order in which they were added."""
        with self._lock:
            self.running = True
            parts = tuple(self._parts)
        for part in parts:
            part.begin()

    def stop(self, timeout_s: float = 2.0) -> bool:
        """End all parts, last added first, within `timeout_s` in all. False: some did not end in time."""
        with self._lock:
            self.running = False
            parts = tuple(reversed(self._parts))
        until_s = SystemClock().now().mono_s + timeout_s
        ended = [part.end(max(until_s - SystemClock().now().mono_s, 0.0)) for part in parts]
        return all(ended)

    def supervise(self, report: Callable[[str], None] | None = None) -> None:
        """Begin again what died; a part that dies too often is left to rest, and reported."""
        now_s = self._clock.now().mono_s
        with self._lock:
            dead = [part for part in self._parts if self.running and not part.is_alive()]
        for part in dead:
            times = [at_s for at_s in self._restarts.get(part.name, []) if now_s - at_s < RESTART_WINDOW_S]
            if len(times) >= MAX_RESTARTS:
                if report is not None:
                    report(f"{part.name} died {len(times)} times within a minute and is left to rest")
                continue
            self._restarts[part.name] = [*times, now_s]
            part.begin()

    def after_fork(self) -> None:
        """In the child: a new lock, no threads but the one that forked, nothing running."""
        self._lock = threading.RLock()  # a finalizer may come between
        self.running = False
        self._threads = {thread: kept for thread, kept in self._threads.items() if thread.is_alive()}
        self._leaving = {}
        self._ends.clear()


def check_heartbeat(heartbeat_s: float | None) -> None:
    """Raise ConfigError unless it is None or a time above zero."""
    if heartbeat_s is None:
        return
    number = isinstance(heartbeat_s, (int, float)) and not isinstance(heartbeat_s, bool)
    if not number or not 0 < heartbeat_s < math.inf:
        raise ConfigError(f"heartbeat_s: found {heartbeat_s!r}, expected seconds above 0, such as heartbeat_s=10")


def has_ended(thread: threading.Thread) -> bool:
    """Whether a thread ran and is over; one that has not been started has not ended."""
    return thread.ident is not None and not thread.is_alive()


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a user's broken __str__ must not hide the death
        return "(it cannot be shown)"
