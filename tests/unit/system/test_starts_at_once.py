"""A system that several threads start and stop at once keeps nothing of it."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from tocsin import AlertConfig, AlertSystem

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_starts_and_stops_from_several_threads_leave_no_thread_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    bell = AlertSystem(AlertConfig(channels=[], default_rules=False, control=True), sensors=())
    failed: list[BaseException] = []

    def start_and_stop() -> None:
        try:
            for _ in range(25):
                bell.start()
                bell.stop(10.0)
        except BaseException as error:  # noqa: BLE001 - the test tells of it
            failed.append(error)

    before, interval_s = set(threading.enumerate()), sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # so that they come between each other
    try:
        threads = [threading.Thread(target=start_and_stop) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60.0)
            assert not thread.is_alive()
    finally:
        sys.setswitchinterval(interval_s)
    assert bell.stop(10.0)
    assert failed == []
    assert {thread.name for thread in set(threading.enumerate()) - before if "control" in thread.name} == set()
