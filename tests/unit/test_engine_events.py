"""The pipeline: events of the program, and direct checks."""

from __future__ import annotations

import pytest
from tests.unit.score import CRITICAL, INFO, WARNING, Score, a_rule, an_event

from tocsin.alerts.settings import AlertSettings, Route
from tocsin.model.inputs import (
    Check,
    RemoveRule,
    Resolve,
    Sample,
    SwitchRule,
    TellAll,
)
from tocsin.model.levels import AlertCondition, AlertState

GREATER, LESS = AlertCondition.GREATER_THAN, AlertCondition.LESS_THAN
EQUALS, NOT_EQUALS = AlertCondition.EQUALS, AlertCondition.NOT_EQUALS


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


def test_what_is_critical_gets_through_when_there_is_no_room_for_more_alerts() -> None:
    score = Score(settings=AlertSettings(routes=(Route(channel="all", notices_per_minute=1e9),), max_open=10))
    score.step(*(an_event(f"w{number}", source=f"s{number}") for number in range(1000)))
    score.step(an_event("the disk burns", CRITICAL, source="disk"))
    assert score.notices()[-1] == "firing the disk burns"


def test_a_storm_of_as_many_sources_as_events_opens_no_more_alerts_than_there_is_room_for() -> None:
    score = Score(settings=AlertSettings(routes=(Route(channel="all"),), max_open=10))
    score.step(*(an_event(f"w{number}", source=f"s{number}") for number in range(1000)))
    assert len(score.engine.book) == 10 + 20 + 1
    assert sum(alert.count for alert in score.engine.book.open_alerts()) == 1000


def test_of_ten_thousand_warnings_what_was_told_and_what_the_digests_count_is_ten_thousand() -> None:
    score = Score()
    for start in range(0, 10_000, 1000):
        score.step(*(an_event(f"w{number}", source=f"s{number}") for number in range(start, start + 1000)), after_s=0.1)
    score.step(TellAll(), after_s=1.0)
    notices = [notice for outcome in score.outcomes for notice in outcome.notices]
    told = sum(len(notice.alerts) for notice in notices)
    assert told + sum(line.count for notice in notices for line in notice.digest) == 10_000
