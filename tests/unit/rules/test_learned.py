"""Rules that judge by what was learned of their series."""

from __future__ import annotations

import math
import random
from typing import Any

import msgspec
import pytest

from tocsin.model.anomaly import AnomalyVerdict, Phase, Reason
from tocsin.model.levels import AlertCategory, AlertCondition, AlertSeverity
from tocsin.model.readings import SeriesKey
from tocsin.model.rule import AlertRule
from tocsin.rules.learned import rarity
from tocsin.rules.learners import MOST_LEFT, Learners

DAY_S = 86_400.0


class Readings:
    """A series."""

    def __init__(self, metric: str = "queue.depth", **labels: str) -> None:
        self.unit = ""
        self.key = SeriesKey(metric, tuple(labels.items()))
        self.values: list[float] = []

    def latest(self) -> float:
        return self.values[-1]

    def recent(self, points: int) -> list[float]:
        return self.values[-points:]


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return 1_700_000_000.0 + self.s


def a_rule(threshold: float | str = 100.0, **fields: Any) -> AlertRule:
    plain: dict[str, Any] = {"metric": "queue.depth", **fields}
    return AlertRule("deep", AlertCategory.GENERAL, AlertSeverity.WARNING, threshold, **plain)


ANOMALOUS = a_rule("", condition=AlertCondition.ANOMALOUS)


def taught(rule: AlertRule, days: float = 1.5, *, budget: float = 1.0) -> tuple[Any, Readings, Clock, Learners]:
    """A rule whose series has been quiet around 40, a reading a minute."""
    clock, series, rng = Clock(), Readings(), random.Random(7)
    learners = Learners(budget, clock)
    watch = learners.take_up(rule, series, None)
    assert watch is not None
    for _ in range(int(days * 1440)):
        push(watch, series, clock, rng.gauss(40.0, 2.0))
    return watch, series, clock, learners


def push(watch: Any, series: Readings, clock: Clock, value: float) -> bool:
    clock.s += 60.0
    series.values.append(value)
    found = watch.look(clock.s)
    assert found == value
    return bool(watch.is_bad(value))


def readings_learned(rule: AlertRule, *others: AlertRule, seconds: int = 60) -> int:
    """How many of the readings of a minute are learned."""
    clock, series = Clock(), Readings()
    learners = Learners(1.0, clock)
    watches = [learners.take_up(one, series, None) for one in (rule, *others)]
    for second in range(seconds):
        clock.s = float(second)
        series.values.append(40.0)
        for watch in watches:
            assert watch is not None
            assert watch.look(clock.s) == 40.0
    [learner] = learners._known.values()
    return learner.detector._state.readings


def test_what_need_not_last_is_learned_at_each_reading() -> None:
    assert readings_learned(ANOMALOUS) == 60


def test_what_has_to_last_a_minute_is_learned_twenty_times_in_it() -> None:
    lasting = a_rule("", condition=AlertCondition.ANOMALOUS, for_s=60.0)
    assert readings_learned(lasting) == 20


def test_of_rules_that_learn_together_the_most_hasty_sets_the_pace() -> None:
    lasting = a_rule("", condition=AlertCondition.ANOMALOUS, for_s=60.0)
    assert readings_learned(lasting, ANOMALOUS) == 60


def test_a_plain_rule_learns_nothing() -> None:
    assert Learners(1.0, Clock()).take_up(a_rule(), Readings(), None) is None


def test_what_is_anomalous_needs_no_threshold_and_rings_at_what_never_was() -> None:
    watch, series, clock, learners = taught(ANOMALOUS)
    assert not push(watch, series, clock, 41.0)
    assert push(watch, series, clock, 75.0)
    assert watch.bound(75.0) is None
    assert "expected 40" in watch.words("")
    assert "a sudden rise" in watch.words("")
    assert [one.metric() for one in learners.unusual()] == ["queue.depth"]
    proof = watch.evidence("")
    assert proof is not None
    assert proof.lines[0] == "value: 75"


def test_a_fall_is_anomalous_too_but_no_breach_of_a_threshold_above() -> None:
    watch, series, clock, _ = taught(ANOMALOUS)
    assert push(watch, series, clock, 5.0)
    watch, series, clock, _ = taught(a_rule(adjust="dynamic"))
    assert not push(watch, series, clock, 5.0)


def test_a_dynamic_threshold_is_never_laxer_than_the_static_one() -> None:
    watch, series, clock, _ = taught(a_rule(adjust="dynamic"))
    assert 40.0 < watch.threshold() < 100.0
    assert push(watch, series, clock, 75.0)
    assert watch.bound(75.0) < 75.0
    assert "expected" in watch.aside(75.0, "")
    assert push(watch, series, clock, 101.0)
    assert (watch.bound(101.0), watch.aside(101.0, "")) == (100.0, "")


def test_a_step_up_stays_a_breach_of_a_dynamic_threshold_and_the_way_back_from_a_fall_is_none() -> None:
    rng = random.Random(8)
    watch, series, clock, _ = taught(a_rule(adjust="dynamic"))
    assert all(push(watch, series, clock, rng.gauss(75.0, 2.0)) for _ in range(120))
    watch, series, clock, _ = taught(a_rule(adjust="dynamic"))
    fallen = [push(watch, series, clock, rng.gauss(5.0, 1.0)) for _ in range(120)]
    back = [push(watch, series, clock, rng.gauss(40.0, 2.0)) for _ in range(60)]
    assert not any(fallen + back)


@pytest.mark.parametrize("fields", [{"threshold": "", "condition": AlertCondition.ANOMALOUS}, {"adjust": "dynamic"}])
def test_a_spike_is_no_breach_that_lasts(fields: dict[str, Any]) -> None:
    watch, series, clock, _ = taught(a_rule(for_s=300.0, **fields))
    assert push(watch, series, clock, 75.0)
    assert push(watch, series, clock, 40.0)  # a pause
    assert not push(watch, series, clock, 40.0)
    assert watch.stays_bad(40.0)  # what rings is over later
    rng = random.Random(9)
    watch, series, clock, _ = taught(a_rule(for_s=300.0, **fields))
    assert all(push(watch, series, clock, rng.gauss(75.0, 2.0)) for _ in range(30))


def test_a_change_too_small_for_one_reading_is_a_breach_that_lasts() -> None:
    watch, series, clock, _ = taught(a_rule("", condition=AlertCondition.ANOMALOUS, for_s=300.0))
    found = [push(watch, series, clock, 41.0) for _ in range(40)]  # stuck
    began = found.index(True)
    assert all(found[began : began + 6])


def test_both_must_be_broken_where_the_rule_says_so() -> None:
    watch, series, clock, _ = taught(a_rule(50.0, adjust="both"))
    assert watch.threshold() >= 50.0
    assert not push(watch, series, clock, 44.0)
    assert push(watch, series, clock, 75.0)


def test_a_threshold_below_learns_the_other_side() -> None:
    watch, series, clock, _ = taught(a_rule(10.0, condition=AlertCondition.LESS_THAN, adjust="dynamic"))
    assert 10.0 < watch.threshold() < 40.0
    assert not push(watch, series, clock, 75.0)
    watch, series, clock, _ = taught(a_rule(10.0, condition=AlertCondition.LESS_THAN, adjust="dynamic"))
    assert push(watch, series, clock, 12.0)


def test_sigma_is_the_literal_formula_on_the_readings_before() -> None:
    clock, series = Clock(), Readings()
    watch = Learners(1.0, clock).take_up(a_rule(85.0, adjust="sigma"), series, None)
    assert watch is not None
    assert not push(watch, series, clock, 40.0)
    assert push(watch, series, clock, 60.0)  # one reading of 40 has no deviation
    series.values = [40.0, 60.0, 69.0]
    assert watch.threshold() == 70.0
    assert not watch.is_bad(69.0)
    assert watch.is_bad(71.0)


def test_a_small_change_is_no_anomaly_however_rare() -> None:
    watch, series, clock, _ = taught(a_rule("", condition=AlertCondition.ANOMALOUS, min_change=50))
    assert not push(watch, series, clock, 75.0)
    assert push(watch, series, clock, 140.0)


def test_a_young_series_is_silent_and_the_static_threshold_counts_alone() -> None:
    watch, series, clock, learners = taught(a_rule(adjust="dynamic"), days=0.02)
    assert watch.threshold() == 100.0
    assert learners.bound("queue.depth") == math.inf
    assert not push(watch, series, clock, 99.0)
    assert push(watch, series, clock, 101.0)


def test_in_the_first_day_only_a_rule_that_wants_it_rings_early() -> None:
    watch, series, clock, learners = taught(ANOMALOUS, days=0.5)
    waits = learners.take_up(a_rule("", condition=AlertCondition.ANOMALOUS, early=False), series, None)
    assert waits is not None
    assert push(watch, series, clock, 300.0)
    assert not waits.is_bad(300.0)
    assert len(learners.unusual()) == 1


def test_what_began_before_a_day_was_known_is_not_told_when_it_is() -> None:
    waiting = a_rule("", condition=AlertCondition.ANOMALOUS, early=False)
    watch, series, clock, learners = taught(waiting, days=0.98)
    bad = [push(watch, series, clock, 300.0) for _ in range(120)]  # over the end of the first day
    verdict = watch._learner.verdict
    assert verdict.abnormal
    assert verdict.phase is Phase.CALIBRATED
    assert not any(bad)
    assert learners.unusual() == []


def test_the_budget_is_divided_among_the_series_but_not_those_with_one_of_their_own() -> None:
    learners = Learners(4.0, Clock())
    own = a_rule("", condition=AlertCondition.ANOMALOUS, sensitivity=3)
    watches = [learners.take_up(ANOMALOUS, Readings(queue=str(number)), None) for number in range(2)]
    apart = learners.take_up(own, Readings(queue="0"), None)
    budgets = [one._learner.detector._budget_per_s for one in (*watches, apart)]  # type: ignore[union-attr]
    assert budgets[0] == budgets[1]
    assert budgets[2] / budgets[0] == pytest.approx(1.5)
    learners.share(8.0)
    assert watches[0]._learner.detector._budget_per_s == pytest.approx(2 * budgets[0])  # type: ignore[union-attr]


def test_a_series_that_has_ended_leaves_its_share_to_the_others_until_it_is_read_again() -> None:
    stays, series, clock, learners = taught(ANOMALOUS)
    ended = Readings(queue="ended")
    gone = learners.take_up(ANOMALOUS, ended, None)

    def pass_by(minutes: int, *pairs: tuple[Any, Readings]) -> float:
        for _ in range(minutes):
            clock.s += 60.0
            for watch, readings in pairs:
                readings.values.append(20.0)
                watch.look(clock.s)
            learners.tend(clock.s)
        return float(stays._learner.detector._budget_per_s)

    shared = pass_by(5, (stays, series), (gone, ended))
    assert learners.budget(ANOMALOUS) == 0.5
    assert pass_by(9, (stays, series)) == shared  # it may yet come
    assert pass_by(5, (stays, series)) == pytest.approx(2 * shared)
    assert learners.budget(ANOMALOUS) == 1.0
    assert pass_by(2, (stays, series), (gone, ended)) == shared
    assert learners.budget(ANOMALOUS) == 0.5


def test_the_bound_of_a_metric_is_not_that_of_a_series_that_has_ended() -> None:
    _, _, clock, learners = taught(ANOMALOUS)
    assert learners.bound("queue.depth") < 60.0
    for _ in range(12):
        clock.s += 60.0
        learners.tend(clock.s)
    assert learners.bound("queue.depth") == math.inf


def test_rules_that_read_a_series_alike_share_what_is_learned() -> None:
    learners, series = Learners(1.0, Clock()), Readings()
    one, other = learners.take_up(ANOMALOUS, series, None), learners.take_up(a_rule(adjust="dynamic"), series, None)
    assert one is not None
    assert other is not None
    assert one._learner is other._learner


def test_what_was_learned_goes_on_bit_for_bit_in_another_process() -> None:
    _, series, clock, learners = taught(ANOMALOUS)
    kept = learners.keep()
    heirs = Learners(1.0, clock)
    heirs.restore(kept)
    assert heirs.keep() == kept  # also while its series has not come back
    watch = heirs.take_up(ANOMALOUS, series, None)
    assert watch is not None
    assert heirs.keep() == kept
    assert push(watch, series, clock, 75.0)


def test_of_series_that_do_not_come_back_those_read_last_are_kept() -> None:
    clock, kept = Clock(), b""
    for start in range(3):
        learners = Learners(1.0, clock)
        learners.restore(kept)
        for number in range(MOST_LEFT):
            clock.s += 1.0
            series = Readings(port=f"{start}-{number}")
            push(learners.take_up(ANOMALOUS, series, None), series, clock, 40.0)
        kept = learners.keep()
    names = msgspec.msgpack.decode(kept)
    assert len(names) == 2 * MOST_LEFT
    assert not any("port='0-" in name for name in names)


@pytest.mark.parametrize("kept", [b"", b"\xc1", b"\x81\xa1x\x80"])
def test_what_cannot_be_read_is_learned_anew(kept: bytes) -> None:
    learners = Learners(1.0, Clock())
    learners.restore(kept)
    assert learners.take_up(ANOMALOUS, Readings(), None) is not None


def test_odds_are_said_as_people_say_them() -> None:
    def of(period_s: float) -> str:
        return rarity(AnomalyVerdict(1.0, 0.0, 0.0, 0.0, 0.1, period_s, Reason.RESIDUAL, Phase.CALIBRATED, True, True))

    assert [of(one) for one in (30.0, 600.0, 7200.0 * 3, 11 * DAY_S, 1e12)] == [
        "not rare", "this rare once per 10 minutes", "this rare once per 6 hours", "this rare once per 11 days",
        "this rare once per 1,000 years",
    ]  # fmt: skip


# -- as rules are written


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"condition": "anomalous", "threshold": 3}, "threshold: found 3, expected none"),
        ({"condition": "greater_than", "threshold": ""}, "threshold"),
        (
            {"condition": "equals", "threshold": 3, "adjust": "dynamic"},
            "greater_than or less_than adjusts",
        ),
        ({"threshold": 3, "adjust": "dynamci"}, "dynamic"),
        ({"threshold": 3, "early": 1}, "early: found 1, expected True or False"),
        ({"threshold": 3, "sensitivity": 0}, "more than 0"),
        ({"threshold": 3, "min_change": -1}, "0 or more"),
        ({"threshold": "3 MB", "metric": "process.memory.usage", "min_change": "3 s"}, "a size such as"),
    ],
)
def test_a_mistake_in_a_rule_that_learns_is_told(fields: dict[str, Any], words: str) -> None:
    from tocsin import ConfigError

    with pytest.raises(ConfigError, match=words):
        a_rule(**{"threshold": "", **fields})
