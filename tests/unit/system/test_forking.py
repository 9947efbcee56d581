"""A fork at any moment: no child hangs, and each starts clean."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.unit.system.programs import run

from tocsin import MonitoringCoordinator, start
from tocsin.testing import RecordingChannel, ScriptedSensor, system_for_tests

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

ENOUGH_S = 10

# Mutant proof: with a `threading.Lock` around the hand-over in `Intake.offer`, as a `queue.Queue` has one, 496 of the
# 500 children hung on a started system and 497 of those of `tocsin.emit`, in emit itself and for ever.
FORKS = """
    import json, os, signal, sys, threading, time

    import tocsin

    forks, way = int(sys.argv[1]), sys.argv[2]
    if way == "started":
        system = tocsin.AlertSystem(tocsin.AlertConfig(channels=[lambda alert: None], check_interval="50ms")).start()
        emit = system.emit
    else:
        system, emit = None, tocsin.emit
    emit("Warm")

    over = threading.Event()
    sys.setswitchinterval(1e-4)  # threads are interrupted anywhere, inside of emit above all

    def keep_emitting(number):
        turn = 0
        while not over.is_set():
            turn += 1
            emit(f"Odd {turn % 50}", "from the parent", 2, f"thread-{number}")

    threads = [threading.Thread(target=keep_emitting, args=(n,), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()

    began_s = time.monotonic()
    failed, hung, running = 0, 0, {}

    def reap(block_s):
        global failed, hung
        until_s = time.monotonic() + block_s
        while running:
            for child, at_s in tuple(running.items()):
                done, status = os.waitpid(child, os.WNOHANG)
                if done:
                    del running[child]
                    failed += os.waitstatus_to_exitcode(status) != 0
                elif time.monotonic() - at_s > 10.0:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    del running[child]
                    hung += 1
            if time.monotonic() >= until_s:
                return
            time.sleep(0.001)

    for number in range(forks):
        child = os.fork()
        if child == 0:
            receipt = emit("From the child", str(number), 3, "child")
            os._exit(0 if receipt.accepted else 1)
        running[child] = time.monotonic()
        reap(0.0)
    reap(30.0)
    over.set()
    print(json.dumps({"failed": failed, "hung": hung, "left": len(running), "took_s": time.monotonic() - began_s}))
    sys.stdout.flush()
    os._exit(0)
"""


@pytest.mark.parametrize("way", ["started", "tocsin.emit"])
def test_no_child_of_five_hundred_forks_among_emitting_threads_hangs(way: str) -> None:
    done = run(FORKS, "500", way, options=["-W", "ignore"], timeout_s=90.0)
    assert done.code == 0, done.err[-2000:]
    counted = json.loads(done.out)
    assert (counted["hung"], counted["failed"], counted["left"]) == (0, 0, 0)


def in_a_child(call: Callable[[], bool]) -> bool:
    """Fork, do it there with a deadline. Whether it came to its end and returned true."""
    child = os.fork()
    if child == 0:
        # On its main thread: another one could bear the ident of a thread of the parent, and so pass for the owner of
        # an RLock that was held there.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(ENOUGH_S)
        try:
            os._exit(0 if call() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_is_not_started_and_knows_no_alert_of_its_parent() -> None:
    channel = RecordingChannel()
    system, _ = system_for_tests(channel, sensors=[ScriptedSensor("depth", [1])])
    with system:
        system.record("orders", 1.0)
        system._emit_alert("Odd", "in the parent", 2, "test")
        assert system.flush()
        channel.notices.clear()

        def starts_clean() -> bool:
            clean = system.started_at is None and system.open_alerts() == () and system.history.alerts == []
            clean = clean and not system._core.sensing.metrics._queue
            system.emit("Odd", "in the child", 2, "test")
            return clean and system.flush() and channel.titles() == ["Odd"]

        assert in_a_child(starts_clean)
        assert channel.titles() == []


def test_a_child_may_start_and_stop_the_system_for_itself() -> None:
    sensor = ScriptedSensor("depth", [1])
    system, clock = system_for_tests(sensors=[sensor])

    def watches() -> bool:
        before = sensor.reads
        with system:
            clock.advance(3)
        return sensor.reads == before + 4

    with system:
        assert in_a_child(watches)


def test_the_system_of_watch_watches_again_in_a_child() -> None:
    done = run("""
        import os, threading, tocsin
        system = tocsin.watch(tocsin.AlertConfig(channels=[], control=False))
        child = os.fork()
        if child == 0:
            names = [thread.name for thread in threading.enumerate()]
            os._exit(0 if system.started_at is not None and "tocsin-watch" in names else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """)
    assert (done.code, done.out) == (0, "0\n"), done.err


def test_a_child_keeps_no_lock_of_a_shared_coordinator() -> None:
    system, _ = system_for_tests()
    system.coordinator = coordinator = MonitoringCoordinator()

    def registers() -> bool:
        system.register_thread()
        return len(coordinator.threads) == 1

    with coordinator._lock:
        assert in_a_child(registers)


def test_a_child_keeps_no_lock_of_the_register_the_stepper_or_the_sensors() -> None:
    system, _ = system_for_tests(sensors=[ScriptedSensor("depth", [1])])

    def works() -> bool:
        system.register_thread()
        system._core.one_pass()
        return system._emit_alert("Odd", "m", 1, "s") is not None

    core = system._core
    with system._threads._lock, core.stepper._lock, core.sensing.reading, core.sensing._monitor_lock, core.watch._lock:
        assert in_a_child(works)


def test_a_child_keeps_no_lock_of_the_making_of_the_default_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_current", None)

    def makes_its_own() -> bool:
        return start.current() is not None

    with start._lock:
        assert in_a_child(makes_its_own)


def test_a_child_is_not_held_up_by_a_listener_that_was_at_work_in_the_parent() -> None:
    begun, release = threading.Event(), threading.Event()
    here = os.getpid()
    heard_by_the_child: list[str] = []

    def listen(title: str) -> None:
        if os.getpid() != here:
            heard_by_the_child.append(title)
            return
        begun.set()
        release.wait(60)

    system, _ = system_for_tests()
    system.alert_triggered.connect(listen)
    with system:
        system.emit("Odd")
        assert begun.wait(ENOUGH_S)

        def is_heard() -> bool:
            system.emit("In the child", source="child")
            return heard_by_the_child == ["In the child"]

        assert in_a_child(is_heard)
        release.set()


def test_a_child_may_connect_while_the_parent_was_connecting() -> None:
    system, _ = system_for_tests()

    def connects() -> bool:
        system.alert_triggered.connect(print)
        return True

    with system.alert_triggered._connecting:
        assert in_a_child(connects)


# A module that another thread was loading at the fork is half loaded in the child, and its lock is held for ever. With
# the sensors made by the first pass, one child in eight of a program that forks at once never read anything.
NO_IMPORTS = """
    import sys, time

    import tocsin

    system = tocsin.watch(tocsin.AlertConfig(channels=[lambda alert: None], check_interval="50ms", control=False))
    before = set(sys.modules)
    until_s = time.monotonic() + 30
    while system.memory._last is None and time.monotonic() < until_s:
        time.sleep(0.05)
    assert system.memory._last is not None
    system.stop()
    print(*sorted(set(sys.modules) - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what sensors load elsewhere is psutil's")
def test_the_watch_thread_loads_no_module() -> None:
    done = run(NO_IMPORTS)
    assert (done.code, done.out.split()) == (0, []), done.err
