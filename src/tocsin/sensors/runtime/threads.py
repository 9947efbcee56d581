"""How many threads Python knows, and how much CPU time each thread of the program takes."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.model.readings import SeriesKey
from tocsin.sensors.protocol import Tier
from tocsin.sensors.runtime.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

MAX_THREADS: Final = 500
_KEPT: Final = 4
# Of one core: very many threads are looked at less often.
_SHARE: Final = 0.0005
_EVERY_S: Final = 2.0
_LONG_ENOUGH_S: Final = 2.0
_AT_LEAST_S: Final = 1.0


class ThreadSensor:
    """Python's threads, those of Tocsin included; `process.thread.count` counts the foreign ones too."""

    name: Final = "runtime.threads"
    tier: Final = Tier.SLOW
    layout: Final[Layout] = (SeriesKey("tocsin.thread.count"), SeriesKey("tocsin.thread.daemon.count"))

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        threads = threading.enumerate()
        return [float(len(threads)), float(sum(thread.daemon for thread in threads))]

    def close(self) -> None:
        """Nothing is kept open."""


class BusyThread(NamedTuple):
    """What one thread used.

    Attributes:
        native_id: the kernel's number of the thread.
        share: CPU time for each second, as a share of one core.
        over_s: seconds it was looked at.
    """

    native_id: int
    share: float
    over_s: float


class ThreadTimes:
    """Remembers the CPU time of each thread every two seconds, so that one can say who was busy lately.

    Linux only: elsewhere `busiest` knows nobody.

    Args:
        cpu_s: from a thread's native id to its CPU seconds; raises OSError for a thread that is gone.
        native_ids: the threads there are.
    """

    def __init__(
        self,
        cpu_s: Callable[[int], float] | None = None,
        native_ids: Callable[[], Iterable[int]] | None = None,
    ) -> None:
        self._cpu_s = cpu_s or thread_cpu_s
        self._native_ids = native_ids or own_threads
        self._kept: deque[tuple[float, dict[int, float]]] = deque(maxlen=_KEPT)
        self._pace = Pace(_SHARE, _EVERY_S)

    def remember(self, at_s: float) -> None:
        """Take stock, unless that was done less than two seconds ago, or would cost too much.

        Args:
            at_s: monotonic seconds.
        """
        if not self._pace.allows(at_s):
            return
        began_s = time.thread_time()
        self._kept.append((at_s, self._stock()))
        self._pace.looked(at_s, time.thread_time() - began_s)

    def busiest(self, at_s: float, n: int) -> list[BusyThread]:
        """The `n` threads that used most in the last two to four seconds, busiest first.

        Shortly after the start it may be one second; before that nobody is known.
        """
        old = next((kept for kept in reversed(self._kept) if at_s - kept[0] >= _LONG_ENOUGH_S), None)
        if old is None:
            old = next((kept for kept in self._kept if at_s - kept[0] >= _AT_LEAST_S), None)
        if old is None:
            return []
        then_s, before = old
        over_s = at_s - then_s
        # A thread that was not there then has used all its time since.
        used = [
            BusyThread(thread, max(cpu_s - before.get(thread, 0.0), 0.0) / over_s, over_s)
            for thread, cpu_s in self._stock().items()
        ]
        return sorted(used, key=lambda one: one.share, reverse=True)[:n]

    def forget(self) -> None:
        """Begin anew; in a forked child the threads are others."""
        self._kept.clear()
        self._pace.forget()

    def _stock(self) -> dict[int, float]:
        found: dict[int, float] = {}
        for thread in self._native_ids():
            with suppress(OSError):  # it ended just now, or this kernel does not say
                found[thread] = self._cpu_s(thread)
            if len(found) >= MAX_THREADS:
                break
        return found


def thread_cpu_s(native_id: int) -> float:
    """The CPU seconds that a thread of this process has used, by a clock that the kernel keeps for each.

    A twelfth of the price of reading it from /proc. The number of the clock is made as in the kernel's
    `MAKE_THREAD_CPUCLOCK` (include/linux/posix-timers.h); for a thread that is gone it is refused, unlike
    `pthread_getcpuclockid`, which may crash.

    Raises: OSError: if there is no such thread in this process, or no such clock on this system.
    """
    return time.clock_gettime((~native_id << 3) | 6)  # noqa: TID251 - a stopwatch of another thread, no time of day


def own_threads(tasks: Path = Path("/proc/self/task")) -> list[int]:
    """The native ids of all threads of this process, those that Python does not know included; empty off Linux."""
    if not sys.platform.startswith("linux"):
        return []
    try:
        return [int(name) for name in os.listdir(tasks)]
    except (OSError, ValueError):
        return []
