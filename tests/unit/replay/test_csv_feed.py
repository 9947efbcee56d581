"""A CSV file as a feed: what can be written in one, and what is refused with its line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tocsin.errors import ConfigError
from tocsin.model.inputs import NewSeries, Sample
from tocsin.model.readings import SeriesKey
from tocsin.replay.csv_feed import CsvFeed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tocsin.replay.moments import Moment


def played(
    folder: Path, text: str, *, metric: str = "value", wanted: Callable[[SeriesKey], bool] = bool
) -> list[Moment]:
    path = folder / "rows.csv"
    path.write_bytes(text.encode())
    return list(CsvFeed(path, metric=metric).moments(wanted))


def values(moments: list[Moment]) -> list[list[float]]:
    return [item.values for moment in moments for item in moment.inputs if isinstance(item, Sample)]


def keys(moments: list[Moment]) -> list[SeriesKey]:
    return [item.key for moment in moments for item in moment.inputs if isinstance(item, NewSeries)]


def test_a_time_and_a_value_are_enough(tmp_path: Path) -> None:
    moments = played(tmp_path, "timestamp,value\n100,1\n110,2\n120,3\n", metric="app.depth")
    assert keys(moments) == [SeriesKey("app.depth")]
    assert values(moments) == [[1.0], [2.0], [3.0]]
    assert [moment.now.mono_s - moments[0].now.mono_s for moment in moments] == [0.0, 10.0, 20.0]
    assert {moment.every_s for moment in moments} == {10.0}


def test_each_column_is_a_metric_and_may_have_labels(tmp_path: Path) -> None:
    moments = played(tmp_path, 'time;a.b;"c{device=""sda""}"\n1;2;3\n')
    assert keys(moments) == [SeriesKey("a.b"), SeriesKey("c", (("device", "sda"),))]


@pytest.mark.parametrize(
    "text",
    ["1767225600", "1767225600000", "1767225600000000", "1767225600000000000", "2026-01-01T00:00:00Z",
     "2026-01-01 00:00:00", "2026-01-01T01:00:00+01:00", "2026-01-01"],
)  # fmt: skip
def test_times_are_unix_times_of_any_unit_or_iso(text: str, tmp_path: Path) -> None:
    [moment] = played(tmp_path, f"timestamp,m\n{text},1\n")
    assert moment.now.utc.isoformat() == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize("cell", ["", "NaN", "null", "inf"])
def test_an_empty_cell_is_no_reading(cell: str, tmp_path: Path) -> None:
    [[first, second]] = values(played(tmp_path, f"timestamp,m,n\n1,{cell},2\n"))
    assert math.isnan(first)
    assert second == 2.0


def test_a_cell_may_carry_its_unit(tmp_path: Path) -> None:
    text = "timestamp,system.cpu.utilization,process.memory.usage\n1,85 %,650 MB\n"
    assert values(played(tmp_path, text)) == [[0.85, 650e6]]


def test_what_nobody_looks_at_is_not_read(tmp_path: Path) -> None:
    text = "timestamp,m,n\n1,2,no number\n"
    assert values(played(tmp_path, text, wanted=lambda key: key.metric == "m")) == [[2.0]]


def test_since_counts_back_from_the_last_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("timestamp,m\n" + "".join(f"{number},{number}\n" for number in range(100)))
    feed = CsvFeed(path, since=lambda ended_s: ended_s - 2)
    assert values(list(feed.moments(bool))) == [[97.0], [98.0], [99.0]]
    assert feed.share_done() == 1.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2\n", "rows.csv:1: header: found '1,2', expected the names of the columns"),
        ("timestamp\n1\n", "rows.csv:1: header"),
        ("timestamp,m\n", "rows.csv:2: rows: found none"),
        ("timestamp,m\nnoon,2\n", "rows.csv:2: timestamp: found 'noon', expected Unix seconds or ISO 8601"),
        ("timestamp,m\n1e300,2\n", "rows.csv:2: timestamp: found '1e300', expected Unix seconds or ISO 8601"),
        ("timestamp,m\nnan,2\n", "rows.csv:2: timestamp: found 'nan', expected Unix seconds or ISO 8601"),
        ("timestamp,m\n0001-01-01T00:00:00+10:00,2\n", "rows.csv:2: timestamp: found '0001-01-01T00:00:00+10:00'"),
        ("timestamp,m\n1,high\n", "rows.csv:2: m: found 'high', expected a number or nothing"),
        ("timestamp,m\n1,2,3\n", "rows.csv:2: row: found 3 cells, expected 2"),
        ("timestamp,m\n2,1\n\n1,1\n", "rows.csv:4: timestamp: found '1', expected a time not before"),
        ("timestamp,m,m\n1,2,3\n", "rows.csv:1: header: found a second column 'm'"),
        ('timestamp,m\n1,"' + "x" * 200_000, "rows.csv:2: row: found what is no CSV (field larger"),
        ("timestamp,m{\n1,2\n", "rows.csv:1: header: found 'm{', expected a metric"),
        (
            "timestamp,system.cpu.utilization\n1,5 MB\n",
            "rows.csv:2: system.cpu.utilization: found '5 MB', expected a nu",
        ),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        played(tmp_path, text)
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        CsvFeed(tmp_path / "none.csv")


def test_what_is_left_out_and_what_is_no_share_is_remarked_on(tmp_path: Path) -> None:
    header = "timestamp,system.cpu.utilization,system.memory.utilization,process.cpu.utilization,orders\n"
    path = tmp_path / "rows.csv"
    path.write_text(header + "1,40,0.5,8,inf\n2,85,inf,8,-inf\n3,nan,50 %,8,\n", encoding="utf-8")
    feed = CsvFeed(path)
    list(feed.moments(lambda _: True))
    infinite, percent = feed.remarks()
    assert infinite == "3 infinite readings were left out"
    assert percent.startswith("system.cpu.utilization is a share, and goes up to 85:")
