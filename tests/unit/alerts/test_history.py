"""The history: bounded, newest first, and not fooled by the wall clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tocsin import AlertHistory, AlertSeverity, PerformanceAlert, VirtualClock

WARNING = AlertSeverity.WARNING


def an_alert(clock: VirtualClock, title: str = "t", *, source: str = "s", suppressed: bool = False) -> PerformanceAlert:
    return PerformanceAlert(title, "m", WARNING, source=source, suppressed=suppressed, started_at=clock.now().utc)


def test_a_bare_history_takes_alerts_made_by_hand() -> None:
    history = AlertHistory([PerformanceAlert("a", "m", WARNING)])
    history.add(PerformanceAlert("b", "m", WARNING))
    assert [alert.title for alert in history.alerts] == ["a", "b"]
    assert [alert.title for alert in history.get_recent(minutes=1)] == ["b", "a"]


def test_the_oldest_is_dropped_first_and_counted() -> None:
    clock = VirtualClock()
    history = AlertHistory(max_size=3, clock=clock)
    for number in range(5):
        history.add(an_alert(clock, str(number)))
    assert [alert.title for alert in history.alerts] == ["2", "3", "4"]
    assert history.dropped == 2


def test_the_default_size_is_a_hundred() -> None:
    assert AlertHistory().max_size == 100


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_that_holds_nothing_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="max_size"):
        AlertHistory(max_size=size)


def test_recent_means_within_so_many_minutes() -> None:
    clock = VirtualClock()
    history = AlertHistory(clock=clock)
    history.add(an_alert(clock, "old"))
    clock.advance(60.0)
    history.add(an_alert(clock, "new"))
    assert [alert.title for alert in history.get_recent(minutes=1)] == ["new", "old"]
    clock.advance(0.1)
    assert [alert.title for alert in history.get_recent(minutes=1)] == ["new"]


def test_alerts_given_at_the_start_are_as_old_as_they_say() -> None:
    clock = VirtualClock()
    old = PerformanceAlert("old", "m", WARNING, started_at=clock.now().utc - timedelta(minutes=10))
    history = AlertHistory([old], clock=clock)
    assert history.get_recent(minutes=5) == []
    assert history.get_recent(minutes=11) == [old]


def test_a_step_of_the_wall_clock_makes_nothing_older_or_younger() -> None:
    clock = VirtualClock()
    history = AlertHistory(clock=clock)
    history.add(an_alert(clock))
    clock.set_wall_clock(datetime(2036, 1, 1, tzinfo=UTC))
    assert len(history.get_recent(minutes=1)) == 1


def test_three_similar_in_a_minute_are_enough() -> None:
    clock = VirtualClock()
    history = AlertHistory(clock=clock)
    for expected in [False, False, False, True]:
        assert history.should_suppress("s", 2) is expected
        history.add(an_alert(clock, suppressed=expected))
    assert not history.should_suppress("s", 3), "another level is another matter"
    assert not history.should_suppress("other", 2), "another source is another matter"
    clock.advance(60.0)
    assert not history.should_suppress("s", 2), "what was suppressed does not extend the window"


def test_eviction_does_not_make_a_storm_look_new() -> None:
    clock = VirtualClock()
    history = AlertHistory(max_size=1, clock=clock)
    for _ in range(3):
        history.add(an_alert(clock))
    history.add(an_alert(clock, source="other"))
    assert history.should_suppress("s", 2)


def test_a_cleared_history_knows_nothing() -> None:
    clock = VirtualClock()
    history = AlertHistory(clock=clock)
    for _ in range(3):
        history.add(an_alert(clock))
    history.clear()
    assert len(history) == 0
    assert not history.should_suppress("s", 2)
