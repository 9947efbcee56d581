"""The life of a system: it starts and stops in any order, and no error ends its watch."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin import AlertCategory, AlertConfig, AlertRule, AlertSeverity, AlertSystem, TocsinError, VirtualClock
from tocsin.testing import RecordingChannel, ScriptedSensor, system_for_tests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tocsin.clock import Instant

ENOUGH_S = 10.0
WARNING = AlertSeverity.WARNING


def a_rule(threshold: float = 50.0, **fields: Any) -> AlertRule:
    return AlertRule("depth-high", AlertCategory.GENERAL, WARNING, threshold, metric="depth", **fields)


class HookedSensor(ScriptedSensor):
    """Reads 1, or by a script, after it has done at each reading what it was given to do."""

    def __init__(self, hook: Callable[[int], object], *script: float) -> None:
        super().__init__("depth", script or [1.0])
        self.hook = hook

    def read(self, now: Instant) -> list[float]:
        line = super().read(now)
        self.hook(self.reads)
        return line


def until(condition: Callable[[], bool]) -> None:
    """Wait for what no event tells of; far longer than it can take."""
    until_s = time.monotonic() + ENOUGH_S
    while not condition():
        assert time.monotonic() < until_s
        threading.Event().wait(0.001)


def watch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "tocsin-watch"]


@pytest.fixture(autouse=True)
def no_watch_thread_is_left() -> Iterator[None]:
    before = set(watch_threads())
    yield
    for thread in set(watch_threads()) - before:
        thread.join(ENOUGH_S)
        assert not thread.is_alive()


# -- start, stop and cleanup


def test_there_is_no_thread_before_the_start_and_none_after_the_stop() -> None:
    system, _ = system_for_tests(sensors=[ScriptedSensor("depth", [1])])
    assert watch_threads() == []
    assert system.start() is system
    system.start()
    assert len(watch_threads()) == 1
    assert system.stop()
    assert system.stop()
    for thread in watch_threads():
        thread.join(ENOUGH_S)
    assert watch_threads() == []
    assert system.started_at is None


def test_a_system_that_was_stopped_starts_again() -> None:
    channel = RecordingChannel()
    sensor = ScriptedSensor("depth", [1, 99, 1])
    system, clock = system_for_tests(channel, sensors=[sensor], rules=[a_rule()])
    with system:
        clock.advance(0)
    assert sensor.reads == 1
    clock.advance(3)
    assert sensor.reads == 1
    with system:
        clock.advance(1)
    assert sensor.reads == 3
    assert channel.titles() == ["depth-high"]
    assert [alert.title for alert in channel.resolved] == ["depth-high"]


async def test_a_system_is_an_async_context_manager_too() -> None:
    system, _ = system_for_tests()
    async with system as entered:
        assert entered is system
        assert len(watch_threads()) == 1


def do(system: AlertSystem, step: str) -> None:
    """One step of a life, by name."""
    match step:
        case "start":
            system.start()
        case "stop":
            assert system.stop(ENOUGH_S)
        case "cleanup":
            asyncio.run(system.cleanup())
        case "emit":
            assert system.emit("Odd", source=str(time.monotonic_ns())).accepted
        case "fork" if hasattr(os, "fork"):
            child = os.fork()
            if child == 0:
                try:
                    system.emit("Odd in the child")
                    system.start()
                    os._exit(0 if system.stop(ENOUGH_S) else 1)
                finally:
                    os._exit(2)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


STEPS = st.lists(st.sampled_from(["start", "start", "stop", "cleanup", "emit", "fork"]), max_size=8)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_start_stop_cleanup_and_fork_in_any_order_leave_a_system_that_works(steps: list[str]) -> None:
    channel = RecordingChannel()
    system = AlertSystem(AlertConfig(channels=[channel], check_interval="50ms"), sensors=[ScriptedSensor("depth", [1])])
    for step in steps:
        do(system, step)
    alert = system._emit_alert("In the end", "it works", 3, "the end")
    assert alert is not None
    assert system.stop(ENOUGH_S)
    assert "In the end" in channel.titles()
    assert system._registered_threads == set()


@settings(max_examples=15, deadline=None)
@given(lives=st.lists(STEPS.map(lambda steps: [one for one in steps if one != "fork"]), min_size=2, max_size=4))
def test_start_stop_and_cleanup_may_come_from_several_threads_at_once(lives: list[list[str]]) -> None:
    channel = RecordingChannel()
    system = AlertSystem(AlertConfig(channels=[channel], check_interval="50ms"), sensors=[ScriptedSensor("depth", [1])])
    failed: list[BaseException] = []

    def live(steps: list[str]) -> None:
        try:
            for step in steps:
                # While another starts and stops it, a stop may find that there is more to deliver than time.
                system.stop(ENOUGH_S) if step == "stop" else do(system, step)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failed.append(error)

    threads = [threading.Thread(target=live, args=(steps,)) for steps in lives]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert failed == []

    assert system.start()._emit_alert("In the end", "it works", 3, "the end") is not None
    assert len(watch_threads()) == 1
    assert system.stop(ENOUGH_S)
    assert "In the end" in channel.titles()


def test_a_hundred_quick_starts_and_stops_are_no_deaths() -> None:
    # A thread that is asked to end and then to go on must go on; were it to die and be begun again by its coordinator,
    # the sixth time within a minute would be its last.
    system, _ = system_for_tests(sensors=[ScriptedSensor("depth", [1])], clock=None)
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(100):
            system.start()
            system.stop(0.0)
    finally:
        sys.setswitchinterval(before_s)
    system.start()
    assert system._emit_alert("t", "m", 1, "s") is not None
    assert len(watch_threads()) == 1
    assert system.counters()["watch_thread_deaths"] == 0
    assert system.stop(ENOUGH_S)


async def test_cleanup_of_a_system_whose_watch_thread_hangs_is_an_error_and_not_a_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tocsin.system.core.ANSWER_WITHIN_S", 0.05)
    begun, release = threading.Event(), threading.Event()

    def hang(_: int) -> None:
        begun.set()
        release.wait(60)

    system, _ = system_for_tests(sensors=[HookedSensor(hang)])
    system.start()
    assert begun.wait(ENOUGH_S)
    with pytest.raises(TocsinError, match="the watch thread"):
        await system.cleanup()
    release.set()
    assert system.stop(ENOUGH_S)


def test_a_sensor_that_hangs_holds_up_nobody_but_the_watch_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.system.doors.outside.ANSWER_WITHIN_S", 0.05)
    begun, release = threading.Event(), threading.Event()

    def hang(_: int) -> None:
        begun.set()
        release.wait(60)

    system, _ = system_for_tests(sensors=[HookedSensor(hang)])
    system.start()
    assert begun.wait(ENOUGH_S)
    began_s = time.monotonic()
    assert system.emit("Odd").accepted
    system.record("orders", 1.0)
    assert system.status()["program"] == "test"
    assert system.sensor_health()
    system.add_sensor(lambda: {"orders": 1.0})
    system.register_thread()
    result = asyncio.run(system.check_memory_usage())
    assert not result.triggered
    assert result.reason == "memory could not be measured"
    assert not system.stop(0.1)
    assert time.monotonic() - began_s < 8.0
    release.set()
    assert system.stop(ENOUGH_S)


# -- errors


def test_a_pass_that_fails_is_counted_and_tried_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    sensor = ScriptedSensor("depth", [1])
    system, clock = system_for_tests(sensors=[sensor], check_interval="1s", error_backoff="10s")
    collect = system._core.sensing.monitor.collect
    tried_at_s: list[float] = []

    def fail_three_times(now: Instant, interval_s: float, **options: Any) -> Any:
        tried_at_s.append(now.mono_s - 1000.0)
        if len(tried_at_s) <= 3:
            raise ZeroDivisionError("a bug of ours")
        return collect(now, interval_s, **options)

    monkeypatch.setattr(system._core.sensing.monitor, "collect", fail_three_times)
    with system:
        clock.advance(35)
        assert tried_at_s == [0.0, 10.0, 20.0, 30.0, 31.0, 32.0, 33.0, 34.0, 35.0]
        assert system.counters()["passes_failed"] == 3
        assert system.status()["last_error"] == "ZeroDivisionError: a bug of ours"
        assert system._emit_alert("It", "goes on", 1, "test") is not None
    assert sensor.reads == 6


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit()])
def test_a_sensor_that_ends_the_watch_thread_is_survived_and_counted(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def die_twice(reads: int) -> None:
        if reads in {2, 3}:
            raise error

    sensor = HookedSensor(die_twice)
    system, clock = system_for_tests(sensors=[sensor])
    with caplog.at_level(logging.WARNING, "tocsin"), system:
        until(lambda: clock.advance(1) or sensor.reads >= 7)  # type: ignore[func-returns-value]
        assert system.counters()["watch_thread_deaths"] == 2
        assert system._emit_alert("It", "goes on", 1, "test") is not None
        assert len(watch_threads()) == 1
    assert f"the watch thread died: {type(error).__name__}" in caplog.text
    assert f"the watch thread died: {type(error).__name__}" in system.status()["last_error"]


def test_a_watch_thread_that_dies_again_and_again_is_left_to_rest_and_callers_step_for_themselves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def die(_: int) -> None:
        raise GeneratorExit

    sensor = HookedSensor(die)
    system, _ = system_for_tests(sensors=[sensor])
    with caplog.at_level(logging.WARNING, "tocsin"), system:
        until(lambda: watch_threads() == [])
        assert sensor.reads == 6  # begun five times again within the minute
        assert system._emit_alert("Still", "heard", 1, "test") is not None
    assert system.counters()["watch_thread_deaths"] == 6
    assert "tocsin-watch died 5 times within a minute and is left to rest" in caplog.text


def test_without_a_thread_to_be_had_the_system_works_as_before_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoThread(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    channel = RecordingChannel()
    system, _ = system_for_tests(channel)
    monkeypatch.setattr(threading, "Thread", NoThread)
    with system:
        assert system._emit_alert("Odd", "but told", 2, "test") is not None
        assert channel.titles() == ["Odd"]
    assert "no watch thread" in system.status()["last_error"]


# -- the interval


def test_the_interval_is_half_as_long_at_most_while_alerts_are_fresh() -> None:
    times_s: list[float] = []
    clock = VirtualClock()
    sensor = HookedSensor(lambda _: times_s.append(clock.now().mono_s - 1000.0))
    system, _ = system_for_tests(sensors=[sensor], clock=clock, check_interval="10s", dynamic_interval=True)
    with system:
        clock.advance(20)
        assert times_s == [0.0, 10.0, 20.0]
        assert system.interval_s() == 10.0
        system._emit_alert("Odd", "m", 2, "test")
        assert system.history.get_recent(minutes=1)
        assert system.interval_s() <= 5.0
        clock.advance(15)
        assert system.interval_s() == 5.0
        times_s.clear()
        clock.advance(40)
        assert len(times_s) == 8
        clock.advance(10)
        assert not system.history.get_recent(minutes=1)
        assert system.interval_s() == 10.0
        times_s.clear()
        clock.advance(100)
        assert len(times_s) == 10


def test_the_interval_stays_when_it_is_not_to_adapt() -> None:
    system, _ = system_for_tests(check_interval="10s", dynamic_interval=False)
    system._emit_alert("Odd", "m", 2, "test")
    assert system.interval_s() == 10.0


# -- gaps


def test_a_breach_lasts_as_long_as_somebody_looked() -> None:
    channel = RecordingChannel()
    sensor = ScriptedSensor("depth", [99])
    system, clock = system_for_tests(channel, sensors=[sensor], rules=[a_rule(for_s=30.0)])
    with system:
        clock.advance(29)
        assert channel.titles() == []
        clock.advance(1)
        assert system.flush()
        assert channel.titles() == ["depth-high"]


def test_the_sleep_of_the_machine_is_no_breach() -> None:
    channel = RecordingChannel()
    system, clock = system_for_tests(channel, sensors=[ScriptedSensor("depth", [99])], rules=[a_rule(for_s=30.0)])
    with system:
        clock.advance(20)
        clock.suspend(3600)
        clock.advance(9)
        assert system.flush()
        assert channel.titles() == []
        clock.advance(1)
        assert system.flush()
        assert channel.titles() == ["depth-high"]


def test_a_time_in_which_nobody_looked_is_no_breach() -> None:
    channel = RecordingChannel()
    system, clock = system_for_tests(channel, sensors=[ScriptedSensor("depth", [99])], rules=[a_rule(for_s=30.0)])
    for _ in range(21):
        system._core.one_pass()
        clock.advance(1)
    clock.advance(3600)  # the process was stopped, and goes on
    for _ in range(9):
        system._core.one_pass()
        clock.advance(1)
    assert system.flush()
    assert channel.titles() == []
    for _ in range(2):
        system._core.one_pass()
        clock.advance(1)
    assert system.flush()
    assert channel.titles() == ["depth-high"]


def test_setting_the_wall_clock_changes_no_duration() -> None:
    channel = RecordingChannel()
    system, clock = system_for_tests(channel, sensors=[ScriptedSensor("depth", [99])], rules=[a_rule(for_s=30.0)])
    with system:
        clock.advance(10)
        clock.set_wall_clock(clock.now().utc.replace(year=2036))
        clock.advance(10)
        clock.set_wall_clock(clock.now().utc.replace(year=2016))
        clock.advance(9)
        assert system.flush()
        assert channel.titles() == []
        clock.advance(1)
        assert system.flush()
        assert channel.titles() == ["depth-high"]


# -- on the caller's loop


def _rings(event: asyncio.Event, after: int) -> Callable[[int], None]:
    def hook(reads: int) -> None:
        if reads >= after:
            event.set()

    return hook


async def test_the_callers_loop_can_do_the_watching_and_ends_by_stop() -> None:
    channel, enough = RecordingChannel(), asyncio.Event()
    sensor = HookedSensor(_rings(enough, 6), 1, 1, 99, 99, 1)
    system, _ = system_for_tests(
        channel, sensors=[sensor], clock=VirtualClock(autojump=True), rules=[a_rule(for_s=1.0)]
    )
    watching = asyncio.ensure_future(system.monitor_resources())
    await asyncio.wait_for(enough.wait(), ENOUGH_S)
    assert watch_threads() == []
    system.stop()
    await asyncio.wait_for(watching, ENOUGH_S)
    assert channel.titles() == ["depth-high"]
    assert len(channel.resolved) == 1


async def test_watching_on_the_callers_loop_ends_when_it_is_cancelled() -> None:
    enough = asyncio.Event()
    sensor = HookedSensor(_rings(enough, 3))
    system, _ = system_for_tests(sensors=[sensor], clock=VirtualClock(autojump=True))
    watching = asyncio.ensure_future(system.monitor_resources())
    await asyncio.wait_for(enough.wait(), ENOUGH_S)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert system._emit_alert("It", "goes on", 1, "test") is not None


async def test_a_pass_that_fails_on_the_callers_loop_is_counted_and_backed_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = VirtualClock(autojump=True)
    system, _ = system_for_tests(sensors=[ScriptedSensor("depth", [1])], clock=clock, error_backoff="10s")
    tried_at_s: list[float] = []

    def fail() -> None:
        tried_at_s.append(clock.now().mono_s - 1000.0)
        if len(tried_at_s) == 3:
            system.stop()
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(system._core, "one_pass", fail)
    await system.monitor_resources()
    assert tried_at_s == [0.0, 10.0, 20.0]
    assert system.counters()["passes_failed"] == 3


async def test_a_started_system_is_not_stepped_twice_by_the_callers_loop() -> None:
    sensor = ScriptedSensor("depth", [1])
    clock = VirtualClock()
    system, _ = system_for_tests(sensors=[sensor], clock=clock)
    with system:
        watching = asyncio.ensure_future(system.monitor_resources())
        for _ in range(10):
            await asyncio.sleep(0)
            clock.advance(1)
        assert sensor.reads == 11
        watching.cancel()
