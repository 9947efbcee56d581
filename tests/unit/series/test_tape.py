"""The tape: each reading is handed over once, whether it lies in a table or in a series' own memory."""

from __future__ import annotations

from tocsin.model.readings import SeriesKey
from tocsin.series.memory import Series
from tocsin.series.tables import Tables
from tocsin.series.tape import Stretch, Tape

KEYS = tuple(SeriesKey(f"app.{number}") for number in range(4))
POINTS = 5
IDS = (0, 1)


def a_tape() -> tuple[Tape, Tables, dict[int, Series]]:
    series = {number: Series(key, POINTS) for number, key in enumerate(KEYS)}
    tables = Tables(POINTS, series)
    return Tape(tables, series, POINTS), tables, series


def plain(stretches: list[Stretch]) -> list[tuple[tuple[SeriesKey, ...], list[float], list[list[float]]]]:
    return [(one.keys, list(one.times), [list(column) for column in one.columns]) for one in stretches]


def test_rows_of_a_table_are_handed_over_once() -> None:
    tape, tables, _ = a_tape()
    tables.of(IDS, 0.0).add(1.0, [10.0, 20.0])
    tables.of(IDS, 0.0).add(2.0, [11.0, 21.0])

    assert plain(tape.take()) == [(KEYS[:2], [1.0, 2.0], [[10.0, 11.0], [20.0, 21.0]])]
    assert tape.take() == []

    tables.of(IDS, 0.0).add(3.0, [12.0, 22.0])
    assert plain(tape.take()) == [(KEYS[:2], [3.0], [[12.0], [22.0]])]


def test_series_with_a_memory_of_their_own_are_taken_together_where_their_times_agree() -> None:
    tape, _, series = a_tape()
    for at_s in (1.0, 2.0):
        series[2].push(at_s, at_s)
        series[3].push(at_s, -at_s)
    series[1].push(5.0, 0.0)

    assert plain(tape.take()) == [
        ((KEYS[1],), [5.0], [[0.0]]),
        (KEYS[2:], [1.0, 2.0], [[1.0, 2.0], [-1.0, -2.0]]),
    ]
    assert tape.take() == []


def test_a_series_that_is_singled_out_still_stands_in_its_table() -> None:
    tape, tables, series = a_tape()
    tables.of(IDS, 0.0).add(1.0, [10.0, 20.0])
    series[0].single_out()
    series[0].push(2.0, 11.0)
    tables.of(IDS, 0.0).add(2.0, [11.0, 21.0])

    assert plain(tape.take()) == [(KEYS[:2], [1.0, 2.0], [[10.0, 11.0], [20.0, 21.0]])]


def test_it_says_when_readings_would_soon_be_lost_and_gives_what_is_left() -> None:
    tape, tables, _ = a_tape()
    for number in range(POINTS):
        assert not tape.is_full()
        tables.of(IDS, 0.0).add(float(number), [0.0, float(number)])
    assert tape.is_full()

    for number in range(POINTS, 4 * POINTS):
        tables.of(IDS, 0.0).add(float(number), [0.0, float(number)])
    ((_, times, columns),) = plain(tape.take())
    assert times[-1] == 4 * POINTS - 1
    assert times == columns[1]
    assert POINTS <= len(times) <= 2 * POINTS
    assert not tape.is_full()
