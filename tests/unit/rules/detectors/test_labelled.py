"""Faults somebody labelled: what counts as found, and that ours finds more of them than the simple detectors do."""

from __future__ import annotations

import pytest
from benchmarks.controls import full_history_z, holt_winters
from benchmarks.labelled import OURS, Count, count, crossings, judged
from benchmarks.labelled_series import CORPORA, Labelled, made


def a_series(*events: tuple[int, int]) -> Labelled:
    """A thousand readings a minute apart; nothing counts in the first hundred."""
    return Labelled("any", "one", [60.0 * at for at in range(1000)], [0.0] * 1000, list(events), 100)


def test_an_alarm_within_an_event_is_true_and_finds_it() -> None:
    found = count(a_series((200, 210), (400, 410)), [205, 206, 215, 216, 700])
    assert (found.alarms, found.true, found.events, found.found) == (5, 3, 2, 1)


def test_nothing_counts_in_the_first_part_of_a_series() -> None:
    found = count(a_series((50, 60), (200, 210)), [55, 99])
    assert (found.alarms, found.events, found.found) == (0, 1, 0)


def test_f1_is_the_harmonic_mean_of_precision_and_recall() -> None:
    assert Count(alarms=4, true=2, events=4, found=1).f1() == pytest.approx(2 * 0.5 * 0.25 / 0.75)
    assert Count(alarms=3, events=2).f1() == 0.0


def test_a_threshold_that_goes_on_being_crossed_is_one_alarm_in_150_readings() -> None:
    assert crossings([0.0, 9.0, *[9.0] * 200], 8.0) == [1, 151]


def test_full_history_z_counts_the_deviations_from_all_before() -> None:
    scores = full_history_z([1.0, -1.0] * 20 + [5.0])
    assert scores[:30] == [0.0] * 30
    assert scores[40] == pytest.approx(5.0)


def test_holt_winters_knows_a_season_and_sees_what_breaks_it() -> None:
    values = [float(at % 4) + (0.01 if at % 3 else 0.0) for at in range(400)]
    scores = holt_winters([*values, 20.0], 4)
    assert max(scores[200:400]) < 5.0 < scores[400]


@pytest.mark.parametrize("corpus", CORPORA)
def test_the_series_of_a_seed_are_always_the_same_and_their_events_lie_apart(corpus: str) -> None:
    first, again = next(made(corpus, 7)), next(made(corpus, 7))
    assert first == again
    assert 4 <= len(first.events) <= 7
    ends = [-1, *(last for _, last in first.events)]
    assert all(begin > end for (begin, _), end in zip(first.events, ends, strict=False))
    assert first.events[0][0] >= first.warm
    assert first.events[-1][1] < len(first.values)


def test_ours_finds_more_at_its_own_threshold_than_the_simple_ones_at_any() -> None:
    counts: dict[str, Count] = {}
    for series in made("business", 0):
        for detector, found in judged(series).items():
            counts[detector] = counts.get(detector, Count()).plus(found)
    ours = counts.pop(OURS)
    assert ours.f1() > max(found.f1() for found in counts.values())
    assert (ours.alarms - ours.true) / ours.weeks <= 1.0
