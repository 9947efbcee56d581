from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tocsin.sensors.runtime.threads import BusyThread, ThreadSensor, ThreadTimes, own_threads, thread_cpu_s

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.clock import Instant

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's account of threads is Linux's")


class Accounts:
    """Threads and what they have used, as they are told."""

    def __init__(self) -> None:
        self.used_s: dict[int, float] = {}

    def cpu_s(self, thread: int) -> float:
        if self.used_s[thread] < 0:
            raise OSError("gone")
        return self.used_s[thread]

    def threads(self) -> list[int]:
        return list(self.used_s)


def test_threads_and_daemons_are_counted(now: Instant) -> None:
    free = threading.Event()
    sensor = ThreadSensor()
    before = sensor.read(now)
    threads = [threading.Thread(target=free.wait, daemon=daemon) for daemon in (True, True, False)]
    for thread in threads:
        thread.start()
    after = sensor.read(now)
    free.set()
    for thread in threads:
        thread.join()
    assert [late - early for late, early in zip(after, before, strict=True)] == [3.0, 2.0]


def test_the_busiest_threads_come_first_with_their_share_of_a_core() -> None:
    accounts = Accounts()
    times = ThreadTimes(accounts.cpu_s, accounts.threads)
    accounts.used_s = {1: 100.0, 2: 50.0, 3: 0.0}
    times.remember(10.0)
    accounts.used_s = {1: 100.5, 2: 54.5, 3: 0.0, 4: 1.0, 5: -1.0}
    assert times.busiest(15.0, 3) == [BusyThread(2, 0.9, 5.0), BusyThread(4, 0.2, 5.0), BusyThread(1, 0.1, 5.0)]


def test_stock_is_taken_every_two_seconds_and_compared_over_at_least_two() -> None:
    accounts = Accounts()
    times = ThreadTimes(accounts.cpu_s, accounts.threads)
    for second in range(13):
        accounts.used_s = {1: float(second)}
        times.remember(float(second))
    assert times.busiest(12.5, 1)[0].over_s == 2.5
    assert times.busiest(14.0, 1)[0].over_s == 2.0


def test_before_a_second_has_passed_nobody_is_busy() -> None:
    times = ThreadTimes(lambda _: 1.0, lambda: [1])
    assert times.busiest(10.0, 3) == []
    times.remember(10.0)
    assert times.busiest(10.5, 3) == []
    assert len(times.busiest(11.0, 3)) == 1
    times.forget()
    assert times.busiest(20.0, 3) == []


def test_a_stock_that_costs_much_puts_off_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = iter([0.0, 0.005, 0.0, 0.005])  # five milliseconds: half a thousandth of ten seconds
    monkeypatch.setattr("time.thread_time", lambda: next(spent))
    times = ThreadTimes(lambda _: 1.0, lambda: [1])
    times.remember(0.0)
    times.remember(2.0)
    times.remember(11.0)
    assert times.busiest(11.5, 1)[0].over_s == 9.5


def test_a_system_without_such_clocks_knows_nobody() -> None:
    def none(thread: int) -> float:
        raise OSError(22, "Invalid argument")

    times = ThreadTimes(none, lambda: [1, 2])
    times.remember(0.0)
    assert times.busiest(5.0, 3) == []


@linux
def test_the_clock_of_a_thread_is_its_own_cpu_time() -> None:
    before_s = time.thread_time()
    measured_s = thread_cpu_s(threading.get_native_id())
    assert before_s <= measured_s <= time.thread_time()


@linux
def test_a_thread_that_is_gone_is_refused_and_does_not_crash() -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    assert thread.native_id is not None
    if thread.native_id not in own_threads():
        with pytest.raises(OSError, match="Invalid"):
            thread_cpu_s(thread.native_id)


@linux
def test_a_real_thread_that_computes_is_the_busiest() -> None:
    stop = threading.Event()

    def compute() -> None:
        while not stop.is_set():
            sum(range(1000))

    thread = threading.Thread(target=compute)
    times = ThreadTimes()
    thread.start()
    times.remember(0.0)
    threading.Event().wait(0.3)
    [busiest] = times.busiest(3.0, 1)
    stop.set()
    thread.join()
    assert busiest.native_id == thread.native_id
    assert busiest.share > 0.01


def test_where_threads_cannot_be_listed_there_are_none(tmp_path: Path) -> None:
    assert own_threads(tmp_path / "task") == []
