from __future__ import annotations

from tocsin.memory.leaks.cohorts import CohortHistory
from tocsin.memory.leaks.timeline import Timeline
from tocsin.model.memory import Births


class Run:
    """A history that is shown survivors by the second of their birth, once a second."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.timeline.begin(0.0, [], interval_bytes=100.0)
        self.history = CohortHistory()

    def see(self, *alive: int, at_s: float | None = None, trust: bool = True, interval: float = 100.0) -> None:
        now_s = float(len(alive)) if at_s is None else at_s
        dropped = self.timeline.add(now_s, None, interval_bytes=interval)
        if dropped:
            self.history.merge(*dropped)
        births = [Births(at, at + 1.0, number, number * 100.0) for at, number in enumerate(alive) if number]
        self.history.observe(births, self.timeline, marks={}, trust=trust)


def test_survivors_are_counted_by_the_time_of_their_birth() -> None:
    run = Run()
    run.see(3)
    run.see(3, 0)
    run.see(3, 0, 2)

    assert [(one.begin_s, one.end_s, one.samples, one.live_bytes) for one in run.history.cohorts] == [
        (0.0, 1.0, 3, 300.0),
        (2.0, 3.0, 2, 200.0),
    ]
    assert run.history.samples == 5
    assert (run.history.begin_s, run.history.end_s) == (0.0, 3.0)


def test_who_is_missing_has_died_at_the_age_between() -> None:
    run = Run()
    run.see(3)
    run.see(3, 4)
    run.see(1, 4, 5)

    assert run.history.died_since(2.0, at_age_s=0.0) == 2
    assert run.history.died_since(3.0, at_age_s=0.0) == 0
    assert run.history.died_since(2.0, at_age_s=2.0) == 2
    assert run.history.died_since(2.0, at_age_s=2.1) == 0


def test_who_was_thinned_out_has_not_died() -> None:
    run = Run()
    run.see(8)
    run.see(8, 8)
    run.see(4, 4, 4, trust=False)

    assert run.history.died_since(0.0, at_age_s=0.0) == 0
    assert run.history.settled_age_s(3.0) == 0.0


def test_who_moved_into_a_coarser_interval_has_not_died() -> None:
    run = Run()
    run.see(3)
    run.see(3, 4)
    run.see(0, 7, 5)

    assert run.history.died_since(0.0, at_age_s=0.0) == 0


def test_a_long_history_stays_bounded_and_counts_all() -> None:
    run = Run()
    alive: list[int] = []
    for _ in range(400):
        alive.append(1)
        run.see(*alive)

    assert run.history.samples == 400
    assert len(run.history.cohorts) <= 64
    assert run.history.died_since(0.0, at_age_s=0.0) == 0
    assert sum(one.samples for one in run.history.cohorts) == 400


def test_samples_that_came_further_apart_count_for_more() -> None:
    run = Run()
    run.see(8)
    run.timeline.add(2.0, None, interval_bytes=400.0)
    births = [Births(0.0, 1.0, 8, 800.0), Births(1.0, 2.0, 2, 800.0)]
    run.history.observe(births, run.timeline, marks={}, trust=True)

    assert [one.even for one in run.history.cohorts] == [2.0, 2.0]
