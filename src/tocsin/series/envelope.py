"""How low and how high a series was, over hours and days, in bounded memory: what a forecast is read from.

A forecast over hours needs hours of the past, and a series remembers minutes. So the readings are put into panes of
time, of which each keeps its lowest and highest; four panes make one of the next, coarser row. What is near is seen
finely and what is far away roughly, at the price of three comparisons a reading.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tocsin.model.forecast import Course

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS: Final = 4
PANES: Final = 48  # of each row
MERGED: Final = 4  # so many panes of a row are one of the next
STRETCHES: Final = 12  # of a course
# The courses that are asked: row, and panes a stretch. With the look-back as the unit they span 1, 1/2, 1/4, 1/8, 1/16.
_COURSES: Final = ((1, 4), (1, 2), (0, 4), (0, 2), (0, 1))
_SPARE: Final = 8  # are held for a moment, so that not every pane moves all others
# A course may have holes (a machine that slept, a sensor slower than the panes), but not many, and none at its ends.
_STRETCHES_NEEDED: Final = 9
_LATE: Final = 2  # the last of them is one of the last two: a slow sensor leaves the present one empty for a while


class Pane(NamedTuple):
    """A piece of time.

    Attributes:
        number: its time in widths of its row.
        low_s, low: when the lowest reading came (monotonic seconds), and what it was.
        high_s, high: the same of the highest.
        held_0, held_1, held_2: the highest low of its panes of the finest row, and of the next two: levels that were
            held for so long; minus infinity for rows coarser than its own.
    """

    number: float
    low_s: float
    low: float
    high_s: float
    high: float
    held_0: float
    held_1: float = -math.inf
    held_2: float = -math.inf


_WIDTH: Final = len(Pane._fields)
_NUMBER, _LOW_S, _LOW, _HIGH_S, _HIGH, _HELD = range(6)


class _Row:
    """Panes of one width, as plain numbers: 64 bytes each.

    Args:
        width_s: of a pane.
    """

    __slots__ = ("_cells", "width_s")

    def __init__(self, width_s: float) -> None:
        self.width_s = width_s
        self._cells = array("d")

    def append(self, pane: Pane) -> None:
        cells = self._cells
        cells.extend(pane)
        if len(cells) >= (PANES + _SPARE) * _WIDTH:
            del cells[: -PANES * _WIDTH]

    def column(self, place: int, panes: int = PANES) -> array[float]:
        """One number of each of the last panes, oldest first."""
        return self._cells[-panes * _WIDTH :][place::_WIDTH]

    def to_builtins(self) -> list[float]:
        return self._cells.tolist()

    def take(self, cells: object) -> None:
        """Have these panes, as `to_builtins` gave them. Raises: TypeError, ValueError: for what is none."""
        if not isinstance(cells, list) or len(cells) % _WIDTH:
            raise ValueError("a row is a list of whole panes")
        self._cells = array("d", cells)

    def last(self, panes: int) -> list[Pane]:
        """The last panes, oldest first."""
        cells = self._cells[-panes * _WIDTH :]
        return [Pane(*cells[place : place + _WIDTH]) for place in range(0, len(cells), _WIDTH)]


class Envelope:
    """The lows and highs of one series.

    Args:
        look_back_s: the span of the longest course; 16 times as much is remembered roughly.

    Attributes:
        version: grows with each pane that is complete.
    """

    __slots__ = ("_ahead_s", "_high", "_high_s", "_last", "_low", "_low_s", "_number", "_rows", "_until_s", "_width_s",
                 "span_s", "version")  # fmt: skip

    def __init__(self, look_back_s: float) -> None:
        self.span_s = look_back_s
        self._width_s = look_back_s / (PANES * MERGED)
        self._rows = [_Row(self._width_s * MERGED**row) for row in range(ROWS)]
        self._last = math.nan
        self._number: int | None = None
        self._ahead_s = 0.0  # panes are counted by the clock of the process that began: how far it is ahead of ours
        self._until_s = -math.inf
        self._low_s = self._high_s = self._low = self._high = 0.0
        self.version = 0

    def push(self, at_s: float, value: float) -> None:
        """Take a reading; `at_s` in monotonic seconds, not before the last one."""
        self._last = value
        if at_s >= self._until_s:
            self._turn(at_s, value)
        elif value < self._low:
            self._low_s, self._low = at_s, value
        elif value > self._high:
            self._high_s, self._high = at_s, value

    def value(self, now_s: float) -> float:  # noqa: ARG002 - as every window
        """The last reading; NaN before there is one."""
        return self._last

    def clear(self) -> None:
        """Nothing: a disk that filled while nobody looked is as full as if somebody had, and a gap is a hole."""

    def to_builtins(self) -> dict[str, Any]:
        """All of it, as plain lists and numbers, for a later process; 16 KiB at most. Times are those of this one."""
        ahead_s = self._ahead_s
        pane = [float(self._number or 0), self._low_s + ahead_s, self._low, self._high_s + ahead_s, self._high]
        return {
            "span_s": self.span_s,
            "ahead_s": ahead_s,
            "rows": [row.to_builtins() for row in self._rows],
            "pane": [] if self._number is None else pane,
        }

    def go_on(self, kept: dict[str, Any], ahead_s: float) -> None:
        """Go on with what another process saw; the time between is a hole. For an envelope that has no pane yet.

        Args:
            kept: as `to_builtins` gave it.
            ahead_s: how far the monotonic clock of that process is ahead of ours, in seconds.

        Raises: ValueError: for what is not the record of this look-back.
        """
        try:
            rows, pane, total_s = kept["rows"], [float(one) for one in kept["pane"]], kept["ahead_s"] + ahead_s
            if kept["span_s"] != self.span_s or len(rows) != ROWS or len(pane) not in (0, _HELD):
                raise ValueError("another look-back, or another layout")
            taken = [_Row(row.width_s) for row in self._rows]
            for row, cells in zip(taken, rows, strict=True):
                row.take(cells)
        except (KeyError, TypeError) as wrong:
            raise ValueError(f"kept envelope: {wrong}") from wrong
        before_s, last, self._rows, self._ahead_s = self._low_s, self._last, taken, total_s
        self.version += 1
        if not pane:
            self._until_s = -math.inf
            return
        # Readings of this process that are here already belong to the pane that they came in, or to a later one.
        since, low, high = self._number is not None, self._low, self._high
        number, low_s, self._low, high_s, self._high = pane
        self._number = int(number)
        self._low_s, self._high_s = low_s - total_s, high_s - total_s
        self._until_s = (self._number + 1) * self._width_s - total_s
        if since:
            self.push(before_s, low)
            self.push(before_s, high)
            self._last = last

    def is_known(self) -> bool:
        """Whether there is a course at all."""
        return any(self._stretches(row, merged) is not None for row, merged in reversed(_COURSES))

    def extent(self) -> tuple[float, float]:
        """The lowest and the highest of about the look-back; NaN before there is a pane."""
        lows = self._rows[0].column(_LOW) + self._rows[1].column(_LOW)
        if not lows:
            return math.nan, math.nan
        return min(lows), max(self._rows[0].column(_HIGH) + self._rows[1].column(_HIGH))

    def courses(self) -> Iterator[Course]:
        """The courses up to the last complete pane, the longest first.

        Those alone of which enough is known, and whose last stretch is higher than the first: of the others nothing
        is to be foretold, and most of the series that do not fill cost no more than to see this.
        """
        for row, merged in _COURSES:
            places = self._stretches(row, merged)
            if places is not None:
                lows = self._extremes(row, merged, places, lowest=True)
                if lows[-1][1] > lows[0][1]:
                    yield self._course(row, merged, places, lows)

    def _turn(self, at_s: float, value: float) -> None:
        """A pane is complete, and the next begins."""
        ahead_s = self._ahead_s
        number = int((at_s + ahead_s) // self._width_s)
        if self._number is not None:
            low, low_s, high_s = self._low, self._low_s + ahead_s, self._high_s + ahead_s
            self._close(0, Pane(self._number, low_s, low, high_s, self._high, low), number)
        self._number = number
        self._until_s = (number + 1) * self._width_s - ahead_s
        self._low_s = self._high_s = at_s
        self._low = self._high = value

    def _close(self, row: int, pane: Pane, following: int) -> None:
        """Keep a pane, and what it completes in the coarser rows; `following` is the number of the next one."""
        self.version += 1
        self._rows[row].append(pane)
        whole = int(pane.number) // MERGED
        if row + 1 < ROWS and following // MERGED != whole:
            parts = [one for one in self._rows[row].last(MERGED) if one.number // MERGED == whole]
            self._close(row + 1, _merge(row + 1, whole, parts), following // MERGED)

    def _stretches(self, row: int, merged: int) -> list[int] | None:
        """To each of the last panes of a row the stretch that it is in; None where too little is known for a course."""
        most = STRETCHES * merged
        numbers = self._rows[row].column(_NUMBER, most)
        if len(numbers) < _STRETCHES_NEEDED:
            return None
        # The last stretch ends now, and not with the last pane that there is: after a hole that was long ago.
        now = numbers[-1] + 1 if self._number is None else self._number // MERGED**row
        begin = now - most
        places = [int(number - begin) // merged for number in numbers]
        filled = {place for place in places if place >= 0}  # behind holes lie panes of before
        if len(filled) < _STRETCHES_NEEDED or 0 not in filled or max(filled) < STRETCHES - _LATE:
            return None
        return places

    def _extremes(self, row: int, merged: int, places: list[int], *, lowest: bool) -> list[tuple[float, float]]:
        """The lowest or highest reading of each stretch, as (time, value), oldest first."""
        most, panes = STRETCHES * merged, self._rows[row]
        values, times = (_LOW, _LOW_S) if lowest else (_HIGH, _HIGH_S)
        found: dict[int, tuple[float, float]] = {}
        for place, value, at_s in zip(places, panes.column(values, most), panes.column(times, most), strict=True):
            known = found.get(place)
            if known is None or (value < known[1] if lowest else value > known[1]):
                found[place] = (at_s - self._ahead_s, value)
        return [found[place] for place in sorted(found) if place >= 0]

    def _course(self, row: int, merged: int, places: list[int], lows: list[tuple[float, float]]) -> Course:
        panes, most = self._rows[row], STRETCHES * merged
        now = panes.column(_NUMBER, 1)[0] + 1 if self._number is None else self._number // MERGED**row
        begin_s = (now - most) * panes.width_s
        # Compared with levels that were held for as long as one of its stretches, or the next shorter time on record.
        earlier = self._held_before(begin_s, row + (merged == MERGED))
        return Course(most * panes.width_s, lows, self._extremes(row, merged, places, lowest=False), earlier)

    def _held_before(self, begin_s: float, scale: int) -> float:
        """The highest level that was held, before a moment, for a pane of the row `scale`."""
        highest = -math.inf
        for panes in self._rows[scale:]:
            count = bisect_right(panes.column(_NUMBER), begin_s / panes.width_s - 1)
            highest = max(highest, max(panes.column(_HELD + scale)[:count], default=-math.inf))
        return highest


def _merge(row: int, number: int, panes: list[Pane]) -> Pane:
    """The pane of a row that these of the row before make."""
    low, low_s = min((pane.low, pane.low_s) for pane in panes)
    high, high_s = max((pane.high, pane.high_s) for pane in panes)
    held = [max(levels) for levels in zip(*(pane[_HELD:] for pane in panes), strict=True)]
    if row < len(held):
        held[row] = low
    return Pane(number, low_s, low, high_s, high, *held)
