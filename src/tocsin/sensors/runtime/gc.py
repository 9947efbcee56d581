"""How long garbage collections stop the program, and what they find."""

from __future__ import annotations

import gc
import sys
from collections import deque
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tocsin.model.readings import SeriesKey
from tocsin.sensors.protocol import NAN, Tier

if TYPE_CHECKING:
    from types import CodeType

    from tocsin.clock import Instant
    from tocsin.model.readings import Layout

_LONG_NS: Final = 10_000_000
_MAX_KEPT: Final = 32
_MAX_PLACES: Final = 4
_GENERATIONS: Final = len(gc.get_stats())
_COUNTED: Final = (
    ("cpython.gc.collections", "collections"),
    ("cpython.gc.collected_objects", "collected"),
    ("cpython.gc.uncollectable_objects", "uncollectable"),
)


class GcPause(NamedTuple):
    """One long collection.

    Attributes:
        at_s: when it ended, by `time.perf_counter`.
        duration_s: how long it took.
        generation: what was collected: 0, 1 or 2.
        collected: objects that were freed.
        places: where the program stood, innermost first: code and instruction offset.
    """

    at_s: float
    duration_s: float
    generation: int
    collected: int
    places: tuple[tuple[CodeType, int], ...]


class _Stopwatch:
    """Times collections, inside the collector.

    It runs on whatever thread collects, in the middle of any line of the program. A lock here would wait for itself
    (prometheus/client_python#322), so there is none, and nothing is made but for a long pause. What the reader takes
    and sets back, it takes and sets back between two checks for a switch of threads, so no pause is lost.
    """

    __slots__ = ("big", "longest_ns", "started_ns", "total_ns")

    def __init__(self) -> None:
        self.started_ns = 0
        self.total_ns = 0
        self.longest_ns = 0
        self.big: deque[GcPause] = deque(maxlen=_MAX_KEPT)

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        now_ns = perf_counter_ns()
        if phase == "start":
            self.started_ns = now_ns
            return
        started_ns = self.started_ns
        if not started_ns:
            return  # it was installed in the middle of a collection
        self.started_ns = 0
        took_ns = now_ns - started_ns
        self.total_ns += took_ns
        if took_ns > self.longest_ns:  # noqa: PLR1730 - after a call of `max`, threads may switch
            self.longest_ns = took_ns
        if took_ns >= _LONG_NS:
            frame = sys._getframe().f_back  # noqa: SLF001 - the documented way to a caller
            places: list[tuple[CodeType, int]] = []
            while frame is not None and len(places) < _MAX_PLACES:
                places.append((frame.f_code, frame.f_lasti))
                frame = frame.f_back
            self.big.append(GcPause(now_ns / 1e9, took_ns / 1e9, info["generation"], info["collected"], tuple(places)))


class GcSensor:
    """Pauses by garbage collection, timed by a callback of the collector from the first reading to `close`."""

    name: Final = "runtime.gc"
    tier: Final = Tier.CORE
    layout: Final[Layout] = (
        SeriesKey("tocsin.gc.pause"),
        SeriesKey("tocsin.gc.time"),
        *(SeriesKey(metric, (("generation", str(n)),)) for metric, _ in _COUNTED for n in range(_GENERATIONS)),
    )

    def __init__(self) -> None:
        self._watch = _Stopwatch()

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """The longest pause since the last reading and all pauses so far, in seconds; then the collector's counts.

        The first reading has no pause: nobody timed before.
        """
        watch, stats = self._watch, gc.get_stats()
        counts = [float(generation[count]) for _, count in _COUNTED for generation in stats]
        # Not remembered but looked up: another monitor, or the program itself, may have emptied the list.
        if watch not in gc.callbacks:
            watch.started_ns = watch.longest_ns = 0
            gc.callbacks.append(watch)
            return [NAN, watch.total_ns / 1e9, *counts]
        longest_ns = watch.longest_ns
        watch.longest_ns = 0
        return [longest_ns / 1e9, watch.total_ns / 1e9, *counts]

    def biggest(self, since_s: float, n: int = 5) -> list[GcPause]:
        """The longest pauses of at least 10 ms since a moment by `time.perf_counter`, longest first."""
        recent = [pause for pause in tuple(self._watch.big) if pause.at_s >= since_s]
        return sorted(recent, key=lambda pause: pause.duration_s, reverse=True)[:n]

    def close(self) -> None:
        """Time no longer; the program's collections are as cheap again as they were before."""
        try:
            gc.callbacks.remove(self._watch)
        except ValueError:
            return  # it was never read

    def __del__(self) -> None:
        self.close()  # a sensor that is dropped, as in a fork, must not time for ever
