from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from tests.unit.system.programs import run

from tocsin.sensors.runtime.tasks import TaskSensor

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    import pytest

    from tocsin.clock import Instant


def sensor_of(*loops: AbstractEventLoop) -> TaskSensor:
    return TaskSensor(lambda: [(f"loop-{number}", loop) for number, loop in enumerate(loops)])


async def test_tasks_are_counted_and_the_oldest_has_an_age(now: Instant) -> None:
    sensor = sensor_of(asyncio.get_running_loop())
    [count, age_s] = sensor.read(now)
    assert age_s == 0.0
    waiting = [asyncio.create_task(asyncio.sleep(60)) for _ in range(3)]
    assert sensor.read(now.plus(10)) == [count + 3, 10.0]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert sensor.read(now.plus(20)) == [count, 20.0]


async def test_the_age_falls_when_the_oldest_task_ends(now: Instant, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = asyncio.create_task(asyncio.sleep(60)), asyncio.create_task(asyncio.sleep(60))
    standing = {first}
    monkeypatch.setattr(asyncio, "all_tasks", lambda _: standing)
    sensor = sensor_of(asyncio.get_running_loop())
    assert sensor.read(now) == [1.0, 0.0]
    standing.add(second)
    assert sensor.read(now.plus(10)) == [2.0, 10.0]
    standing.remove(first)
    assert sensor.read(now.plus(20)) == [1.0, 10.0]
    first.cancel()
    second.cancel()


async def test_tasks_are_not_kept_alive(now: Instant) -> None:
    import gc
    import weakref

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(asyncio.sleep(0))
    sensor = sensor_of(loop)
    sensor.read(now)
    gone = weakref.ref(task)
    await task
    del task
    await asyncio.sleep(0)
    gc.collect()
    assert gone() is None


async def test_each_loop_has_its_own_series_and_a_closed_one_has_none(now: Instant) -> None:
    other = asyncio.new_event_loop()
    sensor = sensor_of(asyncio.get_running_loop(), other)
    assert sensor.read(now)[2:] == [0.0, 0.0]
    assert [str(key) for key in sensor.layout] == [
        "tocsin.asyncio.tasks{loop='loop-0'}", "tocsin.asyncio.oldest_task{loop='loop-0'}",
        "tocsin.asyncio.tasks{loop='loop-1'}", "tocsin.asyncio.oldest_task{loop='loop-1'}",
    ]  # fmt: skip
    other.close()
    sensor.close()
    assert len(sensor.read(now)) == len(sensor.layout) == 2


async def test_a_set_of_tasks_that_never_stands_still_is_absent(now: Instant, monkeypatch: pytest.MonkeyPatch) -> None:
    def changing(_: object) -> set[Any]:
        raise RuntimeError("Set changed size during iteration")

    monkeypatch.setattr(asyncio, "all_tasks", changing)
    assert all(math.isnan(value) for value in sensor_of(asyncio.get_running_loop()).read(now))


async def test_a_look_that_costs_much_is_taken_less_often(now: Instant, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.01] * 3)  # ten milliseconds a look
    monkeypatch.setattr("time.thread_time", lambda: next(times))
    sensor = sensor_of(asyncio.get_running_loop())
    assert sensor.read(now)[0] >= 1.0
    assert sensor.read(now.plus(1))[0] >= 1.0
    assert math.isnan(sensor.read(now.plus(10))[0])
    assert sensor.read(now.plus(22))[0] >= 1.0


def test_asyncio_is_not_imported_for_it() -> None:
    done = run(
        """
        import sys
        from tocsin.clock import SystemClock
        from tocsin.sensors.runtime.tasks import TaskSensor

        print(TaskSensor(lambda: []).read(SystemClock().now()), "asyncio" in sys.modules)
        """
    )
    assert done.out.strip() == "[] False"
