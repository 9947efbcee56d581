"""Registered threads that fall silent."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.unit.system.threads.supervision.conftest import LONG_S, Bell, Pausing

from tocsin import ConfigError


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
