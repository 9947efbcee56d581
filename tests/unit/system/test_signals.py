"""Signals: who listens harms only himself, wherever he listens from and whatever he does."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psygnal
import pytest
from tests.unit.system.programs import run

from tocsin import AlertState, AlertSystem, PerformanceAlert
from tocsin.testing import RecordingChannel, system_for_tests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENOUGH_S = 10.0


@pytest.fixture(params=["never started", "started"])
def system(request: pytest.FixtureRequest) -> Iterator[AlertSystem]:
    system, _ = system_for_tests()
    if request.param == "started":
        system.start()
    yield system
    system.stop(ENOUGH_S)


@pytest.fixture
def started() -> Iterator[AlertSystem]:
    system, _ = system_for_tests()
    with system:
        yield system


def ring(system: AlertSystem, title: str = "Odd", source: str = "test") -> None:
    system._emit_alert(title, "message", 2, source)
    assert system.flush(ENOUGH_S)


# -- connecting


def test_a_listener_is_called_with_title_message_and_level(system: AlertSystem) -> None:
    heard: list[tuple[str, str, int]] = []
    slot = system.alert_triggered.connect(lambda title, message, level: heard.append((title, message, level)))
    ring(system)
    assert heard == [("Odd", "message", 2)]
    assert type(heard[0][2]) is int
    system.alert_triggered.disconnect(slot)
    ring(system)
    assert len(heard) == 1


def test_a_listener_may_take_fewer_values(system: AlertSystem) -> None:
    titles: list[str] = []
    calls: list[None] = []
    system.alert_triggered.connect(titles.append)
    system.alert_triggered.connect(lambda: calls.append(None))
    ring(system)
    assert titles == ["Odd"]
    assert calls == [None]


def test_a_listener_that_takes_more_than_there_is_is_refused(system: AlertSystem) -> None:
    with pytest.raises(ValueError, match="Accepted signature"):
        system.alert_triggered.connect(lambda a, b, c, d: None)
    assert len(system.alert_triggered) == 0


def test_connect_can_be_a_decorator(system: AlertSystem) -> None:
    heard: list[PerformanceAlert] = []

    @system.alert_changed.connect
    def hear(alert: PerformanceAlert) -> None:
        heard.append(alert)

    ring(system)
    system.resolve(heard[0].fingerprint)
    assert system.flush(ENOUGH_S)
    assert [alert.state for alert in heard] == [AlertState.FIRING, AlertState.RESOLVED]
    system.alert_changed.disconnect()
    ring(system)
    assert len(heard) == 2


def test_a_bound_method_does_not_keep_its_object_alive(system: AlertSystem) -> None:
    class Listener:
        def __init__(self) -> None:
            self.heard: list[str] = []

        def hear(self, title: str) -> None:
            self.heard.append(title)

    listener = Listener()
    heard = listener.heard
    system.alert_triggered.connect(listener.hear)
    ring(system)
    assert heard == ["Odd"]
    del listener
    gc.collect()
    ring(system, "Later")
    assert heard == ["Odd"]
    assert system.counters()["listeners_failed"] == 0


def test_a_bound_method_can_be_disconnected(system: AlertSystem) -> None:
    class Listener(list[str]):
        def hear(self, title: str) -> None:
            self.append(title)

    listener = Listener()
    system.alert_triggered.connect(listener.hear)
    system.alert_triggered.disconnect(listener.hear)
    ring(system)
    assert listener == []


def test_listeners_that_connect_from_many_threads_at_once_are_all_heard(system: AlertSystem) -> None:
    heard: list[int] = []
    barrier = threading.Barrier(20)

    def connect(number: int) -> Callable[[], None]:
        def on_a_thread() -> None:
            barrier.wait(ENOUGH_S)
            system.alert_triggered.connect(lambda: heard.append(number))

        return on_a_thread

    threads = [threading.Thread(target=connect(number)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ENOUGH_S)
    assert len(system.alert_triggered) == 20
    ring(system)
    assert sorted(heard) == list(range(20))


def test_psygnal_is_not_loaded_before_somebody_listens() -> None:
    done = run("""
        import sys, tocsin
        system = tocsin.AlertSystem(tocsin.AlertConfig(channels=[]))
        system.emit("Odd")
        system.flush()
        before = "psygnal" in sys.modules
        system.alert_triggered.connect(print)
        print(before, "psygnal" in sys.modules)
    """)
    assert (done.code, done.out) == (0, "False True\n"), done.err


# -- on which thread


def test_never_started_a_listener_is_called_on_the_emitting_thread() -> None:
    system, _ = system_for_tests()
    threads: list[threading.Thread] = []
    system.alert_triggered.connect(lambda: threads.append(threading.current_thread()))
    system._emit_alert("Odd", "m", 2, "test")
    assert threads == [threading.current_thread()]


def test_started_each_listener_is_called_on_a_thread_of_its_own(started: AlertSystem) -> None:
    threads: list[threading.Thread] = []
    for _ in range(2):
        started.alert_triggered.connect(lambda: threads.append(threading.current_thread()))
    ring(started)
    assert len({threading.current_thread(), *threads}) == 3
    assert all(thread.daemon for thread in threads)


def test_a_listener_may_ask_for_the_main_thread_where_a_queue_is_worked_off(system: AlertSystem) -> None:
    threads: list[threading.Thread] = []
    system.alert_triggered.connect(lambda: threads.append(threading.current_thread()), thread="main")
    raising = threading.Thread(target=ring, args=(system,))
    raising.start()
    raising.join(ENOUGH_S)
    assert threads == []
    psygnal.emit_queued()
    assert threads == [threading.main_thread()]


def test_a_qt_main_loop_calls_listeners_on_its_own_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("PySide6.QtCore", exc_type=ImportError)
    pytest.importorskip("qtpy")
    done = run(
        """
        import threading, tocsin
        from PySide6.QtCore import QCoreApplication, QTimer
        from psygnal.qt import start_emitting_from_queue

        application = QCoreApplication([])
        start_emitting_from_queue()
        system = tocsin.AlertSystem(tocsin.AlertConfig(channels=[])).start()

        def hear(title, message, level):
            print(title, level, threading.current_thread() is threading.main_thread(), flush=True)
            application.quit()

        system.alert_triggered.connect(hear, thread="main")
        threading.Thread(target=system.emit, args=("Odd", "m", 2, "s")).start()
        QTimer.singleShot(10_000, application.quit)
        application.exec()
        """,
        QT_QPA_PLATFORM="offscreen",
        QT_API="pyside6",
    )
    assert (done.code, done.out) == (0, "Odd 2 True\n"), done.err


# -- who misbehaves


def test_a_listener_that_raises_is_counted_and_the_others_hear(system: AlertSystem) -> None:
    heard: list[str] = []

    def fail(title: str) -> None:
        raise ZeroDivisionError(title)

    system.alert_triggered.connect(fail)
    system.alert_triggered.connect(heard.append)
    ring(system)
    assert heard == ["Odd"]
    assert system.counters()["listeners_failed"] == 1
    ring(system)
    assert system.counters()["listeners_failed"] == 2


def test_a_listener_that_ends_its_thread_is_counted_and_called_again(started: AlertSystem) -> None:
    heard: list[str] = []

    def leave(title: str) -> None:
        heard.append(title)
        if len(heard) == 1:
            sys.exit(1)

    started.alert_triggered.connect(leave)
    ring(started)
    ring(started)
    assert heard == ["Odd", "Odd"]
    assert started.counters()["listeners_failed"] == 1


def test_a_listener_that_blocks_holds_up_nobody_else(started: AlertSystem) -> None:
    begun, release = threading.Event(), threading.Event()
    heard: list[str] = []
    channel = RecordingChannel("second")
    started.add_channel(channel)

    def block(_: str) -> None:
        begun.set()
        release.wait(60)

    started.alert_triggered.connect(block)
    started.alert_triggered.connect(heard.append)
    started._emit_alert("Odd", "m", 2, "test")
    assert begun.wait(ENOUGH_S)
    began_s = time.monotonic()
    for number in range(3):
        assert started._emit_alert(f"More {number}", "m", 2, f"source {number}") is not None
    assert time.monotonic() - began_s < 5.0
    assert started._core.telling.delivery.flush(ENOUGH_S)
    assert started.alert_triggered._listeners[1].worker.flush(ENOUGH_S)
    assert heard == ["Odd", "More 0", "More 1", "More 2"]
    assert channel.titles() == heard
    release.set()
    assert started.flush(ENOUGH_S)


def test_flushing_many_blocked_listeners_takes_no_longer_than_one(started: AlertSystem) -> None:
    release = threading.Event()
    begun = threading.Barrier(21)

    def block() -> None:
        begun.wait(ENOUGH_S)
        release.wait(60)

    for _ in range(20):
        started.alert_triggered.connect(block)
    started._emit_alert("Odd", "m", 2, "test")
    begun.wait(ENOUGH_S)
    began_s = time.monotonic()
    assert not started.flush(0.2)
    assert time.monotonic() - began_s < 2.0  # twenty times 0.2 s would be 4
    release.set()


def test_what_a_blocked_listener_cannot_be_told_is_counted(
    started: AlertSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, release = threading.Event(), threading.Event()

    def block(_: PerformanceAlert) -> None:
        begun.set()
        release.wait(60)

    started.alert_changed.connect(block)
    started._emit_alert("first", "m", 2, "test")
    assert begun.wait(ENOUGH_S)
    monkeypatch.setattr(started.alert_changed._listeners[0].worker, "_capacity", 2)
    for number in range(5):
        started._emit_alert(str(number), "m", 2, "test")
    assert started.counters()["listeners_failed"] == 3
    release.set()


# -- who emits in turn


def test_a_listener_that_emits_the_same_alert_ends_by_suppression(system: AlertSystem) -> None:
    heard: list[str] = []

    def echo(title: str) -> None:
        heard.append(title)
        system.emit(title, "again", 2, "test")

    system.alert_triggered.connect(echo)
    ring(system)
    until_quiet(system)
    assert heard == ["Odd"] * 3


def test_a_listener_that_waits_for_the_judgement_of_what_it_emits_does_not_wait_for_itself(
    system: AlertSystem,
) -> None:
    answers: list[object] = []

    def echo(title: str) -> None:
        answers.append(system._emit_alert(title, "again", 2, "test"))

    system.alert_triggered.connect(echo)
    ring(system)
    until_quiet(system)
    assert len(answers) == 3
    assert None not in answers


def until_quiet(system: AlertSystem) -> None:
    """Until nothing comes of what came of it."""
    while True:
        before = system._core.intake.counts()["offered"], system.counters()
        assert system.flush(ENOUGH_S)
        if before == (system._core.intake.counts()["offered"], system.counters()):
            return


@pytest.mark.parametrize("signal", ["alert_triggered", "alert_changed"])
def test_never_started_a_listener_that_always_emits_something_new_is_stopped_and_counted(signal: str) -> None:
    system, _ = system_for_tests()
    calls: list[Any] = []

    def go_on_for_ever(*values: object) -> None:
        calls.append(values)
        system.emit(f"New {len(calls)}", "m", 2, f"source {len(calls)}")

    getattr(system, signal).connect(go_on_for_ever)
    system.emit("Odd")
    assert 1 <= len(calls) <= 10
    assert system.counters()["listeners_failed"] >= 1
    assert len(system.open_alerts()) == len(calls) + 1  # it is only called no more; what it emitted was judged


def test_never_started_listeners_of_both_signals_and_of_two_systems_cannot_chase_each_other_for_ever() -> None:
    (one, _), (two, _) = system_for_tests(), system_for_tests()
    calls: list[str] = []

    def tell(other: AlertSystem) -> Callable[[], None]:
        def emit() -> None:
            calls.append("call")
            other.emit(f"New {len(calls)}", "m", 2, f"source {len(calls)}")

        return emit

    for system, other in ((one, two), (two, one)):
        system.alert_triggered.connect(tell(other))
        system.alert_changed.connect(tell(other))
    one.emit("Odd")
    assert len(calls) <= 100


def test_started_a_listener_that_always_emits_something_new_can_still_be_stopped(started: AlertSystem) -> None:
    # Nothing recurses, but each answer is a new event; it goes on until the system, or the listener, is stopped.
    many = threading.Event()
    calls: list[None] = []

    def go_on_for_ever(_: PerformanceAlert) -> None:
        calls.append(None)
        if len(calls) > 50:
            many.set()
        started.emit(f"New {len(calls)}", "m", 2, f"source {len(calls)}")

    started.alert_changed.connect(go_on_for_ever)
    started.emit("Odd")
    assert many.wait(ENOUGH_S)
    assert started._emit_alert("Somebody else", "is heard", 3, "test") is not None
    started.alert_changed.disconnect()
    until_quiet(started)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_calls_its_listeners_only_for_what_is_its_own(started: AlertSystem) -> None:
    begun, release = threading.Event(), threading.Event()
    heard: list[str] = []

    def hear(title: str) -> None:
        heard.append(title)
        begun.set()
        if title == "first":
            release.wait(60)

    started.alert_triggered.connect(hear)
    started.emit("first")
    assert begun.wait(ENOUGH_S)
    started._emit_alert("waits for the listener", "m", 2, "test")
    child = os.fork()
    if child == 0:
        started.emit("the child's", source="child")
        os._exit(0 if heard == ["first", "the child's"] else 1)
    release.set()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert started.flush(ENOUGH_S)
    assert heard == ["first", "waits for the listener"]
