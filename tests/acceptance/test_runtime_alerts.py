"""Alerts of the interpreter with real threads, loops and processes: they come while it happens, and name the line."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Self

import pytest
from tests.unit.system.programs import run

from tocsin import AlertCategory, AlertConfig, AlertRule, AlertSeverity, AlertSystem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tocsin import PerformanceAlert

ENOUGH_S = 20.0
WARNING = AlertSeverity.WARNING


class Ear:
    """Hears alerts, and remembers when it did."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, PerformanceAlert]] = []
        self._rang = threading.Event()

    def __call__(self, alert: PerformanceAlert) -> None:
        if alert.resolved_at is None:
            self.heard.append((time.perf_counter(), alert))
            self._rang.set()

    def first(self, title: str) -> tuple[float, PerformanceAlert]:
        """The first alert of a rule, as soon as there is one."""
        until_s = time.perf_counter() + ENOUGH_S
        while time.perf_counter() < until_s:
            self._rang.wait(0.05)
            for at_s, alert in self.heard:
                if alert.title == title:
                    return at_s, alert
        raise AssertionError(f"{title} did not ring; heard: {self.heard}")


def proof(alert: PerformanceAlert, kind: str) -> list[str]:
    [found] = [one for one in alert.evidence if one.kind == kind]
    return list(found.lines)


def wait_until(ready: Callable[[], object]) -> None:
    until_s = time.perf_counter() + ENOUGH_S
    while not ready():
        assert time.perf_counter() < until_s, "it did not come about"
        threading.Event().wait(0.02)


class Server:
    """An event loop on a thread of its own, with a handler that blocks until it is released."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.began_s = 0.0
        self.release = threading.Event()
        self.released_in_time = True
        self.thread = threading.Thread(target=self.loop.run_forever, name="server", daemon=True)
        self.thread.start()

    def handler(self) -> None:
        self.began_s = time.perf_counter()
        self.released_in_time = self.release.wait(2 * ENOUGH_S)

    def block(self) -> None:
        self.release.clear()
        self.loop.call_soon_threadsafe(self.handler)

    def stop(self) -> None:
        if not self.loop.is_closed():
            self.release.set()
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(5)
            self.loop.close()


class Waits:
    """How late the machine lets a thread wake that waits and does nothing else, summed up: time that nobody had."""

    STEP_S = 0.01

    def __init__(self) -> None:
        self.late_s = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._wait, name="waits", daemon=True)

    def _wait(self) -> None:
        while not self._over.is_set():
            began_s = time.perf_counter()
            self._over.wait(self.STEP_S)
            self.late_s += max(time.perf_counter() - began_s - self.STEP_S, 0.0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(5)


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.stop()


def watched(ear: Ear, *rules: AlertRule) -> AlertSystem:
    return AlertSystem(AlertConfig(name="test", channels=[ear], rules=list(rules), control=False))


def line_of(function: Callable[..., object], text: str) -> int:
    lines, first = inspect.getsourcelines(function)
    return first + next(number for number, line in enumerate(lines) if text in line)


def ring_of_a_block(server: Server, ear: Ear, title: str) -> tuple[float, PerformanceAlert]:
    """Block the loop until it rings. The alert, and after how many seconds, but for those that the machine had not."""
    with Waits() as waits:
        server.block()
        at_s, alert = ear.first(title)
    server.release.set()
    assert server.released_in_time, "it rang when the block was over"
    return at_s - server.began_s - waits.late_s, alert


def within(limit_s: float, trial: Callable[[], tuple[float, PerformanceAlert]]) -> PerformanceAlert:
    """The alert, if it came in time; on a machine that is busy in fits, at the second or third attempt."""
    tried_s: list[float] = []
    while len(tried_s) < 3:
        after_s, alert = trial()
        if after_s <= limit_s:
            return alert
        tried_s.append(after_s)
    raise AssertionError(f"it rang after {tried_s} s, not within {limit_s} s")


def test_a_block_of_the_event_loop_rings_while_it_lasts_and_names_file_and_line(server: Server) -> None:
    def trial() -> tuple[float, PerformanceAlert]:
        ear = Ear()
        with watched(ear) as bell:
            bell.watch_loop(server.loop, "api")
            wait_until(lambda: bell.recent("tocsin.eventloop.lag", {"loop": "api"}))
            return ring_of_a_block(server, ear, "event-loop-blocked")

    alert = within(1.2, trial)
    line = line_of(Server.handler, "release.wait(")
    assert any(f"test_runtime_alerts.py:{line} in handler: " in text for text in proof(alert, "stack"))


def test_the_alert_on_a_loop_that_is_closed_is_over_at_once_and_says_why(server: Server) -> None:
    ear = Ear()
    with watched(ear) as bell:
        bell.watch_loop(server.loop, "request")
        wait_until(lambda: bell.recent("tocsin.eventloop.lag", {"loop": "request"}))
        server.block()
        _, alert = ear.first("event-loop-blocked")
        server.stop()
        wait_until(lambda: all(one.id != alert.id for one in bell.open_alerts()))
        [over] = [one for one in asyncio.run(bell.get_recent_alerts()) if one.id == alert.id]
    assert [step.why for step in over.trace if step.what == "resolved"] == ["the event loop has ended"]


def test_while_looking_closely_a_shorter_block_rings_much_sooner(server: Server) -> None:
    rule = AlertRule("loop-slow", AlertCategory.APPLICATION_LATENCY, WARNING, "100 ms", metric="tocsin.eventloop.lag")

    def trial() -> tuple[float, PerformanceAlert]:
        ear = Ear()
        with watched(ear, rule) as bell:
            bell.watch_loop(server.loop, "api")
            wait_until(lambda: bell.recent("tocsin.eventloop.lag", {"loop": "api"}))
            bell._core.tempo.elevate(bell.clock.now(), "the test")
            wait_until(lambda: len(bell.recent("tocsin.eventloop.lag", {"loop": "api"})) > 3)
            return ring_of_a_block(server, ear, "loop-slow")

    alert = within(0.4, trial)
    assert any("in handler: " in text for text in proof(alert, "stack"))


def test_a_thread_that_burns_cpu_is_named_with_its_function() -> None:
    ear, over = Ear(), threading.Event()

    def price_all_orders() -> None:
        total = 0
        while not over.is_set():
            for number in range(1000):
                total += number * number

    rule = AlertRule(
        "program-busy", AlertCategory.CPU_USAGE, WARNING, "4 %", metric="process.cpu.utilization", for_s=2.0
    )
    idle = [threading.Thread(target=over.wait, name=f"idle-{number}") for number in range(5)]
    burner = threading.Thread(target=price_all_orders, name="worker-3")
    with watched(ear, rule):
        for thread in [*idle, burner]:
            thread.start()
        try:
            _, alert = ear.first("program-busy")
        finally:
            over.set()
            for thread in [*idle, burner]:
                thread.join()
    lines = proof(alert, "threads")
    assert "worker-3" in lines[0]
    assert "test_runtime_alerts.py:" in lines[0]
    assert "in price_all_orders" in lines[0]
    assert not any("idle-" in line for line in lines)


def test_a_spike_that_is_over_before_anybody_looks_has_left_its_stack_in_the_alert() -> None:
    ear = Ear()

    def price_all_orders_once() -> None:
        until_s, total = time.perf_counter() + 3.0, 0
        while time.perf_counter() < until_s:
            for number in range(1000):
                total += number * number

    # A mean over five seconds crosses the bound when most of the spike is over.
    rule = AlertRule(
        "was-busy", AlertCategory.CPU_USAGE, WARNING, "4 %", metric="process.cpu.utilization",
        window_s=5.0, aggregate="avg", for_s=2.0,
    )  # fmt: skip
    with watched(ear, rule) as bell:
        burner = threading.Thread(target=price_all_orders_once, name="worker-4")
        burner.start()
        burner.join()
        ear.first("was-busy")
        wait_until(lambda: all(alert.title != "was-busy" for alert in bell.open_alerts()))  # long over
    lines = proof(ear.heard[0][1], "threads")
    assert any("in price_all_orders_once" in line for line in lines), lines


def test_a_long_collection_rings_with_its_generation_and_the_line_that_began_it() -> None:
    ear = Ear()

    def make_and_collect_cycles() -> float:
        kept: list[Any] = []
        for _ in range(300_000):
            ring: list[Any] = []
            ring.append(ring)
            kept.append(ring)
        kept.clear()
        began_s = time.perf_counter()
        gc.collect()
        return time.perf_counter() - began_s

    rule = AlertRule("gc-slow", AlertCategory.APPLICATION_LATENCY, WARNING, "10 ms", metric="tocsin.gc.pause")
    gc.disable()  # so that there is one collection, and its cause is known
    try:
        with watched(ear, rule) as bell:
            wait_until(lambda: bell.recent("tocsin.gc.pause"))
            took_s = make_and_collect_cycles()
            _, alert = ear.first("gc-slow")
    finally:
        gc.enable()
    assert alert.value is not None
    assert 0.01 < alert.value <= took_s
    [line] = proof(alert, "gc_pauses")
    assert "generation 2: " in line
    assert (
        f"test_runtime_alerts.py:{line_of(make_and_collect_cycles, 'gc.collect()')} in make_and_collect_cycles" in line
    )


def test_evidence_is_the_same_in_the_status_as_on_the_alert() -> None:
    ear = Ear()
    rule = AlertRule("threads", AlertCategory.CPU_USAGE, WARNING, 0.001, metric="always")
    with watched(ear, rule) as bell:
        bell.record("always", 1.0)
        _, alert = ear.first("threads")
        [shown] = [one for one in bell.status()["open_alerts"] if one["id"] == alert.id]
    [found] = [one for one in alert.evidence if one.kind == "threads"]
    assert {"kind": found.kind, "title": found.title, "lines": list(found.lines)} in shown["evidence"]


def test_after_the_stop_nobody_times_collections() -> None:
    before = list(gc.callbacks)
    bell = watched(Ear())
    with bell:
        wait_until(lambda: bell.recent("tocsin.gc.time"))
        assert len(gc.callbacks) == len(before) + 1
    assert gc.callbacks == before
    bell.start()
    wait_until(lambda: len(gc.callbacks) == len(before) + 1)
    bell.stop()
    assert gc.callbacks == before


def test_a_program_that_ends_while_it_is_watched_ends_at_once() -> None:
    done = run(
        """
        import gc, threading, tocsin
        bell = tocsin.AlertSystem(tocsin.AlertConfig(control=False)).start()
        while not gc.callbacks:
            threading.Event().wait(0.01)
        gc.collect()
        """
    )
    assert (done.code, done.err) == (0, "")
    assert done.took_s < 10


@pytest.mark.skipif(not hasattr(sys, "getwindowsversion") and not hasattr(__import__("os"), "fork"), reason="no fork")
def test_a_forked_child_times_nothing_and_knows_no_stacks_of_its_parent() -> None:
    done = run(
        """
        import gc, os, threading, tocsin
        bell = tocsin.AlertSystem(tocsin.AlertConfig(control=False)).start()
        while not gc.callbacks or not len(bell._core.sensing.runtime.witness.stacks):
            threading.Event().wait(0.01)
        child = os.fork()
        if child == 0:
            print(gc.callbacks, len(bell._core.sensing.runtime.witness.stacks), flush=True)
            bell.start()
            while not gc.callbacks:
                threading.Event().wait(0.01)
            gc.collect()
            print("watches again", bell.stop(), gc.callbacks, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print(len(gc.callbacks), flush=True)
        bell.stop()
        """
    )
    assert done.out.splitlines() == ["[] 0", "watches again True []", "1"], done.err
