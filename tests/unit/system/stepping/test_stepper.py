"""One stepper at a time: whoever calls, or the watch thread; and nobody waits for himself."""

from __future__ import annotations

import gc
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.system.programs import run

from tocsin.testing import RecordingChannel, ScriptedSensor, system_for_tests

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin import AlertSystem
    from tocsin.clock import Instant
    from tocsin.model.inputs import Input

ENOUGH_S = 10.0


def interrupt_steps(system: AlertSystem, call: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the next step of the engine be interrupted by a call, as a signal handler or a finalizer does."""
    step = system._core.engine.step
    left = [call]

    def interrupted(inputs: Sequence[Input], now: Instant) -> Any:
        if left:
            left.pop()()
        return step(inputs, now)

    monkeypatch.setattr(system._core.engine, "step", interrupted)


@pytest.mark.parametrize("started", [False, True], ids=["never started", "started"])
def test_a_call_that_interrupts_a_step_on_the_same_thread_does_not_wait_for_itself(
    started: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    channel = RecordingChannel()
    system, clock = system_for_tests(channel, sensors=[ScriptedSensor("depth", [1])])
    answers: list[object] = []

    def come_between() -> None:
        system.emit("From a finalizer", source="a")
        answers.append(system._emit_alert("and one that waits", "m", 2, "b"))
        answers.append(system.emit("and a durable one", source="c", durable=True).accepted)
        answers.append(system.resolve("unknown"))

    interrupt_steps(system, come_between, monkeypatch)
    if started:
        system.start()
        clock.advance(1)
    else:
        system.emit("Odd", source="d")
    assert system.flush(ENOUGH_S)
    assert answers == [None, True, False]
    assert {"From a finalizer", "and one that waits", "and a durable one"} <= set(channel.titles())
    assert system.counters()["passes_failed"] == 0
    assert system.stop(ENOUGH_S)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_a_signal_handler_may_emit_at_any_moment() -> None:
    channel = RecordingChannel()
    system, _ = system_for_tests(channel)
    handled: list[None] = []

    def handle(*_: object) -> None:
        handled.append(None)
        system.emit("From the handler", source=f"handler {len(handled) % 5}")
        system._emit_alert("It waits", "m", 1, f"handler {len(handled) % 5}")
        signal.setitimer(signal.ITIMER_REAL, 0.0005)

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0005)
    try:
        number = 0
        while len(handled) < 300:
            number += 1
            system.emit(f"From the program {number % 20}", source="program")
            system._emit_alert("Waits", "m", 1, "program")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert system.flush(ENOUGH_S)
    counts = system._core.intake.counts()
    assert counts["waiting"] == 0
    assert counts["offered"] == number + len(handled)
    assert system.counters()["passes_failed"] == 0


# In a program of its own: pytest and Hypothesis have callbacks of the collector, in which an interrupt is an error.
INTERRUPTED = """
    import signal, tocsin
    from tocsin.testing import RecordingChannel, system_for_tests

    def interrupt(*_):
        raise KeyboardInterrupt

    channel = RecordingChannel()
    system, _ = system_for_tests(channel)
    signal.signal(signal.SIGALRM, interrupt)
    interrupted = 0
    while interrupted < 300:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0005)
            # It comes to an end: an interrupt within a callback of the interpreter's own is lost.
            for number in range(2000):
                system.emit(f"Odd {number % 20}", source="program")
        except KeyboardInterrupt:
            interrupted += 1
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    alert = system._emit_alert("In the end", "it works", 3, "the end")
    flushed = system.flush(10)
    whole = {alert.source for alert in channel.alerts} <= {"program", "the end"}  # no event was torn apart
    print(alert is not None, flushed, "In the end" in channel.titles(), whole)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_ctrl_c_at_any_moment_leaves_a_system_that_works() -> None:
    done = run(INTERRUPTED)
    assert (done.code, done.out) == (0, "True True True True\n"), done.err


def test_a_finalizer_may_emit_whenever_the_collector_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    system, _ = system_for_tests()

    class Tells:
        def __del__(self) -> None:
            system._emit_alert("Gone", "m", 1, "finalizer")

    def make_garbage() -> None:
        one: list[Any] = [Tells()]
        one.append(one)

    step = system._core.engine.step

    def collecting(inputs: Sequence[Input], now: Instant) -> Any:
        outcome = step(inputs, now)
        gc.collect()
        return outcome

    monkeypatch.setattr(system._core.engine, "step", collecting)
    for _ in range(5):
        make_garbage()
        assert system._emit_alert("Odd", "m", 1, "program") is not None
    monkeypatch.undo()
    assert system.flush(ENOUGH_S)
    assert {alert.title: alert.count for alert in system.open_alerts()} == {"Odd": 5, "Gone": 5}


def test_many_threads_step_a_system_that_was_never_started_and_lose_nothing() -> None:
    system, _ = system_for_tests(suppress_after=1000)
    answers: list[object] = []

    def live(number: int) -> Callable[[], None]:
        def steps() -> None:
            for turn in range(50):
                system.emit(f"Odd {turn}", source=f"thread {number}")
                answers.append(system._emit_alert("Waits", "m", 1, f"thread {number}"))

        return steps

    threads = [threading.Thread(target=live(number)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert system.flush(ENOUGH_S)
    assert None not in answers
    alerts = system.open_alerts()
    assert sum(alert.count for alert in alerts) == 800
    assert len(alerts) == 8 * 51
    assert system._core.intake.counts()["waiting"] == 0


def test_a_step_that_fails_harms_nobody_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    system, _ = system_for_tests()

    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    with monkeypatch.context() as patch:
        patch.setattr(system._core.engine, "step", fail)
        assert system.emit("Odd").accepted
        assert system._emit_alert("Odd", "m", 1, "s") is None
        assert not system.resolve("x")
    assert system.counters()["passes_failed"] == 3
    assert system._emit_alert("Odd", "m", 1, "s") is not None


def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, release = threading.Event(), threading.Event()

    class Hangs(ScriptedSensor):
        def read(self, now: Instant) -> list[float]:
            begun.set()
            release.wait(60)
            return super().read(now)

    system, _ = system_for_tests(sensors=[Hangs("depth", [1])])
    system.start()
    assert begun.wait(ENOUGH_S)
    assert system._core.stepper.ask(lambda _: [], 0.01) is None
    release.set()
    assert system.stop(ENOUGH_S)
