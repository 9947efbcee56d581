"""A restart: what is open goes on, nobody is told of the restart itself, and what changed meanwhile is told once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.unit.score import Score, a_rule, an_event

from tocsin.alerts.settings import AlertSettings, Route
from tocsin.model.inputs import Acknowledge, Event, PutSilence, Sample
from tocsin.model.levels import AlertSeverity, AlertState, Held
from tocsin.model.matching import parse_matcher
from tocsin.model.orders import Silence


def test_a_restart_with_nothing_changed_tells_nobody() -> None:
    score = Score(a_rule())
    score.read(60.0)
    before = score.engine.book.open_alerts()[0].id
    score.restart(away_s=30.0)
    score.read(60.0, 60.0)
    assert score.notices() == ["firing high"]
    assert score.engine.book.open_alerts()[0].id == before


def test_what_ended_while_the_program_was_away_is_told_once() -> None:
    score = Score(a_rule())
    score.read(60.0)
    score.restart(away_s=30.0)
    score.read(0.0, 0.0)
    assert score.notices() == ["firing high", "resolved high"]


def test_what_began_while_the_program_was_away_is_told_once() -> None:
    score = Score(a_rule())
    score.read(0.0)
    score.restart(away_s=30.0)
    score.read(60.0, 60.0)
    assert score.notices() == ["firing high"]


@pytest.mark.parametrize("away_s", [0.0, 10_000.0])
def test_a_pending_alert_keeps_what_it_accrued_and_the_time_away_does_not_count(away_s: float) -> None:
    score = Score(a_rule(for_s=40.0))
    score.read(*[60.0] * 31)  # thirty seconds of breach
    score.restart(away_s=away_s)
    score.read(*[60.0] * 9)
    assert score.notices() == []
    score.read(60.0)
    assert score.notices() == ["firing high"]


def test_an_acknowledgement_returns_and_is_void_when_it_gets_worse() -> None:
    score = Score(settings=AlertSettings(routes=(Route(channel="all", repeat_s=60.0),)))
    score.step(Event(title="odd", message="m", severity=AlertSeverity.WARNING, source="app", lasts=True))
    score.step(Acknowledge(score.engine.book.open_alerts()[0].id, "ann", "on it"))
    score.restart(away_s=100.0)
    score.step(after_s=100.0)
    assert score.notices() == ["firing odd"]
    mark = score.engine.book.open_alerts()[0].acknowledgement
    assert mark is not None
    assert (mark.by, mark.comment) == ("ann", "on it")
    score.step(an_event(severity=AlertSeverity.CRITICAL))
    assert score.notices() == ["firing odd", "firing odd"]


def test_a_silence_returns_and_ends_when_it_should() -> None:
    score = Score(a_rule())
    now = score.clock.now().utc
    quiet = Silence(id="s", matchers=(parse_matcher("rule=high"),), starts_at=now, ends_at=now + timedelta(seconds=60))
    score.step(PutSilence(quiet))
    score.read(60.0)
    score.restart(away_s=20.0)
    score.read(*[60.0] * 10)
    assert score.notices() == []
    assert score.engine.book.open_alerts()[0].held is Held.SILENCE
    score.read(*[60.0] * 40)
    assert score.notices() == ["firing high"]


def test_the_windows_of_suppression_return_and_the_time_away_counts() -> None:
    score = Score()
    score.step(*(an_event(f"t{number}") for number in range(3)))
    score.restart(away_s=20.0)
    score.step(an_event("t3"))
    assert score.notices() == ["firing t0", "firing t1", "firing t2"]
    score.restart(away_s=60.0)
    score.step(an_event("t4"))
    assert score.notices()[3:] == ["firing t4"] or "firing t4" in score.notices()


def test_the_limit_of_a_channel_returns() -> None:
    settings = AlertSettings(routes=(Route(channel="all", notices_per_minute=3.0),), storm_after=0)
    score = Score(settings=settings)
    score.step(*(an_event(f"t{number}", source=f"s{number}") for number in range(3)))
    score.restart()
    score.step(an_event("t4", source="s4"))
    assert len(score.notices()) == 3


def test_repeats_go_on_at_their_time() -> None:
    score = Score(a_rule(), settings=AlertSettings(routes=(Route(channel="all", repeat_s=100.0),)))
    score.read(60.0)
    score.restart(away_s=60.0)
    score.read(*[60.0] * 30)
    assert score.notices() == ["firing high"]
    score.read(*[60.0] * 15)
    assert score.notices() == ["firing high", "firing high"]


def test_flapping_returns() -> None:
    score = Score(a_rule(clear_threshold=50.0))
    score.read(*[60.0, 0.0] * 4)
    said = len(score.notices())
    score.restart()
    score.read(*[60.0, 0.0] * 20)
    assert len(score.notices()) == said
    score.read(*[0.0] * 301)
    assert score.notices()[-1] == "resolved high"


def test_the_digest_of_what_was_held_back_is_told_by_the_next_process() -> None:
    score = Score()
    score.step(an_event(count=10))
    score.restart(away_s=10.0)
    score.step(after_s=120.0)
    assert score.notices()[-1] == "digest 9 occurrences were held back" or "held back" in score.notices()[-1]


def test_an_alert_whose_readings_do_not_come_back_ends() -> None:
    score = Score(a_rule())
    score.read(60.0)
    score.keys = []
    score.restart()
    score.step(after_s=301.0)
    assert score.notices() == ["firing high", "resolved high"]


def test_an_alert_whose_rule_is_gone_ends_at_once() -> None:
    score = Score(a_rule())
    score.read(60.0)
    score.restart(a_rule("other", metric="other"))
    assert score.notices() == ["firing high", "resolved high"]


def test_an_event_ends_in_silence_counted_over_the_restart() -> None:
    score = Score()
    score.step(an_event())
    score.restart(away_s=200.0)
    score.step(after_s=99.0)
    assert [alert.state for alert in score.engine.book.open_alerts()] == [AlertState.FIRING]
    score.step(after_s=2.0)
    assert score.engine.book.open_alerts() == []


def test_an_event_that_comes_again_in_the_next_run_is_news_once() -> None:
    score = Score()
    score.step(an_event())
    score.restart(away_s=10.0)
    assert score.notices() == ["firing odd"]
    score.step(an_event())
    score.step(an_event())
    assert score.notices() == ["firing odd", "firing odd"]


def test_an_event_that_comes_again_after_the_restart_is_the_same_alert() -> None:
    score = Score()
    score.step(an_event())
    score.restart()
    score.step(an_event())
    [alert] = score.engine.book.open_alerts()
    assert alert.count == 2


def test_a_wall_clock_that_was_set_back_is_no_time_away() -> None:
    score = Score(a_rule(for_s=10.0), settings=AlertSettings(routes=(Route(channel="all", repeat_s=100.0),)))
    score.read(*[60.0] * 12)
    score.restart(away_s=-864_000.0)
    score.read(*[60.0] * 50)
    assert score.notices() == ["firing high"]


def test_many_restarts_are_as_none() -> None:
    calm, restless = Score(a_rule(for_s=20.0)), Score(a_rule(for_s=20.0))
    for second in range(100):
        value = 60.0 if 10 < second < 70 else 0.0
        calm.step(Sample([0], [value]), after_s=1.0)
        restless.step(Sample([0], [value]), after_s=1.0)
        restless.restart()
    assert restless.notices() == calm.notices() == ["firing high", "resolved high"]
