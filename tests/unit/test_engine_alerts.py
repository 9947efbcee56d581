"""The pipeline: what an alert says of itself."""

from __future__ import annotations

from tests.unit.score import WARNING, Score, a_rule, an_event

from tocsin.model.alert import Evidence
from tocsin.model.inputs import (
    Event,
    EvidenceFound,
    Resolve,
    Sample,
)
from tocsin.model.levels import AlertCategory, AlertCondition, AlertState
from tocsin.model.notice import NoticeKind
from tocsin.model.readings import SeriesKey

GREATER, LESS = AlertCondition.GREATER_THAN, AlertCondition.LESS_THAN
EQUALS, NOT_EQUALS = AlertCondition.EQUALS, AlertCondition.NOT_EQUALS


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


def test_an_alert_that_is_over_has_the_value_at_its_end_and_its_message_the_one_while_it_rang() -> None:
    score = Score(a_rule(metric="process.memory.usage", threshold="650 MB"), keys=[SeriesKey("process.memory.usage")])
    score.read(7e8, 8e8, 5e8)
    told = [notice for outcome in score.outcomes for notice in outcome.notices]
    assert [(notice.kind, notice.alerts[0].value) for notice in told] == [
        (NoticeKind.FIRING, 7e8),
        (NoticeKind.RESOLVED, 5e8),
    ]
    over = score.alert
    assert (over.state, over.value, over.fingerprint) == (AlertState.RESOLVED, 5e8, told[0].alerts[0].fingerprint)
    assert over.message == "process.memory.usage is 700 MB, above the threshold 650 MB"
    assert [step.why for step in over.trace if step.what in {"firing", "resolved"}] == [
        "700 MB is above 650 MB",
        "value is back to normal: 500 MB",
    ]


def test_an_alert_that_began_and_ended_in_one_step_is_told_with_the_value_of_each() -> None:
    score = Score(a_rule())
    score.step(Sample([0], [99.0]), Sample([0], [1.0]))
    assert [alert.value for notice in score.outcomes[-1].notices for alert in notice.alerts] == [99.0, 1.0]


def test_an_end_that_nobody_measured_has_no_value() -> None:
    score = Score(a_rule())
    score.read(99.0)
    score.restart(a_rule("other"))
    for _ in range(400):
        score.step(after_s=2.0)
    assert (score.alert.state, score.alert.value) == (AlertState.RESOLVED, None)


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
