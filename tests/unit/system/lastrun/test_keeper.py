"""The record of a run, over its life: told once at the start, kept up to date, closed in order."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.unit.system.lastrun.test_ending import RECORD

from tocsin import AlertConfig, AlertSystem, SystemClock, VirtualClock
from tocsin.model.readings import SeriesKey
from tocsin.system.lastrun import record
from tocsin.system.lastrun.keeper import EVERY_S, SETTLED_S, RunKeeper
from tocsin.system.lastrun.kernel import Kernel
from tocsin.system.lastrun.news import TITLE
from tocsin.system.lastrun.record import FILE
from tocsin.system.lastrun.uncaught import Uncaught
from tocsin.testing import RecordingChannel

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.model.inputs import Input

ENOUGH_S = 20.0


class Asked:
    """A system that knows a little."""

    def __init__(self, folder: Path | None) -> None:
        self.place = folder

    def folder(self) -> Path | None:
        return self.place

    def latest(self, keys: frozenset[SeriesKey]) -> dict[SeriesKey, float]:
        assert SeriesKey("process.memory.usage") in keys
        return {SeriesKey("process.memory.usage"): 812e6, SeriesKey("process.memory.limit"): float("nan")}

    def open_alerts(self) -> tuple[()]:
        return ()

    def memory_report(self) -> None:
        return None


def a_keeper(folder: Path | None) -> tuple[VirtualClock, RunKeeper]:
    clock = VirtualClock()
    return clock, RunKeeper("orders", clock, Asked(folder))


def news(found: list[Input]) -> list[str]:
    return [one.message for one in found if hasattr(one, "message")]


def dead(folder: Path, **changes: object) -> None:
    """A record of a process that is gone."""
    kernel = Kernel().counts(SystemClock().now())
    gone = msgspec.structs.replace(RECORD, pid=2**22 + 1, start_ticks=1, kernel=kernel)
    record.write(folder, msgspec.structs.replace(gone, **changes))


def test_a_first_run_and_one_behind_a_clean_one_say_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        clock, keeper = a_keeper(tmp_path)
        keeper.begin()
        assert keeper.look(clock.now()) == []
        assert keeper.end(1.0)
        assert keeper.look(clock.now()) == []
    assert json.loads((tmp_path / FILE).read_text())["end"]["kind"] == "stopped"
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_without_a_folder_nothing_is_kept() -> None:
    clock, keeper = a_keeper(None)
    keeper.begin()
    assert keeper.look(clock.now()) == []
    keeper.note_exit()
    assert keeper.end(1.0)


def test_the_end_of_the_run_before_is_told_once(tmp_path: Path) -> None:
    dead(tmp_path)
    clock, keeper = a_keeper(tmp_path)
    keeper.begin()
    [message] = news(keeper.look(clock.now()))
    assert "ended, and it is not known how" in message
    assert keeper.look(clock.now()) == []
    keeper.end(1.0)


def test_runs_that_end_badly_one_after_the_other_are_counted_and_a_long_one_begins_anew(tmp_path: Path) -> None:
    unclean = []
    for lived_s in (5.0, 5.0, 5.0, SETTLED_S + 1, 5.0):
        clock, keeper = a_keeper(tmp_path)
        keeper.begin()
        begun = record.read(tmp_path)
        assert begun is not None
        unclean.append(begun.unclean)
        keeper.look(clock.now())
        clock.advance(lived_s)
        keeper.look(clock.now())
        left = record.read(tmp_path)
        assert left is not None
        keeper.after_fork()  # as if it were gone
        dead(tmp_path, lived_s=lived_s, unclean=left.unclean)
    assert unclean == [0, 1, 2, 3, 1]


def test_a_record_that_cannot_be_read_is_an_end_that_is_not_known(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"{")
    clock, keeper = a_keeper(tmp_path)
    keeper.begin()
    [message] = news(keeper.look(clock.now()))
    assert "its record says nothing" in message
    keeper.end(1.0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no telling without /proc")
def test_a_process_that_lives_has_not_ended(tmp_path: Path) -> None:
    _, first = a_keeper(tmp_path)
    first.begin()
    clock, second = a_keeper(tmp_path)
    second.begin()
    assert second.look(clock.now()) == []
    first.end(1.0)
    second.end(1.0)


def test_the_record_is_written_every_ten_seconds_and_says_how_things_are(tmp_path: Path) -> None:
    clock, keeper = a_keeper(tmp_path)
    keeper.begin()
    (tmp_path / FILE).unlink()
    clock.advance(EVERY_S - 1)
    keeper.look(clock.now())
    assert not (tmp_path / FILE).exists()
    clock.advance(1.0)
    keeper.look(clock.now())
    found = record.read(tmp_path)
    assert found is not None
    assert (found.pid, found.rss_mb, found.limit_mb, found.lived_s) == (os.getpid(), 812.0, None, EVERY_S)
    assert found.stacks[0] == "MainThread:"
    assert any("test_keeper.py" in line for line in found.stacks)
    assert not any("lastrun/facts" in line for line in found.stacks)
    keeper.end(1.0)


def test_of_other_processes_of_the_program_only_what_is_surely_bad_is_told(tmp_path: Path) -> None:
    clock, keeper = a_keeper(tmp_path)
    keeper.begin()
    guest = tmp_path / "guest"
    guest.mkdir()
    dead(guest)
    keeper.orphaned(guest)
    assert keeper.look(clock.now()) == []
    (guest / "crash.txt").write_text("Fatal Python error: Aborted\n")
    keeper.orphaned(guest)
    assert "crashed: Aborted" in news(keeper.look(clock.now()))[0]
    keeper.end(1.0)


def test_a_full_disk_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(record, "write", full)
    clock, keeper = a_keeper(tmp_path)
    keeper.begin()
    clock.advance(EVERY_S)
    assert keeper.look(clock.now()) == []
    assert keeper.end(1.0)


# -- in a system


def a_system(state: Path) -> tuple[AlertSystem, RecordingChannel]:
    bell = RecordingChannel("bell")
    config = AlertConfig(
        name="orders", state_dir=state, channels=[bell], default_rules=False, control=False, check_interval=0.05
    )
    return AlertSystem(config, sensors=()), bell


def test_it_is_one_alert_with_a_count_that_lasts_until_a_run_has_lived_for_long(tmp_path: Path) -> None:
    for number in (1, 2):
        dead(tmp_path, unclean=number - 1, lived_s=5.0)
        system, bell = a_system(tmp_path)
        with system:
            while not bell.notices:
                threading.Event().wait(0.01)
            [alert] = system.open_alerts()
            assert (alert.title, alert.count) == (TITLE, number)
    system, _ = a_system(tmp_path)
    with system:
        keeper = system._core.last_run
        assert isinstance(keeper, RunKeeper)
        assert keeper._begun is not None
        later = keeper._begun.plus(SETTLED_S + 1.0)
        assert system._core.stepper.ask(lambda _: keeper.look(later)) is not None
        assert list(system.open_alerts()) == []


@pytest.mark.skipif(os.name != "posix", reason="POSIX")
def test_a_handler_of_the_programs_own_is_left_alone(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    heard: list[int] = []
    system, _ = a_system(tmp_path)
    try:
        with system:
            assert signal.getsignal(signal.SIGTERM) == before
            signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


# -- exceptions of threads and tasks


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_exceptions_of_threads_and_tasks_are_remembered_and_shown_as_before(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: shown.append(str(args.exc_value)))
    uncaught = Uncaught()
    uncaught.begin()
    thread = threading.Thread(target=lambda: os.environ["NO_SUCH"], name="w")
    thread.start()
    thread.join()

    async def fail() -> None:
        raise ValueError("of a task")

    async def run() -> None:
        task = asyncio.ensure_future(fail())
        await asyncio.wait([task])

    with caplog.at_level(logging.ERROR, "asyncio"):
        asyncio.run(run())
        gc.collect()
    uncaught.end()
    assert uncaught.count == 2
    in_thread, in_task = uncaught.lines()
    assert in_thread.startswith("thread 'w': KeyError: 'NO_SUCH' (")
    assert in_task.startswith("task: ValueError: of a task (")
    assert shown == ["'NO_SUCH'"]
    assert "Task exception was never retrieved" in caplog.text
    assert logging.getLogger("asyncio").filters == []
