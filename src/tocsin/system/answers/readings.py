"""What was measured over a stretch of time: from memory as far as it goes back, and before that from the journal."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from tocsin.errors import StoreError
from tocsin.journal.history.reading import HistoryPoint, thinned
from tocsin.model.metrics import describe
from tocsin.model.units import SECONDS
from tocsin.system.answers.bands import bands

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.model.readings import SeriesKey
    from tocsin.series.memory import Series
    from tocsin.system.core import SystemCore

MAX_POINTS: Final = 2000
MAX_METRICS: Final = 50
# Of one metric; a machine may have very many devices.
MAX_SERIES: Final = 16
# The journal takes readings every five minutes, and memory has those since: the disk need not be waited for.
_HISTORY_WAIT_S: Final = 0.0


class Wanted(msgspec.Struct):
    """Which readings.

    Attributes:
        metric: names of metrics.
        since_s: how far back, in seconds.
        until_s: up to how many seconds ago.
        points: for each series at most about so many; stretches become one, with their least and greatest.
    """

    metric: Annotated[list[str], msgspec.Meta(extra_json_schema={"maxItems": MAX_METRICS})]
    since_s: Annotated[float, msgspec.Meta(extra_json_schema={"exclusiveMinimum": 0})] = 600.0
    until_s: Annotated[float, msgspec.Meta(extra_json_schema={"minimum": 0})] = 0.0
    points: int = 500


def readings(core: SystemCore, asked: Wanted) -> dict[str, Any]:
    """The series of some metrics; of counters the rates a second.

    Returns: `since`, `until` (Unix seconds) and `series`, each with `metric`, `labels`, `unit`, `times`, `values`,
        `low` and `high`; `left_out` counts series beyond the first 16 of a metric; `bands`, what was expected.
    Raises: ValueError: if the stretch is none.
    """
    now = core.clock.now()
    unix_s = now.utc.timestamp()
    since, until, points = stretch(asked, unix_s)
    in_memory = {series.key: series for series in tuple(core.engine.series.values())}
    keys, left_out = chosen_keys(in_memory, asked.metric)
    chosen = [in_memory[key] for key in keys]
    offset_s = unix_s - now.mono_s
    fresh = {series.key: _from_memory(series, offset_s, since, until) for series in chosen}
    firsts = {key: rows[0][0] if rows else until for key, rows in fresh.items()}
    if any(first > since + 2 * core.interval_s() for first in firsts.values()):
        _add_history(core, fresh, firsts, since=since, points=points)
    return {
        "since": since,
        "until": until,
        "series": [shown(key, rows, points, in_memory[key].unit) for key, rows in fresh.items()],
        "left_out": left_out,
        "bands": bands(core, asked.metric, since, until),
    }


def stretch(asked: Wanted, unix_s: float) -> tuple[float, float, int]:
    """From when, until when (Unix seconds), and in how many points.

    Args:
        asked: what is wanted.
        unix_s: the moment from which it counts back.
    Raises: ValueError: if the stretch is none.
    """
    if not 0 <= asked.until_s < asked.since_s < float("inf"):
        raise ValueError(
            f"since_s={asked.since_s:g}, until_s={asked.until_s:g}: expected 0 or more, since_s the larger"
        )
    if len(asked.metric) > MAX_METRICS:
        raise ValueError(f"{len(asked.metric)} metrics: expected at most {MAX_METRICS} at once")
    return unix_s - asked.since_s, unix_s - asked.until_s, min(max(asked.points, 2), MAX_POINTS)


def chosen_keys(keys: Iterable[SeriesKey], metrics: Iterable[str]) -> tuple[list[SeriesKey], int]:
    """The series of some metrics, of each the first few; and how many are left out."""
    wanted = dict.fromkeys(metrics)
    counts: Counter[str] = Counter()
    found: list[SeriesKey] = []
    for key in keys:
        if key.metric in wanted:
            counts[key.metric] += 1
            if counts[key.metric] <= MAX_SERIES:
                found.append(key)
    return found, counts.total() - len(found)


def _from_memory(series: Series, offset_s: float, since: float, until: float) -> list[HistoryPoint]:
    rows = [HistoryPoint(at_s + offset_s, value, value, value) for at_s, value in series.readings()]
    return [row for row in rows if since <= row[0] <= until]


def _add_history(
    core: SystemCore,
    fresh: dict[SeriesKey, list[HistoryPoint]],
    firsts: dict[SeriesKey, float],
    *,
    since: float,
    points: int,
) -> None:
    """Put before what memory has what the journal has; one that is just being made, or that fails, has nothing."""
    from sqlite3 import Error  # noqa: PLC0415 - where there is a journal it is loaded

    try:
        with core.recorder.reading(_HISTORY_WAIT_S) as journal:
            if journal is None:
                return
            until = max(firsts.values(), default=since)
            older = journal.history.outline(fresh, since_unix_s=since, until_unix_s=until, points=points)
    except (StoreError, Error):
        return
    for key, rows in older.items():
        fresh[key] = [row for row in rows if row[0] < firsts[key]] + fresh[key]


def shown(key: SeriesKey, rows: list[HistoryPoint], points: int, unit: str = "") -> dict[str, Any]:
    """A series as it is told; of a counter how fast it rose. `unit` is known of a metric that no catalogue has."""
    info = describe(key.metric)
    unit = info.unit or unit
    if info.kind == "counter":
        rows = rates(rows)
        unit = "1" if unit == SECONDS else f"{unit}/s"
    rows = thinned(rows, points)
    return {
        "metric": key.metric,
        "labels": dict(key.labels),
        "unit": unit,
        "times": [round(row[0], 3) for row in rows],
        "values": [row[1] for row in rows],
        "low": [row[2] for row in rows],
        "high": [row[3] for row in rows],
    }


def rates(rows: list[HistoryPoint]) -> list[HistoryPoint]:
    """How fast a counter rose between its readings; a fall is a new beginning, and no rate."""
    found: list[HistoryPoint] = []
    for before, after in pairwise(rows):
        if after[0] > before[0] and after[1] >= before[1]:
            rate = (after[1] - before[1]) / (after[0] - before[0])
            found.append(HistoryPoint(after[0], rate, rate, rate))
    return found
