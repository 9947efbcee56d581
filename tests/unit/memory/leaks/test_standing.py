"""Each step from one state to another."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.memory.leaks.evenness import LEAST_SAMPLES
from tocsin.memory.leaks.growth import Growth, Trend
from tocsin.memory.leaks.standing import Standing
from tocsin.model.memory import LeakState


def growth(trend: Trend = Trend.GROWS, **fields: Any) -> Growth:
    values: dict[str, Any] = {"begin_s": 0.0, "end_s": 20.0, "samples": 20, "snapshots": 20} | fields
    return Growth(trend=trend, **values)


def after(*steps: Growth, live_bytes: float = 1e6, observed_s: float = 20.0) -> Standing:
    standing = Standing()
    for number, step in enumerate(steps):
        standing.step(step, live_bytes, samples=20, now_s=float(number), observed_s=observed_s)
    return standing


def state_after(*steps: Growth, observed_s: float = 20.0) -> LeakState | None:
    return after(*steps, observed_s=observed_s).state


GROWS, STOPPED, DIES = growth(), growth(Trend.STOPPED), growth(Trend.DIES)
YOUNG = growth(samples=8)
SLOWS, FEW = growth(Trend.SLOWS), growth(Trend.FEW)


def test_at_first_nothing_is_thought() -> None:
    assert Standing().state is None
    assert state_after(growth(Trend.FEW, samples=LEAST_SAMPLES // 2 - 1)) is None
    assert state_after(STOPPED) is None
    assert state_after(DIES) is None


@pytest.mark.parametrize("trend", [Trend.FEW, Trend.UNEVEN, Trend.SLOWS])
def test_what_grows_somehow_is_watched(trend: Trend) -> None:
    assert state_after(growth(trend, samples=LEAST_SAMPLES // 2)) is LeakState.WATCH


def test_even_growth_is_suspected_at_first_and_confirmed_when_it_goes_on() -> None:
    assert state_after(YOUNG) is LeakState.SUSPECTED
    assert state_after(YOUNG, YOUNG) is LeakState.SUSPECTED
    assert state_after(YOUNG, GROWS) is LeakState.CONFIRMED
    assert state_after(YOUNG, GROWS, GROWS) is LeakState.CONFIRMED


def test_what_is_seen_only_when_it_has_gone_on_for_long_is_confirmed_at_once() -> None:
    assert state_after(GROWS) is LeakState.CONFIRMED
    assert state_after(growth(samples=12, snapshots=6, end_s=10.0)) is LeakState.CONFIRMED
    assert state_after(growth(samples=11, snapshots=6, end_s=10.0)) is LeakState.SUSPECTED


def test_survivors_too_young_to_be_told_apart_count_as_many_as_there_should_be() -> None:
    assert state_after(growth(samples=11, young=0.6)) is LeakState.CONFIRMED
    assert state_after(growth(samples=11, young=0.4)) is LeakState.SUSPECTED


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"samples": 12, "snapshots": 6, "end_s": 10.0}, LeakState.CONFIRMED),
        ({"samples": 11, "snapshots": 6, "end_s": 10.0}, LeakState.SUSPECTED),
        ({"samples": 12, "snapshots": 5, "end_s": 10.0}, LeakState.SUSPECTED),
        ({"samples": 12, "snapshots": 6, "end_s": 9.9}, LeakState.SUSPECTED),
    ],
)
def test_it_takes_12_samples_6_snapshots_and_10_seconds(fields: dict[str, Any], state: LeakState) -> None:
    first = growth(samples=8, snapshots=4, end_s=7.0)

    assert state_after(first, growth(**fields)) is state


def test_or_half_as_long_again_as_at_first() -> None:
    first = growth(samples=8, end_s=100.0)

    assert state_after(first, growth(samples=9, end_s=149.0)) is LeakState.SUSPECTED
    assert state_after(first, growth(samples=9, end_s=150.0)) is LeakState.CONFIRMED


def test_after_hours_a_busy_minute_is_only_suspected() -> None:
    assert state_after(GROWS, GROWS, observed_s=36_000.0) is LeakState.SUSPECTED
    assert state_after(GROWS, growth(end_s=721.0), observed_s=36_000.0) is LeakState.CONFIRMED


@pytest.mark.parametrize("over", [STOPPED, DIES])
def test_what_is_over_is_bounded_if_it_stays_and_resolved_if_it_is_gone(over: Growth) -> None:
    stays, gone = after(GROWS, GROWS, over), after(GROWS, GROWS, over)
    gone.step(over, 0.4e6, samples=20, now_s=9.0, observed_s=20.0)

    assert stays.state is LeakState.BOUNDED
    assert gone.state is LeakState.RESOLVED


def test_what_slows_is_suspected_again() -> None:
    assert state_after(GROWS, GROWS, SLOWS) is LeakState.SUSPECTED


def test_another_rate_that_has_just_begun_changes_no_verdict() -> None:
    assert state_after(GROWS, GROWS, FEW) is LeakState.CONFIRMED
    assert state_after(YOUNG, FEW) is LeakState.SUSPECTED


def test_but_it_does_where_most_has_gone() -> None:
    standing = after(GROWS, GROWS)
    standing.step(FEW, 0.4e6, samples=20, now_s=9.0, observed_s=20.0)

    assert standing.state is LeakState.RESOLVED


@pytest.mark.parametrize("over", [STOPPED, DIES])
def test_what_was_over_is_suspected_again_before_it_is_confirmed(over: Growth) -> None:
    assert state_after(GROWS, GROWS, over, GROWS) is LeakState.SUSPECTED
    assert state_after(GROWS, GROWS, over, GROWS, GROWS) is LeakState.CONFIRMED
    assert state_after(GROWS, GROWS, over, FEW) is LeakState.BOUNDED


def test_it_remembers_since_when_the_state_stands() -> None:
    assert after(YOUNG, GROWS, GROWS, GROWS).since_s == 1.0


def test_who_is_acquitted_is_nothing_any_more() -> None:
    standing = after(growth(Trend.FEW, samples=5))
    standing.acquit(3.0)

    assert standing.state is None
    assert standing.since_s == 3.0


def test_below_8_samples_it_is_at_most_watched_whatever_it_was() -> None:
    stays, gone = after(GROWS, GROWS), after(GROWS, GROWS)
    stays.step(FEW, 1e6, samples=7, now_s=9.0, observed_s=20.0)
    gone.step(FEW, 0.4e6, samples=7, now_s=9.0, observed_s=20.0)

    assert stays.state is LeakState.WATCH
    assert gone.state is LeakState.RESOLVED


def test_one_block_is_watched_once_it_has_twice_the_size() -> None:
    standing = after(growth(Trend.DIES, samples=1))
    standing.step(growth(Trend.DIES, samples=1), 1.9e6, samples=1, now_s=9.0, observed_s=20.0)
    before = standing.state
    standing.step(growth(Trend.DIES, samples=1), 2e6, samples=1, now_s=10.0, observed_s=20.0)

    assert before is None
    assert standing.state is LeakState.WATCH
