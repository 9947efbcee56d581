"""When the watch thread serves events at once, and when it pauses for the program's sake."""

from __future__ import annotations

from tocsin.system.stepping.courtesy import AT_ONCE_S, AT_ONCE_SHARE, STORM_EVENTS, Courtesy


def paused(courtesy: Courtesy, *, began_s: float, took_s: float, every_s: float, batches: int) -> int:
    """How many of so many small batches are followed by a pause."""
    times = [began_s + number * every_s for number in range(batches)]
    return sum(courtesy.wants_pause(1, at_s, at_s + took_s) for at_s in times)


def test_events_that_come_alone_or_in_a_short_burst_are_served_at_once() -> None:
    assert paused(Courtesy(), began_s=1000.0, took_s=0.001, every_s=1.0, batches=1000) == 0
    assert paused(Courtesy(), began_s=1000.0, took_s=0.001, every_s=0.001, batches=200) == 0


def test_an_endless_stream_is_served_with_pauses_once_its_time_is_spent() -> None:
    batches = 2000
    count = paused(Courtesy(), began_s=0.0, took_s=0.001, every_s=0.001, batches=batches)
    assert batches - count <= AT_ONCE_S / 0.001 + 1


def test_time_that_was_spent_is_earned_back_and_never_more_than_all_of_it() -> None:
    courtesy = Courtesy()
    assert courtesy.wants_pause(1, 0.0, 10.0)
    back_s = 10.0 + 0.01 / AT_ONCE_SHARE
    assert not courtesy.wants_pause(1, back_s, back_s + 0.009)
    assert courtesy.wants_pause(1, back_s + 0.009, back_s + 0.02)
    assert courtesy.wants_pause(1, 1e6, 1e6 + AT_ONCE_S)


def test_behind_a_big_batch_there_is_a_pause_always() -> None:
    assert Courtesy().wants_pause(STORM_EVENTS, 0.0, 0.0)
