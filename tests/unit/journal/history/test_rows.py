"""The history as a stream of rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from tests.unit.journal.history.test_upkeep import readings, write
from tests.unit.journal.history.two_series import COUNTER, GAUGE, LAYOUT, NOW_S

from tocsin.journal import entries
from tocsin.journal.database import connect
from tocsin.journal.history.chunk import Chunk, Strip, pack
from tocsin.journal.history.layout import ChunkLayout, Column
from tocsin.journal.history.rows import HistoryRows, together
from tocsin.journal.history.upkeep import Bounds, keep_small
from tocsin.model.readings import SeriesKey

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from tocsin.journal.history.rows import Row

BOTH = frozenset({GAUGE, COUNTER})


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    made = connect(tmp_path / "journal.db")
    yield made
    made.close()


def rows(journal: sqlite3.Connection, *keys: SeriesKey, value: str = "mean", since_s: float = 0.0) -> list[Row]:
    history = HistoryRows(journal, minute_value=value)
    return list(history.rows(frozenset(keys), since_unix_s=since_s, until_unix_s=2 * NOW_S))


def test_readings_come_as_they_were_taken(journal: sqlite3.Connection) -> None:
    write(journal, readings(NOW_S - 600))
    write(journal, readings(NOW_S - 300))

    found = rows(journal, COUNTER)

    assert [row.at_unix_s for row in found] == [NOW_S - 600 + number for number in range(600)]
    assert [row.values for row in found] == [(float(number),) for number in (*range(300), *range(300))]
    assert {row.every_s for row in found} == {1.0}


def test_minutes_come_before_readings_and_none_comes_twice(journal: sqlite3.Connection) -> None:
    write(journal, readings(NOW_S - 7200))
    write(journal, readings(NOW_S - 300))
    keep_small(journal, Bounds(raw_s=3600), NOW_S)

    found = rows(journal, *BOTH)

    minutes = [row for row in found if row.is_minute]
    assert [row.at_unix_s for row in minutes] == [NOW_S - 7200 + 60 * number for number in range(1, 6)]
    assert len(found) == 5 + 300
    assert found == sorted(found, key=lambda row: row.at_unix_s)


@pytest.mark.parametrize(("value", "expected"), [("min", 1.5), ("max", 1.5 + 59 / 7), ("mean", 1.5 + 29.5 / 7)])
def test_a_minute_of_a_gauge_is_told_by_what_was_asked_for(
    journal: sqlite3.Connection, value: str, expected: float
) -> None:
    write(journal, readings(NOW_S - 7200))
    keep_small(journal, Bounds(raw_s=3600), NOW_S)

    [first, *_] = rows(journal, GAUGE, value=value)

    assert first.values[0] == pytest.approx(expected, rel=1e-3)


def test_strips_of_different_paces_are_told_in_the_order_of_time(journal: sqlite3.Connection) -> None:
    slow = SeriesKey("app.slow")
    layout = ChunkLayout([[Column(GAUGE)], [Column(slow)]])
    often = Strip([NOW_S + number for number in range(30)], [[float(number) for number in range(30)]])
    seldom = Strip([NOW_S, NOW_S + 10, NOW_S + 20], [[1.0, 2.0, 3.0]])
    body = pack([often, seldom], layout.counters)
    write(journal, [
        entries.layout("two", layout.text()),
        entries.chunk("two", began_unix_s=NOW_S, ended_unix_s=NOW_S + 29, readings=33, body=body),
    ])  # fmt: skip
    history = HistoryRows(journal)

    groups = list(together(history.rows(frozenset({GAUGE, slow}), since_unix_s=0.0, until_unix_s=2 * NOW_S)))

    assert [len(group) for group in groups] == [2 if number in {0, 10, 20} else 1 for number in range(30)]


def test_only_so_much_as_was_asked_for_is_told(journal: sqlite3.Connection) -> None:
    write(journal, readings(NOW_S - 300))
    assert [row.at_unix_s for row in rows(journal, GAUGE, since_s=NOW_S - 3)] == [NOW_S - 3, NOW_S - 2, NOW_S - 1]
    assert rows(journal, SeriesKey("app.other")) == []


def test_rows_in_which_nothing_was_measured_are_left_out(journal: sqlite3.Connection) -> None:
    strip = Strip([NOW_S, NOW_S + 1, NOW_S + 2], [[1.0, math.nan, 3.0], [1.0, 2.0, 3.0]])
    write(journal, [
        entries.layout("l", LAYOUT.text()),
        entries.chunk("l", began_unix_s=NOW_S, ended_unix_s=NOW_S + 2, readings=6,
                      body=pack([strip], LAYOUT.counters)),
    ])  # fmt: skip
    assert [row.values for row in rows(journal, GAUGE)] == [(1.0,), (3.0,)]


def test_a_damaged_chunk_is_left_out_and_counted(journal: sqlite3.Connection) -> None:
    write(journal, readings(NOW_S - 600))
    write(journal, readings(NOW_S - 300))
    journal.execute("UPDATE history SET body = x'01ff' WHERE began = ?", (NOW_S - 600,))
    history = HistoryRows(journal)

    assert len(list(history.rows(BOTH, since_unix_s=0.0, until_unix_s=2 * NOW_S))) == 300
    assert history.damaged == 1


def test_no_more_than_two_chunks_are_read_ahead(journal: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    from tocsin.journal.history import rows as module

    opened: list[int] = []

    class Counted(Chunk):
        def __init__(self, data: bytes) -> None:
            opened.append(len(data))
            super().__init__(data)

    monkeypatch.setattr(module, "Chunk", Counted)
    for number in range(20):
        write(journal, readings(NOW_S + 300 * number))

    told = HistoryRows(journal).rows(frozenset({COUNTER}), since_unix_s=0.0, until_unix_s=2 * NOW_S)

    for number in range(20 * 300):
        next(told)
        assert len(opened) <= number // 300 + 2
