"""Births where the profiler does not know them."""

from __future__ import annotations

from tests.unit.memory.leaks.simulated import LEAK, frames

from tocsin.memory.leaks import LeakDetector
from tocsin.memory.leaks.inferred import InferredBirths
from tocsin.model.memory import Births, HeapSnapshot, HeapStack, HeapTier


def stack(samples: int, number: int = 1) -> HeapStack:
    return HeapStack(number=number, frames=frames(number), samples=samples, live_bytes=samples * 10.0)


def births(inferred: InferredBirths, samples: int, now_s: float) -> list[tuple[float, float, int, float]]:
    (given,) = inferred.of((stack(samples),), now_s)
    return [(birth.from_s, birth.to_s, birth.samples, birth.live_bytes) for birth in given.births]


def test_what_is_more_was_born_since_the_last_snapshot() -> None:
    inferred = InferredBirths()

    assert births(inferred, 3, 1.0) == [(1.0, 1.0, 3, 30.0)]
    assert births(inferred, 5, 2.0) == [(1.0, 1.0, 3, 30.0), (1.0, 2.0, 2, 20.0)]


def test_what_is_less_came_last() -> None:
    inferred = InferredBirths()
    births(inferred, 3, 1.0)
    births(inferred, 6, 2.0)

    assert births(inferred, 4, 3.0) == [(1.0, 1.0, 3, 30.0), (2.0, 3.0, 1, 10.0)]
    assert births(inferred, 2, 4.0) == [(3.0, 4.0, 2, 20.0)]


def test_known_births_stay_as_they_are() -> None:
    known = HeapStack(number=1, samples=1, births=(Births(0.0, 1.0, 1, 10.0),))

    (given,) = InferredBirths().of((known,), 1.0)

    assert given is known


def test_what_did_not_change_is_the_same_object() -> None:
    inferred = InferredBirths()
    (first,) = inferred.of((stack(3),), 1.0)
    (second,) = inferred.of((stack(3),), 2.0)

    assert first is second


def test_a_stack_that_is_not_told_of_any_more_is_empty() -> None:
    inferred = InferredBirths()
    inferred.of((stack(3),), 1.0)

    (gone,) = inferred.of((), 2.0)

    assert (gone.number, gone.samples, gone.births) == (1, 0, ())


def test_many_intervals_are_joined_and_none_is_lost() -> None:
    inferred = InferredBirths()
    for at in range(1, 1_000):
        found = births(inferred, at, float(at))

    assert len(found) <= 128
    assert sum(samples for _, _, samples, _ in found) == 999


def test_a_leak_is_found_without_births() -> None:
    detector = LeakDetector()
    for at in range(1, 61):
        held = (stack(100 * at), stack(100 * min(at, 30), number=105), stack(300 if at % 10 else 40, number=115))
        detector.observe(HeapSnapshot(at_s=float(at), tier=HeapTier.TRACEMALLOC, started_s=0.0, stacks=held))

    assert [(site.file, site.line) for site in detector.analyze().potential_leaks] == [(LEAK, 1)]
