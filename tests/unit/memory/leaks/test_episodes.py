"""Where the present growth begins."""

from __future__ import annotations

from tocsin.memory.leaks.cohorts import Cohort
from tocsin.memory.leaks.episodes import present_episode


def cohorts(*births: tuple[float, int]) -> list[Cohort]:
    """By the begin of their five seconds, how many were born in them."""
    return [Cohort(at_s, at_s + 5.0, count, 100.0 * count, count) for at_s, count in births]


def every(step_s: float, begin_s: float, end_s: float, count: int = 1) -> list[tuple[float, int]]:
    """As many births in each of some intervals."""
    return [(begin_s + step_s * number, count) for number in range(int((end_s - begin_s) / step_s))]


def test_even_growth_begins_with_its_first_birth() -> None:
    episode = present_episode(cohorts(*every(20.0, 0.0, 400.0)), 400.0)

    assert episode.begin_s == 0.0
    assert len(episode.cohorts) == 20


def test_a_load_is_cut_off_where_it_ends_and_not_where_the_next_birth_is() -> None:
    episode = present_episode(cohorts((0.0, 30), *every(30.0, 30.0, 600.0)), 600.0)

    assert episode.begin_s == 5.0
    assert episode.cohorts[0].begin_s == 30.0


def test_what_comes_ever_more_rarely_is_no_load_before_a_leak() -> None:
    rarely = [(5.0 * at, max(60 // (at + 1), 1 if at % 8 == 0 else 0)) for at in range(120)]

    episode = present_episode(cohorts(*[birth for birth in rarely if birth[1]]), 600.0)

    assert episode.begin_s == 0.0


def test_a_faster_rate_begins_with_its_first_birth() -> None:
    episode = present_episode(cohorts((20.0, 1), (200.0, 1), *every(10.0, 400.0, 600.0)), 600.0)

    assert episode.begin_s == 400.0


def test_a_few_births_at_the_end_are_a_cluster_and_no_rate() -> None:
    growth = every(40.0, 0.0, 400.0) + every(5.0, 400.0, 415.0, count=2)

    assert present_episode(cohorts(*growth, (415.0, 1)), 420.0).begin_s == 0.0
    assert present_episode(cohorts(*growth, (415.0, 2)), 420.0).begin_s == 400.0
