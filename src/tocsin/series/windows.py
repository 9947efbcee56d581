"""The last seconds of a series as one value, kept up to date reading by reading.

Each costs amortised O(1) a reading, except percentiles, which keep a sorted list (a memmove of some hundred bytes).
A window holds the readings from `span_s` seconds ago to now, both ends included.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from typing import Final, Protocol

NOTHING: Final = math.nan
# Adding and taking away floats drifts; a fresh sum once in a while keeps it exact.
_RESUM_EVERY: Final = 4096


class Window(Protocol):
    """Readings in, one value out."""

    span_s: float

    def push(self, at_s: float, value: float) -> None:
        """Take a reading."""
        ...

    def value(self, now_s: float) -> float:
        """The aggregate as of now; NaN when the window holds too little."""
        ...

    def clear(self) -> None:
        """Forget all, as after a gap."""
        ...


class _Timed:
    """What all windows share: the readings with their times, and leaving out the old ones."""

    __slots__ = ("_items", "span_s")

    def __init__(self, span_s: float) -> None:
        self.span_s = span_s
        self._items: deque[tuple[float, float]] = deque()

    def clear(self) -> None:
        self._items.clear()

    def _evict(self, now_s: float) -> None:
        oldest_s, items = now_s - self.span_s, self._items
        while items and items[0][0] < oldest_s:
            self._leave(items.popleft()[1])

    def _leave(self, value: float) -> None:
        """Called with each value that leaves the window."""


class LastWindow(_Timed):
    """The newest reading, as long as it is within the window."""

    __slots__ = ()

    def push(self, at_s: float, value: float) -> None:
        self._items.clear()
        self._items.append((at_s, value))

    def value(self, now_s: float) -> float:
        self._evict(now_s)
        return self._items[-1][1] if self._items else NOTHING


class SumWindow(_Timed):
    """Sum, or mean, of the readings."""

    __slots__ = ("_mean", "_pushes", "_total")

    def __init__(self, span_s: float, *, mean: bool) -> None:
        super().__init__(span_s)
        self._mean = mean
        self._total = 0.0
        self._pushes = 0

    def push(self, at_s: float, value: float) -> None:
        self._items.append((at_s, value))
        self._total += value
        self._evict(at_s)
        self._pushes += 1
        if self._pushes >= _RESUM_EVERY:
            self._pushes = 0
            self._total = math.fsum(item[1] for item in self._items)

    def value(self, now_s: float) -> float:
        self._evict(now_s)
        if not self._items:
            return NOTHING
        return self._total / len(self._items) if self._mean else self._total

    def clear(self) -> None:
        super().clear()
        self._total = 0.0

    def _leave(self, value: float) -> None:
        # An empty window is exactly zero, whatever rounding left behind.
        self._total = self._total - value if self._items else 0.0


class ExtremeWindow(_Timed):
    """Smallest or greatest reading, by a queue that only keeps what can still become the answer."""

    __slots__ = ("_sign",)

    def __init__(self, span_s: float, *, greatest: bool) -> None:
        super().__init__(span_s)
        self._sign = 1.0 if greatest else -1.0

    def push(self, at_s: float, value: float) -> None:
        signed, items = value * self._sign, self._items
        while items and items[-1][1] <= signed:
            items.pop()
        items.append((at_s, signed))
        self._evict(at_s)

    def value(self, now_s: float) -> float:
        self._evict(now_s)
        return self._items[0][1] * self._sign if self._items else NOTHING


class PercentileWindow(_Timed):
    """A percentile, linearly interpolated between the two nearest readings."""

    __slots__ = ("_share", "_sorted")

    def __init__(self, span_s: float, share: float) -> None:
        super().__init__(span_s)
        self._share = share
        self._sorted: list[float] = []

    def push(self, at_s: float, value: float) -> None:
        self._items.append((at_s, value))
        insort(self._sorted, value)
        self._evict(at_s)

    def value(self, now_s: float) -> float:
        self._evict(now_s)
        if not self._sorted:
            return NOTHING
        place = (len(self._sorted) - 1) * self._share
        below = int(place)
        low, high = self._sorted[below], self._sorted[min(below + 1, len(self._sorted) - 1)]
        return low + (high - low) * (place - below)

    def clear(self) -> None:
        super().clear()
        self._sorted.clear()

    def _leave(self, value: float) -> None:
        del self._sorted[bisect_left(self._sorted, value)]


class ChangeWindow(_Timed):
    """How much the value changed over the window, in all or for each second.

    A counter that falls was reset: what it counted between the two readings is not known, so it counts as nothing.
    Needs two readings; before these it has no value.
    """

    __slots__ = ("_counter", "_per_second", "_rise")

    def __init__(self, span_s: float, *, per_second: bool, counter: bool) -> None:
        super().__init__(span_s)
        self._per_second = per_second
        self._counter = counter
        self._rise = 0.0

    def push(self, at_s: float, value: float) -> None:
        if self._items:
            self._rise += self._step(self._items[-1][1], value)
        self._items.append((at_s, value))
        self._evict(at_s)

    def value(self, now_s: float) -> float:
        self._evict(now_s)
        if len(self._items) < 2:
            return NOTHING
        if not self._per_second:
            return self._rise
        seconds = self._items[-1][0] - self._items[0][0]
        return self._rise / seconds if seconds > 0 else NOTHING

    def clear(self) -> None:
        super().clear()
        self._rise = 0.0

    def _step(self, before: float, after: float) -> float:
        return max(after - before, 0.0) if self._counter else after - before

    def _leave(self, value: float) -> None:
        self._rise = self._rise - self._step(value, self._items[0][1]) if len(self._items) > 1 else 0.0


def make_window(aggregate: str, span_s: float, *, counter: bool) -> Window:
    """Make the window for an aggregate name.

    Args:
        aggregate: one of `tocsin.model.rule.AGGREGATES`.
        span_s: seconds.
        counter: whether the series is a counter, whose falls are resets.
    Raises: ValueError: if the aggregate is unknown.
    """
    match aggregate:
        case "last":
            return LastWindow(span_s)
        case "avg" | "sum":
            return SumWindow(span_s, mean=aggregate == "avg")
        case "min" | "max":
            return ExtremeWindow(span_s, greatest=aggregate == "max")
        case "p50" | "p95" | "p99":
            return PercentileWindow(span_s, int(aggregate[1:]) / 100)
        case "rate" | "delta":
            return ChangeWindow(span_s, per_second=aggregate == "rate", counter=counter)
    raise ValueError(f"unknown aggregate {aggregate!r}")
