from __future__ import annotations

import asyncio
import gc
import os
import random
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertConfig, BufferFull, BufferManager, ConfigError
from tocsin.sensors.buffers import BufferSensor, BufferUsage, Lease
from tocsin.testing import RecordingChannel, system_for_tests

if TYPE_CHECKING:
    from tocsin.clock import Instant

LONG_S = 20.0


def used(manager: BufferManager) -> int:
    return manager.leases.budget.used


def when_waiting(manager: BufferManager, number: int) -> None:
    """Back when so many wait."""
    pause = threading.Event()
    for _ in range(4000):
        if manager.leases.budget.waiting == number:
            return
        pause.wait(0.005)
    raise AssertionError(f"{manager.leases.budget.waiting} wait, not {number}")


def start(work: Any, *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


# -- one lease


def test_a_lease_gives_its_bytes_back_once() -> None:
    manager = BufferManager(100)
    with manager.allocate(60) as lease:
        assert manager.usage["budget"] == BufferUsage("budget", 60, 100, 0.6)
        assert (lease.n_bytes, lease.released) == (60, False)
    lease.release()
    assert lease.released
    assert used(manager) == 0
    assert manager.high_water == {"budget": 0.6}


def test_a_lease_is_freed_when_the_block_raises() -> None:
    manager = BufferManager(100)
    with pytest.raises(KeyError), manager.allocate(60):
        raise KeyError
    assert used(manager) == 0
    assert manager.lost == {}


def test_what_is_not_to_be_had_now_is_refused_when_nobody_may_wait() -> None:
    manager = BufferManager(100)
    with manager.allocate(60):
        with pytest.raises(BufferFull, match=r"41 bytes were not to be had: 60 of 100 are leased.*release leases"):
            manager.allocate(41, 0)
        manager.allocate(40, 0).release()
    assert manager.leases.budget.refused == 1


def test_a_wait_that_is_too_long_ends_with_a_refusal_and_leaves_nobody_behind() -> None:
    manager = BufferManager(100)
    with manager.allocate(100), pytest.raises(BufferFull, match=r"within 0\.01 s"):
        manager.allocate(1, 0.01)
    assert manager.leases.budget.waiting == 0
    manager.allocate(100, 0).release()


@pytest.mark.parametrize("size", [-1, 1.5, True, "5", None])
def test_what_is_no_size_is_refused(size: Any) -> None:
    with pytest.raises(ValueError, match="expected a whole number of bytes"):
        BufferManager(100).allocate(size)


def test_more_than_the_whole_budget_would_wait_for_ever_and_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="at most the whole budget of 100 bytes"):
        BufferManager(100).allocate(101)


@pytest.mark.parametrize("budget", [0, -1, float("nan"), float("inf"), True, "64 MiB"])
def test_a_budget_that_is_none_is_refused(budget: Any) -> None:
    with pytest.raises(ConfigError, match="expected a number of bytes"):
        BufferManager(budget)


def test_without_a_budget_all_is_granted_and_counted(now: Instant) -> None:
    manager = BufferManager()
    sensor = BufferSensor(manager)
    assert sensor.read(now) == []
    with manager.allocate(10**12, 0):
        assert used(manager) == 10**12
        assert manager.usage == {}
        assert sensor.read(now)[0] == 1e12


def test_the_budget_of_a_system_comes_from_its_configuration() -> None:
    system, _ = system_for_tests(buffer_budget="1 KiB")
    assert AlertConfig(buffer_budget="64 MiB").buffer_budget == 64 * 2**20
    with system.buffers.allocate(512):
        assert system.buffers.usage["budget"].utilization == 0.5
    with pytest.raises(ConfigError, match="name of the byte budget"):
        system.buffers.track("budget", [], 5)


# -- the order of those who wait


def test_a_big_wish_is_served_before_small_ones_that_came_later() -> None:
    manager, served = BufferManager(100), []
    first = manager.allocate(50)

    def want(n_bytes: int) -> None:
        with manager.allocate(n_bytes, LONG_S):
            served.append(n_bytes)

    threads = [start(want, 90)]
    when_waiting(manager, 1)
    threads.append(start(want, 20))
    when_waiting(manager, 2)
    with pytest.raises(BufferFull):
        manager.allocate(1, 0)  # it would fit, but would overtake
    first.release()
    for thread in threads:
        thread.join(LONG_S)
    assert served == [90, 20]
    assert used(manager) == 0


def test_whoever_gives_up_lets_those_behind_pass() -> None:
    manager = BufferManager(100)
    served = threading.Event()
    with manager.allocate(50):
        gave_up = []

        def want_too_much() -> None:
            try:
                manager.allocate(90, 0.2)
            except BufferFull:
                gave_up.append(True)

        def want() -> None:
            manager.allocate(40, LONG_S).release()
            served.set()

        threads = [start(want_too_much)]
        when_waiting(manager, 1)
        threads.append(start(want))
        assert served.wait(LONG_S)
        for thread in threads:
            thread.join(LONG_S)
        assert gave_up == [True]


# -- coroutines


async def test_a_coroutine_waits_without_blocking_its_loop() -> None:
    manager = BufferManager(100)
    lease = manager.allocate(100)
    turns = 0
    task = asyncio.create_task(manager.allocate_async(30, LONG_S))
    while turns < 5:
        await asyncio.sleep(0)
        turns += 1
    assert not task.done()
    threading.Thread(target=lease.release).start()
    with await task as mine:
        assert mine.taken_at.startswith(__file__)
        assert used(manager) == 30


async def test_a_coroutine_is_refused_at_once_or_in_time() -> None:
    manager = BufferManager(100)
    with manager.allocate(100):
        for timeout_s in (0, 0.01):
            with pytest.raises(BufferFull):
                await manager.allocate_async(1, timeout_s)
    assert manager.leases.budget.waiting == 0
    (await manager.allocate_async(100, 0)).release()


async def test_a_cancelled_coroutine_takes_nothing_along_even_if_it_was_granted_in_that_moment() -> None:
    manager = BufferManager(100)
    for late in (False, True):
        lease = manager.allocate(100)
        task = asyncio.create_task(manager.allocate_async(30))
        await asyncio.sleep(0)
        assert manager.leases.budget.waiting == 1
        if late:
            lease.release()  # granted, and the task has not heard of it yet
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        lease.release()
        assert (used(manager), manager.leases.budget.waiting) == (0, 0)


def test_bytes_that_were_meant_for_a_loop_that_is_gone_go_to_the_next() -> None:
    manager = BufferManager(100)
    lease = manager.allocate(100)
    loop = asyncio.new_event_loop()
    gone = loop.create_task(manager.allocate_async(30))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    got: list[Lease] = []
    thread = start(lambda: got.append(manager.allocate(100, LONG_S)))
    when_waiting(manager, 2)
    lease.release()
    thread.join(LONG_S)
    assert got[0].n_bytes == 100
    got[0].release()
    assert used(manager) == 0
    gone._log_destroy_pending = False  # type: ignore[attr-defined]
    gone.get_coro().close()


# -- leases that never come back


def test_a_lease_that_is_lost_is_freed_counted_and_told_with_its_place(now: Instant) -> None:
    manager = BufferManager(100)
    sensor = BufferSensor(manager)

    def careless() -> int:
        manager.allocate(70)
        return sys._getframe().f_lineno - 1

    line = careless()
    gc.collect()
    assert used(manager) == 0
    place = f"{__file__}:{line}"
    assert manager.lost == {place: 1}
    careless()
    gc.collect()
    sensor.read(now)
    values = dict(zip(map(str, sensor.layout), sensor.read(now), strict=True))
    assert values[f"tocsin.buffer.leases.lost{{taken_at={place!r}}}"] == 2
    values = dict(zip(map(str, sensor.layout), sensor.read(now.plus(301)), strict=True))
    assert values[f"tocsin.buffer.leases.lost{{taken_at={place!r}}}"] == 0
    assert manager.lost == {place: 2}


def test_a_lost_lease_serves_whoever_waits() -> None:
    manager = BufferManager(100)
    careless = [manager.allocate(100)]
    got: list[Lease] = []
    thread = start(lambda: got.append(manager.allocate(100, LONG_S)))
    when_waiting(manager, 1)
    careless.clear()
    gc.collect()
    thread.join(LONG_S)
    got[0].release()
    assert sum(manager.lost.values()) == 1


def test_a_lease_may_be_lost_on_the_thread_that_holds_the_lock_of_the_account() -> None:
    manager = BufferManager(100)
    lease: Lease | None = manager.allocate(100)
    budget = manager.leases.budget
    with budget._lock:
        lease = None  # collected here: it must not wait for the lock
    assert lease is None
    assert budget.used == 100
    manager.allocate(0, LONG_S).release()
    assert budget.used == 0


def test_a_lost_lease_rings_and_is_over_after_five_minutes() -> None:
    channel = RecordingChannel()
    system, clock = system_for_tests(channel, default_rules=True, buffer_budget=1000)
    with system:
        clock.advance(2)
        system.buffers.allocate(10)
        gc.collect()
        clock.advance(3)
        system.flush()
        (alert,) = channel.alerts
        assert alert.rule == "buffer-lease-lost"
        assert f"{__file__}:" in alert.message
        clock.advance(400)
        system.flush()
        assert [one.rule for one in channel.resolved] == ["buffer-lease-lost"]


def test_refusals_ring_when_they_are_many() -> None:
    channel = RecordingChannel()
    system, clock = system_for_tests(channel, default_rules=True, buffer_budget=1000, buffer_threshold="100 %")
    with system, system.buffers.allocate(1000):
        clock.advance(5)
        for _ in range(30):
            with pytest.raises(BufferFull):
                system.buffers.allocate(1, 0)
        clock.advance(3)
        system.flush()
        assert [one.rule for one in channel.alerts] == ["buffer-leases-refused"]


# -- pressure


def test_a_mark_is_called_once_a_crossing_and_again_after_it_was_left_behind() -> None:
    manager = BufferManager(100)
    heard: list[tuple[str, float]] = []
    manager.on_pressure("warning", lambda usage: heard.append(("warning", usage.used)))
    stop = manager.on_pressure("critical", lambda usage: heard.append(("critical", usage.used)))
    low, middle = manager.allocate(70), manager.allocate(9)
    assert heard == []
    high = manager.allocate(1)
    assert heard == [("warning", 80)]
    high.release()
    high = manager.allocate(20)
    assert heard == [("warning", 80), ("critical", 99)]  # 79 was within the hysteresis
    middle.release()
    high.release()
    manager.allocate(10).release()
    assert heard[2:] == [("warning", 80)]
    stop()
    stop()
    with manager.allocate(30):
        assert [level for level, _ in heard[3:]] == ["warning"]
    low.release()


def test_a_crossing_in_a_release_is_told_to_whoever_was_served() -> None:
    manager, heard = BufferManager(100), []
    manager.on_pressure("warning", lambda usage: heard.append(threading.current_thread()), buffer="budget")
    lease = manager.allocate(70)
    thread = start(lambda: manager.allocate(90, LONG_S).release())
    when_waiting(manager, 1)
    lease.release()
    thread.join(LONG_S)
    assert heard == [thread]


def test_tracked_buffers_are_felt_when_they_are_measured(now: Instant) -> None:
    manager, heard, jobs = BufferManager(), [], [0] * 79
    manager.track("jobs", jobs, 100)
    manager.on_pressure("warning", lambda usage: heard.append((usage.name, usage.used)), buffer="jobs")
    manager.on_pressure("warning", lambda usage: heard.append(("wrong", usage.used)), buffer="others")
    sensor = BufferSensor(manager)
    for length in (79, 80, 90, 76, 80, 74, 81):
        jobs[:] = [0] * length
        sensor.read(now)
    assert heard == [("jobs", 80), ("jobs", 81)]
    assert manager.high_water == {"jobs": 0.9}


def test_what_a_callback_raises_is_counted_and_it_may_allocate_itself(now: Instant) -> None:
    manager, inner = BufferManager(100), []

    def broken(_: BufferUsage) -> None:
        raise RuntimeError("no")

    manager.on_pressure("warning", broken)
    manager.on_pressure("warning", lambda _: inner.append(manager.allocate(5, 0)))
    with manager.allocate(80):
        assert manager.pressure_failures == 1
        assert inner[0].n_bytes == 5
        inner[0].release()
    sensor = BufferSensor(manager)
    sensor.read(now)
    values = dict(zip(map(str, sensor.layout), sensor.read(now), strict=True))
    assert values["tocsin.buffer.callbacks.failed"] == 1


def test_a_level_without_a_mark_is_refused() -> None:
    for level in ("info", "odd", 7):
        with pytest.raises(ConfigError, match="expected 'warning' or 'critical'"):
            BufferManager().on_pressure(level, print)


def test_what_was_crossed_before_anybody_listened_is_past() -> None:
    manager = BufferManager(100)
    heard: list[BufferUsage] = []
    with manager.allocate(90):
        manager.on_pressure("warning", heard.append)
        manager.allocate(1).release()
    assert heard == []


# -- many at once


def test_many_threads_and_coroutines_never_have_more_than_there_is_and_all_are_served() -> None:
    manager = BufferManager(1000)
    beyond: list[int] = []
    failures: list[BaseException] = []
    served = [0] * 12

    def work(number: int) -> None:
        rng = random.Random(number)
        try:
            for _ in range(300):
                with manager.allocate(rng.randint(1, 1000 if number == 0 else 300), LONG_S):
                    served[number] += 1
                    if used(manager) > 1000:
                        beyond.append(used(manager))
                if rng.random() < 0.1:
                    manager.allocate(rng.randint(0, 100), LONG_S)  # lost
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test must hear of it
            failures.append(error)

    async def many(number: int) -> None:
        async def one(place: int) -> None:
            rng = random.Random(place)
            for _ in range(60):
                try:
                    with await asyncio.wait_for(
                        manager.allocate_async(rng.randint(1, 300)), rng.choice([0.001, LONG_S])
                    ):
                        await asyncio.sleep(0)
                        served[number] += 1
                except TimeoutError:
                    served[number] += 1

        await asyncio.gather(*(one(place) for place in range(5)))

    threads = [start(work, number) for number in range(10)]
    threads += [start(lambda number=number: asyncio.run(many(number))) for number in (10, 11)]
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    gc.collect()
    assert (failures, beyond) == ([], [])
    assert served == [300] * 12
    assert (used(manager), manager.leases.budget.waiting, manager.leases.budget.open) == (0, 0, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_in_a_forked_child_the_budget_is_whole_and_the_parents_lock_and_leases_mean_nothing() -> None:
    manager = BufferManager(100)
    lease = manager.allocate(100)
    with manager.leases.budget._lock:
        child = os.fork()
        if child == 0:
            right = False
            try:
                with manager.allocate(100, 0):
                    lease.release()
                    right = used(manager) == 100
                right = right and used(manager) == 0 and manager.lost == {}
            finally:
                os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert used(manager) == 100
    lease.release()
