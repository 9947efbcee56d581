from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.readings import SeriesKey
from tocsin.series.memory import Series
from tocsin.series.table import Table
from tocsin.series.tables import Tables

NAN = math.nan


def some_series(n: int = 3, points: int = 10) -> dict[int, Series]:
    return {number: Series(SeriesKey(f"m{number}"), points) for number in range(n)}


def test_a_series_in_a_table_has_its_column_without_what_was_not_measured() -> None:
    series = some_series()
    tables, ids = Tables(10, series), (2, 0)
    for at_s, row in enumerate([[1.0, 10.0], [NAN, 11.0], [3.0, NAN]]):
        tables.of(ids, float(at_s)).add(float(at_s), row)
    assert series[2].readings() == [(0.0, 1.0), (2.0, 3.0)]
    assert series[0].recent(5) == [10.0, 11.0]
    assert (series[2].latest(), series[0].latest()) == (3.0, 11.0)
    assert series[2].interval_s() == 2.0
    assert math.isnan(series[1].latest())


def test_a_counter_in_a_table_is_shown_as_its_rate() -> None:
    series = {0: Series(SeriesKey("system.context_switches"))}
    tables, ids = Tables(10, series), (0,)
    assert math.isnan(series[0].latest())
    for at_s, count in ((0.0, 5.0), (2.0, 9.0), (3.0, 1.0)):
        tables.of(ids, at_s).add(at_s, [count])
    assert series[0].recent(5) == [2.0, 0.0]
    assert series[0].latest() == 0.0


def test_rows_are_forgotten_oldest_first() -> None:
    table, longest = Table((0, 1), 10), 0
    for at_s in range(100):
        table.add(float(at_s), [float(at_s), NAN])
        longest = max(longest, len(table.readings(0)))
    assert longest < 20
    assert table.readings(0)[-10:] == [(float(at_s), float(at_s)) for at_s in range(90, 100)]


def test_readings_that_come_in_several_ways_are_given_in_their_order() -> None:
    series = some_series()
    tables, first, second = Tables(10, series), (0, 1), (0,)
    tables.of(first, 1.0).add(1.0, [10.0, 0.0])
    series[0].push(2.0, 20.0)
    tables.of(second, 3.0).add(3.0, [30.0])
    tables.of(first, 4.0).add(4.0, [40.0, 0.0])
    assert series[0].recent(9) == [10.0, 20.0, 30.0, 40.0]
    assert series[0].latest() == 40.0


def test_equal_numbers_in_another_object_are_another_table() -> None:
    series = some_series()
    tables, one = Tables(10, series), (0, 1)
    assert tables.of(one, 0.0) is tables.of(one, 1.0)
    assert tables.of(one, 0.0) is not tables.of(tuple([0, 1]), 1.0)  # noqa: C409 - not the same constant


def test_a_series_that_is_singled_out_takes_its_readings_along_and_is_found_in_each_table() -> None:
    series = some_series()
    tables, ids = Tables(10, series), (0, 1)
    table = tables.of(ids, 0.0)
    table.add(0.0, [1.0, 2.0])
    assert tables.single(table) == []
    series[1].single_out()
    tables.single_out()
    [(column, number, remember)] = tables.single(table)
    assert (column, number) == (1, 1)
    table.add(1.0, [3.0, 4.0])
    remember(1.0, 4.0)
    assert series[1].recent(9) == [2.0, 4.0]


def test_tables_that_nobody_feeds_any_more_are_forgotten() -> None:
    series = some_series(2)
    tables, old, new = Tables(10, series), (0, 1), (0,)
    for at_s in range(5):
        tables.of(old, float(at_s)).add(float(at_s), [1.0, 2.0])
    tables.of(new, 13.0).add(13.0, [3.0])
    assert series[0].recent(9) == [1.0] * 5 + [3.0]
    tables.of((1,), 15.0)
    assert series[0].recent(9) == [3.0]


@given(
    rows=st.lists(
        st.tuples(st.sampled_from("tls"), st.lists(st.sampled_from([1.0, 2.0, NAN]), min_size=3, max_size=3))
    ),
    singled_at=st.integers(0, 20),
)
def test_a_series_says_the_same_however_its_readings_came(rows: list[tuple[str, list[float]]], singled_at: int) -> None:
    series, plain = some_series(points=5), some_series(points=5)
    tables, wide, narrow = Tables(5, series), (0, 1, 2), (2, 0)
    for at, (way, values) in enumerate(rows):
        if at == singled_at:
            series[0].single_out()
            tables.single_out()
        ids = {"t": wide, "s": narrow, "l": [0, 1, 2]}[way]
        row = values[: len(ids)]
        if isinstance(ids, tuple):
            table = tables.of(ids, float(at))
            table.add(float(at), row)
            for column, _, remember in tables.single(table):
                if not math.isnan(row[column]):
                    remember(float(at), row[column])
        for number, value in zip(ids, row, strict=True):
            if not math.isnan(value):
                plain[number].push(float(at), value)
                if not isinstance(ids, tuple):
                    series[number].push(float(at), value)
    for number in plain:
        assert series[number].recent(3) == plain[number].recent(3)
        assert series[number].latest() == pytest.approx(plain[number].latest(), nan_ok=True)
