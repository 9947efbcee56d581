from __future__ import annotations

import asyncio
import gc
import math
import multiprocessing
import queue
import threading
from collections import deque
from typing import TYPE_CHECKING

import pytest

from tocsin.errors import ConfigError
from tocsin.sensors.buffers import BufferManager, BufferSensor, BufferUsage

if TYPE_CHECKING:
    from tocsin.clock import Instant


def test_queues_say_their_capacity_themselves() -> None:
    manager = BufferManager()
    plain: queue.Queue[int] = queue.Queue(maxsize=4)
    plain.put(1)
    bounded = deque([1, 2, 3], maxlen=4)
    tasks: asyncio.Queue[int] = asyncio.Queue(maxsize=2)
    tasks.put_nowait(1)
    for name, buffer in (("plain", plain), ("ring", bounded), ("tasks", tasks)):
        manager.track(name, buffer)
    assert {name: usage.utilization for name, usage in manager.usage.items()} == {
        "plain": 0.25, "ring": 0.75, "tasks": 0.5,
    }  # fmt: skip
    assert manager.usage["plain"] == BufferUsage("plain", 1, 4, 0.25)


def test_a_queue_between_processes_is_measured() -> None:
    manager = BufferManager()
    between = multiprocessing.get_context("spawn").Queue(5)
    manager.track("jobs", between)
    assert manager.usage["jobs"] == BufferUsage("jobs", 0, 5, 0)
    between.close()
    between.join_thread()


def test_functions_and_sized_things_need_a_capacity() -> None:
    manager = BufferManager()
    manager.track("calls", lambda: 30, capacity=40)
    manager.track("cache", {"a": 1}, capacity=2.0)
    assert manager.usage["calls"].utilization == 0.75
    assert manager.usage["cache"].utilization == 0.5


@pytest.mark.parametrize("buffer", [queue.Queue(), deque(), asyncio.Queue(), lambda: 1, [1]])
def test_an_unbounded_buffer_without_a_capacity_is_refused_with_the_remedy(buffer: object) -> None:
    with pytest.raises(ConfigError, match=r"buffer 'x'.*pass capacity="):
        BufferManager().track("x", buffer)


def test_an_unbounded_queue_between_processes_is_refused() -> None:
    between = multiprocessing.get_context("spawn").Queue()
    with pytest.raises(ConfigError, match="pass capacity="):
        BufferManager().track("jobs", between)
    between.close()


@pytest.mark.parametrize("capacity", [0, -1, math.nan, math.inf, True, "10"])
def test_a_capacity_that_is_none_is_refused(capacity: float) -> None:
    with pytest.raises(ConfigError, match="expected a number above 0"):
        BufferManager().track("x", [], capacity)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ConfigError, match="found object"):
        BufferManager().track("x", object(), 5)


def test_a_buffer_is_not_kept_alive_and_vanishes(now: Instant) -> None:
    manager = BufferManager()
    sensor = BufferSensor(manager)
    plain: queue.Queue[int] | None = queue.Queue(maxsize=4)
    manager.track("plain", plain)
    assert sensor.read(now) == [0.0, 0.0]
    plain = None
    gc.collect()
    assert sensor.read(now) == []
    assert manager.usage == {}
    assert plain is None


def test_a_broken_buffer_harms_only_its_own_series_and_is_counted(now: Instant) -> None:
    class Broken:
        def __len__(self) -> int:
            raise RuntimeError("no")

    manager, broken, ring = BufferManager(), Broken(), deque([1], maxlen=2)
    manager.track("broken", broken, capacity=3)
    manager.track("ring", ring)
    manager.track("odd", lambda: -1, capacity=3)
    sensor = BufferSensor(manager)
    first, second, third, *marks = sensor.read(now)
    assert math.isnan(first)
    assert second == 0.5
    assert math.isnan(third)
    assert [dict(key.labels)["buffer"] for key in sensor.layout] == [*["broken", "ring", "odd"] * 2]
    assert marks == [0.0, 0.5, 0.0]
    assert manager.failures == {"broken": 1, "ring": 0, "odd": 1}
    assert list(manager.usage) == ["ring"]


def test_the_layout_changes_only_with_the_buffers(now: Instant) -> None:
    manager, ring = BufferManager(), deque([1], maxlen=2)
    sensor = BufferSensor(manager)
    manager.track("ring", ring)
    sensor.read(now)
    layout = sensor.layout
    ring.append(2)
    assert sensor.read(now) == [1.0, 1.0]
    assert sensor.layout is layout
    manager.untrack("ring")
    manager.untrack("never there")
    assert sensor.read(now) == []
    assert sensor.layout == ()


def test_buffers_come_and_go_on_many_threads_while_they_are_measured(now: Instant) -> None:
    manager = BufferManager()
    sensor = BufferSensor(manager)
    stop = threading.Event()
    failures: list[BaseException] = []

    def churn(name: str) -> None:
        try:
            while not stop.is_set():
                manager.track(name, [1], capacity=2)
                manager.untrack(name)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test must hear of it
            failures.append(error)

    threads = [threading.Thread(target=churn, args=(f"b{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        assert len(sensor.read(now)) == len(sensor.layout)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
