"""Resident memory beyond what Python's blocks explain."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import pytest

from tocsin.memory.leaks.native import NativeGrowth
from tocsin.model.memory import HeapSnapshot, LeakState

if TYPE_CHECKING:
    from collections.abc import Callable

MB = 1e6


def none(_share: float) -> float:
    """Of nothing."""
    return 0.0


def after(
    native: Callable[[float], float],
    python: Callable[[float], float] = none,
    *,
    readings: int = 120,
    noise: float = 0.1,
    kept: bool = False,
    growth: NativeGrowth | None = None,
    from_s: float = 0.0,
) -> NativeGrowth:
    """Readings each second of megabytes by the share of the run.

    Args:
        native: memory of C.
        python: memory of Python's larger blocks.
        readings: how many.
        noise: of resident memory.
        kept: whether malloc keeps what Python gives back.
        growth: to go on with.
        from_s: when that is.
    """
    rng, growth, highest = random.Random(1), growth or NativeGrowth(), 0.0
    for number in range(readings):
        share = number / readings
        highest = max(highest, python(share))
        rss = 50 * MB + MB * (native(share) + (highest if kept else python(share)) + rng.uniform(0, noise))
        at_s = from_s + number
        growth.observe(
            HeapSnapshot(
                at_s=at_s,
                rss_bytes=int(rss),
                arena_bytes=int(10 * MB),
                live_bytes=5 * MB + python(share) * MB,
                small_bytes=5 * MB,
                live_variance=0.0,
                small_variance=0.0,
            ),
            at_s,
        )
    return growth


def day(share: float) -> float:
    """Two days of load."""
    return 50 - 50 * math.cos(4 * math.pi * share)


def test_steady_growth_is_confirmed_with_its_rate() -> None:
    growth = after(lambda share: 30 * share)

    assert growth.state is LeakState.CONFIRMED
    assert growth.rate is not None
    assert growth.rate.low <= growth.rate.per_s <= growth.rate.high
    assert growth.rate.per_s == pytest.approx(30 * MB / 120, rel=0.01)
    assert 20 * MB < growth.rise < 30 * MB


def test_less_than_4_mb_are_no_growth() -> None:
    assert after(lambda share: 3 * share).state is None


def test_growth_that_is_explained_is_none() -> None:
    assert after(none, lambda share: 100 * share).state is None


def test_what_malloc_keeps_is_none() -> None:
    assert after(none, day, kept=True).state is None
    assert after(none, day, kept=False).state is None


def test_a_day_with_overheads_of_malloc_is_none() -> None:
    assert after(lambda share: 0.08 * day(share), day).state is None


def test_what_grew_and_stays_is_bounded() -> None:
    growth = after(lambda share: 30 * share)
    after(lambda _: 30.0, growth=growth, from_s=120.0)

    assert growth.state is LeakState.BOUNDED


def test_what_grew_and_went_is_resolved() -> None:
    growth = after(lambda share: 30 * share)
    after(none, readings=400, growth=growth, from_s=120.0)

    assert growth.state in {LeakState.RESOLVED, LeakState.BOUNDED}


def test_one_jump_is_no_growth() -> None:
    assert after(lambda share: 40.0 * (share > 0.5)).state is None


def test_without_the_share_of_python_nothing_is_said() -> None:
    growth = NativeGrowth()
    for at_s in range(100):
        growth.observe(HeapSnapshot(at_s=at_s, rss_bytes=at_s * 10**7), at_s)

    assert growth.state is None
    assert growth.observed_s == 0.0


def test_it_stays_bounded() -> None:
    growth = after(lambda share: 30 * share, readings=2_000)

    assert growth.state is LeakState.CONFIRMED
    assert len(growth._readings) <= 240


def test_what_malloc_keeps_of_a_falling_load_is_none() -> None:
    assert after(none, lambda share: 100 * min(1.0, 2 - 2 * share), kept=True).state is None


def test_what_comes_back_to_where_it_was_is_none() -> None:
    assert after(lambda share: 20 - 100 * share if share < 0.2 else 25 * (share - 0.2)).state is None
