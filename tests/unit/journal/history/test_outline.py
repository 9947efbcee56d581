"""The shape of a long stretch: few points, no extreme lost, and minutes where they are fine enough."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.journal.history.two_series import COUNTER, GAUGE, LAYOUT, NOW_S

from tocsin.journal import entries
from tocsin.journal.database import connect
from tocsin.journal.history.chunk import Strip, pack
from tocsin.journal.history.reading import HistoryReader
from tocsin.journal.history.upkeep import Bounds, keep_small
from tocsin.journal.statements import statements
from tocsin.model.readings import SeriesKey

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path


def write(journal: sqlite3.Connection, began_s: float, levels: Sequence[float]) -> None:
    """A chunk of a reading a second; the counter rises by one each time."""
    times = [began_s + number for number in range(len(levels))]
    body = pack([Strip(times, [list(levels), [at_s - NOW_S + 1e6 for at_s in times]])], LAYOUT.counters)
    chunk = entries.chunk("l", began_unix_s=times[0], ended_unix_s=times[-1], readings=2 * len(times), body=body)
    for entry in (entries.layout("l", LAYOUT.text()), chunk):
        journal.execute(statements()[entry.statement], entry.values)


def test_an_hour_becomes_few_points_and_a_spike_of_a_second_stays(journal: sqlite3.Connection) -> None:
    for number in range(12):
        levels = [1.0] * 300
        if number == 7:
            levels[123] = 500.0
        write(journal, NOW_S - 3600 + number * 300, levels)
    found = HistoryReader(journal).outline([GAUGE], since_unix_s=NOW_S - 3600, until_unix_s=NOW_S, points=120)[GAUGE]

    assert 100 <= len(found) <= 140
    assert max(point.high for point in found) == 500.0
    assert min(point.low for point in found) == 1.0
    assert [point.at_unix_s for point in found] == sorted(point.at_unix_s for point in found)


def test_of_a_counter_each_point_is_where_it_stood_last(journal: sqlite3.Connection) -> None:
    write(journal, NOW_S - 300, [0.0] * 300)
    found = HistoryReader(journal).outline([COUNTER], since_unix_s=NOW_S - 300, until_unix_s=NOW_S, points=10)[COUNTER]

    for before, after in pairwise(found):
        rate = (after.value - before.value) / (after.at_unix_s - before.at_unix_s)
        assert rate == pytest.approx(1.0)
    assert found[-1].value == 1e6 - 1


def test_what_was_rolled_into_minutes_is_shown_from_them_and_the_rest_from_readings(
    journal: sqlite3.Connection,
) -> None:
    for hour in range(9, 0, -1):
        for number in range(12):
            write(journal, NOW_S - hour * 3600 + number * 300, [float(hour)] * 300)
    keep_small(journal, Bounds(raw_s=3600.0), NOW_S)
    reader = HistoryReader(journal)
    raw = reader.points([GAUGE], since_unix_s=NOW_S - 9 * 3600, until_unix_s=NOW_S)[GAUGE]
    assert len(raw) > 4000, "readings and minutes, one behind the other"

    for points in (400, 2000):  # wider than a minute, and narrower
        found = reader.outline([GAUGE], since_unix_s=NOW_S - 9 * 3600, until_unix_s=NOW_S, points=points)[GAUGE]
        times = [point.at_unix_s for point in found]
        assert times == sorted(times)
        assert len(times) == len(set(times))
        assert times[0] == NOW_S - 9 * 3600
        assert times[-1] >= NOW_S - 120
        for point in found:
            assert point.value == math.ceil((NOW_S - point.at_unix_s) / 3600), "each stretch once, in its place"


def test_a_series_that_is_not_here_has_no_points(journal: sqlite3.Connection) -> None:
    other = SeriesKey("other")
    assert HistoryReader(journal).outline([other], since_unix_s=0, until_unix_s=NOW_S, points=10) == {other: []}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), min_size=1, max_size=400), st.integers(1, 500))
def test_no_outline_shows_more_or_less_than_there_was(tmp_path: Path, levels: list[float], points: int) -> None:
    (tmp_path / "one.db").unlink(missing_ok=True)
    journal = connect(tmp_path / "one.db")
    write(journal, NOW_S - 400, levels)
    reader = HistoryReader(journal)
    there = [point.value for point in reader.points([GAUGE], since_unix_s=0, until_unix_s=NOW_S)[GAUGE]]
    found = reader.outline([GAUGE], since_unix_s=NOW_S - 400, until_unix_s=NOW_S, points=points)[GAUGE]
    journal.close()

    assert bool(found) == bool(there)
    if there:
        assert min(point.low for point in found) == min(there)
        assert max(point.high for point in found) == max(there)
        assert all(point.low - 1e-9 <= point.value <= point.high + 1e-9 for point in found)
