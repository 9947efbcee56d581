"""When the survivors were born, in the time of whoever takes the snapshots."""

from __future__ import annotations

import itertools
import struct

from hypothesis import given
from hypothesis import strategies as st

from tocsin.memory.births import BirthTimes
from tocsin.model.memory import Births


def packed(*triples: tuple[int, int, float]) -> bytes:
    return b"".join(struct.pack("IId", *triple) for triple in triples)


def test_survivors_are_told_by_the_interval_between_two_marks() -> None:
    times = BirthTimes(0, 100.0)
    times.mark(1, 110.0)
    times.mark(2, 120.0)
    assert times.of(packed((0, 2, 20.0), (1, 1, 10.0), (2, 3, 30.0)), 125.0) == (
        Births(100.0, 110.0, 2, 20.0),
        Births(110.0, 120.0, 1, 10.0),
        Births(120.0, 125.0, 3, 30.0),
    )


def test_epochs_that_another_profiler_began_are_one_interval_here() -> None:
    times = BirthTimes(0, 0.0)
    times.mark(5, 10.0)
    assert times.of(packed((0, 1, 1.0), (3, 1, 2.0), (4, 1, 4.0), (5, 1, 8.0)), 20.0) == (
        Births(0.0, 10.0, 3, 7.0),
        Births(10.0, 20.0, 1, 8.0),
    )


def test_what_was_born_before_the_first_epoch_of_ours_is_born_at_our_start() -> None:
    times = BirthTimes(7, 50.0)
    assert times.of(packed((2, 1, 1.0), (6, 1, 1.0), (7, 1, 1.0)), 60.0) == (
        Births(50.0, 50.0, 2, 2.0),
        Births(50.0, 60.0, 1, 1.0),
    )


def test_without_a_time_of_the_start_the_first_births_have_that_of_the_first_mark() -> None:
    times = BirthTimes(0)
    before = times.started_s
    assert before is None
    assert times.of(packed((0, 1, 1.0)), 30.0) == (Births(30.0, 30.0, 1, 1.0),)
    times.mark(1, 30.0)
    assert times.started_s == 30.0
    assert times.of(packed((0, 1, 1.0), (1, 1, 1.0)), 40.0) == (Births(30.0, 30.0, 1, 1.0), Births(30.0, 40.0, 1, 1.0))


def test_a_second_mark_at_the_same_time_makes_no_interval_without_length() -> None:
    times = BirthTimes(0, 0.0)
    times.mark(1, 10.0)
    times.mark(2, 10.0)
    times.mark(3, 20.0)
    assert times.of(packed((1, 1, 1.0), (2, 1, 1.0)), 20.0) == (Births(10.0, 20.0, 2, 2.0),)


@given(st.lists(st.floats(0.001, 100.0), min_size=1, max_size=400), st.data())
def test_however_many_marks_there_are_no_birth_is_lost_and_each_lies_in_its_interval(
    steps: list[float], data: st.DataObject
) -> None:
    times, now_s, bounds = BirthTimes(0, 0.0, most=16), 0.0, []
    for epoch, step in enumerate(steps, 1):
        bounds.append((now_s, now_s + step))
        now_s += step
        times.mark(epoch, now_s)
    assert len(times) <= 16
    born = data.draw(st.sets(st.integers(0, len(steps) - 1)).map(sorted))
    found = times.of(packed(*((epoch, 1, 2.0) for epoch in born)), now_s)
    assert sum(one.samples for one in found) == len(born)
    assert sum(one.live_bytes for one in found) == 2.0 * len(born)
    for epoch in born:
        from_s, to_s = bounds[epoch]
        assert any(one.from_s <= from_s and to_s <= one.to_s for one in found)
    assert all(before.to_s <= after.from_s for before, after in itertools.pairwise(found))


def test_new_births_stay_exact_while_old_ones_get_coarser() -> None:
    times = BirthTimes(0, 0.0, most=16)
    for epoch in range(1, 200):
        times.mark(epoch, float(epoch))
        recent = range(max(epoch - 6, 0), epoch)
        found = times.of(packed(*((born, 1, 1.0) for born in recent)), float(epoch))
        assert [(one.from_s, one.to_s) for one in found] == [(float(born), born + 1.0) for born in recent]
    (oldest,) = times.of(packed((50, 1, 1.0)), 199.0)
    assert oldest.to_s - oldest.from_s > 1.0
