"""What was measured is in the journal: after a stop, after a crash up to the last chunk, and behind a full disk."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

from tocsin import AlertConfig, AlertSystem, VirtualClock
from tocsin.journal.reading import JournalReader
from tocsin.journal.writer import FILE
from tocsin.model.readings import SeriesKey
from tocsin.testing import ScriptedSensor

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tocsin.journal.history.reading import HistoryPoint

ENOUGH_S = 20.0
LEVEL = SeriesKey("app.level")


def a_system(state: Path, clock: VirtualClock) -> AlertSystem:
    sensor = ScriptedSensor("app.level", [float(number % 50) for number in range(3000)])
    config = AlertConfig(state_dir=state, channels=[], default_rules=False)
    return AlertSystem(config, sensors=[sensor], clock=clock)


def passes(system: AlertSystem, clock: VirtualClock, count: int) -> None:
    for _ in range(count):
        system._core.one_pass()
        clock.advance(1.0)


def points(state: Path) -> list[HistoryPoint]:
    reader = JournalReader(state / FILE)
    try:
        return reader.history.points([LEVEL], since_unix_s=0.0, until_unix_s=time.time() * 2)[LEVEL]
    finally:
        reader.close()


def test_every_reading_is_there_after_a_stop(tmp_path: Path) -> None:
    clock = VirtualClock()
    system = a_system(tmp_path, clock)
    began_s = clock.now().utc.timestamp()
    passes(system, clock, 700)
    assert system.stop(ENOUGH_S)

    found = points(tmp_path)

    assert [point.value for point in found] == [float(number % 50) for number in range(700)]
    assert [round(point.at_unix_s - began_s) for point in found] == list(range(700))


def test_a_crash_loses_at_most_the_last_five_minutes(tmp_path: Path) -> None:
    clock = VirtualClock()
    system = a_system(tmp_path, clock)
    passes(system, clock, 700)

    assert system.flush(ENOUGH_S)  # what was posted is on disk; the process ends here, in a way

    assert len(points(tmp_path)) >= 600
    assert system.stop(ENOUGH_S)


def test_the_next_run_goes_on_behind_the_last(tmp_path: Path) -> None:
    clock = VirtualClock()
    for _ in range(2):
        system = a_system(tmp_path, clock)
        passes(system, clock, 50)
        assert system.stop(ENOUGH_S)

    found = points(tmp_path)

    assert [point.value for point in found] == 2 * [float(number) for number in range(50)]
    assert all(after.at_unix_s > before.at_unix_s for before, after in pairwise(found))


def test_while_the_disk_fails_readings_wait_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    system = a_system(tmp_path, clock)
    passes(system, clock, 10)
    journal = system._core.recorder._journal  # type: ignore[attr-defined]  # it has a state directory
    monkeypatch.setattr(journal, "_recovered", lambda: None)  # what is small enough is written all the same
    journal.reason = "the disk is full"
    passes(system, clock, 400)
    journal.flush(ENOUGH_S)
    assert points(tmp_path) == []
    journal.reason = ""
    passes(system, clock, 10)
    assert system.stop(ENOUGH_S)

    assert len(points(tmp_path)) == 420
