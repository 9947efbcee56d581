"""What the C module tells of blocks that were allocated in this very process."""

from __future__ import annotations

import gc
import math
import struct
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

# A block of s bytes is sampled with p = 1 - exp(-s / T), and weighs s / p. All bounds are 6 sigma of that: one false
# alarm in a billion runs.
SIGMAS = 6.0


def sigma(count: int, size: int, interval: float) -> float:
    chance = -math.expm1(-size / interval)
    return size * math.sqrt(count * (1.0 - chance) / chance)


def fill_bytes(kept: list[bytes], payload: int) -> None:
    for index in range(len(kept)):
        kept[index] = bytes(payload)


def size_of(payload: int) -> int:
    return payload + bytes.__basicsize__


@pytest.mark.parametrize("payload", [1, 60, 479, 480, 1000, 5000, 40_000])
@pytest.mark.parametrize("interval", [1024.0, 8192.0])
def test_the_estimate_of_what_lives_has_no_bias_at_any_size(
    heap: Any, live_at: Callable[[str], list[tuple[Any, ...]]], payload: int, interval: float
) -> None:
    count = 2000 if payload > 1000 else 20_000
    kept = [b""] * count
    heap.start(interval, max_samples=1 << 20, max_samples_per_s=0)
    fill_bytes(kept, payload)
    heap.stop()
    rows = live_at("fill_bytes")
    off = sum(row[1] for row in rows) - count * size_of(payload)
    assert abs(off) <= SIGMAS * sigma(count, size_of(payload), interval) + 1
    assert sum(row[3] for row in rows) <= sum(row[4] for row in rows)


def test_the_variance_that_is_told_is_the_one_there_is(
    heap: Any, live_at: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    kept = [b""] * 20_000
    heap.start(4096.0, max_samples_per_s=0)
    fill_bytes(kept, 500)
    told = sum(row[2] for row in live_at("fill_bytes"))
    assert math.sqrt(told) == pytest.approx(sigma(20_000, size_of(500), 4096.0), rel=0.15)


def test_what_was_freed_no_longer_lives_but_was_allocated(
    heap: Any, live_at: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    kept = [b""] * 20_000
    heap.start(2048.0, max_samples_per_s=0)
    fill_bytes(kept, 300)
    before = live_at("fill_bytes")
    kept.clear()
    after = live_at("fill_bytes")
    assert sum(row[3] for row in before) > 1000
    assert sum(row[3] for row in after) == 0
    assert sum(row[5] for row in after) == pytest.approx(sum(row[5] for row in before))


def test_what_is_freed_after_the_stop_is_still_seen_to_go(
    heap: Any, live_at: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    kept = [b""] * 5000
    heap.start(1024.0, max_samples_per_s=0)
    fill_bytes(kept, 300)
    heap.stop()
    assert sum(row[3] for row in live_at("fill_bytes")) > 500
    kept.clear()
    assert sum(row[3] for row in live_at("fill_bytes")) == 0


def test_survivors_are_told_by_the_epoch_of_their_birth(
    heap: Any, live_at: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    heap.start(1024.0, max_samples_per_s=0)
    generations = []
    for number in range(1, 4):
        assert heap.mark() == number
        generations.append([b""] * 3000)
        fill_bytes(generations[-1], 400)
    generations[1].clear()
    rows = live_at("fill_bytes")
    births = [birth for row in rows for birth in struct.iter_unpack("IId", row[6])]
    assert {epoch for epoch, _samples, _bytes in births} == {1, 3}
    assert sum(samples for _epoch, samples, _bytes in births) == sum(row[3] for row in rows)
    assert sum(weight for _epoch, _samples, weight in births) == pytest.approx(sum(row[1] for row in rows))
    for row in rows:
        epochs = [epoch for epoch, _samples, _bytes in struct.iter_unpack("IId", row[6])]
        assert epochs == sorted(set(epochs))


def test_survivors_are_the_very_blocks_that_live(heap: Any, live_at: Callable[[str], list[tuple[Any, ...]]]) -> None:
    kept = [b""] * 2000
    heap.start(1024.0, max_samples_per_s=0)
    heap.mark()
    fill_bytes(kept, 300)
    row = max(live_at("fill_bytes"), key=lambda row: row[3])  # the loop itself makes a number here and there
    mine = {id(one) for one in kept}
    found = heap.survivors(row[0], 10_000)
    assert len(found) == row[3]
    assert {(size, epoch) for _address, size, epoch in found} == {(size_of(300), 1)}
    assert all(address in mine for address, _size, _epoch in found)
    assert len(heap.survivors(row[0], 3)) == 3
    assert len(heap.survivors(row[0])) == 32


def test_a_stack_is_told_innermost_first_with_the_very_line(
    heap: Any, live_at: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    heap.start(256.0, max_samples_per_s=0)
    kept = [b""] * 500
    fill_bytes(kept, 300)
    frames = heap.frames(max(live_at("fill_bytes"), key=lambda row: row[3])[0])
    assert frames[0] == (__file__, fill_bytes.__code__.co_firstlineno + 2, "fill_bytes")
    assert frames[1][2] == "test_a_stack_is_told_innermost_first_with_the_very_line"
    assert len(frames) <= 32


def test_generators_and_c_calls_in_between_are_seen_through(
    heap: Any, live_at: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    def produce() -> Any:
        for _ in range(500):
            yield bytes(300)

    def keyed(_value: int) -> int:
        held.append(list(produce()))
        return 0

    held: list[list[bytes]] = []
    heap.start(256.0, max_samples_per_s=0)
    sorted([2, 1], key=keyed)
    name = "test_generators_and_c_calls_in_between_are_seen_through"
    rows = live_at(f"{name}.<locals>.produce")
    assert rows
    names = [function for _file, _line, function in heap.frames(rows[0][0])]
    assert names[:3] == [f"{name}.<locals>.produce", f"{name}.<locals>.keyed", name]


def test_code_that_is_compiled_again_and_again_is_one_place(heap: Any) -> None:
    heap.start(64.0, max_samples_per_s=0)
    kept: list[bytes] = []
    before = heap.state()["stacks"]
    for _ in range(200):
        exec(compile("kept.extend(bytes(200) for _ in range(50))", "a template", "exec"), {"kept": kept})  # noqa: S102
    gc.collect()
    mine = [row for row in heap.snapshot() if any(file == "a template" for file, _, _ in heap.frames(row[0])[:1])]
    assert sum(row[3] for row in mine) > 5000
    assert len(mine) < 30  # some instructions of one line, once or twice each while the code warms up
    assert heap.state()["stacks"] - before < 50


def test_a_table_that_is_full_is_thinned_and_every_sum_keeps_its_expectation(
    heap: Any, live_at: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    kept = [b""] * 60_000
    heap.start(1024.0, max_samples=1000, max_samples_per_s=0)
    fill_bytes(kept, 500)
    state = heap.state()
    assert state["alive"] <= 1000
    assert state["thinned"] > 1000
    assert state["lost"] == 0
    assert state["interval"] > 1024.0
    rows = live_at("fill_bytes")
    true = 60_000 * size_of(500)
    spread = sigma(60_000, size_of(500), state["interval"])
    assert abs(sum(row[1] for row in rows) - true) < SIGMAS * spread
    # What was allocated since the start keeps what it was worth before the thinning.
    assert abs(sum(row[5] for row in rows) - true) < SIGMAS * spread


def test_thinning_leaves_what_is_much_larger_than_the_interval(
    heap: Any, live_at: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    small, large = [b""] * 20_000, [b""] * 4
    heap.start(512.0, max_samples=200, max_samples_per_s=0)
    fill_bytes(large, 4_000_000)
    fill_bytes(small, 500)
    assert heap.state()["alive"] <= 200
    rows = live_at("fill_bytes")
    sizes = [size for row in rows for _address, size, _epoch in heap.survivors(row[0], 1000)]
    assert sizes.count(size_of(4_000_000)) == 4


def test_more_large_blocks_than_the_table_holds_still_end_up_within_it(heap: Any) -> None:
    kept = [b""] * 100
    heap.start(16.0, max_samples=16, max_samples_per_s=0)
    fill_bytes(kept, 20_000)
    assert heap.state()["alive"] <= 16
    assert heap.state()["lost"] == 0
    live = sum(row[1] for row in heap.snapshot())
    assert 0.1 * 2_000_000 < live < 10 * 2_000_000


def test_too_many_samples_a_second_double_the_interval_and_marks_halve_it_again(
    heap: Any, live_at: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    kept = [b""] * 20_000
    heap.start(64.0, max_samples_per_s=4.0)  # a round is two samples, and a quarter of a second is longer than that
    fill_bytes(kept, 500)
    state = heap.state()
    assert state["raised"] >= 3
    assert state["interval"] == 64.0 * 2 ** state["raised"]
    rows = live_at("fill_bytes")
    # Unbiased at whatever interval each sample was taken; the bound is that of the coarsest.
    off = sum(row[1] for row in rows) - 20_000 * size_of(500)
    assert abs(off) < SIGMAS * max(sigma(20_000, size_of(500), state["interval"]), math.sqrt(sum(r[2] for r in rows)))


def test_a_list_that_grows_is_the_last_line_that_made_it_grow(
    heap: Any, live_at: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    def grow(into: list[None]) -> None:
        for _ in range(1_000_000):
            into.append(None)  # noqa: PERF401 - growing is the point

    kept: list[None] = []
    heap.start(1024.0, max_samples_per_s=0)
    grow(kept)
    rows = live_at("test_a_list_that_grows_is_the_last_line_that_made_it_grow.<locals>.grow")
    # Only the last of its many sizes lives, and it is so large that it is surely sampled.
    assert sum(row[3] for row in rows) == 1
    assert sum(row[1] for row in rows) == pytest.approx(kept.__sizeof__() - [].__sizeof__(), rel=0.01)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"interval": 0.5}, "interval: expected 1 to 1e12 bytes, found 0.5"),
        ({"interval": math.nan}, "interval: .* nan"),
        ({"interval": math.inf}, "interval: .* inf"),
        ({"max_samples": 15}, "max_samples: expected 16 to 16,777,216, found 15"),
        ({"max_samples_per_s": -1.0}, "max_samples_per_s: .* -1.0"),
    ],
)
def test_numbers_out_of_range_are_refused(heap: Any, words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        heap.start(**words)


def test_stacks_and_counts_that_do_not_exist_are_refused(heap: Any) -> None:
    with pytest.raises(ValueError, match="stack: expected a number below"):
        heap.frames(4_000_000)
    with pytest.raises(ValueError, match="most: expected 0"):
        heap.survivors(0, -1)
    assert heap.frames(heap.WITHOUT_GIL) == ()


def test_a_start_begins_with_empty_tables(heap: Any, live_at: Callable[[str], list[tuple[Any, ...]]]) -> None:
    kept = [b""] * 2000
    heap.start(512.0, max_samples_per_s=0)
    heap.mark()
    fill_bytes(kept, 300)
    heap.start(512.0, max_samples_per_s=0)
    assert heap.is_active()
    assert heap.state()["epoch"] == 0
    assert live_at("fill_bytes") == []
    kept.clear()  # what the first start sampled is freed, and nothing of it is found
