"""The reasons not to tell, on a whole engine: who hears what, and why not."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.score import CRITICAL, INFO, WARNING, Score, a_rule, an_event

from tocsin.alerts.settings import AlertSettings, Route
from tocsin.model.inputs import Acknowledge, Event, ExpireSilence, NewSeries, PutMaintenance, PutSilence, Sample
from tocsin.model.levels import AlertSeverity, Held
from tocsin.model.matching import parse_matcher
from tocsin.model.orders import Inhibition, Maintenance, Silence
from tocsin.model.readings import SeriesKey
from tocsin.model.schedule import Recurrence

if TYPE_CHECKING:
    from tocsin.model.alert import PerformanceAlert


def settings(**fields: object) -> AlertSettings:
    return AlertSettings(**{"routes": (Route(channel="all"),), **fields})  # type: ignore[arg-type]


def silence(score: Score, *matchers: str, for_s: float = 60.0, starts_in_s: float = 0.0, name: str = "s1") -> Silence:
    starts = score.clock.now().utc + timedelta(seconds=starts_in_s)
    return Silence(
        id=name, matchers=tuple(map(parse_matcher, matchers)), starts_at=starts,
        ends_at=starts + timedelta(seconds=for_s), author="ann", comment="the disk is being changed",
    )  # fmt: skip


def the_alert(score: Score) -> PerformanceAlert:
    [alert] = score.engine.book.open_alerts()
    return alert


# -- silences


def test_a_silenced_alert_is_told_to_nobody_and_says_by_whom_and_why() -> None:
    score = Score(a_rule())
    score.step(PutSilence(silence(score, "rule=high")))
    score.read(60.0)
    assert score.notices() == []
    alert = the_alert(score)
    assert alert.held is Held.SILENCE
    assert any("ann" in step.why and "the disk is being changed" in step.why for step in alert.trace)


def test_an_alert_that_still_fires_when_its_silence_ends_is_told_then() -> None:
    score = Score(a_rule())
    score.step(PutSilence(silence(score, "rule=high", for_s=30.0)))
    score.read(*[60.0] * 28)
    assert score.notices() == []
    score.read(*[60.0] * 4)
    assert score.notices() == ["firing high"]


def test_an_alert_that_ends_within_its_silence_is_never_told() -> None:
    score = Score(a_rule())
    score.step(PutSilence(silence(score, "rule=high", for_s=30.0)))
    score.read(60.0, 60.0, 0.0)
    score.read(*[0.0] * 60)
    assert score.notices() == []


def test_whoever_saw_an_alert_fire_is_told_its_end_even_if_it_was_silenced_since() -> None:
    score = Score(a_rule())
    score.read(60.0)
    score.step(PutSilence(silence(score, "rule=high")))
    score.read(0.0)
    assert score.notices() == ["firing high", "resolved high"]


def test_a_silence_that_is_expired_lets_go_of_what_it_held() -> None:
    score = Score(a_rule())
    score.step(PutSilence(silence(score, "rule=high")))
    score.read(60.0)
    assert score.step(ExpireSilence("s1")).answers[0].found
    assert score.notices() == ["firing high"]
    assert not score.step(ExpireSilence("s1")).answers[0].found


def test_a_silence_says_how_many_open_alerts_it_matches_including_none() -> None:
    score = Score(a_rule())
    score.read(60.0)
    assert "matches 0" in score.step(PutSilence(silence(score, "rule=other"))).answers[0].reason
    assert "matches 1" in score.step(PutSilence(silence(score, "rule=high", name="s2"))).answers[0].reason


def test_a_silence_to_come_holds_nothing_back_yet() -> None:
    score = Score(a_rule())
    score.step(PutSilence(silence(score, "rule=high", starts_in_s=100.0)))
    score.read(60.0)
    assert score.notices() == ["firing high"]


def test_of_two_silences_the_one_that_ends_last_holds() -> None:
    score = Score(a_rule())
    score.step(PutSilence(silence(score, "rule=high", for_s=10.0)))
    score.step(PutSilence(silence(score, "rule=high", for_s=40.0, name="s2")))
    score.read(*[60.0] * 30)
    assert score.notices() == []
    score.read(*[60.0] * 12)
    assert score.notices() == ["firing high"]


def test_a_silenced_event_is_counted_and_told_to_no_listener() -> None:
    score = Score()
    score.step(PutSilence(silence(score, "source=app")))
    score.step(an_event(count=5))
    assert score.notices() == []
    assert score.signals() == 0
    assert the_alert(score).count == 5


def test_a_silence_without_matchers_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="every alert"):
        silence(Score())


# -- maintenance


def test_a_window_that_comes_again_holds_alerts_back_only_while_it_is_open() -> None:
    nightly = Maintenance(name="backup", recurrence=Recurrence(cron="1 0 * * *", duration_s=60.0))
    score = Score(a_rule(), settings=settings(maintenance=(nightly,)))  # the clock begins at midnight
    score.read(*[60.0] * 10)
    assert score.notices() == ["firing high"]
    score.read(0.0)
    score.read(*[0.0] * 60)
    score.read(*[60.0] * 20)  # one minute and eleven seconds past midnight, and on
    assert score.notices() == ["firing high", "resolved high"]
    assert the_alert(score).held is Held.MAINTENANCE
    score.read(*[60.0] * 60)
    assert score.notices() == ["firing high", "resolved high", "firing high"]


def test_a_window_may_be_for_some_alerts_only() -> None:
    score = Score(a_rule())
    now = score.clock.now().utc
    window = Maintenance(
        name="db", matchers=(parse_matcher("component=db"),), starts_at=now, ends_at=now + timedelta(hours=1)
    )
    score.step(PutMaintenance(window))
    score.read(60.0)
    assert score.notices() == ["firing high"]


@pytest.mark.parametrize("fields", [{}, {"recurrence": None, "starts_at": None}])
def test_a_window_needs_a_time(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="begin and an end"):
        Maintenance(name="x", **fields)  # type: ignore[arg-type]


# -- acknowledgement


def test_an_acknowledgement_with_an_end_lets_repeats_go_on_behind_it() -> None:
    score = Score(a_rule(), settings=settings(routes=(Route(channel="all", repeat_s=60.0),)))
    score.read(60.0)
    score.step(Acknowledge(the_alert(score).id, "ann", for_s=150.0))
    score.read(*[60.0] * 148)
    assert score.notices() == ["firing high"]
    score.read(*[60.0] * 10)
    assert score.notices() == ["firing high", "firing high"]


# -- inhibition

CAUSE = Inhibition(
    source=(parse_matcher("title=switch down"),), target=(parse_matcher("title=host down"),), equal=("rack",)
)


def event(title: str, rack: str, severity: AlertSeverity = WARNING) -> Event:
    return Event(title=title, message="m", severity=severity, source=f"{title} {rack}", labels=(("rack", rack),))


def test_a_cause_speaks_for_its_effects_with_equal_labels() -> None:
    score = Score(settings=settings(inhibitions=(CAUSE,)))
    score.step(event("switch down", "1"), event("host down", "1"), event("host down", "2"))
    score.step(after_s=6.0)
    assert sorted(score.notices()) == ["firing host down", "firing switch down"]


def test_an_effect_is_told_when_its_cause_is_over_and_it_still_fires() -> None:
    rules = (a_rule("switch down", metric="switch"), a_rule("host down", metric="host"))
    keys = (SeriesKey("switch", (("rack", "1"),)), SeriesKey("host", (("rack", "1"),)))
    score = Score(*rules, keys=keys, settings=settings(inhibitions=(CAUSE,)))
    score.step(Sample([0, 1], [60.0, 60.0]), after_s=1.0)
    score.step(Sample([0, 1], [60.0, 60.0]), after_s=10.0)
    assert score.notices() == ["firing switch down"]
    score.step(Sample([0, 1], [0.0, 60.0]), after_s=1.0)
    assert score.notices() == ["firing switch down", "resolved switch down", "firing host down"]


def test_alerts_that_match_both_sides_do_not_hold_each_other_back() -> None:
    both = Inhibition(source=(parse_matcher("severity=warning"),), target=(parse_matcher("severity=~warning|info"),))
    score = Score(settings=settings(inhibitions=(both,), inhibition_wait_s=0.0))
    score.step(an_event("x", source="a"), an_event("y", source="b"), an_event("z", INFO, source="c"))
    assert score.notices() == ["firing x", "firing y"]


COMING = ["switch down 1", "host down 1", "host down 2", "other 1"]


@given(st.permutations(COMING), st.lists(st.integers(0, 1), min_size=4))
def test_in_whatever_order_cause_and_effects_come_the_notices_are_the_same(order: list[str], pauses: list[int]) -> None:
    score = Score(settings=settings(inhibitions=(CAUSE,)))
    for name, pause_s in zip(order, pauses, strict=False):
        title, _, rack = name.rpartition(" ")
        score.step(event(title, rack), after_s=float(pause_s))
    for _ in range(8):
        score.step(after_s=1.0)
    assert sorted(score.notices()) == ["firing host down", "firing other", "firing switch down"]
    held = [alert.labels["rack"] for alert in score.engine.book.open_alerts() if alert.held is Held.INHIBITION]
    assert held == ["1"]


@given(
    st.permutations(COMING), st.lists(st.integers(0, 1), min_size=4, max_size=4), st.integers(1, 4), st.integers(0, 30)
)
def test_nor_does_a_restart_among_them_change_the_notices(
    order: list[str], pauses: list[int], restart_before: int, away_s: int
) -> None:
    score = Score(settings=settings(inhibitions=(CAUSE,)))
    for number, (name, pause_s) in enumerate(zip(order, pauses, strict=True)):
        if number == restart_before:
            score.restart(away_s=float(away_s))
        title, _, rack = name.rpartition(" ")
        score.step(event(title, rack), after_s=float(pause_s))
    if restart_before == len(order):
        score.restart(away_s=float(away_s))
    for _ in range(8):
        score.step(after_s=1.0)
    assert sorted(score.notices()) == ["firing host down", "firing other", "firing switch down"]
    held = [alert.labels["rack"] for alert in score.engine.book.open_alerts() if alert.held is Held.INHIBITION]
    assert held == ["1"]


@example(order=["switch", "host"], down=[True, False, True, False, True, False], restart_at=2)
@given(st.permutations(["switch", "host"]), st.lists(st.booleans(), min_size=6, max_size=6), st.integers(0, 5))
def test_nor_one_of_lasting_alerts_that_come_and_go(order: list[str], down: list[bool], restart_at: int) -> None:
    """The host is down all the time, the switch as it is drawn; what is told does not depend on the restart."""
    rules = tuple(a_rule(f"{name} down", metric=name) for name in order)
    keys = tuple(SeriesKey(name, (("rack", "1"),)) for name in order)

    def told(at: int) -> list[str]:
        score = Score(*rules, keys=keys, settings=settings(inhibitions=(CAUSE,)))
        for number, is_down in enumerate(down):
            if number == at:
                score.restart()
            values = [60.0 if name == "host" or is_down else 0.0 for name in order]
            score.step(Sample([0, 1], values), after_s=10.0)
            score.step(after_s=6.0)
        return score.notices()

    assert told(restart_at) == told(-1)


def test_in_whatever_order_degrees_of_one_trouble_fire_in_one_step_only_the_worst_is_told() -> None:
    rules = [a_rule("w"), a_rule("c", severity=CRITICAL), a_rule("i", severity=INFO)]
    for order in permutations(rules):
        score = Score(*order)
        score.read(60.0)
        assert score.notices() == ["firing c"]


def test_series_that_come_later_are_told_like_those_of_the_start() -> None:
    score = Score(a_rule())
    score.step(NewSeries(7, SeriesKey("m", (("disk", "b"),))), Sample([7], [60.0]))
    assert score.notices() == ["firing high"]
