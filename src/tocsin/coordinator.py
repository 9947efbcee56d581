"""MonitoringCoordinator: who is registered, who has to be alive, and in what order things start and stop.

Several systems may share one; whoever made it stops it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Protocol

from tocsin.clock import Clock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

# A watch thread that dies more often than this a minute has a cause that restarting does not mend.
MAX_RESTARTS: Final = 5
RESTART_WINDOW_S: Final = 60.0


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
        self._threads: dict[threading.Thread, float] = {}
        self._parts: list[Part] = []
        self._restarts: dict[str, list[float]] = {}
        self.running = False

    # -- registered threads

    @property
    def threads(self) -> tuple[threading.Thread, ...]:
        """The registered threads, in the order of registration."""
        with self._lock:
            return tuple(self._threads)

    def register_thread(self, thread: threading.Thread | None = None) -> None:
        """Register a thread, by default the calling one. Twice is once."""
        thread = thread or threading.current_thread()
        now_s = self._clock.now().mono_s
        with self._lock:
            self._threads.setdefault(thread, now_s)

    def unregister_thread(self, thread: threading.Thread | None = None) -> None:
        """Unregister a thread, by default the calling one. One that is not registered is nothing to complain of."""
        with self._lock:
            self._threads.pop(thread or threading.current_thread(), None)

    def heartbeat(self, thread: threading.Thread | None = None) -> None:
        """Say that a registered thread gets on. Registers it if it was not."""
        now_s = self._clock.now().mono_s
        with self._lock:
            self._threads[thread or threading.current_thread()] = now_s

    def last_heartbeat_s(self, thread: threading.Thread) -> float | None:
        """When a thread was registered or last said that it gets on, in monotonic seconds; None: not registered."""
        with self._lock:
            return self._threads.get(thread)

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
        self._threads = {thread: at_s for thread, at_s in self._threads.items() if thread.is_alive()}
