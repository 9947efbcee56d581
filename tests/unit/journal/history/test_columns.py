"""Columns of readings: what comes back is what went in, as exactly as their kind promises."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.journal.history.columns import CONSTANT, DOUBLES, HOLES, INTEGERS, ROUGH, decode, encode

ROUGHLY = 2.0**-12
NAN = math.nan

readings = st.one_of(
    st.just(NAN),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**53) + 1, 2**53 - 1).map(float),
    st.decimals(-(10**6), 10**6, places=2, allow_nan=False).map(float),
    st.floats(0, 1),
)


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


@given(st.lists(readings, min_size=1, max_size=50), st.booleans())
def test_readings_come_back_as_exactly_as_promised(values: list[float], counter: bool) -> None:
    found = decode(encode(values, counter=counter), len(values))

    for value, again in zip(values, found, strict=True):
        assert same(value, again) or abs(value - again) <= (0.51e-6 if counter else abs(value) * ROUGHLY)


@given(st.lists(st.integers(-(2**52), 2**52).map(float), min_size=1, max_size=50), st.booleans())
def test_whole_numbers_come_back_as_they_are(values: list[float], counter: bool) -> None:
    assert list(decode(encode(values, counter=counter), len(values))) == values


@given(st.binary(max_size=40), st.integers(1, 20))
def test_what_is_no_column_is_refused_in_words(data: bytes, count: int) -> None:
    try:
        found = decode(data, count)
    except ValueError:
        return
    assert len(found) == count


@pytest.mark.parametrize(
    ("values", "counter", "kind"),
    [
        ([5.5] * 9, False, CONSTANT),
        ([NAN] * 9, False, CONSTANT),
        ([1.0, NAN, 3.0], False, INTEGERS | HOLES),
        ([1.25, 7.0, 3.5], False, INTEGERS),
        ([0.123456789, 0.2, 0.3], False, ROUGH),
        ([0.123456789, 0.2, 0.3], True, INTEGERS),
        ([1e300, 1.0, 2.0], False, DOUBLES),
        ([5e-324, 1.0, 2.0], False, DOUBLES),
        ([2.0**60, 1.5, 2.0], True, DOUBLES),
        ([-0.0, 0.0, 1e-9], False, ROUGH),
    ],
)
def test_each_column_takes_the_smallest_kind_that_keeps_it(values: list[float], counter: bool, kind: int) -> None:
    assert encode(values, counter=counter)[0] == kind


def test_pages_of_memory_cost_a_byte_a_reading() -> None:
    draw = random.Random(1)
    pages = [4096.0 * (10**6 + draw.randrange(100)) for _ in range(300)]

    assert len(encode(pages, counter=False)) < 300 * 1.1
    assert list(decode(encode(pages, counter=False), 300)) == pages
