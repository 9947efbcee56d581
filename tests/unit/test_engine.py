"""The pipeline: readings in, reasons out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.unit.score import CRITICAL, INFO, WARNING, Score, a_rule, an_event

from tocsin.alerts.settings import AlertSettings, Route
from tocsin.model.alert import Evidence
from tocsin.model.inputs import (
    Acknowledge,
    AddRule,
    Check,
    Event,
    EvidenceFound,
    RemoveRule,
    Resolve,
    Sample,
    SeriesFailed,
    SwitchRule,
    TellAll,
)
from tocsin.model.levels import AlertCategory, AlertCondition, AlertState, Held
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


# -- events


def test_three_equal_events_a_minute_are_signalled_and_the_rest_are_counted() -> None:
    score = Score()
    for _ in range(10):
        score.step(an_event(), after_s=0.1)
    assert score.signals() == 3
    assert score.notices() == ["firing odd"]
    assert score.alert.count == 10
    assert score.alert.suppressed
    score.step(after_s=61.0)
    assert score.notices() == ["firing odd", "digest 9 occurrences were held back"]


def test_equal_events_that_come_at_once_are_judged_like_single_ones() -> None:
    one_by_one, at_once = Score(), Score()
    for _ in range(10):
        one_by_one.step(an_event())
    at_once.step(an_event(count=10))
    assert one_by_one.signals() == at_once.signals() == 3
    assert one_by_one.alert.count == at_once.alert.count == 10


def test_what_is_suppressed_does_not_extend_the_window() -> None:
    score = Score()
    for _ in range(70):
        score.step(an_event(), after_s=1.0)
    assert score.signals() == 6


def test_levels_of_one_source_are_suppressed_apart() -> None:
    score = Score()
    score.step(*[an_event("a", WARNING)] * 5, *[an_event("b", CRITICAL)] * 5)
    assert score.signals() == 6


def test_an_event_ends_in_silence_and_only_receivers_that_keep_state_hear_of_it() -> None:
    routes = (Route(channel="console"), Route(channel="pager", keeps_state=True))
    score = Score(settings=AlertSettings(routes=routes))
    score.step(an_event())
    score.step(after_s=299.0)
    assert score.alert.state is AlertState.FIRING
    score.step(after_s=2.0)
    told = [(notice.channel, notice.kind.value) for outcome in score.outcomes for notice in outcome.notices]
    assert told == [("console", "firing"), ("pager", "firing"), ("pager", "resolved")]


def test_an_event_that_recurs_after_its_end_is_a_new_alert() -> None:
    score = Score()
    score.step(an_event())
    first = score.alert
    score.step(after_s=301.0)
    score.step(an_event())
    assert score.alert.id != first.id
    assert score.alert.fingerprint == first.fingerprint


def test_a_program_may_end_its_event() -> None:
    score = Score()
    score.step(an_event())
    answer = score.step(Resolve(score.alert.fingerprint)).answers[0]
    assert answer.found
    assert score.alert.state is AlertState.RESOLVED
    assert not score.step(Resolve("unknown")).answers[0].found


def test_events_beyond_the_bound_are_gathered_in_one_alert() -> None:
    score = Score(settings=AlertSettings(routes=(Route(channel="all"),), max_open=10))
    score.step(*(an_event(f"title {number}", source=f"s{number % 2}") for number in range(1000)))
    titles = [alert.title for alert in score.engine.book.open_alerts()]
    assert len(titles) == 12
    assert titles.count("Too many different alerts") == 2
    assert sum(alert.count for alert in score.engine.book.open_alerts()) == 1000


def test_a_rising_severity_of_an_event_is_told_again() -> None:
    score = Score()
    score.step(an_event(severity=INFO))
    score.step(an_event(severity=CRITICAL))
    score.step(an_event(severity=WARNING))
    assert score.notices() == ["firing odd", "firing odd"]
    assert score.alert.severity is CRITICAL


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


# -- checks


def test_a_check_does_not_wait_for_the_rules_for() -> None:
    score = Score(a_rule(for_s=60.0))
    answer = score.step(Sample([0], [99.0]), Check("high", [0])).answers[0]
    assert (answer.triggered, answer.suppressed, answer.value, answer.threshold) == (True, False, 99.0, 50.0)
    assert score.notices() == ["firing high"]


def test_repeated_checks_are_occurrences_and_the_fourth_is_suppressed() -> None:
    score = Score(a_rule())
    answers = [score.step(Sample([0], [99.0]), Check("high", [0]), after_s=0.2).answers[0] for _ in range(5)]
    assert all(answer.triggered for answer in answers)
    assert [answer.suppressed for answer in answers] == [False, False, False, True, True]
    assert score.signals() == 3
    assert score.alert.count == 5


def test_a_check_of_a_good_value_triggers_nothing() -> None:
    score = Score(a_rule())
    answer = score.step(Sample([0], [1.0]), Check("high", [0])).answers[0]
    assert not answer.triggered
    assert answer.alert is None


@pytest.mark.parametrize("state", ["removed", "disabled"])
def test_a_check_of_a_rule_that_is_not_in_force_says_so(state: str) -> None:
    score = Score(a_rule())
    score.step(RemoveRule("high") if state == "removed" else SwitchRule("high", enabled=False))
    answer = score.step(Sample([0], [99.0]), Check("high", [0])).answers[0]
    assert not answer.found
    assert state in answer.reason


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


# -- what an alert says of itself


def test_an_alert_explains_itself() -> None:
    rule = a_rule(
        metric="process.memory.usage", threshold="650 MB", for_s=2.0, component="orders",
        category=AlertCategory.MEMORY_THRESHOLD, recommendations=("Look at tocsin leaks",), owner="team",
        message="{component} uses {value} of {threshold}, {unknown}",
    )  # fmt: skip
    score = Score(rule, keys=[SeriesKey("process.memory.usage")])
    score.read(7e8, 7e8, 7e8)
    alert = score.alert
    assert alert.message == "orders uses 700 MB of 650 MB, {unknown}"
    assert (alert.value, alert.threshold, alert.unit) == (7e8, 6.5e8, "By")
    assert alert.recommendations == ("Look at tocsin leaks",)
    assert [step.what for step in alert.trace] == ["pending", "firing", "told"]
    assert "700 MB is above 650 MB for 2 s" in alert.trace[0].why


def test_the_trace_of_a_long_life_is_bounded_and_says_what_it_left_out() -> None:
    score = Score(a_rule(keep_firing_for_s=1000.0))
    score.read(*[99.0, 1.0] * 200)
    trace = score.alert.trace
    assert len(trace) <= 41
    assert "left out" in [step.what for step in trace]


def test_evidence_that_was_wanted_is_kept_on_the_alert() -> None:
    score = Score(
        a_rule(metric="tocsin.eventloop.lag", category=AlertCategory.APPLICATION_LATENCY, threshold="50 ms"),
        keys=[SeriesKey("tocsin.eventloop.lag", (("loop", "main"),))],
    )
    score.read(1.0)
    want = score.outcomes[-1].wants[0]
    assert (want.kind, want.labels) == ("loop_stack", (("loop", "main"),))
    found = Evidence("stack", "the event loop is in", ("app.py:7 in handler",))
    outcome = score.step(EvidenceFound(want.alert_id, found))
    assert outcome.changes[0].alert.evidence == (found,)
    assert score.step(EvidenceFound("nobody", found)).changes == ()


def test_an_event_brings_its_own_proof_and_a_newer_one_takes_its_place() -> None:
    score = Score()
    first, second = (Evidence("stack", f"worker-{n} is in", (f"app.py:{n} in work",)) for n in (1, 2))
    score.step(Event(title="t", message="", severity=WARNING, source="s", evidence=(first, second)))
    assert list(score.alert.evidence) == [first, second]
    assert list(score.outcomes[-1].notices[0].alerts[0].evidence) == [first, second]
    score.step(an_event("t", source="s"))
    assert list(score.alert.evidence) == [first, second]
    score.step(Event(title="t", message="", severity=WARNING, source="s", evidence=(second,)))
    assert list(score.alert.evidence) == [second]


def test_an_event_that_lasts_is_ended_by_its_resolution_and_not_by_silence_and_its_end_is_told() -> None:
    score = Score()
    score.step(Event(title="stuck", message="", severity=WARNING, source="s", lasts=True), an_event("odd"))
    score.step(after_s=4.0)
    for _ in range(200):
        score.step(after_s=2.0)
    assert [alert.title for alert in score.engine.book.open_alerts()] == ["stuck"]
    assert score.step(Resolve(score.engine.book.open_alerts()[0].fingerprint)).answers[0].found
    assert score.notices() == ["firing stuck", "firing odd", "resolved stuck"]
    score.step(Event(title="stuck", message="", severity=WARNING, source="s", lasts=True))
    assert score.alert.count == 1


def test_two_threads_that_read_the_clock_in_another_order_do_no_harm() -> None:
    score = Score(a_rule())
    early = score.clock.now()
    score.read(99.0)
    outcome = score.engine.step([Event(title="t", message="", severity=WARNING, source="s")], early)
    assert outcome.notices
