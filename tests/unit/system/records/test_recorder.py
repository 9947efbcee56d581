"""A system with a state directory: what is durable, what comes back, and what a disk that fails does to it."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertConfig, AlertRule, AlertSystem, VirtualClock
from tocsin.channels.function import FunctionChannel
from tocsin.errors import DeliveryError
from tocsin.journal.reading import JournalReader, read_left
from tocsin.journal.writer import FILE
from tocsin.model.levels import AlertCategory, AlertCondition, AlertSeverity, AlertState

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.model.alert import PerformanceAlert

ENOUGH_S = 20.0
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX")


class Bell:
    """What a channel heard, over several runs of a program."""

    def __init__(self, *, down: bool = False) -> None:
        self.heard: list[str] = []
        self.down = down

    def hear(self, alert: PerformanceAlert) -> None:
        if self.down:
            raise DeliveryError("down", permanent=False)
        self.heard.append(f"{alert.state.value} {alert.title}")


def a_system(state: Path | None, bell: Bell, *, clock: VirtualClock | None = None, **fields: object) -> AlertSystem:
    rule = AlertRule("high", AlertCategory.GENERAL, AlertSeverity.WARNING, 10, metric="app.level")
    config = AlertConfig(
        state_dir=state, channels=[FunctionChannel(bell.hear, name="bell")], rules=[rule], default_rules=False,
        **fields,  # type: ignore[arg-type]
    )  # fmt: skip
    return AlertSystem(config, sensors=(), clock=clock)


def titles_in(folder: Path) -> list[str]:
    """What the journal in a folder has, newest first."""
    reader = JournalReader(folder / FILE)
    titles = [alert.title for alert in reader.alerts()]
    reader.close()
    return titles


def test_a_durable_event_is_on_disk_when_its_receipt_says_so(tmp_path: Path) -> None:
    system = a_system(tmp_path, Bell())
    receipt = system.emit("Odd", "m", "warning", "app", durable=True)
    assert (receipt.durable, receipt.reason) == (True, "")
    reader = JournalReader(tmp_path / FILE)
    assert [alert.id for alert in reader.alerts()] == [receipt.id]
    assert [(before, after) for _, before, after, _ in reader.transitions(receipt.id)] == [("inactive", "firing")]
    reader.close()
    assert system.stop(ENOUGH_S)


def test_without_a_state_directory_the_receipt_says_why_it_is_not_durable() -> None:
    receipt = a_system(None, Bell()).emit("Odd", "m", "warning", "app", durable=True)
    assert not receipt.durable
    assert "state_dir" in receipt.reason


def test_an_open_alert_goes_on_after_a_restart_and_is_not_told_again(tmp_path: Path) -> None:
    bell = Bell()
    with a_system(tmp_path, bell) as first:
        first.emit("Odd", "m", "warning", "app", durable=True)
        alert = first.open_alerts()[0]
        first.acknowledge(alert.id, "ann", "on it")
    with a_system(tmp_path, bell) as second:
        second.flush(ENOUGH_S)
        [again] = second.open_alerts()
        assert again.id == alert.id
        assert again.acknowledgement is not None
        assert again.acknowledgement.by == "ann"
        assert second.resolve(again.fingerprint)
        assert second.flush(ENOUGH_S)
    assert bell.heard == ["firing Odd"]


def test_what_was_told_and_what_came_of_it_is_written_down(tmp_path: Path) -> None:
    with a_system(tmp_path, Bell()) as system:
        receipt = system.emit("Odd", "m", "warning", "app", durable=True)
        assert system.flush(ENOUGH_S)
    reader = JournalReader(tmp_path / FILE)
    [(notice, channel, kind, _, state, attempts, done)] = reader.notices(receipt.id)
    assert (channel, kind, state, attempts) == ("bell", "firing", "delivered", 1)
    assert done is not None
    assert [outcome for _, _, outcome, _ in reader.deliveries(notice)] == ["delivered"]
    reader.close()


def test_a_notice_that_reached_nobody_is_told_by_the_next_run(tmp_path: Path) -> None:
    bell = Bell(down=True)
    clock = VirtualClock()
    first = a_system(tmp_path, bell, clock=clock)
    assert first.emit("Odd", "m", "warning", "app", durable=True).durable
    first._core.telling.delivery.after_fork()  # the process is gone before the channel came back
    assert first._core.close_journal(ENOUGH_S)
    bell.down = False
    with a_system(tmp_path, bell) as second:
        assert second.flush(ENOUGH_S)
    assert bell.heard == ["firing Odd"]


def test_a_channel_whose_receiver_forgets_is_reminded_of_what_still_fires(tmp_path: Path) -> None:
    class Forgetful:
        name = "bell"

        def __init__(self) -> None:
            self.reminded: list[str] = []

        async def send_alert(self, alert: PerformanceAlert) -> None:
            """Heard, and forgotten."""

        def restore(self, alerts: list[PerformanceAlert]) -> None:
            self.reminded += [alert.title for alert in alerts]

    channels = [Forgetful(), Forgetful()]
    for channel in channels:
        config = AlertConfig(state_dir=tmp_path, channels=[channel], default_rules=False)
        with AlertSystem(config, sensors=()) as system:
            if channel is channels[0]:
                assert system.emit("Odd", durable=True).durable
    assert [channel.reminded for channel in channels] == [[], ["Odd"]]


def test_a_second_system_on_the_same_folder_has_one_of_its_own(tmp_path: Path) -> None:
    first, second = a_system(tmp_path, Bell()), a_system(tmp_path, Bell())
    assert first.emit("One", durable=True).durable
    assert second.emit("Two", durable=True).durable
    assert titles_in(tmp_path) == ["One"]
    assert first._core.recorder.owns_host()
    assert not second._core.recorder.owns_host()


def test_a_folder_that_cannot_be_made_leaves_all_in_memory_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    bell = Bell()
    with a_system(tmp_path / "file" / "state", bell) as system:
        receipt = system.emit("Odd", "m", "warning", "app", durable=True)
        assert not receipt.durable
        assert "state_dir" in receipt.reason
        assert system.flush(ENOUGH_S)
    assert bell.heard == ["firing Odd"]


def test_a_rules_alert_that_ended_while_the_program_was_away_is_told_once(tmp_path: Path) -> None:
    bell = Bell()
    with a_system(tmp_path, bell) as first:
        first.record("app.level", 50.0)
        _pass(first)
        assert first.flush(ENOUGH_S)
    with a_system(tmp_path, bell) as second:
        second.record("app.level", 1.0)
        _pass(second)
        assert second.flush(ENOUGH_S)
    assert bell.heard == ["firing high", "resolved high"]


def _pass(system: AlertSystem) -> None:
    system._core.ask_now(lambda _: ())
    system._core.one_pass()


@posix
def test_the_owner_takes_over_what_a_process_has_left_that_is_gone(tmp_path: Path) -> None:
    owner_bell, guest_bell = Bell(), Bell()
    owner = a_system(tmp_path, owner_bell)
    assert owner.emit("Own", durable=True).durable
    child = os.fork()
    if child == 0:
        try:
            durable = a_system(tmp_path, guest_bell).emit("Guest", durable=True).durable
            os._exit(0 if durable else 1)  # without an end: as if it had been killed
        except BaseException:  # noqa: BLE001 - no test runner in the child
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert list((tmp_path / "guests").iterdir())
    assert owner.stop(ENOUGH_S)
    heir = a_system(tmp_path, owner_bell)
    assert heir.emit("Heir", durable=True).durable
    assert list((tmp_path / "guests").iterdir()) == []
    reader = JournalReader(tmp_path / FILE)
    states = {alert.title: alert.state for alert in reader.alerts()}
    reader.close()
    assert states["Guest"] is AlertState.RESOLVED
    assert states["Own"] is AlertState.FIRING
    assert heir.stop(ENOUGH_S)


def test_a_system_that_is_stopped_twice_or_started_again_goes_on_with_what_it_has(tmp_path: Path) -> None:
    bell, next_bell = Bell(), Bell()
    system = a_system(tmp_path, bell)
    with system:
        system.record("app.level", 50.0)
        _pass(system)
        assert system.flush(ENOUGH_S)
    assert system.stop(ENOUGH_S)
    with system:
        [alert] = system.open_alerts()
        assert system.flush(ENOUGH_S)

    with a_system(tmp_path, next_bell) as heir:
        heir.record("app.level", 50.0)
        _pass(heir)
        assert heir.flush(ENOUGH_S)
        assert [one.id for one in heir.open_alerts()] == [alert.id]
    assert (bell.heard, next_bell.heard) == (["firing high"], [])


def test_what_rules_have_learned_is_written_every_five_minutes_and_found_by_the_next_run(tmp_path: Path) -> None:
    rule = AlertRule(
        "odd", AlertCategory.GENERAL, AlertSeverity.WARNING, condition=AlertCondition.ANOMALOUS, metric="app.level"
    )
    clock = VirtualClock()

    def a_learner() -> AlertSystem:
        config = AlertConfig(state_dir=tmp_path, channels=[], rules=[rule], default_rules=False)
        return AlertSystem(config, sensors=(), clock=clock)

    def learned(system: AlertSystem) -> Any:
        [one] = system._core.engine.learners._known.values()
        return one.detector.to_state()

    first = a_learner()
    for number in range(400):
        first.record("app.level", 40.0 + number % 5)
        clock.advance(1.0)
        first._core.one_pass()
    assert first._core.recorder.sync(ENOUGH_S) == ""
    kept = read_left(tmp_path / FILE).learned  # as after a kill: nothing was closed
    assert kept is not None
    assert first.stop(ENOUGH_S)

    second = a_learner()
    second.record("app.level", 41.0)
    clock.advance(1.0)
    second._core.one_pass()
    assert learned(second)["readings"] == learned(first)["readings"] + 1
    assert second.stop(ENOUGH_S)


@posix
def test_a_forked_child_writes_into_a_folder_of_its_own(tmp_path: Path) -> None:
    system = a_system(tmp_path, Bell())
    assert system.emit("Parent", durable=True).durable
    child = os.fork()
    if child == 0:
        try:
            durable = system.emit("Child", durable=True).durable
            os._exit(0 if durable and not system._core.recorder.owns_host() else 1)
        except BaseException:  # noqa: BLE001 - no test runner in the child
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert system.emit("Parent again", durable=True).durable
    assert sorted(titles_in(tmp_path)) == ["Parent", "Parent again"]


@posix
def test_a_program_that_is_killed_finds_its_alerts_when_it_starts_again(tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text(textwrap.dedent(f"""
        import sys, tocsin
        system = tocsin.watch(tocsin.AlertConfig(state_dir={os.fspath(tmp_path / "state")!r}, default_rules=False))
        print(*(alert.title for alert in system.open_alerts()), sep=",", flush=True)
        durable = system.emit("Run " + sys.argv[1], durable=True).durable
        print(durable and system.flush(20), flush=True)
        input()
    """))  # fmt: skip
    seen = []
    for number in range(3):
        program = subprocess.Popen(
            [sys.executable, script, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert program.stdout is not None
        program.stdout.readline()
        assert program.stdout.readline() == "True\n"
        program.send_signal(signal.SIGKILL)
        _, err = program.communicate()
        seen.append(re.findall(r" firing (Run \d+):", err))
    # Each run tells its own event, and not those of the runs before.
    assert seen == [["Run 0"], ["Run 1"], ["Run 2"]]
    connection = sqlite3.connect(tmp_path / "state" / FILE)
    rows = connection.execute("SELECT state, count(*) FROM alerts GROUP BY state").fetchall()
    connection.close()
    assert rows == [(AlertState.FIRING.value, 4)]  # and the one on how the runs before ended
