"""The memory of one series: its last readings, and the windows that rules look through."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

from tocsin.model.metrics import describe
from tocsin.series.windows import NOTHING, Window, make_window

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.model.readings import SeriesKey

DEFAULT_POINTS: Final = 300


class Series:
    """The recent readings of one metric and label set.

    Args:
        key: metric and labels.
        points: readings that are kept; at most twice as many are held for a moment (16 bytes each).
    """

    __slots__ = ("_add_time", "_add_value", "_cut_at", "_points", "_windows", "counter", "key", "times", "values")

    def __init__(self, key: SeriesKey, points: int = DEFAULT_POINTS) -> None:
        self.key = key
        self.counter = describe(key.metric).kind == "counter"
        self.times = array("d")
        self.values = array("d")
        self._add_time = self.times.append
        self._add_value = self.values.append
        self._points = points
        self._cut_at = 2 * points
        self._windows: dict[tuple[str, float], Window] = {}

    def push(self, at_s: float, value: float) -> None:
        """Remember a finite reading; `at_s` in monotonic seconds, not before the last one."""
        self._add_time(at_s)
        self._add_value(value)
        if len(self.times) >= self._cut_at:
            del self.times[: -self._points], self.values[: -self._points]
        if self._windows:
            for window in self._windows.values():
                window.push(at_s, value)

    def look_through(self, aggregate: str, span_s: float) -> Callable[[float], float] | None:
        """A function from now (monotonic seconds) to the aggregate; None where the last reading alone is asked.

        Rules that ask for the same share one window.
        """
        if aggregate == "last" and not span_s:
            return None
        window = self._windows.get((aggregate, span_s))
        if window is None:
            window = self._windows[aggregate, span_s] = make_window(aggregate, span_s, counter=self.counter)
            for at_s, value in zip(self.times, self.values, strict=True):
                window.push(at_s, value)
        return window.value

    def forget_windows(self) -> None:
        """Start all windows anew: what lies on both sides of a gap does not belong together."""
        for window in self._windows.values():
            window.clear()

    def latest(self) -> float:
        """The last reading; for a counter its present rate a second. NaN before there is one."""
        if not self.counter:
            return self.values[-1] if self.values else NOTHING
        return self.recent(1)[-1] if len(self.values) > 1 else NOTHING

    def recent(self, points: int) -> list[float]:
        """The last readings, oldest first; for a counter the rates a second between them."""
        if not self.counter:
            return list(self.values[-points:])
        times, values = self.times[-points - 1 :], self.values[-points - 1 :]
        return [
            max(after - before, 0.0) / (end_s - start_s)
            for start_s, end_s, before, after in zip(times, times[1:], values, values[1:], strict=False)
            if end_s > start_s
        ]
