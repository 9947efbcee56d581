"""Readings as minutes: of a gauge the mean, the least and the greatest, of a counter where it stood last."""

from __future__ import annotations

import math
from bisect import bisect_left
from operator import le
from typing import TYPE_CHECKING, Final

from tocsin.journal.history.chunk import Strip

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MINUTE_S: Final = 60.0
COUNTER_PARTS: Final = ("last",)
GAUGE_PARTS: Final = ("mean", "min", "max")


def parts_of(*, counter: bool) -> tuple[str, ...]:
    """What is kept of each minute of a series."""
    return COUNTER_PARTS if counter else GAUGE_PARTS


def by_the_minute(times: Sequence[float], readings: Iterable[Sequence[float]], counters: Iterable[bool]) -> Strip:
    """The same series, a row for each minute in which there was a reading.

    Args:
        times: of the rows, in Unix seconds; where the clock was set back they need not ascend.
        readings: a column for each series, one at a time.
        counters: which of them are counters.
    Returns: a row's time is the start of its minute; of each series as many columns as it has parts.
    """
    order = None if all(map(le, times, times[1:])) else sorted(range(len(times)), key=times.__getitem__)
    if order is not None:
        times = [times[place] for place in order]
    starts = sorted({at_s // MINUTE_S * MINUTE_S for at_s in times})
    edges = [bisect_left(times, start_s) for start_s in starts]
    spans = list(zip(edges, [*edges[1:], len(times)], strict=True))
    columns: list[Sequence[float]] = []
    for given, counter in zip(readings, counters, strict=True):
        column = given if order is None else [given[place] for place in order]
        columns += _last_of(column, spans) if counter else _shape_of(column, spans)
    return Strip(starts, columns)


def _last_of(column: Sequence[float], spans: Sequence[tuple[int, int]]) -> list[list[float]]:
    return [[next((value for value in reversed(column[a:b]) if value == value), math.nan) for a, b in spans]]  # noqa: PLR0124 - NaN


def _shape_of(column: Sequence[float], spans: Sequence[tuple[int, int]]) -> list[list[float]]:
    means, least, greatest = [], [], []
    for start, end in spans:
        there = [value for value in column[start:end] if value == value]  # noqa: PLR0124 - NaN alone differs from itself
        means.append(math.fsum(there) / len(there) if there else math.nan)
        least.append(min(there, default=math.nan))
        greatest.append(max(there, default=math.nan))
    return [means, least, greatest]
