"""Rules that learn, in the whole engine: what is told, what survives, and several that are unusual together."""

from __future__ import annotations

import random

import pytest
from tests.unit.score import Score, a_rule

from tocsin.alerts.settings import AlertSettings, Route
from tocsin.alerts.together import TITLE
from tocsin.engine.bounds import bound_of
from tocsin.model.inputs import RemoveRule, Sample
from tocsin.model.levels import AlertCondition
from tocsin.model.readings import SeriesKey
from tocsin.rules.defaults import default_rules

MINUTES = 2200


def taught(*names: str, message: str = "") -> Score:
    fields = {"condition": AlertCondition.ANOMALOUS, "message": message}
    rules = [a_rule(f"{name} unusual", "", metric=name, **fields) for name in names]
    score = Score(
        *rules, keys=[SeriesKey(name) for name in names], settings=AlertSettings(routes=(Route(channel="all"),))
    )
    rng = random.Random(3)
    for _ in range(MINUTES):
        score.step(Sample(list(range(len(names))), [rng.gauss(40.0, 2.0) for _ in names]), after_s=4.0)
    assert score.notices() == []
    return score


def test_an_unusual_reading_is_told_with_what_was_expected_and_its_odds() -> None:
    score = taught("a")
    score.read(90.0, every_s=4.0)
    assert score.notices() == ["firing a unusual"]
    alert = score.alert
    assert alert.message.startswith("a is 90, expected 39.8 (")
    assert "this rare once per" in alert.message
    assert [one.kind for one in alert.evidence] == ["odds"]
    assert alert.threshold is None


def test_a_message_that_names_the_forecast_says_what_was_expected_once() -> None:
    score = taught("a", message="{value} now: {forecast}")
    score.read(90.0, every_s=4.0)
    assert score.alert.message.startswith("90 now: expected 39.8 (")
    assert score.alert.message.count("expected") == 1


def test_what_was_learned_outlives_the_process_and_nobody_is_told_of_the_restart() -> None:
    score = taught("a")
    assert len(score.engine.keep_learned()) < 16_384
    score.restart()
    score.read(40.0, 41.0, every_s=4.0)
    assert score.notices() == []


def test_metrics_that_are_unusual_together_are_one_alert_that_ranks_them() -> None:
    score = taught("a", "b", "c")
    score.read(90.0, every_s=4.0)
    told = score.notices()
    assert f"firing {TITLE}" in told
    together = next(alert for alert in score.engine.book.open_alerts() if alert.title == TITLE)
    assert len(together.evidence[0].lines) == 3
    rng = random.Random(4)
    for _ in range(400):
        score.step(Sample([0, 1, 2], [rng.gauss(40.0, 2.0) for _ in range(3)]), after_s=4.0)
    assert all(alert.title != TITLE for alert in score.engine.book.open_alerts())
    assert score.notices().count(f"firing {TITLE}") == 1
    assert f"resolved {TITLE}" in score.notices()


@pytest.mark.parametrize("value", [90.0, 40.0])
def test_several_that_are_unusual_together_go_on_over_a_restart_until_they_are_not(value: float) -> None:
    score = taught("a", "b", "c")
    score.read(90.0, 90.0, every_s=4.0)
    score.restart(away_s=30.0)
    score.read(*[value] * 5, every_s=4.0)
    assert score.notices().count(f"firing {TITLE}") == 1
    assert TITLE in {alert.title for alert in score.engine.book.open_alerts()}
    rng = random.Random(4)
    for _ in range(400):
        score.step(Sample([0, 1, 2], [rng.gauss(40.0, 2.0) for _ in range(3)]), after_s=4.0)
    assert score.engine.book.open_alerts() == []
    assert score.notices().count(f"firing {TITLE}") == score.notices().count(f"resolved {TITLE}") == 1


@pytest.mark.parametrize("is_gone", ["series", "rules"])
def test_what_nobody_reads_any_more_is_not_unusual_for_ever(is_gone: str) -> None:
    score = taught("a", "b", "c")
    score.read(90.0, 90.0, every_s=4.0)
    ids = [0, 1, 2] if is_gone == "rules" else [0]
    if is_gone == "rules":
        score.step(RemoveRule("b unusual"), RemoveRule("c unusual"))
    rng = random.Random(4)
    for _ in range(400):
        score.step(Sample(ids, [rng.gauss(40.0, 2.0) for _ in ids]), after_s=4.0)
    assert score.engine.book.open_alerts() == []
    assert score.notices().count(f"resolved {TITLE}") == 1


def test_a_series_that_is_no_longer_read_has_no_share_of_the_false_alarms() -> None:
    score = taught("a", "b")
    [rule, _] = [watch.rule for watch in score.engine.watches()]
    budget = score.engine.learners.budget
    alone = 2 * budget(rule)
    rng = random.Random(4)
    for _ in range(400):
        score.step(Sample([0], [rng.gauss(40.0, 2.0)]), after_s=4.0)
    assert budget(rule) == alone


def test_a_series_that_is_no_longer_read_has_no_say_in_the_bound_of_its_metric() -> None:
    keys = [SeriesKey("depth", (("queue", name),)) for name in ("low", "high")]
    score = Score(a_rule("deep", 500.0, metric="depth", adjust="dynamic"), keys=keys)
    score.engine.interval_s = 60.0
    rng = random.Random(3)
    for _ in range(1500):
        score.step(Sample([0, 1], [rng.gauss(40.0, 2.0), rng.gauss(140.0, 2.0)]), after_s=60.0)
    assert 44.0 < (bound_of(score.engine, "depth") or 0.0) < 70.0
    for _ in range(30):
        score.step(Sample([1], [rng.gauss(140.0, 2.0)]), after_s=60.0)
    assert 144.0 < (bound_of(score.engine, "depth") or 0.0) < 170.0


def test_two_that_are_unusual_are_two() -> None:
    score = taught("a", "b")
    score.read(90.0, every_s=4.0)
    assert sorted(score.notices()) == ["firing a unusual", "firing b unusual"]


# -- the default pack, on a program that starts slowly

PACE_S = 30.0
PROGRAM = tuple(map(SeriesKey, ("process.memory.usage", "process.cpu.utilization", "tocsin.eventloop.lag",
                                "system.cpu.utilization", "system.memory.utilization")))  # fmt: skip


def a_program() -> Score:
    """With the default pack; a step each half minute."""
    score = Score(*default_rules(cpu=95, memory=95, storage_latency=500, buffer=95, learn=True), keys=PROGRAM)
    score.engine.interval_s = PACE_S
    return score


def run_program(score: Score, hours: float, *, memory: float, cpu: float, lag: float = 0.001, seed: int = 1) -> None:
    rng, ids = random.Random(seed), list(range(len(PROGRAM)))
    for _ in range(int(hours * 3600 / PACE_S)):
        some = 1.0 + rng.gauss(0.0, 0.02)
        values = [memory * some, cpu * some, lag * some, 0.2 + 0.3 * cpu * some, 0.3 + memory * some / 16e9]
        score.step(Sample(ids, values), after_s=PACE_S)


@pytest.mark.parametrize("idle_h", [0.1, 1.0, 6.0])
def test_a_program_that_starts_slowly_is_not_told_of_before_a_day_is_known(idle_h: float) -> None:
    score = a_program()
    run_program(score, idle_h, memory=60e6, cpu=0.01)
    run_program(score, 3.0, memory=1.5e9, cpu=0.6, lag=0.2, seed=2)  # it loads what it works on, for the first time
    run_program(score, 20.0 - idle_h, memory=1.5e9, cpu=0.4, lag=0.01, seed=3)
    assert any(one.since_s is not None or one.verdict for one in score.engine.learners._known.values())
    assert score.notices() == []


def test_once_a_day_is_known_the_same_program_is_told_of() -> None:
    score = a_program()
    run_program(score, 0.5, memory=60e6, cpu=0.01)
    run_program(score, 36.0, memory=1.5e9, cpu=0.4, seed=3)
    assert score.notices() == []
    run_program(score, 0.2, memory=4e9, cpu=0.4, seed=4)
    assert "firing program-memory-unusual" in score.notices()


@pytest.mark.parametrize("idle_h", [0.0, 0.1, 0.5, 2.0])
def test_a_restart_of_a_program_that_starts_slowly_tells_nobody(idle_h: float) -> None:
    score = a_program()
    run_program(score, 36.0, memory=1.5e9, cpu=0.4)
    score.restart(away_s=60.0)
    score.engine.interval_s = PACE_S
    run_program(score, idle_h, memory=60e6, cpu=0.01, seed=5)
    run_program(score, 3.0, memory=1.5e9, cpu=0.4, seed=6)
    assert score.notices() == []
    run_program(score, 0.2, memory=4e9, cpu=0.4, seed=4)
    assert "firing program-memory-unusual" in score.notices()  # it is not deaf


def test_what_fires_over_a_restart_goes_on() -> None:
    score = a_program()
    run_program(score, 36.0, memory=1.5e9, cpu=0.4)
    run_program(score, 0.3, memory=4e9, cpu=0.4, seed=4)
    assert "firing program-memory-unusual" in score.notices()
    before = len(score.outcomes)
    score.restart(away_s=60.0)
    score.engine.interval_s = PACE_S
    run_program(score, 0.2, memory=4e9, cpu=0.4, seed=5)
    told = [notice for outcome in score.outcomes[before:] for notice in outcome.notices]
    assert [alert.title for notice in told for alert in notice.alerts] == []
    assert any(alert.title == "program-memory-unusual" for alert in score.engine.book.open_alerts())
