"""Readings in compact notation."""

from __future__ import annotations

import math
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.replay.notation import FAILED, parse_readings

_ = math.nan


def same(found: list[float], expected: list[float]) -> bool:
    return len(found) == len(expected) and all(
        (math.isnan(a) and math.isnan(b)) or a == pytest.approx(b) for a, b in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", [3]),
        ("3 4", [3, 4]),
        ("3x2", [3, 3, 3]),
        ("0+10x5", [0, 10, 20, 30, 40, 50]),
        ("0+10x5 _x3 90x2", [0, 10, 20, 30, 40, 50, _, _, _, 90, 90, 90]),
        ("5-2x2", [5, 3, 1]),
        ("-3+1x2", [-3, -2, -1]),
        ("_", [_]),
        ("1 ! 2", [1, FAILED, 2]),
        ("!x2", [FAILED, FAILED]),
        ("1e3", [1000]),
        ("1e+3+2x1", [1000, 1002]),
        ("1.5+.25x2", [1.5, 1.75, 2.0]),
        ("3x0", [3]),
    ],
)
def test_the_notation_is_that_of_prometheus_rule_tests(text: str, expected: list[float]) -> None:
    assert same(parse_readings(text, "app.depth"), expected)


@pytest.mark.parametrize(
    ("metric", "text", "expected"),
    [
        ("process.memory.usage", "600MB+10MBx2", [600e6, 610e6, 620e6]),
        ("process.memory.usage", "600MB+10x2", [600e6, 610e6, 620e6]),
        ("process.memory.usage", "0+10MBx2", [0, 10e6, 20e6]),
        ("process.memory.usage", "1GiBx1", [2**30, 2**30]),
        ("system.cpu.utilization", "85%x1 90", [0.85, 0.85, 0.90]),
        ("system.cpu.utilization", "80+1x2", [0.80, 0.81, 0.82]),
        ("system.cpu.utilization", "0+10x2", [0, 0.1, 0.2]),
        ("tocsin.storage.probe.duration", "50ms+25msx2", [0.05, 0.075, 0.1]),
        ("app.size", "3MB", [3e6]),
    ],
)
def test_a_number_is_in_the_unit_of_its_metric(metric: str, text: str, expected: list[float]) -> None:
    assert same(parse_readings(text, metric), expected)


@pytest.mark.parametrize(
    ("metric", "text", "words"),
    [
        ("app.depth", "", "found no readings"),
        ("app.depth", "high", "found 'high', expected readings such as"),
        ("app.depth", "1+2", "found '1+2'"),
        ("app.depth", "1x", "found '1x'"),
        ("app.depth", "1x-2", "found '1x-2'"),
        ("app.depth", "1x99999999999", "at most 1,000,000"),
        ("app.depth", "1x999999 1x999999", "more than 1,000,000"),
        ("app.depth", "3lightyears", "unknown unit"),
        ("system.cpu.utilization", "0.85", "found 0.85, expected a percentage: write 85 or 0.85%"),
        ("process.memory.usage", "650", "found 650, expected its unit too, as in 600MB"),
        ("process.memory.usage", "5s", "found 5s, expected a number in By"),
    ],
)
def test_what_could_mean_something_else_is_refused(metric: str, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"found|unit") as caught:
        parse_readings(text, metric)
    assert words in str(caught.value)


RUNS = st.lists(st.tuples(st.integers(-1000, 1000), st.integers(-9, 9), st.integers(0, 20)), min_size=1, max_size=5)


@given(RUNS)
def test_any_runs_are_read_as_they_are_meant(runs: list[tuple[int, int, int]]) -> None:
    text = " ".join(f"{start}{step:+d}x{times}" for start, step, times in runs)
    expected = chain.from_iterable(
        [start + step * number for number in range(times + 1)] for start, step, times in runs
    )
    assert parse_readings(text, "app.depth") == list(map(float, expected))
