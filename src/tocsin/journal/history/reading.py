"""What was measured, read back."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple

from tocsin.journal.history.chunk import Chunk
from tocsin.journal.history.layout import RAW, ChunkLayout, Column
from tocsin.journal.history.minutes import GAUGE_PARTS, MINUTE_S
from tocsin.journal.statements import statements
from tocsin.model.metrics import describe

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from tocsin.model.readings import SeriesKey

_MINUTE: Final = int(MINUTE_S)


class HistoryPoint(NamedTuple):
    """A reading, or a stretch of some.

    Attributes:
        at_unix_s: when; of a stretch, its beginning.
        value: the reading, or the mean; of a counter, where it stood last.
        low: the least reading.
        high: the greatest.
    """

    at_unix_s: float
    value: float
    low: float
    high: float


class HistoryReader:
    """Answers questions on the metric history of a journal.

    Args:
        connection: to its file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute
        self._known = statements()
        self._layouts: dict[str, dict[Column, int]] = {}

    def keys(self) -> list[SeriesKey]:
        """Every series of which something is here, by name."""
        self._read_layouts()
        found = {column.key for places in self._layouts.values() for column in places}
        return sorted(found, key=lambda key: (key.metric, key.labels))

    def points(
        self, keys: Iterable[SeriesKey], *, since_unix_s: float, until_unix_s: float
    ) -> dict[SeriesKey, list[HistoryPoint]]:
        """What is here of some series, oldest first: readings as far back as these are kept, minutes before that."""
        self._read_layouts()
        found: dict[SeriesKey, list[HistoryPoint]] = {key: [] for key in keys}
        for chunk, places in self._chunks(0, since_unix_s, until_unix_s):
            for key, points in found.items():
                points.extend(_readings(chunk, places.get(Column(key, RAW))))
        self._add_minutes(found, since_unix_s, until_unix_s)
        return {key: _between(points, since_unix_s, until_unix_s) for key, points in found.items()}

    def outline(
        self, keys: Iterable[SeriesKey], *, since_unix_s: float, until_unix_s: float, points: int
    ) -> dict[SeriesKey, list[HistoryPoint]]:
        """The shape of some series: at most about so many points each, oldest first.

        A day of readings is never laid out whole: where minutes are fine enough they are taken, and of a chunk of
        readings each stretch becomes one point at once. Of counters a point is where it stood last.
        """
        self._read_layouts()
        wanted = {key: describe(key.metric).kind == "counter" for key in keys}
        found: dict[SeriesKey, list[HistoryPoint]] = {key: [] for key in wanted}
        width_s = max((until_unix_s - since_unix_s) / points, 1e-3)
        from_s = since_unix_s
        if width_s >= MINUTE_S:
            for chunk, places in self._chunks(_MINUTE, since_unix_s - MINUTE_S, until_unix_s):
                for key, into in found.items():
                    into.extend(_minutes(chunk, places, key))
            from_s = max((into[-1].at_unix_s + MINUTE_S for into in found.values() if into), default=since_unix_s)
        for chunk, places in self._chunks(0, from_s, until_unix_s):
            for key, into in found.items():
                into.extend(_stretches(chunk, places.get(Column(key, RAW)), width_s, from_s, counter=wanted[key]))
        if width_s < MINUTE_S:
            self._add_minutes(found, since_unix_s, until_unix_s)
        return {key: _between(into, since_unix_s, until_unix_s) for key, into in found.items()}

    def _add_minutes(self, found: dict[SeriesKey, list[HistoryPoint]], since_s: float, until_s: float) -> None:
        """The minutes of the time before the first readings."""
        firsts = {key: min(points)[0] for key, points in found.items() if points}
        if firsts and len(firsts) == len(found) and max(firsts.values()) <= since_s + MINUTE_S:
            return
        for chunk, places in self._chunks(_MINUTE, since_s - MINUTE_S, until_s):
            for key, points in found.items():
                first_s = firsts.get(key, until_s + MINUTE_S)
                points.extend(point for point in _minutes(chunk, places, key) if point[0] + MINUTE_S <= first_s)

    def _chunks(self, step: int, since_s: float, until_s: float) -> Iterable[tuple[Chunk, Mapping[Column, int]]]:
        """Those of a range, with the places of their columns; damaged ones are left out."""
        for layout, _, _, body in self._run(self._known["chunks_between"], (step, since_s, until_s)):
            try:
                yield Chunk(body), self._layouts[layout]
            except (ValueError, KeyError):
                continue

    def _read_layouts(self) -> None:
        for layout_id, body in self._run(self._known["layouts"]):
            if layout_id not in self._layouts:
                columns = ChunkLayout.read(body).columns
                self._layouts[layout_id] = {column: place for place, column in enumerate(columns)}


def _readings(chunk: Chunk, place: int | None) -> list[HistoryPoint]:
    if place is None:
        return []
    pairs = zip(*chunk.series(place), strict=True)
    return [HistoryPoint(at_s, value, value, value) for at_s, value in pairs if value == value]  # noqa: PLR0124 - NaN


def _stretches(chunk: Chunk, place: int | None, width_s: float, from_s: float, *, counter: bool) -> list[HistoryPoint]:
    """The readings of a chunk from a moment on, those of each stretch as one point."""
    if place is None:
        return []
    times, values = chunk.series(place)
    found: list[HistoryPoint] = []
    at = bisect_left(times, from_s)
    while at < len(times):
        end = max(bisect_left(times, times[at] + width_s, at), at + 1)
        there = [value for value in values[at:end] if value == value]  # noqa: PLR0124 - NaN alone differs from itself
        if there:
            value = there[-1] if counter else math.fsum(there) / len(there)
            found.append(HistoryPoint(times[end - 1] if counter else times[at], value, min(there), max(there)))
        at = end
    return found


def _minutes(chunk: Chunk, places: Mapping[Column, int], key: SeriesKey) -> list[HistoryPoint]:
    last = places.get(Column(key, "last"))
    wanted = [last] * 3 if last is not None else [places.get(Column(key, part)) for part in GAUGE_PARTS]
    there = [place for place in wanted if place is not None]
    if len(there) < len(wanted):
        return []
    rows = zip(chunk.series(there[0])[0], *(chunk.series(place)[1] for place in there), strict=True)
    return [HistoryPoint._make(row) for row in rows if row[1] == row[1]]


def _between(points: list[HistoryPoint], since_s: float, until_s: float) -> list[HistoryPoint]:
    points.sort()
    return points[bisect_left(points, (since_s,)) : bisect_left(points, (until_s, float("inf")))]


def thinned(points: list[HistoryPoint], count: int) -> list[HistoryPoint]:
    """At most so many points: neighbours become one, which keeps the least and the greatest of them.

    Args:
        points: oldest first.
        count: one or more.
    """
    if len(points) <= count:
        return points
    start_s, span_s = points[0].at_unix_s, points[-1].at_unix_s - points[0].at_unix_s
    width_s = span_s / count or 1.0
    groups: dict[int, list[HistoryPoint]] = {}
    for point in points:
        place = min(int((point.at_unix_s - start_s) / width_s), count - 1)
        groups.setdefault(place, []).append(point)
    return [
        HistoryPoint(
            group[0].at_unix_s, sum(point.value for point in group) / len(group),
            min(point.low for point in group), max(point.high for point in group),
        )
        for group in groups.values()
    ]  # fmt: skip
