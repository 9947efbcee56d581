"""Supervision of many threads, of none, and after a fork."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import pytest
from tests.unit.system.threads.supervision.conftest import LONG_S, Bell, Pausing

from tocsin import AlertSystem


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
