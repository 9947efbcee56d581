"""What keeps the journal small, and what is never thrown away for it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.unit.journal.history.two_series import COUNTER, GAUGE, LAYOUT, NOW_S

from tocsin.journal import entries
from tocsin.journal.entries import Entry
from tocsin.journal.history.chunk import Strip, pack
from tocsin.journal.history.reading import HistoryReader, thinned
from tocsin.journal.history.upkeep import Bounds, keep_small
from tocsin.journal.statements import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable


def write(journal: sqlite3.Connection, written: Iterable[Entry]) -> None:
    for entry in written:
        journal.execute(statements()[entry.statement], entry.values)


def readings(began_s: float, *, count: int = 300, value: float = 1.5) -> list[Entry]:
    """A chunk of one reading a second."""
    times = [began_s + number for number in range(count)]
    columns = [[value + number / 7 for number in range(count)], [float(number) for number in range(count)]]
    body = pack([Strip(times, columns)], LAYOUT.counters)
    return [
        entries.layout("l", LAYOUT.text()),
        entries.chunk("l", began_unix_s=times[0], ended_unix_s=times[-1], readings=2 * count, body=body),
    ]


def noise(number: int, *, state: str = "resolved", keep: bytes | None = None) -> Entry:
    """An alert of two kilobytes, that ended so many seconds ago."""
    at_s = NOW_S - 1000 + number
    resolved_s = at_s if state == "resolved" else None
    return Entry("put_alert", (
        f"a{number}", f"f{number}", "r", "general", 2, "", state, at_s, at_s, resolved_s, b"x" * 2000, keep,
    ))  # fmt: skip


def count(journal: sqlite3.Connection, where: str) -> int:
    return int(journal.execute(f"SELECT count(*) FROM {where}").fetchone()[0])  # noqa: S608 - the test's own words


def pages(journal: sqlite3.Connection) -> int:
    return int(journal.execute("PRAGMA page_count").fetchone()[0])


def test_readings_of_more_than_an_hour_ago_become_minutes_once(journal: sqlite3.Connection) -> None:
    write(journal, readings(NOW_S - 7200))
    write(journal, readings(NOW_S - 300))

    assert keep_small(journal, Bounds(), NOW_S)
    assert keep_small(journal, Bounds(), NOW_S)

    assert count(journal, "history WHERE step = 0") == 2
    assert count(journal, "history WHERE step = 60") == 1
    assert count(journal, "history WHERE rolled") == 1


def test_a_series_is_told_by_its_readings_and_before_these_by_its_minutes(journal: sqlite3.Connection) -> None:
    for began_s in (NOW_S - 8 * 3600, NOW_S - 8 * 3600 + 300, NOW_S - 600):
        write(journal, readings(began_s))
    keep_small(journal, Bounds(raw_s=3600.0), NOW_S)

    found = HistoryReader(journal).points([GAUGE, COUNTER], since_unix_s=0, until_unix_s=NOW_S)

    gauge, counter = found[GAUGE], found[COUNTER]
    assert [point.at_unix_s for point in gauge[:10]] == [NOW_S - 8 * 3600 + 60 * minute for minute in range(10)]
    assert len(gauge) == 10 + 300
    assert (gauge[0].low, gauge[0].high) == pytest.approx((1.5, 1.5 + 59 / 7), rel=1e-3)
    assert gauge[0].value == pytest.approx(1.5 + 29.5 / 7, rel=1e-3)
    assert counter[0].value == 59.0
    assert gauge[10].value == 1.5
    assert HistoryReader(journal).keys() == [GAUGE, COUNTER]


def test_a_range_holds_what_lies_in_it(journal: sqlite3.Connection) -> None:
    write(journal, readings(NOW_S))

    found = HistoryReader(journal).points([GAUGE], since_unix_s=NOW_S + 10, until_unix_s=NOW_S + 20)[GAUGE]

    assert [point.at_unix_s for point in found] == [NOW_S + number for number in range(10, 21)]


def test_what_is_older_than_its_bound_goes_and_its_layout_with_it(journal: sqlite3.Connection) -> None:
    write(journal, readings(NOW_S - 40 * 86_400))

    assert keep_small(journal, Bounds(), NOW_S)

    assert count(journal, "history") == 0
    assert count(journal, "history_layouts") == 0


def test_readings_are_not_forgotten_before_their_minutes_are_kept(journal: sqlite3.Connection) -> None:
    write(journal, readings(NOW_S - 10 * 86_400))

    assert keep_small(journal, Bounds(), NOW_S)

    assert count(journal, "history WHERE step = 0") == 0
    assert count(journal, "history WHERE step = 60") == 1


def test_damaged_readings_do_not_stop_the_upkeep(journal: sqlite3.Connection) -> None:
    write(journal, readings(NOW_S - 7200))
    journal.execute("UPDATE history SET body = x'0102'")

    assert keep_small(journal, Bounds(), NOW_S)

    assert count(journal, "history WHERE step = 60") == 0
    assert HistoryReader(journal).points([GAUGE], since_unix_s=0, until_unix_s=NOW_S)[GAUGE] == []


def test_of_too_much_the_history_goes_before_any_alert(journal: sqlite3.Connection) -> None:
    write(journal, [noise(number) for number in range(400)])
    for number in range(200):
        write(journal, readings(NOW_S - 100_000 + 300 * number, value=math.pi * number))
    forever = Bounds(alerts_s=1e9, minutes_s=1e9, raw_s=1e9)
    assert keep_small(journal, forever, NOW_S)
    chunks, size = count(journal, "history"), pages(journal) * 4096 - 20_000

    assert keep_small(journal, msgspec.structs.replace(forever, size_bytes=size), NOW_S)

    assert count(journal, "alerts") == 400
    assert 0 < count(journal, "history") < chunks
    assert pages(journal) * 4096 <= size + 64 * 4096  # the file itself became smaller


def test_then_the_oldest_that_is_over_goes_and_what_is_open_or_waits_stays(journal: sqlite3.Connection) -> None:
    write(journal, [noise(number) for number in range(800)])
    write(journal, [noise(2000 + number, state="firing", keep=b"k") for number in range(20)])
    journal.execute(
        "INSERT INTO notices (id, channel, kind, severity, created_at, state, body)"
        " VALUES ('n', 'c', 'firing', 2, ?, 'waiting', x'')", (NOW_S - 10**6,),
    )  # fmt: skip

    assert keep_small(journal, Bounds(size_bytes=10**6, alerts_s=1e9), NOW_S)

    kept = [row[0] for row in journal.execute("SELECT id FROM alerts WHERE state = 'resolved' ORDER BY started_at")]
    assert 0 < len(kept) < 400
    assert kept[-1] == "a799"
    assert count(journal, "alerts WHERE state = 'firing'") == 20
    assert count(journal, "notices") == 1


def test_where_nothing_may_be_thrown_away_that_is_told(journal: sqlite3.Connection) -> None:
    write(journal, [noise(number, state="firing", keep=b"k") for number in range(100)])

    assert not keep_small(journal, Bounds(size_bytes=50_000), NOW_S)

    assert count(journal, "alerts") == 100


def test_many_points_become_few_that_keep_the_extremes(journal: sqlite3.Connection) -> None:
    write(journal, readings(NOW_S))
    points = HistoryReader(journal).points([GAUGE], since_unix_s=0, until_unix_s=2e9)[GAUGE]

    few = thinned(points, 20)

    assert 20 <= len(few) <= 21
    assert min(point.low for point in few) == points[0].value
    assert max(point.high for point in few) == points[-1].value
    assert thinned(points, 1000) is points
