"""The memory of one series: its last readings, and the windows that rules look through."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tocsin.model.metrics import describe
from tocsin.series.envelope import Envelope
from tocsin.series.windows import NOTHING, Window, make_window

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.model.readings import SeriesKey
    from tocsin.series.table import Table

DEFAULT_POINTS: Final = 300
# Most series live in tables and need no memory of their own: one for all of them, never written to.
_NOTHING_YET: Final = array("d")


class Series:
    """The recent readings of one metric and label set.

    They are in its own memory, in tables that it shares with others, or in both; whoever asks is given them in order.

    Args:
        key: metric and labels.
        points: readings that are kept; at most twice as many are held for a moment (16 bytes each).
        unit: the base unit of a metric that the catalogue does not know; empty: nobody said it.

    Attributes:
        unit: the base unit of its readings; empty: not known.
        is_single: whether somebody looks at it reading by reading, so that it is remembered by itself alone.
    """

    __slots__ = (
        "_cut_at",
        "_points",
        "_tables",
        "_times",
        "_values",
        "_windows",
        "counter",
        "is_single",
        "key",
        "unit",
    )

    def __init__(self, key: SeriesKey, points: int = DEFAULT_POINTS, *, unit: str = "") -> None:
        self.key = key
        info = describe(key.metric)
        self.counter = info.kind == "counter"
        self.unit = info.unit or unit
        self.is_single = False
        self._times = self._values = _NOTHING_YET
        self._points = points
        self._cut_at = 2 * points
        self._tables: tuple[tuple[Table, int], ...] = ()
        self._windows: dict[tuple[str, float], Window] | None = None

    def push(self, at_s: float, value: float) -> None:
        """Remember a finite reading; `at_s` in monotonic seconds, not before the last one."""
        if self._times is _NOTHING_YET:
            self._times, self._values = array("d"), array("d")
        self._times.append(at_s)
        self._values.append(value)
        if len(self._times) >= self._cut_at:
            del self._times[: -self._points], self._values[: -self._points]
        if self._windows:
            for window in self._windows.values():
                window.push(at_s, value)

    def join(self, table: Table, column: int) -> None:
        """From now on its readings may be in this table too, unless it is singled out."""
        if not self.is_single:
            self._tables = (*self._tables, (table, column))

    def leave(self, table: Table) -> None:
        """The table is forgotten."""
        self._tables = tuple(place for place in self._tables if place[0] is not table)

    def single_out(self) -> None:
        """Take its readings out of the tables; from now on each must be pushed."""
        if not self.is_single:
            readings = self.readings()
            self._times, self._values = array("d", [at_s for at_s, _ in readings]), array("d", [v for _, v in readings])
            self.is_single, self._tables = True, ()

    def readings(self) -> list[tuple[float, float]]:
        """Times (monotonic seconds) and readings, oldest first."""
        own = list(zip(self._times, self._values, strict=False))
        if not self._tables:
            return own
        return sorted(own + [pair for table, column in self._tables for pair in table.readings(column)])[
            -self._cut_at :
        ]

    def own_since(self, after_s: float) -> tuple[array[float], array[float]]:
        """The times and readings of its own memory from then on, not including `after_s` itself."""
        times, values = self._times[:], self._values[:]
        start = bisect_right(times, after_s)
        return times[start:], values[start : len(times)]

    def interval_s(self) -> float | None:
        """Seconds between the last two readings; None before there are two."""
        times = self._times if not self._tables else [at_s for at_s, _ in self.readings()]
        return times[-1] - times[-2] if len(times) > 1 else None

    def look_through(self, aggregate: str, span_s: float) -> Callable[[float], float] | None:
        """A function from now (monotonic seconds) to the aggregate; None where the last reading alone is asked.

        Rules that ask for the same share one window.
        """
        if aggregate == "last" and not span_s:
            return None
        if self._windows is None:
            self._windows = {}
        window = self._windows.get((aggregate, span_s))
        if window is None:
            window = self._windows[aggregate, span_s] = make_window(aggregate, span_s, counter=self.counter)
            for at_s, value in self.readings():
                window.push(at_s, value)
        return window.value

    def envelope(self, look_back_s: float) -> Envelope:
        """How low and high it was over hours, for forecasts; kept from now on. Those who ask for the same share it."""
        if self._windows is None:
            self._windows = {}
        found = self._windows.get(("envelope", look_back_s))
        if not isinstance(found, Envelope):
            found = self._windows["envelope", look_back_s] = Envelope(look_back_s)
            for at_s, value in self.readings():
                found.push(at_s, value)
        return found

    def forget_windows(self) -> None:
        """Start all windows anew: what lies on both sides of a gap does not belong together."""
        for window in (self._windows or {}).values():
            window.clear()

    def latest(self) -> float:
        """The last reading; for a counter its present rate a second. NaN before there is one."""
        if self.counter:
            rates = self.recent(1)
            return rates[-1] if rates else NOTHING
        return self.last()

    def last(self) -> float:
        """The last reading as it was taken; of a counter where it stands. NaN before there is one."""
        if len(self._tables) == 1 and not self._times:
            table, column = self._tables[0]
            value = table.last(column)
            if value == value:  # noqa: PLR0124 - NaN: the last row has none, an earlier one may
                return value
        readings = self.readings() if self._tables else None
        if readings is None:
            return self._values[-1] if self._values else NOTHING
        return readings[-1][1] if readings else NOTHING

    def recent(self, points: int) -> list[float]:
        """The last readings, oldest first; for a counter the rates a second between them."""
        readings = self.readings()
        if not self.counter:
            return [value for _, value in readings[-points:]]
        return [
            max(after - before, 0.0) / (end_s - start_s)
            for (start_s, before), (end_s, after) in pairwise(readings[-points - 1 :])
            if end_s > start_s
        ]
