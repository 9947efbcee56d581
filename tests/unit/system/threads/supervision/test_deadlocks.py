"""Threads that wait for each other."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tocsin import AlertSeverity, MonitoringCoordinator, VirtualClock
from tocsin.sensors.lockwait import waits_for_lock
from tocsin.system.threads.supervision import ThreadSupervision

if TYPE_CHECKING:
    from collections.abc import Callable


from tests.unit.system.threads.supervision.conftest import LONG_S, Bell


class Deadlock:
    """Two threads that hold a lock each and want the other's."""

    def __init__(self, bell: Bell, *, register: bool = False, wish: str = "with") -> None:
        self.locks = threading.Lock(), threading.Lock()
        both = threading.Barrier(2)

        def work(first: threading.Lock, second: threading.Lock) -> None:
            with first:
                both.wait(LONG_S)
                if wish == "with":
                    with second:
                        pass
                else:
                    second.acquire(True, 60.0 + 1)
                    second.release()

        def start(name: str, *locks: threading.Lock) -> threading.Thread:
            def registered() -> None:
                if register:
                    bell.system.register_thread()
                    work(*locks)
                else:
                    with bell.system.registered(name):
                        work(*locks)

            thread = threading.Thread(target=registered, name=name, daemon=True)
            thread.start()
            return thread

        one, other = self.locks
        self.threads = start("taker-1", one, other), start("taker-2", other, one)
        until = threading.Event()
        for thread in self.threads:
            for _ in range(2000):
                frame = sys._current_frames().get(thread.ident or 0)
                if frame is not None and frame.f_code.co_name == "work" and waits_for_lock(frame):
                    break
                until.wait(0.005)
            else:
                raise AssertionError(f"{thread.name} is not in its lock")

    def dissolve(self) -> None:
        for lock in self.locks:
            lock.release()
        for thread in self.threads:
            thread.join(LONG_S)
            assert not thread.is_alive()


@pytest.mark.parametrize("wish", ["with", "acquire"])
@pytest.mark.parametrize("register", [False, True])
def test_two_threads_that_hold_what_the_other_wants_are_told_together_with_each_stack(
    bell: Bell, register: bool, wish: str
) -> None:
    threading.excepthook = lambda _: None  # the locks are released behind the threads' backs at the end
    deadlock = Deadlock(bell, register=register, wish=wish)
    assert bell.after(25) == []
    assert bell.after(10) == ["Suspected deadlock"]
    alert = bell.alert
    assert alert.severity is AlertSeverity.CRITICAL
    assert alert.component == "taker-1, taker-2"
    assert "2 threads have each stood in the acquisition of a lock" in alert.message
    assert "may wait for each other" in alert.message
    assert alert.recommendations
    assert [proof.title.partition(" ")[0] for proof in alert.evidence] == ["taker-1", "taker-2"]
    wanted = "with second:" if wish == "with" else "second.acquire("
    assert all(wanted in proof.lines[0] for proof in alert.evidence)
    assert bell.after(900) == ["Suspected deadlock"]
    deadlock.dissolve()
    bell.after(2)
    assert "Suspected deadlock" in bell.resolved()


def test_one_thread_alone_in_a_lock_is_no_deadlock(bell: Bell) -> None:
    lock = threading.Lock()
    lock.acquire()

    def work() -> None:
        with bell.system.registered("alone"), lock:
            pass

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert bell.after(300) == []
    lock.release()
    thread.join(LONG_S)


def test_idle_workers_are_no_deadlock(bell: Bell) -> None:
    import queue

    jobs: queue.Queue[None] = queue.Queue()
    idle, ready = threading.Event(), threading.Barrier(5)
    turn = threading.Semaphore(0)

    def at_work(rest: Callable[[], object]) -> threading.Thread:
        def work() -> None:
            with bell.system.registered():
                ready.wait(LONG_S)
                rest()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    threads = [at_work(jobs.get), at_work(jobs.get), at_work(lambda: idle.wait(600)), at_work(turn.acquire)]
    ready.wait(LONG_S)
    assert bell.after(600) == []
    idle.set()
    turn.release()
    for _ in range(2):
        jobs.put(None)
    for thread in threads:
        thread.join(LONG_S)


def test_threads_that_get_a_contended_lock_in_between_are_no_deadlock() -> None:
    clock, coordinator = VirtualClock(), MonitoringCoordinator()
    supervision = ThreadSupervision(lambda: (coordinator,), stuck_after_s=30)
    lock, stop = threading.Lock(), threading.Event()
    rounds = [0, 0, 0]

    def work(number: int) -> None:
        coordinator.register_thread()
        while not stop.is_set():
            with lock:
                rounds[number] += 1
                stop.wait(0.001)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(3)]
    for thread in threads:
        thread.start()
    pause = threading.Event()
    for _ in range(60):
        before = sum(rounds)
        while sum(rounds) < before + 20:
            pause.wait(0.001)
        clock.advance(2)
        assert supervision.look(clock.now()) == []
    stop.set()
    for thread in threads:
        thread.join(LONG_S)
    assert supervision.failures.value() == 0


def test_a_silent_thread_in_a_deadlock_is_told_with_it_and_not_twice(bell: Bell) -> None:
    threading.excepthook = lambda _: None
    deadlock = Deadlock(bell)
    for thread in deadlock.threads:
        bell.system._core.parts.register_thread(thread, heartbeat_s=60)
    assert bell.after(400) == ["Suspected deadlock"]
    deadlock.dissolve()
