"""What becomes of registered threads: real threads on a clock that stands still until it is moved."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Self

import pytest
from tests.unit.system.programs import run

from tocsin import AlertSeverity, AlertSystem, ConfigError, MonitoringCoordinator, VirtualClock
from tocsin.sensors import deaths
from tocsin.sensors.lockwait import waits_for_lock
from tocsin.system.supervision import ThreadSupervision
from tocsin.testing import RecordingChannel, system_for_tests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tocsin.model.alert import PerformanceAlert

LONG_S = 20.0


@pytest.fixture(autouse=True)
def hooked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The program's own hook for threads that die: it writes down who did."""
    heard: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: heard.append(str(args.exc_value)))
    yield heard
    for listener in tuple(deaths._listeners):
        deaths.leave(listener)


class Bell:
    """A started system, its clock and what it told."""

    def __init__(self, **settings: Any) -> None:
        self.channel = RecordingChannel()
        self.system, self.clock = system_for_tests(self.channel, **settings)

    def __enter__(self) -> Self:
        self.system.start()
        self.clock.advance(1)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.system.stop(10)
        assert self.system._core.supervision.failures.value() == 0

    def after(self, seconds: float) -> list[str]:
        """The titles of what was told to fire, some seconds later."""
        self.clock.advance(seconds)
        self.system.flush()
        return self.channel.titles()

    def resolved(self) -> list[str]:
        return [alert.title for alert in self.channel.resolved]

    @property
    def alert(self) -> PerformanceAlert:
        return self.channel.alerts[-1]


@pytest.fixture
def bell() -> Iterator[Bell]:
    with Bell() as bell:
        yield bell


def run_out(work: Callable[[], object], name: str = "worker-1") -> threading.Thread:
    """Run a thread to its end."""
    thread = threading.Thread(target=work, name=name)
    thread.start()
    thread.join(LONG_S)
    assert not thread.is_alive()
    return thread


class Pausing:
    """A thread that stands in `wait` until it is let go, and beats when it is told to."""

    def __init__(self, bell: Bell, name: str = "worker-1", **promises: Any) -> None:
        self.go_on = threading.Event()
        self.ready = threading.Event()
        self._beat, self._beaten = threading.Event(), threading.Event()
        self._stop = False

        def work() -> None:
            with bell.system.registered(name, **promises) as registered:
                self.ready.set()
                while True:
                    self._beat.wait(LONG_S)
                    if self._stop:
                        return
                    self._beat.clear()
                    registered.heartbeat()
                    self._beaten.set()

        self.thread = threading.Thread(target=work, name=name, daemon=True)
        self.thread.start()
        assert self.ready.wait(LONG_S)

    def beat(self) -> None:
        self._beaten.clear()
        self._beat.set()
        assert self._beaten.wait(LONG_S)

    def end(self) -> None:
        self._stop = True
        self._beat.set()
        self.thread.join(LONG_S)


def fail_deeply(depth: int = 3) -> None:
    if depth:
        fail_deeply(depth - 1)
    raise ValueError("no such order")


# -- death


def test_a_registered_thread_that_dies_of_an_exception_rings_with_its_traceback(bell: Bell, hooked: list[str]) -> None:
    def work() -> None:
        bell.system.register_thread()
        fail_deeply()

    run_out(work)
    assert bell.after(2) == ["Thread died"]
    alert = bell.alert
    assert alert.message == "worker-1 died of ValueError: no such order"
    assert (alert.component, alert.source, alert.severity) == ("worker-1", "threads", AlertSeverity.WARNING)
    assert alert.recommendations
    (proof,) = alert.evidence
    assert proof.kind == "traceback"
    assert "in fail_deeply: raise ValueError" in proof.lines[0]
    assert any("in work: fail_deeply()" in line for line in proof.lines)
    assert hooked == ["no such order"]


def test_a_thread_that_says_goodbye_on_its_way_out_has_died_all_the_same(bell: Bell) -> None:
    def work() -> None:
        bell.system.register_thread()
        try:
            fail_deeply()
        finally:
            bell.system.unregister_thread()

    run_out(work)
    assert bell.after(2) == ["Thread died"]


def test_an_exception_that_was_caught_is_no_death(bell: Bell) -> None:
    def work() -> None:
        bell.system.register_thread()
        try:
            fail_deeply()
        except ValueError:
            bell.system.unregister_thread()

    run_out(work)
    assert bell.after(2) == []


def test_a_normal_end_and_one_on_purpose_stay_registered_in_silence(bell: Bell) -> None:
    def leave() -> None:
        bell.system.register_thread()
        sys.exit(3)

    threads = [run_out(bell.system.register_thread), run_out(leave)]
    assert bell.after(600) == []
    assert bell.system._registered_threads == set(threads)


def test_a_thread_that_nobody_registered_is_nobodys_business(bell: Bell, hooked: list[str]) -> None:
    bell.system.register_thread()
    run_out(fail_deeply)
    assert bell.after(2) == []
    assert hooked == ["no such order"]


def test_a_thread_that_must_live_rings_when_it_ends_until_another_takes_its_name(bell: Bell) -> None:
    def work() -> None:
        with bell.system.registered("consumer", must_live=True):
            return

    run_out(work)
    assert bell.after(1000) == ["Thread ended"]
    assert bell.alert.message == "consumer came to its end, though it must live"
    assert bell.alert.severity is AlertSeverity.CRITICAL
    assert [alert.title for alert in bell.system.open_alerts()] == ["Thread ended"]

    successor = Pausing(bell, "consumer", must_live=True)
    bell.after(2)
    assert bell.resolved() == ["Thread ended"]
    with_leave = bell.system.open_alerts()
    successor.end()
    assert with_leave == ()


def test_a_thread_that_must_live_and_dies_is_one_alert_with_its_traceback(bell: Bell, hooked: list[str]) -> None:
    @bell.system.registered("consumer", must_live=True)
    def work() -> None:
        fail_deeply()

    run_out(work)
    assert bell.after(1000) == ["Thread died"]
    assert bell.alert.severity is AlertSeverity.CRITICAL
    assert bell.alert.evidence[0].kind == "traceback"
    assert bell.alert.count == 1
    assert hooked == ["no such order"]
    assert bell.system.open_alerts() != ()


def test_a_thread_registered_by_somebody_else_must_live_until_it_is_unregistered(bell: Bell) -> None:
    coordinator = bell.system.coordinator
    assert isinstance(coordinator, MonitoringCoordinator)
    thread = threading.Thread(target=lambda: None, name="late")
    coordinator.register_thread(thread, must_live=True)
    assert bell.after(100) == []
    thread.start()
    thread.join()
    assert bell.after(2) == ["Thread ended"]
    coordinator.unregister_thread(thread)
    bell.after(2)
    assert bell.resolved() == ["Thread ended"]


def test_a_thread_that_is_unregistered_first_may_end_though_it_had_to_live(bell: Bell) -> None:
    def work() -> None:
        with bell.system.registered(must_live=True):
            bell.system.unregister_thread()

    run_out(work)
    assert bell.after(10) == []


def test_the_registration_of_a_block_ends_with_it_and_leaves_an_outer_one(bell: Bell) -> None:
    inside: list[bool] = []

    def work() -> None:
        me = threading.current_thread()
        with bell.system.registered("inner"):
            inside.append(me in bell.system._registered_threads)
        inside.append(me in bell.system._registered_threads)
        bell.system.register_thread()
        with bell.system.registered("inner"), bell.system.registered("innermost"):
            pass
        inside.append(me in bell.system._registered_threads)

    run_out(work)
    assert inside == [True, False, True]


def test_a_death_just_before_the_end_of_the_program_is_told() -> None:
    done = run("""
        import threading, tocsin
        bell = tocsin.watch(tocsin.AlertConfig(check_interval="1h", control=False))
        def work():
            bell.register_thread()
            raise ValueError("too late")
        thread = threading.Thread(target=work, name="last")
        thread.start()
        thread.join()
    """)
    assert done.code == 0
    assert "last died of ValueError: too late" in done.err
    assert "Exception in thread last" in done.err


def test_a_foreign_coordinator_does_not_keep_deaths_from_being_told(bell: Bell) -> None:
    class Foreign:
        def register_thread(self, thread: threading.Thread) -> None:
            raise RuntimeError("no")

        def unregister_thread(self, thread: threading.Thread) -> None: ...

    for coordinator in (Foreign(), None, MonitoringCoordinator(clock=bell.clock)):
        bell.system.coordinator = coordinator

        def work() -> None:
            bell.system.register_thread()
            fail_deeply()

        run_out(work, f"worker-{coordinator!r}"[:20])
    assert bell.after(2) == ["Thread died"] * 3


def test_the_hook_is_chained_and_taken_back_at_cleanup_if_it_is_still_ours(bell: Bell, hooked: list[str]) -> None:
    import asyncio

    before = threading.excepthook
    bell.system.register_thread()
    assert threading.excepthook is not before
    asyncio.run(bell.system.cleanup())
    assert threading.excepthook is before

    bell.system.register_thread()
    ours, mine = threading.excepthook, []

    def somebody_elses(args: Any) -> None:
        mine.append(str(args.exc_value))
        ours(args)

    threading.excepthook = somebody_elses
    asyncio.run(bell.system.cleanup())
    assert threading.excepthook is somebody_elses
    run_out(fail_deeply)
    assert (mine, hooked) == (["no such order"], ["no such order"])


def test_hooks_that_come_and_go_do_not_make_us_deaf(bell: Bell) -> None:
    before = threading.excepthook
    coordinator, held = bell.system._core.parts, len(deaths._hooks)
    for _ in range(100):
        coordinator.register_thread()
        threading.excepthook = before  # as a test's monkeypatch does
    assert len(deaths._hooks) <= held + 1

    def work() -> None:
        bell.system.register_thread()
        fail_deeply()

    run_out(work)
    assert bell.after(2) == ["Thread died"]


def test_a_broken_exception_cannot_hide_a_death(bell: Bell) -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    def work() -> None:
        bell.system.register_thread()
        raise Odd

    threading.excepthook = lambda _: None
    run_out(work)
    assert bell.after(2) == ["Thread died"]
    assert "Odd: (it cannot be shown)" in bell.alert.message


# -- silence


def test_a_thread_that_stops_its_heartbeat_rings_with_its_stack_and_is_over_with_the_next(bell: Bell) -> None:
    worker = Pausing(bell, heartbeat_s=5)
    for _ in range(5):
        assert bell.after(5) == []
        worker.beat()
    assert bell.after(9) == []
    assert bell.after(3) == ["Thread is stuck"]
    alert = bell.alert
    assert alert.component == "worker-1"
    assert "promised a heartbeat every 5 s and has given none for" in alert.message
    assert "it has stood at" in alert.message
    (proof,) = alert.evidence
    assert proof.title == "worker-1 is in"
    assert any("in work: self._beat.wait(LONG_S)" in line for line in proof.lines)
    worker.beat()
    bell.after(2)
    assert bell.resolved() == ["Thread is stuck"]
    worker.end()
    assert bell.after(100) == ["Thread is stuck"]


def test_a_thread_that_moves_but_is_silent_is_not_called_stuck(bell: Bell) -> None:
    coordinator = bell.system._core.parts
    turn, done = threading.Semaphore(0), threading.Semaphore(0)
    stop = False

    def here() -> None:
        turn.acquire()

    def work() -> None:
        with bell.system.registered(heartbeat_s=4):
            while not stop:
                done.release()
                here()

    thread = threading.Thread(target=work, name="busy", daemon=True)
    thread.start()
    for _ in range(14):
        assert done.acquire(timeout=LONG_S)
        bell.after(1)
        turn.release()
    stop = True
    turn.release()
    thread.join(LONG_S)
    assert bell.channel.titles() == ["Thread stopped its heartbeat"]
    assert coordinator.threads == ()


def test_a_thread_that_ends_or_is_unregistered_needs_no_heartbeat(bell: Bell) -> None:
    worker = Pausing(bell, heartbeat_s=2)
    assert bell.after(6) == ["Thread is stuck"]
    worker.end()
    bell.after(2)
    assert bell.resolved() == ["Thread is stuck"]
    assert bell.system.open_alerts() == ()


def test_a_thread_that_is_not_started_yet_owes_no_heartbeat(bell: Bell) -> None:
    coordinator = bell.system._core.parts
    go = threading.Event()
    thread = threading.Thread(target=go.wait, args=(LONG_S,), daemon=True)
    coordinator.register_thread(thread, heartbeat_s=3)
    assert bell.after(60) == []
    thread.start()
    assert bell.after(5) == []
    assert bell.after(5) != []
    go.set()
    thread.join(LONG_S)


def test_a_gap_and_a_suspend_are_nobodys_silence(bell: Bell) -> None:
    worker = Pausing(bell, heartbeat_s=3)
    core = bell.system._core
    bell.system.stop()
    bell.clock.advance(3600)
    bell.system.start()
    assert bell.after(5) == []
    worker.beat()
    bell.clock.suspend(7200)
    assert bell.after(5) == []
    worker.beat()
    assert bell.after(3) == []
    assert core.supervision.failures.value() == 0
    worker.end()


@pytest.mark.parametrize("heartbeat_s", [0, -1, float("nan"), float("inf"), True, "5"])
def test_a_promise_that_is_no_time_is_refused_at_once(bell: Bell, heartbeat_s: Any) -> None:
    with pytest.raises(ConfigError, match="expected seconds above 0"):
        bell.system.registered(heartbeat_s=heartbeat_s)
    with pytest.raises(ConfigError):
        bell.system._core.parts.register_thread(heartbeat_s=heartbeat_s)


def test_a_coroutine_function_is_no_thread(bell: Bell) -> None:
    async def work() -> None: ...

    with pytest.raises(TypeError, match="coroutine function"):
        bell.system.registered()(work)


# -- deadlock


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


# -- at large


def test_hundreds_of_threads_are_looked_after_and_only_the_dead_are_told() -> None:
    with Bell(suppress_after=1000) as bell:
        stop, ready = threading.Event(), threading.Barrier(301)

        def work(number: int) -> None:
            with bell.system.registered(f"w{number}"):
                ready.wait(LONG_S)
                stop.wait(LONG_S)
                if number % 100 == 0:
                    raise ValueError(number)

        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(300)]
        for thread in threads:
            thread.start()
        ready.wait(LONG_S)
        assert bell.after(120) == []
        stop.set()
        for thread in threads:
            thread.join(LONG_S)
        bell.after(2)
        assert sorted(alert.component for alert in bell.channel.alerts) == ["w0", "w100", "w200"]
        assert bell.system._registered_threads == set()


def test_nothing_is_looked_at_while_nobody_is_registered(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    def frames() -> dict[int, Any]:
        raise AssertionError("nobody to look at")

    monkeypatch.setattr(sys, "_current_frames", frames)
    assert bell.after(10) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_forgets_the_parents_threads_and_supervises_its_own(bell: Bell) -> None:
    worker = Pausing(bell, heartbeat_s=1)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            threading.excepthook = lambda _: None
            system = AlertSystem()
            supervision = bell.system._core.supervision
            quiet = supervision.look(bell.clock.now()) == []
            with system.registered("mine", must_live=True):
                pass
            code = (
                0
                if quiet
                and [type(one).__name__ for one in system._core.supervision.look(system.clock.now())] == ["Event"]
                else 1
            )
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    worker.end()
