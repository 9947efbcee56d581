"""How well memory is used, and when that cannot be known."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.memory.efficiency import efficiency, kept_bytes, native_bytes
from tocsin.memory.lease import Beginning
from tocsin.model.memory import HeapSnapshot, HeapTier

MB = 1_000_000
FRESH = Beginning(
    rss_bytes=30 * MB, arena_bytes=10 * MB, python_blocks=100_000, malloc_free_bytes=1 * MB, interval_bytes=131072
)
LATE = FRESH._replace(rss_bytes=400 * MB, arena_bytes=300 * MB, python_blocks=3_000_000)


def heap(
    small_mb: float, *, large_mb: float = 0.0, arena_mb: float, older: int = 100_000, **others: Any
) -> HeapSnapshot:
    """A heap of 100-byte blocks, sampled at 128 KiB."""
    values: dict[str, Any] = {
        "at_s": 1.0,
        "tier": HeapTier.SAMPLING,
        "live_variance": (small_mb + large_mb) * MB * 131072,
        "live_bytes": (small_mb + large_mb) * MB,
        "small_bytes": small_mb * MB,
        "small_set_aside_bytes": small_mb * MB,
        "small_variance": small_mb * MB * 131072,
        "small_blocks": small_mb * MB / 100,
        "arena_bytes": int(arena_mb * MB),
        "python_blocks": int(small_mb * MB / 100) + older,
        "malloc_free_bytes": 1 * MB,
        **others,
    }
    return HeapSnapshot(**values)


def test_a_compact_program_is_near_one() -> None:
    used = efficiency(heap(300, arena_mb=310), FRESH)
    assert used.score is not None
    assert used.score > 0.95
    assert used.fragmentation is not None
    assert used.fragmentation < 0.05
    assert used.reason == ""


def test_few_blocks_scattered_over_many_arenas_are_far_below_a_half() -> None:
    used = efficiency(heap(15, arena_mb=310), FRESH)
    assert used.score is not None
    assert used.score < 0.1
    assert used.fragmentation is not None
    assert used.fragmentation > 0.9


def test_large_blocks_are_used_as_they_are_and_do_not_hide_what_the_arenas_waste() -> None:
    used = efficiency(heap(15, large_mb=310, arena_mb=310), FRESH)
    assert used.score == pytest.approx(0.53, abs=0.02)
    assert used.fragmentation is not None
    assert used.fragmentation > 0.9


def test_what_malloc_keeps_of_larger_blocks_that_are_gone_is_held_and_not_used() -> None:
    used = efficiency(heap(200, large_mb=20, arena_mb=205, malloc_free_bytes=600 * MB, rss_bytes=845 * MB), FRESH)
    assert used.score == pytest.approx(0.27, abs=0.01)
    assert used.fragmentation is not None
    assert used.fragmentation < 0.05


def test_what_malloc_has_lent_back_to_the_system_is_not_held() -> None:
    emptied = heap(200, arena_mb=205, malloc_free_bytes=600 * MB, rss_bytes=225 * MB)
    assert kept_bytes(emptied) == 20 * MB
    used = efficiency(emptied, FRESH)
    assert used.score is not None
    assert used.score > 0.85


def test_of_the_older_blocks_half_of_what_they_may_use_counts() -> None:
    assert efficiency(heap(60, arena_mb=75), FRESH).score == pytest.approx((60 + 5) / 75)


def test_that_larger_blocks_are_known_by_samples_matters_as_far_as_they_are_outweighed() -> None:
    assert efficiency(heap(5, large_mb=10, arena_mb=12, older=40_000), FRESH).score == pytest.approx(17 / 22)
    assert efficiency(heap(5, large_mb=10, arena_mb=40, older=40_000), FRESH).score == pytest.approx(17 / 50)
    unsure = heap(5, large_mb=10, arena_mb=40, older=40_000, live_variance=40e12 + 5 * MB * 131072)
    assert efficiency(unsure, FRESH).score is None


def test_what_pymalloc_sets_aside_for_a_small_block_is_used_by_it() -> None:
    floats = heap(240, arena_mb=325, small_set_aside_bytes=320 * MB, python_blocks=10_100_000, small_blocks=10e6)
    used = efficiency(floats, FRESH)
    assert used.score == pytest.approx(0.99, abs=0.01)
    assert used.fragmentation == pytest.approx(0.01, abs=0.01)


def test_a_fresh_interpreter_has_no_score_and_a_reason() -> None:
    used = efficiency(heap(0.5, arena_mb=11), FRESH)
    assert (used.score, used.fragmentation) == (None, None)
    assert "older than the start" in used.reason


def test_a_small_heap_has_no_score_even_where_its_use_seems_to_be_known() -> None:
    # A million objects of 16 bytes by a few dozen samples: so many that all older blocks seem to be gone.
    used = efficiency(heap(4, arena_mb=13, small_blocks=250_000, python_blocks=150_000), FRESH)
    assert used.score is None
    assert "below 20 MB" in used.reason


def test_a_profiler_that_began_in_a_large_program_knows_no_score() -> None:
    assert efficiency(heap(100, arena_mb=400, older=3_000_000), LATE).score is None


def test_once_the_older_blocks_are_gone_it_knows_again() -> None:
    used = efficiency(heap(100, arena_mb=400, older=30_000), LATE)
    assert used.score == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    "unknown",
    [
        {"arena_bytes": None},
        {"arena_bytes": 0},
        {"small_bytes": None},
        {"small_set_aside_bytes": None},
        {"live_bytes": None},
        {"python_blocks": None},
    ],
)
def test_what_is_not_known_gives_no_score(unknown: dict[str, Any]) -> None:
    used = efficiency(heap(300, arena_mb=310, **unknown), FRESH)
    assert (used.score, used.fragmentation) == (None, None)
    assert used.reason


def test_what_stood_at_the_start_must_be_known_too() -> None:
    assert efficiency(heap(300, arena_mb=310), FRESH._replace(arena_bytes=None)).score is None
    assert efficiency(heap(300, arena_mb=310), None).score is None


def test_native_memory_is_what_neither_arenas_nor_large_blocks_explain() -> None:
    # 20 MB of the 30 at the start were no arenas: the interpreter and its libraries.
    grown = heap(300, large_mb=50, arena_mb=310, rss_bytes=(20 + 310 + 50 + 7) * MB)
    assert native_bytes(grown, FRESH) == pytest.approx(7 * MB)


def test_arenas_that_are_kept_are_no_native_growth() -> None:
    emptied = heap(5, arena_mb=310, rss_bytes=330 * MB)
    assert native_bytes(emptied, FRESH) == 0.0


def test_what_malloc_keeps_is_no_native_growth() -> None:
    emptied = heap(5, arena_mb=10, malloc_free_bytes=600 * MB, rss_bytes=640 * MB)
    assert native_bytes(emptied, FRESH) == pytest.approx(11 * MB)


def test_native_memory_is_never_below_zero_and_unknown_where_a_part_is() -> None:
    assert native_bytes(heap(5, arena_mb=310, rss_bytes=100 * MB), FRESH) == 0.0
    assert native_bytes(heap(5, arena_mb=310), FRESH) is None
    assert native_bytes(heap(5, arena_mb=310, rss_bytes=330 * MB), None) is None
    assert native_bytes(heap(5, arena_mb=310, rss_bytes=330 * MB), FRESH._replace(rss_bytes=None)) is None
