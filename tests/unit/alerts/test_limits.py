"""The token bucket and the suppressor, at and around their bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.alerts.limits import TokenBucket
from tocsin.alerts.suppression import MAX_SOURCES, Suppressor


@given(st.lists(st.floats(0.0, 30.0), max_size=200), st.floats(1.0, 60.0))
def test_a_bucket_never_gives_more_than_its_burst_and_its_rate(pauses: list[float], per_minute: float) -> None:
    bucket, now_s, taken = TokenBucket(per_minute), 0.0, 0
    for pause_s in pauses:
        now_s += pause_s
        taken += bucket.take(now_s)
    assert taken <= per_minute + now_s * per_minute / 60.0 + 1e-6


def test_what_must_not_wait_is_taken_on_credit() -> None:
    bucket = TokenBucket(1.0)
    assert bucket.take(0.0)
    assert not bucket.take(0.0)
    assert bucket.take(0.0, always=True)


@given(st.lists(st.floats(0.0, 40.0), min_size=1, max_size=100))
def test_in_no_minute_are_more_than_three_told(pauses: list[float]) -> None:
    suppressor, now_s, told = Suppressor(3, 60.0), 0.0, []
    for pause_s in pauses:
        now_s += pause_s
        if suppressor.admit("s", 2, 1, now_s):
            told.append(now_s)
    for place in range(len(told) - 3):
        assert told[place + 3] - told[place] >= 60.0


@pytest.mark.parametrize("count", [0, 1, 3, 4, 1000])
def test_of_many_at_once_the_first_three_are_told(count: int) -> None:
    assert Suppressor(3, 60.0).admit("s", 2, count, 0.0) == min(count, 3)


def test_a_million_sources_do_not_fill_the_memory() -> None:
    suppressor = Suppressor(3, 60.0)
    for number in range(3 * MAX_SOURCES):
        suppressor.note(str(number), 2, float(number) / 1e6)
    assert len(suppressor.last) <= MAX_SOURCES
