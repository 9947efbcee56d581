"""How full the program's own queues are."""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.errors import ConfigError
from tocsin.model.readings import MAX_LABEL_CHARS, Layout, SeriesKey, inert
from tocsin.sensors.protocol import NAN, Tier, kept_layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.clock import Instant

_SEMAPHORE_MAX: Final = 2**31 - 1  # what an unbounded multiprocessing.Queue says of itself


class BufferUsage(msgspec.Struct, frozen=True):
    """How full a buffer is.

    Attributes:
        name: as it was tracked.
        used: entries in it.
        capacity: entries that it can take.
        utilization: `used / capacity`; beyond 1 where more is in it than its capacity allows.
    """

    name: str
    used: float
    capacity: float
    utilization: float


class _Tracked:
    """A buffer without keeping it alive, where that is possible."""

    __slots__ = ("_measure", "_target", "capacity", "failures")

    def __init__(self, target: object, measure: Callable[[Any], float], capacity: float) -> None:
        self._target = _reference(target)
        self._measure = measure
        self.capacity = capacity
        self.failures = 0

    @property
    def gone(self) -> bool:
        return self._target() is None

    def used(self) -> float:
        """NaN when it cannot be measured this time, which is counted."""
        try:
            used = float(self._measure(self._target()))
        except Exception:  # noqa: BLE001 - a user's object must harm only its own series
            used = NAN
        if not (math.isfinite(used) and used >= 0):
            self.failures += 1
            return NAN
        return used


class BufferManager:
    """Watches how full the program's queues are. All its methods may be called from any thread.

    Nothing here takes a lock: single operations on a dict are atomic, and a fork can come at any time.
    """

    def __init__(self) -> None:
        self._tracked: dict[str, _Tracked] = {}

    def track(self, name: str, buffer: object, capacity: float | None = None) -> None:
        """Watch a buffer from now on; an earlier one of the same name is replaced.

        Args:
            name: the label of its series.
            buffer: a `queue.Queue`, an `asyncio.Queue`, a queue of multiprocessing, a deque, anything with a length,
                or a function that returns the number of entries. A buffer is not kept alive by being watched (where
                Python can do that: not for lists and dicts), and one that is gone is watched no longer.
            capacity: how many entries it can take; needed where the buffer does not say so itself.
        Raises: ConfigError: if it cannot be measured or its capacity is not known.
        """
        label = inert(name, MAX_LABEL_CHARS)
        measure = _way_to_measure(label, buffer)
        self._tracked[label] = _Tracked(buffer, measure, _capacity(label, buffer, capacity))

    def untrack(self, name: str) -> None:
        """Watch it no longer; a name that is not watched is fine."""
        self._tracked.pop(inert(name, MAX_LABEL_CHARS), None)

    @property
    def usage(self) -> dict[str, BufferUsage]:
        """How full each buffer is now; without those that cannot be measured at the moment."""
        return {usage.name: usage for usage in self.measure() if usage.used == usage.used}

    @property
    def failures(self) -> dict[str, int]:
        """How often a buffer could not be measured."""
        return {name: tracked.failures for name, tracked in list(self._tracked.items())}

    def measure(self) -> list[BufferUsage]:
        """Look at each buffer once; `used` is NaN where that failed."""
        found = []
        for name, tracked in list(self._tracked.items()):
            if tracked.gone:
                if self._tracked.get(name) is tracked:
                    self._tracked.pop(name, None)
                continue
            used = tracked.used()
            found.append(BufferUsage(name, used, tracked.capacity, used / tracked.capacity))
        return found


class BufferSensor:
    """The buffers of a manager as series."""

    name: Final = "program.buffers"
    tier: Final = Tier.CORE

    def __init__(self, manager: BufferManager) -> None:
        self.layout: Layout = ()
        self._manager = manager

    def read(self, now: Instant) -> list[float]:  # noqa: ARG002 - the protocol's shape
        """See `Sensor.read`."""
        found = self._manager.measure()
        keys = (SeriesKey("tocsin.buffer.utilization", (("buffer", usage.name),)) for usage in found)
        self.layout = kept_layout(self.layout, keys)
        return [usage.utilization for usage in found]

    def close(self) -> None:
        """Nothing is kept open."""


def _reference(target: object) -> Callable[[], object]:
    # A function often lives nowhere else (a lambda, a bound method), so it is kept.
    if not callable(target):
        try:
            return weakref.ref(target)
        except TypeError:
            pass  # lists and dicts cannot be referred to weakly
    return lambda: target


def _way_to_measure(name: str, buffer: object) -> Callable[[Any], float]:
    if hasattr(buffer, "qsize"):
        return lambda queue: float(queue.qsize())
    if hasattr(type(buffer), "__len__"):
        return lambda sized: float(len(sized))
    if callable(buffer):
        return lambda function: float(function())
    raise ConfigError(
        f"buffer {name!r}: found {type(buffer).__name__}, expected a queue, something with a length, or a function "
        "that returns the number of entries"
    )


def _capacity(name: str, buffer: object, given: float | None) -> float:
    capacity = given
    if capacity is None:
        for attribute in ("maxsize", "maxlen", "_maxsize"):
            found = getattr(buffer, attribute, None)
            if isinstance(found, int) and 0 < found < _SEMAPHORE_MAX:
                return float(found)
        raise ConfigError(f"buffer {name!r}: it does not say how much it can take; pass capacity=, the most entries")
    if isinstance(capacity, bool) or not isinstance(capacity, (int, float)) or not 0 < capacity < math.inf:
        raise ConfigError(f"buffer {name!r}: capacity: found {capacity!r}, expected a number above 0")
    return float(capacity)
