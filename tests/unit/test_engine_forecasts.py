"""The pipeline: rules on what is to come, and what other alerts say of it."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.unit.score import CRITICAL, Score, a_rule

from tocsin.model.inputs import AddRule, NewSeries, Sample
from tocsin.model.levels import AlertCondition, Held, Verdict
from tocsin.model.readings import SeriesKey

if TYPE_CHECKING:
    from tocsin.model.rule import AlertRule

DISK = "system.filesystem.utilization"
ROOT = SeriesKey(DISK, (("mountpoint", "/"),))
HORIZON_S = 1200.0


def filling(name: str = "filling", threshold: float | str = "95 %", **fields: object) -> AlertRule:
    plain = {"metric": DISK, "horizon_s": HORIZON_S, "condition": AlertCondition.WILL_EXCEED}
    return a_rule(name, threshold, **{**plain, **fields})


def rise(begin: float, end: float, per_hour: float, every_s: float = 5.0) -> list[float]:
    step = per_hour / 3600 * every_s
    return [begin + number * step for number in range(int((end - begin) / step) + 1)]


def test_a_rule_that_forecasts_rings_before_the_threshold_and_says_when_it_is_reached() -> None:
    score = Score(filling(for_s=60.0), keys=[ROOT])
    score.read(*rise(0.20, 0.85, 1.2), every_s=5.0)

    alert = score.alert
    assert (alert.title, alert.unit, alert.threshold) == ("filling", "1", 0.95)
    assert alert.value is not None
    assert 0.5 < alert.value < 0.75
    left_min = (0.95 - alert.value) / 1.2 * 60
    assert alert.message.startswith(f"{ROOT} is {alert.value * 100:.1f} % and reaches 95 % in ")
    said = int(alert.message.partition("95 % in ")[2].split(" m")[0])
    assert said == pytest.approx(left_min, abs=1.6)
    assert [step.what for step in alert.trace] == ["pending", "firing", "told"]
    assert " % now, and 95 % in " in alert.trace[1].why
    assert score.notices() == ["firing filling"]


def test_it_goes_on_while_the_threshold_is_crossed_and_ends_when_the_rise_is_over() -> None:
    score = Score(filling(clear_threshold="90 %"), keys=[ROOT])
    score.read(*rise(0.20, 0.97, 1.2), every_s=5.0)
    score.read(*[0.97] * 500, every_s=5.0)
    assert score.notices() == ["firing filling"]

    score.read(*[0.6] * 100, every_s=5.0)
    assert score.notices() == ["firing filling", "resolved filling"]


def noisy(values: list[float], rng: Random, by: float = 0.01) -> list[float]:
    return [value + rng.uniform(-by, by) for value in values]


@pytest.mark.parametrize("seed", range(4))
def test_a_fill_that_stops_below_the_limit_is_over_after_a_third_of_the_horizon(seed: int) -> None:
    rng = Random(seed)
    score = Score(filling(), keys=[ROOT])
    score.read(*noisy(rise(0.20, 0.90, 2.1), rng), every_s=5.0)
    assert score.notices() == ["firing filling"]

    # It is calm after a third of the horizon, and goes on for a sixteenth; there are 36 readings in 180 s of slack.
    over_s = HORIZON_S * (1 / 3 + 1 / 16)
    score.read(*noisy([0.90] * int(over_s / 5.0 + 36), rng), every_s=5.0)
    assert score.notices() == ["firing filling", "resolved filling"]
    score.read(*noisy([0.90] * 500, rng), every_s=5.0)
    assert score.notices() == ["firing filling", "resolved filling"]


def test_what_has_stopped_below_the_limit_is_not_said_to_reach_it_in_0_s() -> None:
    score = Score(filling(), keys=[ROOT])
    score.read(*rise(0.20, 0.90, 1.2), every_s=5.0)
    [watch] = score.engine.watches()
    assert watch.assessor is not None
    said = set()
    for _ in range(500):
        score.read(0.90, every_s=5.0)
        said.add(watch.assessor.words("1"))

    assert "95 % no longer, as it goes now" in said
    assert not [words for words in said if words.startswith("95 % in 0 s")]


@pytest.mark.parametrize("level", [0.5, 0.96])
def test_what_stands_still_is_not_foretold_even_beyond_the_threshold(level: float) -> None:
    score = Score(filling(), keys=[ROOT])
    score.read(*[level] * 1000, every_s=5.0)
    assert score.notices() == []


def test_before_enough_is_known_there_is_no_verdict() -> None:
    score = Score(filling(), keys=[ROOT])
    score.read(*rise(0.20, 0.21, 1.2), every_s=5.0)
    [watch] = score.engine.watches()
    assert watch.verdict is Verdict.NO_DATA

    score.read(*[0.21] * 20, every_s=5.0)
    assert watch.verdict is Verdict.OK  # type: ignore[comparison-overlap]  # it has changed meanwhile


def test_a_pause_of_minutes_is_a_hole_in_what_is_known_and_no_new_beginning() -> None:
    score = Score(filling(), keys=[ROOT])
    values = rise(0.20, 0.45, 1.2)
    score.read(*values, every_s=5.0)
    score.read(values[-1] + 1.2 / 60, every_s=60.0)
    score.read(*rise(values[-1] + 1.2 / 60, 0.85, 1.2), every_s=5.0)
    assert score.notices() == ["firing filling"]


def test_a_threshold_alert_says_when_the_next_one_is_reached() -> None:
    warning = a_rule("full", "70 %", metric=DISK)
    critical = a_rule("full-critical", "95 %", metric=DISK, severity=CRITICAL)
    score = Score(warning, critical, keys=[ROOT])
    score.read(*rise(0.05, 0.71, 0.3), every_s=5.0)

    [proof] = [one for one in score.alert.evidence if one.kind == "forecast"]
    assert proof.lines[0].startswith("at this pace it reaches 95 % in 5")
    assert " to " in proof.lines[0]
    assert proof.lines[1].endswith("rise by 30 points an hour")


def test_the_worst_of_them_says_when_all_is_used() -> None:
    score = Score(a_rule("full-critical", "95 %", metric=DISK, severity=CRITICAL), keys=[ROOT])
    score.read(*rise(0.30, 0.951, 0.3), every_s=5.0)

    [proof] = [one for one in score.alert.evidence if one.kind == "forecast"]
    assert proof.lines[0].startswith("at this pace it reaches 100 % in ")


def test_where_nothing_can_be_said_nothing_is() -> None:
    score = Score(a_rule("full", "70 %", metric=DISK), keys=[ROOT])
    score.read(*[0.5] * 800, 0.9, every_s=5.0)
    assert score.alert.evidence == ()


def test_an_alert_on_a_leak_says_when_the_memory_of_the_program_is_used() -> None:
    leak = a_rule("leak", 0.0, metric="tocsin.memory.leak.count")
    high = a_rule("memory", "95 %", metric="process.memory.utilization")
    memory = SeriesKey("process.memory.utilization")
    score = Score(leak, high, keys=[memory])
    score.read(*rise(0.30, 0.8, 0.3), every_s=5.0)
    score.keys = [SeriesKey("tocsin.memory.leak.count")]
    score.step(NewSeries(1, score.keys[0]), Sample([1], [2.0]), after_s=5.0)

    assert score.alert.title == "leak"
    [proof] = [one for one in score.alert.evidence if one.kind == "forecast"]
    assert proof.lines[0].startswith("at this pace process.memory.utilization reaches 95 % in ")


def test_what_is_full_already_is_not_foretold_too() -> None:
    full = a_rule("full", "45 %", metric=DISK)
    score = Score(full, filling(), keys=[ROOT])
    score.read(*rise(0.20, 0.85, 1.2), every_s=5.0)

    assert score.notices() == ["firing full"]
    assert score.alert.title == "filling"
    assert score.alert.held is Held.INHIBITION
    assert "full (warning) rings for what is there" in score.alert.trace[-1].why


def test_what_is_foretold_as_worse_is_told_all_the_same() -> None:
    score = Score(a_rule("full", "45 %", metric=DISK), filling(severity=CRITICAL), keys=[ROOT])
    score.read(*rise(0.20, 0.85, 1.2), every_s=5.0)
    assert score.notices() == ["firing full", "firing filling"]


def test_after_a_restart_an_alert_is_held_until_enough_is_known_again() -> None:
    score = Score(filling(), keys=[ROOT])
    score.read(*rise(0.20, 0.80, 1.2), every_s=5.0)
    score.restart(away_s=10.0)
    score.read(*[0.80] * 12, every_s=5.0)
    assert score.alert.triggered
    assert score.alert.resolved_at is None

    score.read(*[0.80] * 200, every_s=5.0)
    assert score.alert.resolved_at is not None


def test_a_rule_that_is_added_later_begins_with_what_is_remembered() -> None:
    score = Score(keys=[ROOT])
    values = rise(0.20, 0.90, 1.2)
    score.read(*values[:280], every_s=5.0)
    score.step(AddRule(filling()))
    score.read(*values[280:300], every_s=5.0)
    assert score.notices() == ["firing filling"]


def test_a_restart_does_not_make_a_forecast_blind() -> None:
    score = Score(filling(), keys=[ROOT])
    values = rise(0.20, 0.85, 1.2)
    half = len(values) // 4
    score.read(*values[:half], every_s=5.0)
    assert score.notices() == []
    score.restart(away_s=30.0)
    score.read(values[half + 6], every_s=5.0)
    [watch] = score.engine.watches()
    assert watch.verdict is Verdict.OK  # known at once, though this process has seen one reading

    score.read(*values[half + 7 :], every_s=5.0)
    assert score.notices() == ["firing filling"]
    through = Score(filling(), keys=[ROOT])
    through.read(*values, every_s=5.0)
    assert score.alert.value == pytest.approx(through.alert.value, abs=0.03)


def test_after_hours_in_which_no_process_ran_it_looks_again_before_it_says_anything() -> None:
    score = Score(filling(), keys=[ROOT])
    score.read(*rise(0.20, 0.45, 1.2), every_s=5.0)
    score.restart(away_s=2 * 3600.0)
    score.read(0.5, 0.5, every_s=5.0)
    [watch] = score.engine.watches()
    assert watch.verdict is Verdict.NO_DATA
    score.read(*[0.5] * 30, every_s=5.0)
    assert [one.verdict for one in score.engine.watches()] == [Verdict.OK]
    assert score.notices() == []


def test_a_second_restart_goes_on_from_the_first() -> None:
    score = Score(filling(), keys=[ROOT])
    values = rise(0.20, 0.45, 1.2)
    score.read(*values[:-24], every_s=5.0)
    score.restart(away_s=30.0)
    score.read(*values[-18:-12], every_s=5.0)
    score.restart(away_s=30.0)
    score.read(*values[-6:], every_s=5.0)
    [watch] = score.engine.watches()
    assert watch.verdict is Verdict.OK


@pytest.mark.parametrize("metric", ["process.memory.utilization", "tocsin.buffer.utilization"])
def test_what_ended_with_its_process_is_no_past_of_the_next(metric: str) -> None:
    score = Score(filling(metric=metric), keys=[SeriesKey(metric)])
    score.read(*rise(0.20, 0.45, 1.2), every_s=5.0)
    assert score.engine.keep_learned() == b""
    score.restart()
    score.read(0.46, every_s=5.0)
    [watch] = score.engine.watches()
    assert watch.verdict is Verdict.NO_DATA


@pytest.mark.parametrize("learned", [b"", b"\xc1", b"\x94\xc4\x00\x81\xa1x\x80\x01\x01"])
def test_a_past_that_cannot_be_read_is_recorded_anew(learned: bytes) -> None:
    score = Score(filling(), keys=[])
    score.engine.restore((), None, score.clock.now(), learned)
    score.step(NewSeries(0, ROOT))
    score.keys.append(ROOT)
    score.read(0.5, every_s=5.0)
    assert score.notices() == []
