from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.readings import SeriesKey, canonical_labels
from tocsin.model.series_text import parse_series, write_series

NAMES = st.text("abc.XYZ_-019", min_size=1, max_size=8)


@given(NAMES, st.dictionaries(NAMES, st.text(max_size=8), max_size=3))
def test_what_is_written_is_read_again(metric: str, labels: dict[str, str]) -> None:
    key = SeriesKey(metric, canonical_labels(labels))
    assert parse_series(write_series(key)) == key


@pytest.mark.parametrize(
    "text", ["disk.usage{device=sda}", "disk.usage{device='sda'}", ' disk.usage { device = "sda" }']
)
def test_labels_need_no_quotes_where_they_are_plain(text: str) -> None:
    assert parse_series(text) == SeriesKey("disk.usage", (("device", "sda"),))


@pytest.mark.parametrize("text", ["", "{a=b}", "m{a}", "m{a=b c=d}", "m{a=b,a=c}", 'm{a="b}', "m n", "m{a=b}}"])
def test_what_is_no_series_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a metric"):
        parse_series(text)
