"""Actions in the engine: due once an episode, within limits that are exact and outlive the process."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.score import Score, a_rule

from tocsin.alerts.settings import AlertSettings, Route
from tocsin.model.action import ActionLimits, ActionOutcome, DueAction
from tocsin.model.alert import Evidence
from tocsin.model.inputs import ActionDone, Outcome, Sample
from tocsin.model.readings import SeriesKey

DONE, REFUSED, FAILED = ActionOutcome.DONE, ActionOutcome.REFUSED, ActionOutcome.FAILED
MINUTE_S, HOUR_S = 60.0, 3600.0


class Many(Score):
    """A score whose episodes are each of a series of its own, since one that comes and goes again and again flaps."""

    episodes = 0


def a_score(*actions: str, series: int = 150, cooldown_s: float = 60.0, count: int = 10, for_s: float = 0.0) -> Many:
    limits = ActionLimits(cooldown_s=cooldown_s, count=count)
    settings = AlertSettings(routes=(Route(channel="all"),), actions=limits)
    keys = [SeriesKey("m", (("n", str(number)),)) for number in range(series)]
    return Many(a_rule(actions=actions, for_s=for_s), keys=keys, settings=settings)


def due(score: Score) -> list[DueAction]:
    return [one for outcome in score.outcomes for one in outcome.actions]


def trace(score: Score) -> list[tuple[str, str]]:
    return [(step.what, step.why) for step in score.alert.trace if "act" in step.what]


def episode(score: Many, *, after_s: float = 1.0) -> Outcome:
    """One episode more: it rings, and is over in the next step but one."""
    number, score.episodes = score.episodes, score.episodes + 1
    rung = score.step(Sample([number], [99.0]), after_s=after_s)
    score.step(Sample([number], [0.0]), after_s=1.0)
    return rung


def test_an_action_is_due_once_an_episode_when_it_fires_and_not_while_it_is_pending() -> None:
    score = a_score("stacks:2s", "call:app.f", series=1, for_s=2.0)
    score.read(99.0, 99.0)
    assert due(score) == []
    score.read(99.0, 99.0, 99.0)
    alert = score.alert
    assert due(score) == [
        DueAction(alert.id, "high", "stacks:2s", f"{alert.id}-stacks", (("n", "0"),)),
        DueAction(alert.id, "high", "call:app.f", "", (("n", "0"),)),
    ]
    assert trace(score)[0] == ("acting", "stacks:2s: run 1 of at most 10 within 60 min")


def test_a_rule_without_actions_has_none_due() -> None:
    score = a_score()
    score.read(99.0)
    assert score.outcomes[-1].actions == ()
    assert score.engine.decisions.acting.keep(score.clock.now()) is None


def test_the_first_notice_already_says_where_what_is_captured_will_be() -> None:
    score = a_score("heap_snapshot", "stacks:1s", "stacks:2s", series=1)
    score.read(99.0)
    [told] = score.outcomes[-1].notices
    [evidence] = told.alerts[0].evidence
    assert evidence.kind == "artifacts"
    shown = [
        f"is being taken; then: tocsin artifacts show {told.alerts[0].id}-{name}"
        for name in ("heap", "stacks-2", "stacks-3")
    ]
    assert list(evidence.lines) == [f"heap_snapshot: {shown[0]}", f"stacks:1s: {shown[1]}", f"stacks:2s: {shown[2]}"]
    assert len({one.artifact for one in due(score)}) == 3


def test_an_outcome_is_noted_with_its_reason_and_its_proof() -> None:
    score = a_score("heap_snapshot", "call:app.f", series=1)
    score.read(99.0)
    alert = score.alert
    proof = Evidence("heap_difference", "what grew", ("app.py:3 in f: +5 MB",))
    outcome = score.step(ActionDone(alert.id, "heap_snapshot", DONE, "12 kB kept", f"{alert.id}-heap", proof))
    assert outcome.changes[0].why == "heap_snapshot: done"
    assert outcome.notices == ()
    score.step(ActionDone(alert.id, "call:app.f", FAILED, "ValueError: no"))
    assert trace(score)[-2:] == [
        ("acted", "heap_snapshot: 12 kB kept"),
        ("action failed", "call:app.f: ValueError: no"),
    ]
    shown = {one.kind: one.lines for one in score.alert.evidence}
    assert shown == {
        "artifacts": (f"heap_snapshot: tocsin artifacts show {alert.id}-heap",),
        "heap_difference": ("app.py:3 in f: +5 MB",),
    }
    assert score.engine.decisions.acting.counts == {"done": 1, "refused": 0, "failed": 1}


def test_an_outcome_reaches_an_alert_that_is_over_and_one_that_nobody_knows_is_ignored() -> None:
    score = a_score("stacks:2s", series=1)
    score.read(99.0, 0.0)
    alert = score.alert
    assert alert.resolved_at is not None
    proof = Evidence("stacks", "seen", ("app.py:3 in f",))
    outcome = score.step(ActionDone(alert.id, "stacks:2s", DONE, "kept", f"{alert.id}-stacks", proof))
    assert outcome.changes[0].alert == score.alert
    assert score.alert.evidence[-1].lines == (f"stacks:2s: tocsin artifacts show {alert.id}-stacks",)
    assert proof in score.alert.evidence
    assert score.alert.trace[-1].what == "acted"
    assert score.step(ActionDone("nobody", "stacks:2s", DONE, "kept")).changes == ()


def test_what_could_not_be_kept_is_said_where_the_link_was() -> None:
    score = a_score("stacks:2s", series=1)
    score.read(99.0)
    score.step(ActionDone(score.alert.id, "stacks:2s", REFUSED, "the disk is full"))
    assert score.alert.evidence[0].lines == ("stacks:2s: nothing is kept: the disk is full",)
    assert trace(score)[-1] == ("not acted", "stacks:2s: the disk is full")


# -- limits


def test_an_action_rests_between_two_attempts() -> None:
    score = a_score("call:app.f", cooldown_s=30.0, count=1000)
    times = [score.clock.now().mono_s for _ in range(100) if episode(score).actions]
    assert [round(later - before) for before, later in pairwise(times)] == [30, 30, 30, 30, 30, 30]


def test_a_thousand_episodes_in_a_minute_run_the_allowed_count_and_the_rest_is_counted() -> None:
    score = a_score("heap_snapshot", series=1000, cooldown_s=0.0, count=10)
    score.step(*(Sample([number], [99.0]) for number in range(1000)), after_s=1.0)
    assert len(due(score)) == 10
    assert score.engine.decisions.acting.counts["refused"] == 990
    refused = [step.why for alert in score.engine.book.recent() for step in alert.trace if step.what == "not acted"]
    assert len(refused) == 990
    last = "heap_snapshot: it ran 10 times within 60 min, and may run 10 times; refused 990 times since then"
    assert last in refused


def test_with_a_rest_one_of_a_thousand_episodes_in_a_minute_acts_and_the_next_run_says_how_many_did_not() -> None:
    score = a_score("heap_snapshot", series=1000)
    score.step(*(Sample([number], [99.0]) for number in range(1000)), after_s=1.0)
    assert len(due(score)) == 1
    score.step(Sample([0], [0.0]), after_s=MINUTE_S)
    score.step(Sample([0], [99.0]), after_s=1.0)
    assert len(due(score)) == 2
    assert ("acting", "heap_snapshot: run 2 of at most 10 within 60 min; 999 refused since the last") in trace(score)


def test_the_window_slides() -> None:
    score = a_score("call:app.f", cooldown_s=0.0, count=2)
    assert [bool(episode(score).actions) for _ in range(3)] == [True, True, False]
    score.step(after_s=HOUR_S)
    assert [bool(episode(score).actions) for _ in range(3)] == [True, True, False]


def test_each_action_of_a_rule_has_limits_of_its_own() -> None:
    score = a_score("call:app.f", "call:app.g", cooldown_s=0.0, count=1)
    assert [one.action for one in episode(score).actions] == ["call:app.f", "call:app.g"]
    assert episode(score).actions == ()
    acting = score.engine.decisions.acting
    assert acting.left(score.rules[0], "call:app.f", score.clock.now()) == (
        0, "it ran once within 60 min, and may run once",
    )  # fmt: skip
    assert acting.left(score.rules[0], "call:app.h", score.clock.now()) == (1, "")


def test_what_was_refused_by_whoever_runs_it_is_no_run_and_yet_rests() -> None:
    score = a_score("call:app.f", cooldown_s=10.0, count=1)
    [first] = episode(score).actions
    score.step(ActionDone(first.alert_id, first.action, REFUSED, "memory is at 97 %"))
    assert episode(score).actions == ()  # it rests
    score.step(after_s=10.0)
    assert len(episode(score).actions) == 1
    score.step(after_s=10.0)
    assert episode(score).actions == ()  # that one counted
    assert score.engine.decisions.acting.counts["refused"] == 3


@given(
    gaps=st.lists(st.floats(2.0, 500.0), max_size=60),
    cooldown_s=st.floats(0.0, 300.0),
    count=st.integers(1, 5),
    restarts=st.sets(st.integers(0, 60)),
)
def test_the_limits_hold_at_every_moment_whatever_restarts(
    gaps: list[float], cooldown_s: float, count: int, restarts: set[int]
) -> None:
    score = a_score("call:app.f", cooldown_s=cooldown_s, count=count)
    ran: list[float] = []
    refused = 0
    for place, gap_s in enumerate(gaps):
        if place in restarts:
            score.restart()
        rung = episode(score, after_s=gap_s - 1.0)
        ran += [score.clock.now().utc.timestamp()] * len(rung.actions)
        refused += not rung.actions
    assert all(later - before >= cooldown_s - 1e-3 for before, later in pairwise(ran))
    assert all(sum(at_s - HOUR_S + 1e-3 < one <= at_s for one in ran) <= count for at_s in ran)
    assert len(ran) + refused == len(gaps)


# -- a restart


def test_the_counts_go_on_after_a_restart_and_real_time_does_too() -> None:
    score = a_score("call:app.f", cooldown_s=0.0, count=2)
    assert [bool(episode(score).actions) for _ in range(3)] == [True, True, False]
    score.restart(away_s=100.0)
    assert episode(score).actions == ()
    score.restart(away_s=HOUR_S)
    rung = episode(score)
    assert len(rung.actions) == 1
    assert ("acting", "call:app.f: run 1 of at most 2 within 60 min; 2 refused since the last") in trace(score)


def test_a_wall_clock_that_was_set_back_frees_no_action() -> None:
    score = a_score("call:app.f", count=1)
    episode(score)
    score.restart(away_s=-10 * 86_400.0)
    assert episode(score).actions == ()


def test_an_action_that_the_process_died_in_is_not_run_again_and_is_said_to_be_unknown() -> None:
    score = a_score("heap_snapshot", series=1)
    score.read(99.0)
    assert len(due(score)) == 1
    score.restart(away_s=5.0)
    score.read(99.0, 99.0)
    assert len(due(score)) == 1
    assert [what for what, _ in trace(score)] == ["acting", "action failed"]
    assert "the program ended while it ran" in trace(score)[-1][1]
    assert "nothing is kept" in score.alert.evidence[0].lines[0]
    score.restart(away_s=5.0)
    score.read(99.0)
    assert [what for what, _ in trace(score)] == ["acting", "action failed"]


def test_what_an_older_version_kept_is_still_read() -> None:
    score = a_score("call:app.f")
    score.read(99.0)
    kept = msgspec.msgpack.decode(score.engine.keep_telling(score.clock.now()))
    del kept["acting"]
    fresh = a_score("call:app.f")
    fresh.engine.restore([], msgspec.msgpack.encode(kept), fresh.clock.now())
    assert fresh.engine.survivors.unreadable == 0


@pytest.mark.parametrize("number", [600])
def test_actions_of_rules_that_come_and_go_are_forgotten_in_the_end(number: int) -> None:
    score = a_score("call:app.f")
    acting = score.engine.decisions.acting
    for place in range(number):
        acting._counter(f"r{place}", "call:app.f").attempt_s = float(place)
    assert len(acting._counters) == 500
    assert ("r599", "call:app.f") in acting._counters
