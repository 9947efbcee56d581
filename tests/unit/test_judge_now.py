"""Readings from outside that are judged at once; and which alert speaks for which others."""

from __future__ import annotations

import pytest
from tests.unit.score import CRITICAL, WARNING, Score, a_rule

from tocsin.model.alert import Evidence
from tocsin.model.inputs import Case, EvidenceFound, JudgeNow
from tocsin.model.levels import AlertSeverity, Held
from tocsin.model.readings import SeriesKey

MILD, GRAVE = a_rule("mild", 50.0, for_s=60.0), a_rule("grave", 90.0, severity=CRITICAL)


def judged(score: Score, *values: float, **case: object) -> list[tuple[str, int]]:
    """Judge values of the series in their order, as one case; the alerts that were answered, with their counts."""
    asked = Case(series_ids=list(range(len(values))), values=list(values), **case)  # type: ignore[arg-type]
    answer = score.step(JudgeNow((asked,)), after_s=1.0).answers[-1]
    assert answer.triggered is bool(answer.alerts)
    return [(alert.rule, alert.count) for alert in answer.alerts]


def test_the_worst_rule_that_is_broken_rings_at_once_and_alone() -> None:
    score = Score(MILD, GRAVE)
    assert judged(score, 95.0) == [("grave", 1)]
    assert score.notices() == ["firing grave"]
    assert len(score.engine.book.recent()) == 1


@pytest.mark.parametrize(("value", "rings"), [(49.0, False), (50.0, False), (50.1, True)])
def test_the_rules_for_does_not_count_here_and_its_bound_does(value: float, rings: bool) -> None:
    score = Score(MILD)
    assert judged(score, value) == ([("mild", 1)] if rings else [])


def test_a_value_that_is_back_ends_the_alert_and_the_lower_degree_rings_instead() -> None:
    score = Score(MILD, GRAVE)
    judged(score, 95.0)
    assert judged(score, 60.0) == [("mild", 1)]
    assert judged(score, 10.0) == []
    assert score.notices() == ["firing grave", "resolved grave", "firing mild", "resolved mild"]


def test_each_repeat_is_one_more_occurrence_of_the_worst_alone() -> None:
    score = Score(MILD, GRAVE)
    judged(score, 60.0)
    judged(score, 95.0)
    assert judged(score, 95.0) == [("grave", 2)]
    counts = {alert.rule: alert.count for alert in score.engine.book.open_alerts()}
    assert counts == {"mild": 1, "grave": 2}


def test_of_rules_alike_the_one_that_came_last_speaks() -> None:
    score = Score(a_rule("pack"), a_rule("mine", 55.0))
    assert judged(score, 60.0) == [("mine", 1)]


def test_several_series_of_one_case_have_one_alert() -> None:
    score = Score(
        a_rule("count", 0.0), a_rule("rate", 9.0, severity=CRITICAL, metric="n"), keys=[SeriesKey("m"), SeriesKey("n")]
    )
    assert judged(score, 1.0, 5.0) == [("count", 1)]
    assert judged(score, 1.0, 10.0) == [("rate", 1)]


def test_the_proof_and_the_advice_come_with_the_notice() -> None:
    score = Score(a_rule(recommendations=("general",)))
    judged(score, 60.0, evidence=(Evidence("stack", "here", ("a.py:3",)),), recommendations=("particular",))
    [notice] = score.outcomes[-1].notices
    assert notice.alerts[0].evidence[0].lines == ("a.py:3",)
    assert notice.alerts[0].recommendations == ("particular",)
    judged(score, 61.0)
    assert score.alert.recommendations == ("particular",)


def test_a_window_counts_here_too() -> None:
    score = Score(a_rule(aggregate="avg", window_s=100.0))
    assert judged(score, 0.0) == []
    assert judged(score, 90.0) == []
    assert judged(score, 90.0) == [("high", 1)]


def test_evidence_may_bring_advice_that_takes_the_place_of_the_rules() -> None:
    score = Score(a_rule(recommendations=("general",)))
    score.read(60.0)
    score.step(EvidenceFound(score.alert.id, Evidence("stack", "here"), ("particular",)))
    assert score.alert.recommendations == ("particular",)
    score.step(EvidenceFound(score.alert.id, Evidence("threads", "there")))
    assert score.alert.recommendations == ("particular",)


# -- one cause, one notification


def score_of(*rules: tuple[str, AlertSeverity, str], also: str = "") -> Score:
    """Rules that ring at 50 (of whatever unit), each on a series of its own; and one more series."""
    made = []
    for name, severity, metric in rules:
        window = {"aggregate": "rate", "window_s": 30.0} if metric == "process.memory.usage" else {}
        threshold = "50 B/s" if metric.endswith((".usage", ".rate")) else 50.0
        made.append(a_rule(name, threshold, severity=severity, metric=metric, **window))
    return Score(*made, keys=[SeriesKey(metric) for metric in (*(rule[2] for rule in rules), also) if metric])


def held(score: Score) -> dict[str, Held | None]:
    return {alert.rule: alert.held for alert in score.engine.book.open_alerts()}


PROCESS, CONTAINER, MACHINE = (f"{one}.memory.utilization" for one in ("process", "container", "system"))


def test_the_program_that_fills_its_container_speaks_for_it() -> None:
    score = score_of(("own", WARNING, PROCESS), ("container", WARNING, CONTAINER))
    score.read(99.0)
    assert held(score) == {"own": None, "container": Held.INHIBITION}


def test_a_worse_alert_of_the_container_gets_through() -> None:
    score = score_of(("own", WARNING, PROCESS), ("container", CRITICAL, CONTAINER))
    score.read(99.0)
    assert held(score) == {"own": None, "container": None}


def test_the_program_that_fills_the_machine_speaks_for_it() -> None:
    score = score_of(("own", WARNING, PROCESS), ("machine", WARNING, MACHINE))
    score.read(99.0)
    assert held(score) == {"own": None, "machine": Held.INHIBITION}


def test_a_program_with_a_limit_of_its_own_is_not_what_fills_the_machine() -> None:
    score = score_of(("own", WARNING, PROCESS), ("machine", WARNING, MACHINE), also=CONTAINER)
    score.read(99.0)
    assert held(score) == {"own": None, "machine": None}


def test_an_effect_is_told_when_its_cause_is_over() -> None:
    score = score_of(("own", WARNING, PROCESS), ("container", WARNING, CONTAINER))
    score.read(99.0)
    score.step(JudgeNow((Case(series_ids=[0], values=[0.1]),)), after_s=1.0)
    assert score.notices() == ["firing own", "resolved own", "firing container"]


def test_a_leak_speaks_for_the_growth_that_it_causes() -> None:
    score = score_of(("leak", WARNING, "tocsin.memory.leak.count"), ("growth", WARNING, "process.memory.usage"))
    score.read(60.0, 200.0)
    assert held(score) == {"leak": None, "growth": Held.INHIBITION}


def test_the_rate_of_a_leak_speaks_for_its_count() -> None:
    score = score_of(("leak", WARNING, "tocsin.memory.leak.count"), ("fast", CRITICAL, "tocsin.memory.leak.rate"))
    score.step(JudgeNow((Case(series_ids=[0], values=[60.0]), Case(series_ids=[1], values=[60.0]))))
    assert held(score) == {"leak": Held.INHIBITION, "fast": None}
