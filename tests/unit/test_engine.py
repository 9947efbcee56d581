"""The pipeline: readings in, reasons out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.unit.score import CRITICAL, INFO, Score, a_rule, an_event

from tocsin.alerts.settings import AlertSettings, Route
from tocsin.model.inputs import (
    Acknowledge,
    AddRule,
    RemoveRule,
    SeriesEnded,
    SeriesFailed,
    SwitchRule,
    TellAll,
)
from tocsin.model.levels import AlertCondition, AlertState, Held
from tocsin.model.readings import SeriesKey

GREATER, LESS = AlertCondition.GREATER_THAN, AlertCondition.LESS_THAN
EQUALS, NOT_EQUALS = AlertCondition.EQUALS, AlertCondition.NOT_EQUALS


@pytest.mark.parametrize(
    ("condition", "value", "rings"),
    [
        (GREATER, 49.9, False), (GREATER, 50.0, False), (GREATER, 50.1, True),
        (LESS, 49.9, True), (LESS, 50.0, False), (LESS, 50.1, False),
        (EQUALS, 49.9, False), (EQUALS, 50.0, True), (EQUALS, 50.0 + 1e-9, True), (EQUALS, 50.1, False),
        (NOT_EQUALS, 49.9, True), (NOT_EQUALS, 50.0, False), (NOT_EQUALS, 50.1, True),
    ],
)  # fmt: skip
def test_a_condition_rings_on_its_side_of_the_bound_only(condition: AlertCondition, value: float, rings: bool) -> None:
    score = Score(a_rule(condition=condition))
    score.read(value)
    assert bool(score.notices()) is rings


def test_a_disabled_rule_never_rings() -> None:
    score = Score(a_rule(enabled=False))
    score.read(99.0, 99.0)
    assert score.notices() == []
    assert score.engine.book.open_alerts() == []


def test_a_breach_must_last_for_its_time() -> None:
    score = Score(a_rule(for_s=3.0))
    score.read(99.0, 99.0, 99.0)
    assert score.notices() == []
    score.read(99.0)
    assert score.notices() == ["firing high"]


def test_a_breach_that_ends_in_time_begins_anew() -> None:
    score = Score(a_rule(for_s=3.0))
    score.read(99.0, 99.0, 99.0, 10.0, 99.0, 99.0, 99.0)
    assert score.notices() == []


def test_the_clear_threshold_ends_the_alert_and_not_the_threshold() -> None:
    score = Score(a_rule(clear_threshold=40.0))
    score.read(60.0, 45.0, 41.0)
    assert score.notices() == ["firing high"]
    score.read(40.0)
    assert score.notices() == ["firing high", "resolved high"]


def test_without_a_clear_threshold_two_percent_back_are_needed() -> None:
    score = Score(a_rule(threshold=100.0))
    score.read(101.0, 99.0, 98.5)
    assert score.notices() == ["firing high"]
    score.read(97.9)
    assert score.notices() == ["firing high", "resolved high"]


def test_an_alert_keeps_firing_until_it_was_clear_for_its_time() -> None:
    score = Score(a_rule(keep_firing_for_s=3.0))
    score.read(99.0, 1.0, 1.0, 99.0, 1.0, 1.0, 1.0)
    assert score.notices() == ["firing high"]
    score.read(1.0)
    assert score.notices() == ["firing high", "resolved high"]
    assert [step.what for step in score.alert.trace].count("relapsed") == 1


def test_a_window_judges_the_aggregate_and_not_the_last_reading() -> None:
    score = Score(a_rule(window_s=4.0, aggregate="avg"))
    score.read(0.0, 0.0, 0.0, 99.0)
    assert score.notices() == []
    score.read(99.0, 99.0)
    assert score.notices() == ["firing high"]


def test_a_rule_watches_only_series_that_carry_its_labels() -> None:
    keys = [SeriesKey("m", (("disk", "a"), ("host", "x"))), SeriesKey("m", (("disk", "b"),)), SeriesKey("n")]
    score = Score(a_rule(labels={"disk": "a"}), keys=keys)
    score.read(99.0)
    assert [alert.labels for alert in score.engine.book.open_alerts()] == [{"disk": "a", "host": "x"}]


def test_each_series_has_an_alert_of_its_own() -> None:
    keys = [SeriesKey("m", (("disk", name),)) for name in "abcdefghij"]
    score = Score(a_rule(), keys=keys)
    score.read(99.0)
    assert len(score.notices()) == 10
    assert len({alert.fingerprint for alert in score.engine.book.open_alerts()}) == 10


def test_a_rule_on_a_metric_that_nobody_reads_is_quiet() -> None:
    score = Score(a_rule(metric="nobody.reads.this"))
    score.read(99.0, 99.0)
    assert score.notices() == []


# -- missing readings


def test_silence_is_no_recovery() -> None:
    score = Score(a_rule())
    score.read(99.0)
    for _ in range(60):
        score.step(after_s=1.0)
    assert score.notices() == ["firing high"]
    assert score.alert.state is AlertState.FIRING
    assert "no data" in [step.what for step in score.alert.trace]


def test_silence_makes_no_progress_towards_ringing() -> None:
    score = Score(a_rule(for_s=30.0))
    score.read(99.0)
    for _ in range(100):
        score.step(after_s=1.0)
    assert score.notices() == []
    score.read(*[99.0] * 20)
    assert score.notices() == []
    score.read(*[99.0] * 10)
    assert score.notices() == ["firing high"]


def test_an_alert_of_a_series_that_is_gone_ends_and_says_so() -> None:
    score = Score(a_rule())
    score.read(99.0)
    for _ in range(310):
        score.step(after_s=1.0)
    assert score.notices() == ["firing high", "resolved high"]
    assert "the series is gone" in score.alert.trace[-1].why


def test_what_has_ended_cannot_be_bad_so_its_alert_is_over_at_once_and_has_no_value() -> None:
    score = Score(a_rule(keep_firing_for_s=60.0))
    score.read(99.0)
    score.step(SeriesEnded([0, 7], "the event loop has ended"), after_s=1.0)
    assert score.notices() == ["firing high", "resolved high"]
    assert score.outcomes[-1].notices[0].reason == "the event loop has ended"
    assert (score.alert.state, score.alert.value) == (AlertState.RESOLVED, None)
    score.read(99.0)
    assert score.notices()[2:] == ["firing high"], "the next that bears its name is judged anew"


def test_what_ends_before_it_rang_is_forgotten_and_does_not_ring_later() -> None:
    score = Score(a_rule(for_s=3.0))
    score.read(99.0, 99.0)
    score.step(SeriesEnded([0], "it has ended"), after_s=1.0)
    score.read(99.0, 99.0)
    assert score.notices() == []


def test_what_ends_and_is_replaced_again_and_again_flaps() -> None:
    score = Score(a_rule())
    for _ in range(20):
        score.read(99.0)
        score.step(SeriesEnded([0], "it has ended"), after_s=1.0)
    assert len(score.engine.book.recent()) == 3, "the third goes on for all that follow"
    for _ in range(310):
        score.step(after_s=1.0)
    assert score.engine.book.open_alerts() == []


def test_a_rule_may_ask_to_be_told_of_missing_readings_and_honours_its_for() -> None:
    score = Score(a_rule(no_data="alert", for_s=10.0))
    score.read(1.0)
    for _ in range(12):
        score.step(after_s=1.0)
    assert score.notices() == []
    for _ in range(8):
        score.step(after_s=1.0)
    assert score.notices() == ["firing high"]
    assert "no readings" in score.alert.message
    score.read(1.0)
    assert score.notices() == ["firing high", "resolved high"]


def test_a_rule_may_ask_to_be_told_of_a_failing_sensor() -> None:
    score = Score(a_rule(on_error="alert"), a_rule("quiet"))
    score.read(1.0)
    score.step(SeriesFailed([0], "OSError: gone"), after_s=1.0)
    score.step(after_s=1.0)
    assert score.notices() == ["firing high"]
    assert "its sensor fails" in score.alert.message


def test_a_pause_of_the_program_is_no_breach() -> None:
    score = Score(a_rule(for_s=30.0))
    score.read(99.0)
    score.clock.advance(3600.0)
    score.read(99.0)
    assert score.notices() == []
    score.read(*[99.0] * 29)
    assert score.notices() == ["firing high"]


def test_a_suspend_of_the_machine_is_no_breach() -> None:
    score = Score(a_rule(for_s=5.0, window_s=60.0, aggregate="rate", threshold=1000.0))
    score.read(0.0, 10.0)
    score.clock.suspend(3600.0)
    score.read(1e9, 1e9 + 1, 1e9 + 2)
    assert score.notices() == []


@pytest.mark.parametrize("year", [2025, 2027])
def test_a_step_of_the_wall_clock_changes_no_duration(year: int) -> None:
    score = Score(a_rule(for_s=3.0))
    score.read(99.0, 99.0)
    score.clock.set_wall_clock(datetime(year, 1, 1, tzinfo=UTC))
    score.read(99.0)
    assert score.notices() == []
    score.read(99.0)
    assert score.notices() == ["firing high"]


# -- who is told


def test_critical_goes_out_before_lower_priorities_of_the_same_step() -> None:
    score = Score()
    score.step(
        an_event("info", INFO, source="a"), an_event("warning", source="b"), an_event("critical", CRITICAL, source="c")
    )
    assert score.notices() == ["firing critical", "firing warning", "firing info"]


@pytest.mark.parametrize("order", [("high", "higher"), ("higher", "high")])
def test_the_worse_of_a_family_speaks_for_it_whatever_the_order_of_rules(order: tuple[str, str]) -> None:
    rules = {"high": a_rule("high", 50.0), "higher": a_rule("higher", 80.0, severity=CRITICAL)}
    score = Score(*(rules[name] for name in order))
    score.read(99.0)
    assert score.notices() == ["firing higher"]
    held = next(alert for alert in score.engine.book.open_alerts() if alert.rule == "high")
    assert held.suppressed
    assert held.held is Held.INHIBITION


def test_what_the_family_held_back_is_told_when_the_worse_is_over() -> None:
    score = Score(a_rule("high", 50.0), a_rule("higher", 80.0, severity=CRITICAL))
    score.read(99.0, 60.0)
    assert score.notices() == ["firing higher", "resolved higher", "firing high"] or score.notices() == [
        "firing higher", "firing high", "resolved higher",
    ]  # fmt: skip
    score.read(10.0)
    assert score.notices()[-1] == "resolved high"


def test_whoever_was_not_told_of_the_beginning_is_not_told_of_the_end() -> None:
    routes = (Route(channel="all"), Route(channel="pager", severity=CRITICAL))
    score = Score(a_rule(), settings=AlertSettings(routes=routes))
    score.read(99.0, 1.0)
    channels = [notice.channel for outcome in score.outcomes for notice in outcome.notices]
    assert channels == ["all", "all"]


def test_one_series_that_flaps_is_told_a_third_time_and_then_when_it_has_settled() -> None:
    score = Score(a_rule())
    score.read(*[99.0, 1.0] * 20)
    assert score.notices().count("firing high") == 3
    assert score.notices().count("resolved high") == 2
    score.read(*[1.0] * 301)
    assert score.notices()[-1] == "resolved high"
    assert score.notices().count("resolved high") == 3


def test_a_channel_is_told_so_much_a_minute_and_critical_passes() -> None:
    routes = (Route(channel="all", notices_per_minute=5.0),)
    score = Score(settings=AlertSettings(routes=routes, storm_after=0))
    score.step(*(an_event(f"w{number}", source=f"s{number}") for number in range(100)))
    assert len(score.notices()) == 5
    score.step(an_event("fire", CRITICAL, source="x"))
    assert score.notices()[-1] == "firing fire"
    digest = score.step(TellAll()).notices[0]
    assert sum(line.count for line in digest.digest) == 95
    assert {line.reason for line in digest.digest if line.reason} == {"limit"}


def test_digests_of_a_storm_that_goes_on_become_rare() -> None:
    score = Score()
    for _ in range(3600):
        score.step(an_event(), after_s=1.0)
    digests = [text for text in score.notices() if text.startswith("digest")]
    assert 4 <= len(digests) <= 7
    score.step(TellAll())
    lines = [line for outcome in score.outcomes for notice in outcome.notices for line in notice.digest]
    assert sum(line.count for line in lines) == 3599


def test_an_acknowledgement_stops_repeats_and_ends_with_the_episode() -> None:
    score = Score()
    score.step(an_event())
    score.step(Acknowledge(score.alert.id, "ann", "on it"))
    score.step(an_event())
    assert score.alert.held is Held.ACKNOWLEDGEMENT
    mark = score.alert.acknowledgement
    assert mark is not None
    assert (mark.by, mark.comment) == ("ann", "on it")
    score.step(an_event(severity=CRITICAL))
    assert score.notices() == ["firing odd", "firing odd"], "a worse severity makes the mark void"


def test_an_acknowledgement_of_what_is_over_is_kept_and_of_what_never_was_is_not_found() -> None:
    score = Score(a_rule())
    score.read(99.0, 1.0)
    assert score.step(Acknowledge(score.alert.id, "ann")).answers[0].found
    assert score.alert.acknowledgement is not None
    assert not score.step(Acknowledge("nobody")).answers[0].found


# -- rules at run time


def test_a_rule_that_is_added_watches_series_that_are_known_already() -> None:
    score = Score()
    score.read(99.0)
    score.step(AddRule(a_rule()))
    score.read(99.0)
    assert score.notices() == ["firing high"]


@pytest.mark.parametrize("command", [RemoveRule("high"), SwitchRule("high", enabled=False)])
def test_taking_a_rule_out_of_force_ends_its_alerts(command: RemoveRule | SwitchRule) -> None:
    score = Score(a_rule())
    score.read(99.0)
    score.step(command)
    assert score.notices() == ["firing high", "resolved high"]
    score.read(99.0)
    assert len(score.notices()) == 2


def test_a_rule_that_is_enabled_again_judges_again() -> None:
    score = Score(a_rule(enabled=False))
    score.step(SwitchRule("high", enabled=True))
    score.read(99.0)
    assert score.notices() == ["firing high"]
    assert not score.step(SwitchRule("unknown", enabled=True)).answers[0].found


def test_a_rule_of_the_same_name_takes_the_place_of_the_old_one() -> None:
    score = Score(a_rule())
    score.read(60.0)
    score.step(AddRule(a_rule(threshold=70.0)))
    score.read(60.0)
    assert score.notices() == ["firing high", "resolved high"]
    assert len(score.engine.rules) == 1
