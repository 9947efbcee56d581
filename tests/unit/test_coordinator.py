"""Who is registered, who has to be alive, and in what order things start and stop."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from tocsin import MonitoringCoordinator, VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable


class FakePart:
    """A part without a thread, that writes down what is asked of it."""

    def __init__(self, name: str, log: list[str], *, ends: bool = True) -> None:
        self.name = name
        self.log = log
        self.ends = ends
        self.alive = False
        self.granted_s: list[float] = []

    def begin(self) -> None:
        self.log.append(f"begin {self.name}")
        self.alive = True

    def end(self, timeout_s: float) -> bool:
        self.log.append(f"end {self.name}")
        self.granted_s.append(timeout_s)
        self.alive = not self.ends
        return self.ends

    def is_alive(self) -> bool:
        return self.alive


def run_all(calls: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


# -- threads


def test_a_thread_is_registered_once_and_in_order() -> None:
    coordinator = MonitoringCoordinator()
    other = threading.Thread()
    coordinator.register_thread(other)
    coordinator.register_thread()
    coordinator.register_thread(other)
    assert coordinator.threads == (other, threading.current_thread())


def test_unregistering_twice_or_what_is_not_there_is_nothing_to_complain_of() -> None:
    coordinator = MonitoringCoordinator()
    coordinator.unregister_thread()
    coordinator.register_thread()
    coordinator.unregister_thread()
    coordinator.unregister_thread()
    assert coordinator.threads == ()


def test_a_thread_that_ended_stays_registered() -> None:
    coordinator = MonitoringCoordinator()
    thread = threading.Thread(target=coordinator.register_thread)
    thread.start()
    thread.join(10)
    assert coordinator.threads == (thread,)


def test_a_heartbeat_tells_when_a_thread_last_got_on() -> None:
    clock = VirtualClock()
    coordinator = MonitoringCoordinator(clock=clock)
    thread = threading.Thread()
    assert coordinator.last_heartbeat_s(thread) is None
    coordinator.register_thread(thread)
    clock.advance(5)
    coordinator.register_thread(thread)
    assert coordinator.last_heartbeat_s(thread) == 1000.0
    coordinator.heartbeat(thread)
    assert coordinator.last_heartbeat_s(thread) == 1005.0


def test_a_heartbeat_registers_a_thread_that_was_not() -> None:
    coordinator = MonitoringCoordinator()
    coordinator.heartbeat()
    assert coordinator.threads == (threading.current_thread(),)


def test_hundreds_of_threads_at_once_lose_nothing() -> None:
    coordinator = MonitoringCoordinator()
    kept = [threading.Thread() for _ in range(200)]

    def come_and_go() -> None:
        coordinator.register_thread()
        coordinator.heartbeat()
        coordinator.unregister_thread()

    def come(thread: threading.Thread) -> Callable[[], None]:
        return lambda: coordinator.register_thread(thread)

    run_all([*[come(thread) for thread in kept], *[come_and_go] * 200])
    assert set(coordinator.threads) == set(kept)


# -- parts


def test_parts_begin_in_the_order_in_which_they_were_added_and_end_in_reverse() -> None:
    log: list[str] = []
    coordinator = MonitoringCoordinator()
    for name in "abc":
        coordinator.add(FakePart(name, log))
    assert log == []
    coordinator.start()
    assert coordinator.running
    assert coordinator.stop()
    assert log == ["begin a", "begin b", "begin c", "end c", "end b", "end a"]
    assert not coordinator.running


def test_a_part_that_is_added_while_it_runs_begins_at_once_and_only_once() -> None:
    log: list[str] = []
    coordinator = MonitoringCoordinator()
    coordinator.start()
    part = FakePart("late", log)
    coordinator.add(part)
    assert log == ["begin late"]
    coordinator.add(part)
    coordinator.stop()
    assert log.count("end late") == 1


def test_a_part_that_was_removed_is_left_alone() -> None:
    log: list[str] = []
    coordinator, part = MonitoringCoordinator(), FakePart("gone", log)
    coordinator.add(part)
    coordinator.remove(part)
    coordinator.remove(part)
    coordinator.start()
    coordinator.stop()
    assert log == []


def test_parts_share_the_time_they_have_to_end_and_a_slow_one_is_reported() -> None:
    log: list[str] = []
    coordinator = MonitoringCoordinator()
    quick, slow = FakePart("quick", log), FakePart("slow", log, ends=False)
    coordinator.add(quick)
    coordinator.add(slow)
    coordinator.start()
    assert not coordinator.stop(0.0)
    assert slow.granted_s == quick.granted_s == [0.0]
    assert "end quick" in log


# -- supervision


def a_running(clock: VirtualClock, log: list[str]) -> tuple[MonitoringCoordinator, FakePart]:
    coordinator, part = MonitoringCoordinator(clock=clock), FakePart("watch", log)
    coordinator.add(part)
    coordinator.start()
    log.clear()
    return coordinator, part


def test_a_part_that_died_is_begun_again() -> None:
    log: list[str] = []
    coordinator, part = a_running(VirtualClock(), log)
    coordinator.supervise()
    assert log == []
    part.alive = False
    coordinator.supervise()
    assert log == ["begin watch"]


def test_a_part_that_dies_more_than_five_times_a_minute_is_left_to_rest_and_reported() -> None:
    log: list[str] = []
    reports: list[str] = []
    clock = VirtualClock()
    coordinator, part = a_running(clock, log)
    for _ in range(7):
        part.alive = False
        clock.advance(1)
        coordinator.supervise(reports.append)
    assert log == ["begin watch"] * 5
    assert reports == ["watch died 5 times within a minute and is left to rest"] * 2

    clock.advance(60)
    coordinator.supervise(reports.append)
    assert log == ["begin watch"] * 6


def test_nothing_is_begun_again_after_the_stop() -> None:
    log: list[str] = []
    coordinator, part = a_running(VirtualClock(), log)
    coordinator.stop()
    log.clear()
    part.alive = False
    coordinator.supervise()
    assert log == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_keeps_the_thread_that_forked_and_no_lock_of_the_parent() -> None:
    coordinator = MonitoringCoordinator()
    stay = threading.Event()
    other = threading.Thread(target=stay.wait, args=(10.0,))
    other.start()
    coordinator.register_thread(other)
    coordinator.register_thread()
    coordinator.start()
    with coordinator._lock:
        child = os.fork()
        if child == 0:
            coordinator.after_fork()
            coordinator.register_thread()
            right = coordinator.threads == (threading.current_thread(),) and not coordinator.running
            os._exit(0 if right else 1)
    stay.set()
    other.join(10)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(coordinator.threads) == 2
