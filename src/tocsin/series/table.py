"""The memory of many series whose readings always come together: a row a time, and nothing done for each series.

Most series are only remembered, and looked at when a person asks. Two hundred of them cost one call a second here,
where a memory of its own for each would cost two hundred, in two hundred places of memory.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Table:
    """Rows of a time and a reading for each series; NaN where nothing was measured.

    One thread adds; others may ask meanwhile, since each touches the rows in one step.

    Args:
        ids: the number of the series of each column.
        points: rows that are kept; an eighth more are held for a moment, so that not each row moves all others.
    """

    __slots__ = ("_cells", "_cut", "_cut_at", "_points", "_width", "ids")

    def __init__(self, ids: tuple[int, ...], points: int) -> None:
        self.ids = ids
        self._points = points
        self._width = 1 + len(ids)
        self._cut_at = (points + max(points // 8, 1)) * self._width
        self._cells = array("d")
        self._cut = 0  # cells that were there, and are no longer

    def add(self, at_s: float, values: Sequence[float]) -> None:
        """Remember a row; `at_s` in monotonic seconds."""
        cells = self._cells
        cells.fromlist([at_s, *values])
        if len(cells) >= self._cut_at:
            held = self._points * self._width
            self._cut += len(cells) - held
            del cells[:-held]

    def last(self, column: int) -> float:
        """The reading of the last row, which may be NaN; NaN too before there is one."""
        try:
            return self._cells[1 + column - self._width]
        except IndexError:
            return float("nan")

    def readings(self, column: int) -> list[tuple[float, float]]:
        """The times and readings of one series, oldest first."""
        cells, width = self._cells[:], self._width
        pairs = zip(cells[::width], cells[1 + column :: width], strict=True)
        return [pair for pair in pairs if pair[1] == pair[1]]

    def rows(self) -> int:
        """How many rows there ever were."""
        return (self._cut + len(self._cells)) // self._width

    def since(self, row: int) -> tuple[array[float], list[array[float]]]:
        """The times, and the readings of each series, of the rows from this one on, as far as they are still here."""
        cells, width = self._cells[max(row * self._width - self._cut, 0) :], self._width
        return cells[::width], [cells[column::width] for column in range(1, width)]

    def is_stale(self, now_s: float) -> bool:
        """Whether it has not grown for so long that it would have been forgotten, had it gone on growing."""
        times = self._cells[:: self._width]
        pace_s = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1.0
        return not times or now_s - times[-1] > self._points * max(pace_s, 1.0)
