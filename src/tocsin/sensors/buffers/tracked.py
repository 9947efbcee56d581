"""One buffer that is watched: how to measure it, and how much it can take."""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tocsin.errors import ConfigError
from tocsin.sensors.protocol import NAN

if TYPE_CHECKING:
    from collections.abc import Callable

_SEMAPHORE_MAX: Final = 2**31 - 1  # what an unbounded multiprocessing.Queue says of itself


class BufferUsage(msgspec.Struct, frozen=True):
    """How full a buffer is.

    Attributes:
        name: as it was tracked.
        used: entries in it; bytes where it is the budget.
        capacity: entries, or bytes, that it can take.
        utilization: `used / capacity`; beyond 1 where more is in it than its capacity allows.
    """

    name: str
    used: float
    capacity: float
    utilization: float


class Tracked:
    """A buffer without keeping it alive, where that is possible.

    Args:
        name: as it is tracked.
        target: the buffer.
        capacity: as given; None: asked of the buffer.
    Raises: ConfigError: if it cannot be measured or its capacity is not known.

    Attributes:
        failures: how often it could not be measured.
        high_water: the highest utilization that was seen.
    """

    __slots__ = ("_measure", "_target", "capacity", "failures", "high_water")

    def __init__(self, name: str, target: object, capacity: float | None) -> None:
        self._measure = _way_to_measure(name, target)
        self.capacity = _capacity(name, target, capacity)
        self._target = _reference(target)
        self.failures = 0
        self.high_water = 0.0

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
        self.high_water = max(self.high_water, used / self.capacity)
        return used


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
