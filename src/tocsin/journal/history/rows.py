"""The history from its beginning to its end, a row at a time: no more of it is held than a few chunks."""

from __future__ import annotations

import math
from heapq import heappop, heappush
from itertools import count, groupby
from operator import sub
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.journal.history.chunk import Chunk
from tocsin.journal.history.layout import RAW, ChunkLayout, Column
from tocsin.journal.history.minutes import MINUTE_S
from tocsin.journal.statements import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from tocsin.model.readings import SeriesKey

MINUTE_VALUES: Final = ("mean", "min", "max")


class Row(NamedTuple):
    """Readings that were taken together.

    Attributes:
        at_unix_s: when; of a minute, its end.
        keys: of the series.
        values: side by side with `keys`; NaN where there is none.
        every_s: seconds between such rows, as far as this is known; else 0.
        is_minute: whether each value stands for the readings of a minute.
    """

    at_unix_s: float
    keys: tuple[SeriesKey, ...]
    values: tuple[float, ...]
    every_s: float
    is_minute: bool


class Extent(NamedTuple):
    """How far the history reaches, in Unix seconds."""

    began_unix_s: float
    ended_unix_s: float


class HistoryRows:
    """Goes through the metric history of a journal: readings where they are kept, minutes before that.

    Args:
        connection: to its file; another process may be writing it.
        minute_value: what stands for a minute of a gauge: its `mean`, `min` or `max`.

    Attributes:
        damaged: chunks that could not be read, and were left out.
    """

    def __init__(self, connection: sqlite3.Connection, *, minute_value: str = "mean") -> None:
        self._run = connection.execute
        self._known = statements()
        self._minute_value = minute_value
        rows = self._run(self._known["layouts"])
        self._layouts = {layout_id: ChunkLayout.read(body) for layout_id, body in rows}
        self.damaged = 0
        # The next row of each strip of the chunks that are read just now.
        self._waiting: list[tuple[float, int, Row, Iterator[Row]]] = []

    def extent(self) -> Extent | None:
        """How far it reaches; None: there is none."""
        began, ended = self._run(self._known["history_extent"]).fetchone()
        return None if began is None else Extent(began, ended)

    def keys(self) -> list[SeriesKey]:
        """Every series of which something is here, by name."""
        found = {column.key for layout in self._layouts.values() for column in layout.columns}
        return sorted(found, key=lambda key: (key.metric, key.labels))

    def rows(self, wanted: AbstractSet[SeriesKey], *, since_unix_s: float, until_unix_s: float) -> Iterator[Row]:
        """The rows of some series between two times, both included, in the order of time."""
        chunks = self._run(self._known["all_chunks_between"], (since_unix_s - MINUTE_S, until_unix_s))
        begun = self._first_readings()
        self._waiting = []
        waiting = self._waiting
        tickets = count()

        def wait(strip: Iterator[Row]) -> None:
            row = next(strip, None)
            if row is not None:
                heappush(waiting, (row.at_unix_s, next(tickets), row, strip))

        for step, layout_id, began_s, body in chunks:
            while waiting and waiting[0][0] < began_s:
                _, _, row, strip = heappop(waiting)
                wait(strip)
                if since_unix_s <= row.at_unix_s <= until_unix_s:
                    yield row
            for strip in self._strips(step, layout_id, body, wanted, begun):
                wait(strip)
        while waiting:
            _, _, row, strip = heappop(waiting)
            wait(strip)
            if since_unix_s <= row.at_unix_s <= until_unix_s:
                yield row

    def pace_s(self) -> float:
        """Seconds between rows, of the series that are read just now and come the most often; 0 if it is not known."""
        return min((row.every_s for _, _, row, _ in self._waiting if row.every_s), default=0.0)

    def _first_readings(self) -> dict[SeriesKey, float]:
        """To each series the time from which on its readings are here as they were taken."""
        begun: dict[SeriesKey, float] = {}
        for layout_id, began_s in self._run(self._known["readings_begin"]):
            for column in self._layouts[layout_id].columns if layout_id in self._layouts else ():
                begun[column.key] = min(began_s, begun.get(column.key, math.inf))
        return begun

    def _strips(
        self, step: int, layout_id: str, body: bytes, wanted: AbstractSet[SeriesKey], begun: Mapping[SeriesKey, float]
    ) -> list[Iterator[Row]]:
        """The rows of each strip of a chunk; none, and counted, if it is damaged."""
        try:
            layout, chunk = self._layouts[layout_id], Chunk(body)
            made = []
            place = 0
            for columns in layout.strips:
                chosen = [
                    (place + number, column.key)
                    for number, column in enumerate(columns)
                    if column.key in wanted and self._stands_for_it(column)
                ]
                place += len(columns)
                if chosen:
                    made.append(_minutes(chunk, chosen, begun) if step else _readings(chunk, chosen))
        except (ValueError, KeyError):
            self.damaged += 1
            return []
        return made

    def _stands_for_it(self, column: Column) -> bool:
        return column.part in {RAW, "last", self._minute_value}


def _columns(
    chunk: Chunk, chosen: Sequence[tuple[int, SeriesKey]]
) -> tuple[Sequence[float], tuple[SeriesKey, ...], list[Sequence[float]]]:
    times, _ = chunk.series(chosen[0][0])
    return times, tuple(key for _, key in chosen), [chunk.series(place)[1] for place, _ in chosen]


def _readings(chunk: Chunk, chosen: Sequence[tuple[int, SeriesKey]]) -> Iterator[Row]:
    times, keys, columns = _columns(chunk, chosen)
    every_s = _median(map(sub, times[1:], times)) if len(times) > 1 else 0.0
    rows = zip(times, zip(*columns, strict=True), strict=True)
    return (Row(at_s, keys, values, every_s, is_minute=False) for at_s, values in rows if _anything(values))


def _minutes(chunk: Chunk, chosen: Sequence[tuple[int, SeriesKey]], begun: Mapping[SeriesKey, float]) -> Iterator[Row]:
    """Told at their end, when they are known; none where the readings themselves are here."""
    times, keys, columns = _columns(chunk, chosen)
    ends = [begun.get(key, math.inf) for key in keys]

    def rows() -> Iterator[Row]:
        for start_s, *found in zip(times, *columns, strict=True):
            at_s = start_s + MINUTE_S
            values = tuple(value if at_s <= end_s else math.nan for value, end_s in zip(found, ends, strict=True))
            if _anything(values):
                yield Row(at_s, keys, values, MINUTE_S, is_minute=True)

    return rows()


def _anything(values: Iterable[float]) -> bool:
    return any(value == value for value in values)  # noqa: PLR0124 - NaN alone differs from itself


def together(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows of one time in one list."""
    return (list(group) for _, group in groupby(rows, key=lambda row: row.at_unix_s))


def _median(values: Iterable[float]) -> float:
    """The middle one, or the mean of the two; `statistics` has it too, and loads fractions and decimals for it."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
