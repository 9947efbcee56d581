from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.units import BYTES, BYTES_PER_SECOND, RATIO, SECONDS, format_value, parse_quantity

finite = st.floats(min_value=1e-9, max_value=1e15)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("85 %", 0.85, RATIO),
        ("85%", 0.85, RATIO),
        ("85 percent", 0.85, RATIO),
        ("0.85 %", 0.0085, RATIO),
        ("650 MB", 650e6, BYTES),
        ("512 MiB", 512 * 2**20, BYTES),
        ("128 KiB", 131072, BYTES),
        ("1 kB", 1000, BYTES),
        ("700mb", 700e6, BYTES),
        ("1_000 B", 1000, BYTES),
        ("1 000 bytes", 1000, BYTES),
        ("2 TB", 2e12, BYTES),
        ("50 ms", 0.05, SECONDS),
        ("20 us", 20e-6, SECONDS),
        ("20 \u00b5s", 20e-6, SECONDS),
        ("20 \u03bcs", 20e-6, SECONDS),
        ("1s", 1, SECONDS),
        ("5 min", 300, SECONDS),
        ("1.5 h", 5400, SECONDS),
        ("2 days", 172800, SECONDS),
        ("5 MB/s", 5e6, BYTES_PER_SECOND),
        ("36 MB/hour", 10_000, BYTES_PER_SECOND),
        ("60 KiB / min", 1024, BYTES_PER_SECOND),
        ("-5 %", -0.05, RATIO),
        ("+5 %", 0.05, RATIO),
        (".5 s", 0.5, SECONDS),
        ("1e3 ms", 1, SECONDS),
        ("  7  ", 7, ""),
    ],
)
def test_a_number_with_a_unit_is_read_into_the_base_unit(text: str, value: float, unit: str) -> None:
    found = parse_quantity(text)

    assert found.value == pytest.approx(value, rel=1e-15)
    assert found.unit == unit


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'' is not a number with a unit"),
        ("fast", "'fast' is not a number with a unit"),
        ("%", "'%' is not a number with a unit"),
        ("nan", "'nan' is not a number with a unit"),
        ("inf s", "'inf s' is not a number with a unit"),
        ("1__0 s", "'1__0 s' has the unknown unit '__0 s'"),
        ("5 parsecs", "'5 parsecs' has the unknown unit 'parsecs'"),
        ("5 MB/parsec", "'5 MB/parsec' has the unknown unit 'MB/parsec'"),
        ("5 ms/MB", "'5 ms/MB' has the unknown unit 'ms/MB'"),
        ("0,85 %", "'0,85 %' has the unknown unit ',85 %'"),
        ("1e999", "'1e999' is not a finite number"),
        ("1e308 GB", "'1e308 GB' is not a finite number"),
        ("1" * 200, "'11111111111111111111…' is too long for a number with a unit"),
    ],
)
def test_what_is_no_quantity_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        parse_quantity(text)


@given(st.text(max_size=100))
def test_any_text_is_a_finite_quantity_or_a_value_error(text: str) -> None:
    try:
        quantity = parse_quantity(text)
    except ValueError:
        return
    assert math.isfinite(quantity.value)


@given(st.text(alphabet="0123456789.eE+-_ %/kKMGiBbmsµhour", max_size=100))
def test_any_text_of_digits_and_unit_letters_is_a_finite_quantity_or_a_value_error(text: str) -> None:
    try:
        quantity = parse_quantity(text)
    except ValueError:
        return
    assert math.isfinite(quantity.value)


@given(finite, st.sampled_from([RATIO, BYTES, SECONDS, BYTES_PER_SECOND]))
def test_what_is_written_for_a_person_can_be_read_again(value: float, unit: str) -> None:
    again = parse_quantity(format_value(value, unit))

    assert again.unit == unit
    assert again.value == pytest.approx(value, rel=0.01)


@given(finite, st.sampled_from(["%", "MB", "MiB", "ms", "h", "MB/s", "MB/hour"]))
def test_a_number_keeps_its_size_whatever_case_and_spaces_surround_it(number: float, unit: str) -> None:
    plain = parse_quantity(f"{number!r} {unit}")

    assert parse_quantity(f" {number!r}{unit.upper()} ") == plain


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.853, RATIO, "85.3 %"),
        (1.0, RATIO, "100 %"),
        (0.0, RATIO, "0 %"),
        (7e8, BYTES, "700 MB"),
        (999, BYTES, "999 B"),
        (1.5e12, BYTES, "1.5 TB"),
        (5e6, BYTES_PER_SECOND, "5 MB/s"),
        (0.05, SECONDS, "50 ms"),
        (0.00002, SECONDS, "20 µs"),
        (0.0, SECONDS, "0 s"),
        (90.0, SECONDS, "90 s"),
        (300.0, SECONDS, "5 min"),
        (7200.0, SECONDS, "2 h"),
        (12.0, "{error}/s", "12/s"),
        (3.0, "{thread}", "3"),
        (3.25, "", "3.25"),
        (-0.05, RATIO, "-5 %"),
        (math.inf, BYTES, "inf TB"),
        (math.nan, RATIO, "no data"),
        (None, RATIO, "no data"),
    ],
)
def test_a_value_is_written_as_a_person_reads_it(value: float | None, unit: str, text: str) -> None:
    assert format_value(value, unit) == text
