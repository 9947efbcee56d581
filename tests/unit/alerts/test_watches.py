"""Watches of one series: what is calm is passed over, and nothing that matters ever is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tocsin.alerts.life import Turn
from tocsin.alerts.watch import Watch
from tocsin.alerts.watches import NO_BAND, Watches
from tocsin.model.levels import AlertCategory, AlertCondition, AlertSeverity, Verdict
from tocsin.model.readings import SeriesKey
from tocsin.model.rule import AlertRule
from tocsin.rules.book import CompiledRule

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = SeriesKey("process.thread.count")


def watch_of(compiled: CompiledRule, aggregate: Callable[[float], float] | None = None) -> Watch:
    return Watch(compiled.rule, KEY, compiled.is_bad, stays_bad=compiled.stays_bad, aggregate=aggregate)


def rule(
    name: str, threshold: float, condition: AlertCondition = AlertCondition.GREATER_THAN, for_s: float = 0.0
) -> CompiledRule:
    wanted = AlertRule(
        name, AlertCategory.GENERAL, AlertSeverity.INFO, threshold, condition=condition, metric=KEY.metric, for_s=for_s
    )
    return CompiledRule(wanted)


class Counting:
    """An aggregate that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.value = 0.0

    def __call__(self, _mono_s: float) -> float:
        self.asked += 1
        return self.value


def together(*rules: CompiledRule, aggregate: Callable[[float], float] | None = None) -> tuple[Watches, list[Watch]]:
    watches = Watches()
    for compiled in rules:
        watches.add(watch_of(compiled, aggregate), compiled.band, together=True)
    return watches, list(watches)


CONDITIONS = [
    AlertCondition.GREATER_THAN, AlertCondition.LESS_THAN, AlertCondition.EQUALS, AlertCondition.NOT_EQUALS,
]  # fmt: skip
readings = st.lists(st.integers(-3, 12).map(float), max_size=30)
rules = st.lists(
    st.tuples(st.integers(0, 10), st.sampled_from(CONDITIONS),
              st.sampled_from([0.0, 2.0])),
    min_size=1, max_size=5,
)  # fmt: skip


@given(rules, readings)
def test_together_they_turn_as_each_would_alone(
    wanted: list[tuple[int, AlertCondition, float]], values: list[float]
) -> None:
    compiled = [rule(f"r{n}", float(limit), how, for_s) for n, (limit, how, for_s) in enumerate(wanted)]
    group, _ = together(*compiled)
    alone = [Watches() for _ in compiled]
    for watches, one in zip(alone, compiled, strict=True):
        watches.add(watch_of(one), NO_BAND, together=False)
    for second, value in enumerate(values):
        turned = [(watch.rule.name, turn) for watch, turn in group.look(value, second, second)]
        single = [(watch.rule.name, turn) for one in alone for watch, turn in one.look(value, second, second)]
        assert turned == single
    assert [watch.value for watch in group] == [watch.value for one in alone for watch in one]
    assert [watch.verdict for watch in group] == [watch.verdict for one in alone for watch in one]


def test_those_that_read_alike_share_one_look() -> None:
    mean = Counting()
    watches, _ = together(rule("a", 5), rule("b", 7), aggregate=mean)
    list(watches.look(1.0, 1.0, 1.0))
    assert mean.asked == 1


def test_one_that_comes_later_has_seen_nothing_yet() -> None:
    watches, (first,) = together(rule("a", 5))
    list(watches.look(1.0, 1.0, 1.0))
    late = rule("late", 5)
    watches.add(watch_of(late), late.band, together=False)
    assert [watch.value for watch in watches] == [1.0, None]
    list(watches.look(2.0, 2.0, 2.0))
    assert [watch.value for watch in watches] == [2.0, 2.0]
    assert first.seen_s == 2.0


def test_a_window_that_holds_too_little_says_nothing_and_is_seen_all_the_same() -> None:
    mean = Counting()
    mean.value = math.nan
    watches, (watch,) = together(rule("a", 5), aggregate=mean)
    assert list(watches.look(9.0, 1.0, 1.0)) == []
    assert (watch.value, watch.seen_s, watch.verdict) == (None, 1.0, Verdict.NO_DATA)


def test_a_calm_series_that_falls_silent_is_judged_again_when_it_comes_back() -> None:
    watches, (watch,) = together(rule("a", 5))
    for second in (1.0, 2.0):
        list(watches.look(1.0, second, second))
    watch.miss(Verdict.NO_DATA, 9.0)
    told = [watch.verdict]
    list(watches.look(1.0, 10.0, 10.0))
    assert [*told, watch.verdict] == [Verdict.NO_DATA, Verdict.OK]


def test_what_is_dropped_is_judged_no_more_and_the_others_are() -> None:
    one, two = rule("a", 5), rule("b", 5)
    watches, (first, second) = together(one, two)
    assert watches.drop(one.rule) == [first]
    assert watches.drop(one.rule) == []
    assert [(watch, turn) for watch, turn in watches.look(6.0, 1.0, 1.0)] == [(second, Turn.FIRED)]
    assert len(watches) == 1
