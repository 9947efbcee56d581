from __future__ import annotations

import asyncio
import inspect
import threading
from typing import TYPE_CHECKING

import pytest

from tocsin.sensors.timing import Timed, timed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Recorder:
    def __init__(self) -> None:
        self.seen: list[tuple[str, float]] = []

    def record(self, metric: str, value: object, labels: Mapping[str, object] | None = None) -> None:
        assert isinstance(value, float)
        assert labels is None or dict(labels)
        self.seen.append((metric, value))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def pause(seconds: float = 0.01) -> None:
    threading.Event().wait(seconds)


def test_a_block_is_timed(recorder: Recorder) -> None:
    with timed("work", recorder.record):
        pause()
    [(name, seconds)] = recorder.seen
    assert name == "work"
    assert 0.01 <= seconds < 1


def test_a_function_is_timed_and_stays_what_it_was(recorder: Recorder) -> None:
    @timed("work", recorder.record, {"kind": "a"})
    def double(number: int) -> int:
        """Twice as much."""
        return 2 * number

    assert double(4) == 8
    assert double.__doc__ == "Twice as much."
    assert len(recorder.seen) == 1


def test_an_async_function_is_timed_until_it_ends(recorder: Recorder) -> None:
    @timed("work", recorder.record)
    async def slow() -> int:
        await asyncio.sleep(0.02)
        return 5

    assert inspect.iscoroutinefunction(slow)
    assert asyncio.run(slow()) == 5
    assert recorder.seen[0][1] >= 0.02


def test_exceptions_pass_and_are_timed(recorder: Recorder) -> None:
    @timed("call", recorder.record)
    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        fail()
    with pytest.raises(ValueError, match="y"), timed("block", recorder.record):
        raise ValueError("y")
    assert [name for name, _ in recorder.seen] == ["call", "block"]


def test_a_cancelled_coroutine_is_timed(recorder: Recorder) -> None:
    @timed("work", recorder.record)
    async def endless() -> None:
        await asyncio.Event().wait()

    async def run() -> None:
        task = asyncio.create_task(endless())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert len(recorder.seen) == 1


def test_one_timer_may_be_entered_again_within_itself(recorder: Recorder) -> None:
    timer = timed("work", recorder.record)
    with timer:
        pause()
        with timer:
            pause()
    inner, outer = (seconds for _, seconds in recorder.seen)
    assert inner < outer
    assert outer >= 0.02


def test_a_recursive_function_is_timed_at_each_level(recorder: Recorder) -> None:
    @timed("work", recorder.record)
    def down(depth: int) -> int:
        return 0 if depth == 0 else 1 + down(depth - 1)

    assert down(3) == 3
    assert len(recorder.seen) == 4


def test_tasks_that_take_turns_do_not_mix_up_their_blocks(recorder: Recorder) -> None:
    timer = timed("work", recorder.record)

    async def one(seconds: float) -> None:
        with timer:
            await asyncio.sleep(seconds)

    async def run() -> None:
        await asyncio.gather(one(0.08), one(0.001))

    asyncio.run(run())
    short, long = (seconds for _, seconds in recorder.seen)
    assert short < 0.05
    assert long >= 0.08


def test_blocks_that_are_left_in_another_order_are_each_timed(recorder: Recorder) -> None:
    def held(timer: Timed) -> Iterator[None]:
        with timer:
            yield

    first, second = held(timed("first", recorder.record)), held(timed("second", recorder.record))
    next(first)
    next(second)
    assert list(first) == []
    assert list(second) == []
    assert [name for name, _ in recorder.seen] == ["first", "second"]


def test_threads_do_not_mix_up_their_blocks(recorder: Recorder) -> None:
    timer = timed("work", recorder.record)

    def work() -> None:
        for _ in range(200):
            with timer:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recorder.seen) == 800
