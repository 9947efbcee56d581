"""The baseline: what a heap is compared with, and what each line gained."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.memory import Frame, HeapSnapshot, HeapStack, HeapTier
from tocsin.system.memory.baseline import MAX_SITES, WARM_UP_S, Baseline, as_document, evidence_of

HELD = st.dictionaries(st.integers(0, 20), st.floats(0, 1e9), max_size=20)


def a_heap(at_s: float, held: dict[int, float], *, variance: float = 0.0) -> HeapSnapshot:
    stacks = tuple(
        HeapStack(
            number=number, frames=(Frame(json.__file__, 1, "inner"), Frame(f"/srv/app{number % 5}.py", 7, "f")),
            live_bytes=size, live_variance=variance, samples=2,
        )
        for number, size in held.items()
    )  # fmt: skip
    return HeapSnapshot(at_s=at_s, tier=HeapTier.SAMPLING, stacks=stacks, live_bytes=sum(held.values()))


def test_the_first_look_serves_until_the_program_has_warmed_up_and_then_the_look_after_that_for_good() -> None:
    baseline = Baseline()
    assert baseline.difference(a_heap(5.0, {1: 10.0})) is None
    baseline.consider(a_heap(10.0, {1: 10.0}))
    baseline.consider(a_heap(10.0 + WARM_UP_S - 1, {1: 20.0}))
    early = baseline.difference(a_heap(200.0, {1: 100.0}))
    assert early is not None
    assert (early.warm, early.before_s, early.sites[0].gained_bytes) == (False, 10.0, 90.0)
    baseline.consider(a_heap(10.0 + WARM_UP_S, {1: 40.0}))
    baseline.consider(a_heap(900.0, {1: 77.0}))
    late = baseline.difference(a_heap(1000.0, {1: 100.0}))
    assert late is not None
    assert (late.warm, late.before_s, late.sites[0].gained_bytes) == (True, 130.0, 60.0)


def test_a_heap_is_not_compared_with_itself_and_one_that_nobody_sees_with_nothing() -> None:
    baseline = Baseline()
    seen = a_heap(10.0, {1: 10.0})
    baseline.consider(seen)
    assert baseline.difference(seen) is None
    assert baseline.difference(HeapSnapshot(at_s=20.0)) is None
    baseline = Baseline()
    baseline.consider(HeapSnapshot(at_s=10.0))
    assert baseline.difference(a_heap(20.0, {1: 10.0})) is None
    baseline.consider(seen)
    baseline.forget()
    assert baseline.difference(a_heap(20.0, {1: 10.0})) is None


@given(before=HELD, now=HELD)
def test_what_the_lines_gained_is_what_the_heap_gained(before: dict[int, float], now: dict[int, float]) -> None:
    baseline = Baseline()
    baseline.consider(a_heap(0.0, before))
    found = baseline.difference(a_heap(10.0, now))
    assert found is not None
    assert abs(sum(one.gained_bytes for one in found.sites) - (sum(now.values()) - sum(before.values()))) < 1.0
    assert [one.gained_bytes for one in found.sites] == sorted((one.gained_bytes for one in found.sites), reverse=True)
    assert len({one.site for one in found.sites}) == len(found.sites) <= 5


def test_what_chance_may_explain_stands_behind_what_it_cannot() -> None:
    baseline = Baseline()
    baseline.consider(a_heap(0.0, {0: 1e6, 1: 1e6}))
    snapshot = a_heap(10.0, {0: 9e6, 1: 2e6}, variance=1e12)
    found = baseline.difference(snapshot)
    assert found is not None
    evidence = evidence_of(found)
    assert evidence is not None
    assert [line.split(":")[0] for line in evidence.lines] == ["/srv/app0.py"]
    assert "+8 MB (+6.04 MB to +9.96 MB), now 9 MB" in evidence.lines[0]
    unsure = baseline.difference(a_heap(10.0, {0: 1.5e6, 1: 1e6}, variance=1e12))
    assert unsure is not None
    shown = evidence_of(unsure)
    assert shown is not None
    assert "(-1.46 MB to +2.46 MB)" in shown.lines[0]
    lost = baseline.difference(a_heap(10.0, {0: 1.0}))
    assert lost is not None
    assert evidence_of(lost) is None


def test_of_very_many_lines_those_that_moved_most_are_kept_and_the_rest_counted() -> None:
    stacks = tuple(
        HeapStack(number=number, frames=(Frame("/srv/a.py", number, "f"),), live_bytes=float(number), samples=1)
        for number in range(500)
    )
    baseline = Baseline()
    baseline.consider(a_heap(0.0, {}))
    found = baseline.difference(HeapSnapshot(at_s=1.0, stacks=stacks, live_bytes=1.0))
    assert found is not None
    document = as_document(found)
    assert (len(document["sites"]), document["sites_left_out"]) == (MAX_SITES, 400)
    assert document["sites"][0]["line"] == 499
