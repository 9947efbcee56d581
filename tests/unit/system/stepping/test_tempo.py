"""Closer while something happens, slower after quiet minutes."""

from __future__ import annotations

import pytest

from tocsin import AlertCategory, AlertHistory, AlertRule, AlertSeverity, PerformanceAlert, VirtualClock
from tocsin.system.stepping.tempo import Tempo
from tocsin.testing import ScriptedSensor, system_for_tests


def a_tempo(base_s: float = 1.0, *, dynamic: bool = True) -> tuple[Tempo, VirtualClock, AlertHistory]:
    clock = VirtualClock()
    history = AlertHistory(clock=clock)
    return Tempo(base_s, lambda: history, dynamic=dynamic), clock, history


def test_calm_times_take_the_whole_interval() -> None:
    tempo, clock, _ = a_tempo()
    assert tempo.interval_s(clock.now()) == 1.0


def test_fresh_alerts_halve_the_interval_for_a_minute() -> None:
    tempo, clock, history = a_tempo()
    history.add(PerformanceAlert("t", "m", AlertSeverity.INFO, started_at=clock.now().utc))
    assert tempo.interval_s(clock.now()) == 0.5
    clock.advance(60.1)
    assert tempo.interval_s(clock.now()) == 1.0


@pytest.mark.parametrize(("base_s", "elevated_s"), [(1.0, 0.25), (8.0, 2.0), (0.4, 0.25), (0.1, 0.1)])
def test_a_cause_quarters_the_interval_down_to_a_floor_for_ten_seconds(base_s: float, elevated_s: float) -> None:
    tempo, clock, _ = a_tempo(base_s)
    tempo.elevate(clock.now(), "pending")
    assert tempo.interval_s(clock.now()) == elevated_s
    clock.advance(10.0)
    assert tempo.interval_s(clock.now()) == base_s


def test_a_cause_that_goes_on_is_looked_at_closely_once() -> None:
    tempo, clock, _ = a_tempo()
    for second in range(60):
        tempo.elevate(clock.now(), "pressure on cpu")
        assert tempo.interval_s(clock.now()) == (0.25 if second < 10 else 1.0)
        clock.advance(1.0)
    clock.advance(60.0)
    tempo.elevate(clock.now(), "pressure on cpu")
    assert tempo.interval_s(clock.now()) == 0.25


def test_a_cause_that_comes_again_and_again_is_looked_at_closely_ever_more_rarely_and_anew_when_it_was_away() -> None:
    tempo, clock, _ = a_tempo()
    close = []
    for _ in range(60):  # every 35 seconds, for 35 minutes
        tempo.elevate(clock.now(), "pressure on io")
        close.append(tempo.interval_s(clock.now()) == 0.25)
        clock.advance(35.0)
    assert sum(close) == 1
    for away_s, closely in ((30, True), (65, False), (125, True), (125, False), (245, True), (245, False), (480, True)):
        clock.advance(float(away_s))
        tempo.elevate(clock.now(), "pressure on io")
        assert (tempo.interval_s(clock.now()) == 0.25) is closely, away_s
    clock.advance(35.0)
    tempo.elevate(clock.now(), "pressure on io")
    assert tempo.interval_s(clock.now()) == 1.0
    tempo.elevate(clock.now(), "pressure on cpu")
    assert tempo.interval_s(clock.now()) == 0.25, "another cause is another story"


def test_an_interval_that_is_not_dynamic_stays() -> None:
    tempo, clock, _ = a_tempo(dynamic=False)
    tempo.elevate(clock.now(), "pending")
    assert tempo.interval_s(clock.now()) == 1.0


def test_five_minutes_without_a_stir_are_quiet() -> None:
    tempo, clock, _ = a_tempo()
    assert not tempo.is_quiet(clock.now())
    clock.advance(300.0)
    assert tempo.is_quiet(clock.now())
    tempo.elevate(clock.now(), "pending")
    assert not tempo.is_quiet(clock.now())


def test_a_pending_rule_lets_the_system_look_closer() -> None:
    rule = _pending_rule()
    system, clock = system_for_tests(sensors=[ScriptedSensor("m", [1.0, 99.0])], rules=[rule], dynamic_interval=True)
    with system:
        clock.advance(0.5)
        assert system.interval_s() == 1.0
        clock.advance(1.0)
        assert system.interval_s() == 0.25


def _pending_rule() -> AlertRule:

    return AlertRule("high", AlertCategory.GENERAL, AlertSeverity.WARNING, 50.0, metric="m", for_s=30.0)
