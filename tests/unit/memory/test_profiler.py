"""The profiler's own arithmetic and life, over a heap that a test writes down."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from tests.unit.memory.scripted_heap import ScriptedHeap

from tocsin.errors import ConfigError
from tocsin.memory.components import UNKNOWN
from tocsin.memory.profiler import MemoryProfiler
from tocsin.model.memory import Births, Frame, HeapTier

MB = 1_000_000
CACHE = ("/srv/shop/cache.py", 41, "remember")
MAIN = ("/srv/shop/main.py", 9, "main")
JSON = ("/srv/lib/site-packages/orjson/__init__.py", 7, "loads")


def profiler(heap: ScriptedHeap, **options: Any) -> MemoryProfiler:
    return MemoryProfiler(load=heap.load, **options)


def test_a_snapshot_tells_what_lives_by_stack_with_births_in_the_callers_time() -> None:
    heap = ScriptedHeap(arenas=20 * MB)
    one = profiler(heap)
    one.start(100.0)
    heap.allocate(CACHE, MAIN, n_bytes=131072, variance=9.0)
    gone = heap.allocate(MAIN, n_bytes=131072)
    one.snapshot(110.0)
    heap.allocate(CACHE, MAIN, n_bytes=200000, variance=16.0)
    heap.free(gone)
    seen = one.snapshot(120.0)
    cache, main = seen.stacks
    assert cache.frames == (Frame(*CACHE), Frame(*MAIN))
    assert cache.births == (Births(100.0, 110.0, 1, 131072.0), Births(110.0, 120.0, 1, 200000.0))
    assert (cache.live_bytes, cache.live_variance, cache.samples) == (331072.0, 25.0, 2)
    assert (main.live_bytes, main.samples, main.births, main.allocated_samples) == (0.0, 0, (), 1)
    assert (seen.at_s, seen.started_s, seen.tier) == (120.0, 100.0, HeapTier.SAMPLING)
    assert (seen.live_bytes, seen.live_variance, seen.arena_bytes) == (331072.0, 25.0, 20 * MB)
    assert seen.rss_bytes is not None
    assert seen.rss_bytes > 1 * MB
    assert seen.interval_bytes == 131072


def test_an_unchanged_stack_is_given_as_before_and_a_changed_one_anew() -> None:
    heap = ScriptedHeap()
    one = profiler(heap)
    one.start(0.0)
    heap.allocate(CACHE, n_bytes=1000)
    heap.allocate(MAIN, n_bytes=1000)
    before = one.snapshot(10.0)
    heap.allocate(MAIN, n_bytes=1000)
    after = one.snapshot(20.0)
    assert after.stacks[0] is before.stacks[0]
    assert after.stacks[1].births == (Births(0.0, 10.0, 1, 1000.0), Births(10.0, 20.0, 1, 1000.0))


def test_a_second_snapshot_at_the_same_time_fixes_no_birth_that_is_still_open() -> None:
    heap = ScriptedHeap()
    one = profiler(heap)
    one.start(0.0)
    one.snapshot(10.0)
    heap.allocate(CACHE, n_bytes=1000)
    assert one.snapshot(10.0).stacks[0].births == (Births(10.0, 10.0, 1, 1000.0),)
    assert one.snapshot(20.0).stacks[0].births == (Births(10.0, 20.0, 1, 1000.0),)
    assert not any("earlier" in remark for remark in one.report(20.0).remarks)


def test_births_stay_true_however_many_snapshots_there_were() -> None:
    heap = ScriptedHeap()
    one = profiler(heap)
    one.start(0.0)
    for tick in range(1, 1000):
        heap.allocate(CACHE, n_bytes=1000)
        seen = one.snapshot(float(tick))
    (cache,) = seen.stacks
    assert sum(born.samples for born in cache.births) == cache.samples == 999
    assert len(cache.births) <= 256
    assert cache.births[0].from_s == 0.0
    assert cache.births[-1] == Births(998.0, 999.0, 1, 1000.0)


def test_frames_are_asked_for_once_a_stack_and_shared() -> None:
    heap = ScriptedHeap()
    one = profiler(heap)
    one.start()
    for tick in range(5):
        heap.allocate(CACHE, MAIN, n_bytes=1000)
        heap.allocate(JSON, MAIN, n_bytes=1000)
        cache, json = one.snapshot(float(tick)).stacks
    assert heap.resolved == [4, 5]
    assert cache.frames[1] is json.frames[1]


def test_a_time_that_runs_backward_counts_as_the_one_before_and_is_told() -> None:
    heap = ScriptedHeap()
    one = profiler(heap)
    one.start(50.0)
    one.snapshot(60.0)
    assert one.snapshot(55.0).at_s == 60.0
    assert one.snapshot(float("nan")).at_s == 60.0
    assert "2 times were earlier than one before and counted as that one" in one.report(61.0).remarks


def test_the_report_sums_by_site_and_by_component_the_largest_first() -> None:
    heap = ScriptedHeap(arenas=20 * MB)
    one = profiler(heap, components={"session-cache": ["cache"]}, limit_bytes=512 * MB)
    one.start(0.0)
    heap.allocate(JSON, MAIN, n_bytes=3 * MB, variance=1e10)
    heap.allocate(CACHE, MAIN, n_bytes=5 * MB, variance=1e12)
    heap.allocate(JSON, CACHE, n_bytes=4 * MB)
    heap.allocate(n_bytes=1 * MB)
    report = one.report(10.0)
    assert [(use.name, use.live_mb, use.samples) for use in report.sites] == [
        ("/srv/shop/cache.py:41 in remember", 9.0, 2),
        ("/srv/shop/main.py:9 in main", 3.0, 1),
        (UNKNOWN, 1.0, 1),
    ]
    assert [(use.name, use.live_mb) for use in report.components] == [
        ("session-cache", 9.0),
        ("main", 3.0),
        (UNKNOWN, 1.0),
    ]
    cache = report.sites[0]
    assert cache.live_low_mb == pytest.approx(9 - 1.96)
    assert cache.live_high_mb == pytest.approx(9 + 1.96)
    assert report.live_mb == 13.0
    assert report.live_high_mb == pytest.approx(13 + 1.96 * 1.01**0.5)
    assert (report.limit_mb, report.arena_mb, report.tier) == (512.0, 20.0, HeapTier.SAMPLING)
    assert one.report(11.0, limit_bytes=64 * MB).limit_mb == 64.0


def test_a_report_of_a_snapshot_at_hand_takes_no_other() -> None:
    heap = ScriptedHeap()
    one = profiler(heap)
    one.start(0.0)
    seen = one.snapshot(10.0)
    epoch = heap.epoch
    assert one.report(10.0, snapshot=seen).at_s == 10.0
    assert heap.epoch == epoch


def test_the_kernel_walks_no_pages_for_whoever_does_not_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.memory.profiler.pss_bytes", lambda: 5 * MB)
    one = profiler(ScriptedHeap())
    assert one.report(1.0).pss_mb == 5.0
    assert one.report(2.0, with_pss=False).pss_mb is None


def test_the_growth_rate_comes_of_the_readings_that_were_taken_and_is_none_before() -> None:
    one = profiler(ScriptedHeap(), growth_window_s=60)
    one.start(0.0)
    early = one.report(0.0)
    assert early.growth_rate_mb_per_s is None
    assert any("the growth rate is unknown: 1 readings over 0.0 s" in remark for remark in early.remarks)
    for tick in range(1, 12):
        one.snapshot(tick * 5.0)
    late = one.report(60.0)
    assert late.growth_rate_mb_per_s is not None
    assert (late.growth_window_s, [remark for remark in late.remarks if "growth" in remark]) == (60.0, [])


def test_the_remarks_tell_what_the_sampling_could_not_do() -> None:
    heap = ScriptedHeap()
    heap.figures |= {"thinned": 1200, "lost": 3}
    one = profiler(heap)
    one.start(0.0)
    seen = one.snapshot(1.0)
    assert (seen.thinned, seen.lost) == (1200, 3)
    assert any("1,200 samples were thinned out" in remark for remark in one.report(2.0).remarks)
    assert any("3 samples were lost" in remark for remark in one.report(2.0).remarks)


def test_a_wider_interval_than_asked_for_is_told() -> None:
    heap = ScriptedHeap()
    one = profiler(heap)
    one.start()
    heap.interval *= 4
    assert one.snapshot(1.0).interval_bytes == 4 * 131072
    assert any("one block every 524,288 bytes is sampled now" in remark for remark in one.report(2.0).remarks)


def test_the_more_free_chunks_malloc_has_the_less_often_it_is_asked() -> None:
    heap = ScriptedHeap(malloc=(600 * MB, 200_000))
    one = profiler(heap)
    one.start()
    before = heap.asked_malloc
    kept = [one.snapshot(float(tick)).malloc_free_bytes for tick in range(10)]
    assert kept == [600 * MB] * 10
    assert heap.asked_malloc - before == 2


def test_hooks_that_another_tool_took_away_leave_resident_memory() -> None:
    heap = ScriptedHeap()
    one = profiler(heap)
    one.start()
    heap.allocate(CACHE, n_bytes=1000)
    heap.figures["in_place"] = 0
    report = one.report(1.0)
    assert (report.tier, report.live_mb, report.sites) == (HeapTier.RSS_ONLY, None, ())
    assert any("took the hooks away" in remark for remark in report.remarks)


def test_without_the_extension_resident_memory_is_known_and_the_reason_told() -> None:
    one = MemoryProfiler(load=lambda: (None, "it was not built"))
    with one:
        report = one.report(1.0)
    assert report.tier is HeapTier.RSS_ONLY
    assert report.rss_mb is not None
    assert report.rss_mb > 1
    assert (report.live_mb, report.efficiency_score, report.native_mb, report.arena_mb) == (None, None, None, None)
    assert (report.sites, report.components) == ((), ())
    assert any("it was not built" in remark for remark in report.remarks)
    assert not any("efficiency" in remark for remark in report.remarks)


def test_a_hook_that_refuses_leaves_resident_memory_and_its_words() -> None:
    heap = ScriptedHeap(refuses=RuntimeError("this is another interpreter"))
    one = profiler(heap)
    one.start()
    assert any("this is another interpreter" in remark for remark in one.snapshot(1.0).remarks)
    tiers = [one.tier]
    heap.refuses = None
    one.start()
    assert [*tiers, one.tier] == [HeapTier.RSS_ONLY, HeapTier.SAMPLING]
    one.stop()
    assert heap.calls == ["start", "stop"]


def test_a_disabled_tocsin_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_DISABLED", "1")
    heap = ScriptedHeap()
    one = profiler(heap)
    one.start()
    assert heap.calls == []
    assert any("TOCSIN_DISABLED" in remark for remark in one.report(1.0).remarks)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_profiler_that_does_not_run_says_so(stopped: bool) -> None:
    one = profiler(ScriptedHeap())
    if stopped:
        one.start()
        one.stop()
    seen = one.snapshot(1.0)
    assert (seen.tier, seen.live_bytes, seen.stacks) == (HeapTier.RSS_ONLY, None, ())
    assert any("profiler" in remark for remark in seen.remarks)


def test_want_of_memory_costs_a_snapshot_and_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    heap = ScriptedHeap()
    one = profiler(heap)
    one.start()

    def fail() -> list[Any]:
        raise MemoryError

    monkeypatch.setattr(heap, "snapshot", fail)
    assert one.snapshot(1.0).tier is HeapTier.RSS_ONLY


def test_starting_and_stopping_twice_is_fine() -> None:
    heap = ScriptedHeap()
    one = profiler(heap)
    one.start()
    one.start()
    one.stop()
    one.stop()
    assert heap.calls == ["start", "stop"]


def test_the_last_of_two_profilers_stops_the_hook_and_the_second_empties_no_table() -> None:
    heap = ScriptedHeap()
    first, second = profiler(heap), profiler(heap, interval_bytes=65536)
    first.start(0.0)
    heap.allocate(CACHE, n_bytes=1000)
    first.snapshot(10.0)
    second.start(7000.0)  # it lives by another clock
    heap.allocate(CACHE, n_bytes=1000)
    second.snapshot(7005.0)
    heap.allocate(CACHE, n_bytes=1000)
    assert first.snapshot(20.0).stacks[0].births == (Births(0.0, 10.0, 1, 1000.0), Births(10.0, 20.0, 2, 2000.0))
    assert second.snapshot(7010.0).stacks[0].births == (
        Births(7000.0, 7000.0, 1, 1000.0),
        Births(7000.0, 7005.0, 1, 1000.0),
        Births(7005.0, 7010.0, 1, 1000.0),
    )
    assert any("another profiler began before" in remark for remark in second.report(7011.0).remarks)
    first.stop()
    assert heap.calls == ["start"]
    assert second.snapshot(7012.0).stacks[0].samples == 3
    second.stop()
    assert heap.calls == ["start", "stop"]


def test_a_profiler_that_stops_while_another_starts_leaves_the_hook_running(monkeypatch: pytest.MonkeyPatch) -> None:
    heap = ScriptedHeap()
    first, second = profiler(heap), profiler(heap)
    first.start()
    mark = heap.mark

    def collected_in_here() -> int:
        first.stop()
        return mark()

    monkeypatch.setattr(heap, "mark", collected_in_here)
    second.start()
    assert heap.active
    assert second.snapshot(1.0).tier is HeapTier.SAMPLING


def test_a_start_after_a_stop_begins_with_nothing() -> None:
    heap = ScriptedHeap()
    one = profiler(heap)
    one.start(0.0)
    heap.allocate(CACHE, n_bytes=1000)
    one.snapshot(10.0)
    one.stop()
    one.start(20.0)
    assert one.snapshot(30.0).stacks == ()
    heap.allocate(CACHE, n_bytes=1000)
    assert one.snapshot(40.0).stacks[0].births == (Births(30.0, 40.0, 1, 1000.0),)
    assert heap.calls == ["start", "stop", "start"]


def test_the_stacks_of_one_start_say_nothing_of_those_of_the_next() -> None:
    heaps = [ScriptedHeap(), ScriptedHeap()]
    one = MemoryProfiler(load=iter([(heap, "") for heap in heaps]).__next__)
    named = []
    for heap, place in zip(heaps, (CACHE, MAIN), strict=True):
        one.start()
        heap.allocate(place, n_bytes=1000)
        named += [use.name for use in one.report(1.0).sites]
        one.stop()
    assert named == ["/srv/shop/cache.py:41 in remember", "/srv/shop/main.py:9 in main"]


def test_a_profiler_that_is_dropped_gives_the_hook_back() -> None:
    heap = ScriptedHeap()
    one = profiler(heap)
    one.start()
    del one
    gc.collect()
    assert heap.calls == ["start", "stop"]


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"interval_bytes": 0}, "interval_bytes"),
        ({"interval_bytes": float("nan")}, "interval_bytes"),
        ({"interval_bytes": "128 KiB"}, "interval_bytes"),
        ({"tier": "exact"}, "tier"),
        ({"growth_window_s": 0}, "growth_window_s"),
        ({"max_samples": 1}, "max_samples"),
    ],
)
def test_a_wrong_argument_is_refused_when_the_profiler_is_made(options: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=f"MemoryProfiler: {key}: found"):
        MemoryProfiler(**options)
