"""A running system takes another configuration: as a whole or not at all, and says which."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertCategory, AlertConfig, AlertRule, AlertSeverity, AlertSystem, VirtualClock, load_config
from tocsin.config import again
from tocsin.system.reload import rooms
from tocsin.testing import RecordingChannel, ScriptedSensor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENOUGH_S = 10.0
HIGH = '[[rule]]\nname = "high"\nmetric = "depth"\nthreshold = 50\n'
OTHER = '[[rule]]\nname = "other"\nmetric = "depth"\nthreshold = 60\n'


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(again, "SETTLE_S", 0.0)


class Rig:
    """A system on a file, with a bell that the file does not know of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bell = RecordingChannel("bell")
        self.clock = VirtualClock()
        self.sensor = ScriptedSensor("depth", [70.0])
        self.write(HIGH)
        config = load_config(path).replace(channels=[self.bell])
        self.system = AlertSystem(config, clock=self.clock, sensors=[self.sensor])

    def write(self, text: str) -> None:
        self.path.write_text(f"default_rules = false\ndynamic_interval = false\n{text}")

    def pass_once(self, after_s: float = 1.0) -> None:
        self.clock.advance(after_s)
        self.system._core.one_pass()

    def told(self) -> list[str]:
        assert self.system.flush(ENOUGH_S)
        return [f"{notice.kind.value} {alert.title}" for notice in self.bell.notices for alert in notice.alerts]

    def rules(self) -> list[str]:
        return [compiled.rule.name for compiled in self.system._core.engine.rules]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "tocsin.toml")
    yield rig
    assert rig.system.stop(ENOUGH_S)


def test_a_file_that_has_not_changed_changes_nothing(rig: Rig) -> None:
    rig.pass_once()
    found = rig.system.reload()
    rig.pass_once()
    assert (found.applied, found.changes, rig.told()) == (True, (), ["firing high"])


def test_what_changed_is_said_and_in_force_everywhere(rig: Rig) -> None:
    rig.pass_once()
    rig.write(f"storm_after = 7\n{OTHER}")
    found = rig.system.reload()
    assert found.changes == ("storm_after: 60 becomes 7", "rule 'high' is gone", "rule 'other' is new")
    rig.pass_once()
    assert rig.rules() == [rule.name for rule in rig.system.rules] == ["other"]
    assert rig.told() == ["firing high", "resolved high", "firing other"]
    assert (rig.system.config.storm_after, rig.system._core.config.storm_after) == (7, 7)
    assert rig.system._core.engine.decisions.teller.storm.after == 7


BROKEN = {
    "broken": ("[[rule]\n", "syntax"),
    "half a table": ('[[rule]]\nname = "high"\n', "threshold"),
    "an unknown key": (f"cpu_treshold = 5\n{HIGH}", "cpu_threshold"),
    "a fixed setting": (f'state_dir = "elsewhere"\nstorm_after = 7\n{OTHER}', "the journal of what is open lies in it"),
    "a secret that is not there": (f'{OTHER}[[channel]]\ntype = "slack"\nurl = "env:TOCSIN_NO"\n', "TOCSIN_NO"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), BROKEN.values(), ids=BROKEN)
def test_with_any_mistake_in_it_nothing_of_the_old_configuration_is_lost(
    rig: Rig, text: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    rig.pass_once()
    before, open_before = rig.system.config, rig.system.open_alerts()[0].id
    rig.write(text)
    with caplog.at_level(logging.WARNING, "tocsin"):
        found = rig.system.reload()
    assert not found.applied
    assert reason in " ".join(found.reasons)
    assert reason in caplog.text
    assert (rig.system.config, rig.rules()) == (before, ["high"])
    assert rig.system._core.config == before
    rig.pass_once()
    assert rig.told() == ["firing high", "firing Configuration refused"]
    refused = next(alert for alert in rig.system.open_alerts() if alert.title == "Configuration refused")
    assert reason in refused.message
    assert refused.severity is AlertSeverity.WARNING
    assert open_before in {alert.id for alert in rig.system.open_alerts()}
    rig.write(HIGH)
    assert rig.system.reload().applied


def test_a_file_that_is_gone_leaves_the_old_configuration(rig: Rig) -> None:
    rig.path.unlink()
    found = rig.system.reload()
    assert (found.applied, rig.rules()) == (False, ["high"])
    assert "no file at this path" in found.reasons[0]


def test_a_configuration_of_python_is_not_taken_anew() -> None:
    system = AlertSystem(AlertConfig(channels=[]), sensors=[])
    found = system.reload()
    assert (found.applied, found.reasons[0][:42]) == (False, "its configuration was not read from a file")
    system.stop(ENOUGH_S)


def test_a_fault_of_our_own_leaves_the_old_configuration(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(rig.system._core.engine, "reload", fail)
    rig.write(OTHER)
    found = rig.system.reload()
    assert (found.applied, found.reasons) == (False, ("RuntimeError: a fault",))
    assert rig.rules() == [rule.name for rule in rig.system.rules] == ["high"]


def test_while_a_step_takes_too_long_nothing_changes(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.system.reload.reloader.BETWEEN_STEPS_S", 0.01)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        assert release.wait(ENOUGH_S)

    stepper = rig.system._core.stepper
    thread = threading.Thread(target=stepper.between_steps, args=(hold,))
    thread.start()
    assert held.wait(ENOUGH_S)
    monkeypatch.setattr(rig.system._core, "ask_now", lambda _: None)  # the event, too, would wait for that step
    rig.write(OTHER)
    found = rig.system.reload()
    release.set()
    thread.join(ENOUGH_S)
    assert not found.applied
    assert "has taken more than" in found.reasons[0]
    assert (rig.rules(), rig.system.config.rules[0].name) == (["high"], "high")


def test_what_the_program_added_removed_and_switched_itself_stays(rig: Rig) -> None:
    rig.write(HIGH + OTHER)
    rig.system.reload()
    rig.system.add_rule(AlertRule("own", AlertCategory.GENERAL, AlertSeverity.WARNING, 1, metric="depth"))
    rig.system.disable_rule("high")
    rig.system.remove_rule("other")
    rig.system.add_channel(RecordingChannel("added"))
    rig.write(f"storm_after = 7\n{HIGH}{OTHER}")
    assert rig.system.reload().changes == ("storm_after: 60 becomes 7",)
    assert {rule.name: rule.enabled for rule in rig.system.rules} == {"high": False, "own": True}
    assert rig.system.channel_names() == ["bell", "added"]
    rig.write(f"storm_after = 7\n{HIGH.replace('50', '55')}{OTHER}")
    assert rig.system.reload().changes == ("rule 'high' is changed",)
    assert {rule.name: rule.enabled for rule in rig.system.rules} == {"high": True, "own": True}


def test_a_rule_and_a_channel_that_the_program_adds_while_the_file_is_read_are_not_lost(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.write(OTHER)
    put = rooms.put_in_force

    def late(*given: Any) -> Any:
        rig.system.add_rule(AlertRule("own", AlertCategory.GENERAL, AlertSeverity.WARNING, 1, metric="depth"))
        rig.system.add_channel(RecordingChannel("added"))
        return put(*given)

    monkeypatch.setattr("tocsin.system.reload.reloader.put_in_force", late)
    assert rig.system.reload().applied
    assert sorted(rig.rules()) == sorted(rule.name for rule in rig.system.rules) == ["other", "own"]
    assert rig.system.channel_names() == ["bell", "added"]
    assert [route.channel for route in rig.system._core.telling.routes] == ["bell", "added"]
    assert list(rig.system._core.engine.decisions.teller.desks) == ["bell", "added"]


# -- channels


def lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def channel(name: str, more: str = "") -> str:
    return f'[[channel]]\ntype = "file"\nname = "{name}"\npath = "{name}.jsonl"\n{more}\n'


@pytest.fixture
def told_by_file(tmp_path: Path) -> Iterator[AlertSystem]:
    (tmp_path / "tocsin.toml").write_text(f"default_rules = false\n{channel('one')}")
    system = AlertSystem(load_config(tmp_path / "tocsin.toml"), clock=VirtualClock(), sensors=[])
    yield system
    system.stop(ENOUGH_S)


def test_a_channel_with_the_same_options_goes_on_though_it_is_told_other_things(
    told_by_file: AlertSystem, tmp_path: Path
) -> None:
    delivery = told_by_file._core.telling.delivery
    before = delivery.channel("one")
    critical = channel("one", 'severity = "critical"')
    (tmp_path / "tocsin.toml").write_text(f"default_rules = false\n{critical}")
    assert told_by_file.reload().changes == ("channel 'one' is told other things",)
    assert delivery.channel("one") is before
    told_by_file.emit("a", "m", "warning", "s")
    told_by_file.emit("b", "m", "critical", "s")
    assert told_by_file.flush(ENOUGH_S)
    assert lines(tmp_path / "one.jsonl") == 1


def test_a_channel_with_other_options_is_made_anew_and_counts_on(told_by_file: AlertSystem, tmp_path: Path) -> None:
    delivery = told_by_file._core.telling.delivery
    told_by_file.emit("a", "m", "warning", "s")
    assert told_by_file.flush(ENOUGH_S)
    before = delivery.channel("one")
    (tmp_path / "tocsin.toml").write_text(f"default_rules = false\n{channel('one', 'keep = 7')}")
    assert told_by_file.reload().changes == ("channel 'one' is made anew",)
    assert delivery.channel("one") is not before
    told_by_file.emit("b", "m", "warning", "s2")
    assert told_by_file.flush(ENOUGH_S)
    assert (lines(tmp_path / "one.jsonl"), delivery.counts()["one"]["delivered"]) == (2, 2)


def test_a_channel_comes_and_another_goes(told_by_file: AlertSystem, tmp_path: Path) -> None:
    told_by_file.emit("a", "m", "warning", "s")
    (tmp_path / "tocsin.toml").write_text(f"default_rules = false\n{channel('two')}")
    assert told_by_file.reload().changes == ("channel 'one' is gone", "channel 'two' is new")
    told_by_file.emit("b", "m", "warning", "s2")
    assert told_by_file.flush(ENOUGH_S)
    assert [lines(tmp_path / f"{name}.jsonl") for name in ("one", "two")] == [1, 1]
    assert [route.channel for route in told_by_file._core.telling.routes] == ["two"]


def test_a_channel_may_not_take_the_name_of_one_that_the_program_added(
    told_by_file: AlertSystem, tmp_path: Path
) -> None:
    told_by_file.add_channel(RecordingChannel("two"))
    (tmp_path / "tocsin.toml").write_text(f"default_rules = false\n{channel('one')}{channel('two')}")
    found = told_by_file.reload()
    assert not found.applied
    assert "the program added a channel of this name itself" in found.reasons[0]


def test_a_secret_that_was_exchanged_makes_the_channel_anew(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("one")
    path = tmp_path / "tocsin.toml"
    path.write_text('default_rules = false\n[[channel]]\ntype = "pagerduty"\nkey = "file:key"\n')
    system = AlertSystem(load_config(path), clock=VirtualClock(), sensors=[])
    assert system.reload().changes == ()
    (tmp_path / "key").write_text("two")
    assert system.reload().changes == ("channel 'pagerduty' is made anew",)
    system.stop(ENOUGH_S)


# -- settings


def test_settings_of_single_rooms_are_taken_by_them(rig: Rig) -> None:
    rig.pass_once()
    rig.write(
        'check_interval = "2s"\nself_budget = "3 %"\nstuck_after = "9s"\nerror_backoff = "7s"\nemit_queue_size = 2\n'
        'suppress_after = 9\nevent_ttl = "77s"\nhistory_size = 5\nmax_open_alerts = 6\nfalse_alarms_per_week = 2\n'
        f'reload_on_change = true\n{HIGH}[heartbeat]\nurl = "https://hc.example/x"\nevery = "30s"\n'
    )
    assert rig.system.reload().applied
    core = rig.system._core
    assert core.interval_s() == core.engine.interval_s == 2.0
    assert core.sensing.monitor._budget.share == core.memory.room._share == 0.03
    assert (core.supervision._stuck_after_s, core.supervision._standing.stuck_after_s) == (9.0, 9.0)
    assert core.watch._error_backoff_s == 7.0
    assert core.intake.limit == 12
    teller = core.engine.decisions.teller
    assert (teller.suppressor.after, core.engine.decisions._events._ttl_s) == (9, 77.0)
    assert (core.engine.history.max_size, core.engine.decisions._events._max_open) == (5, 6)
    status = core.heartbeat.status()
    assert status is not None
    assert status["every_s"] == 30.0


def test_how_much_the_journal_keeps_may_change(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_text('default_rules = false\nstate_dir = "state"\n')
    system = AlertSystem(load_config(path).replace(channels=[]), clock=VirtualClock(), sensors=[])
    path.write_text('default_rules = false\nstate_dir = "state"\n[journal]\nsize = "5 MB"\n')
    assert system.reload().changes == ("journal differs",)
    assert system._core.recorder._bounds.size_bytes == 5_000_000  # type: ignore[attr-defined]
    system.stop(ENOUGH_S)


def test_a_reload_that_comes_in_the_middle_of_another_on_the_same_thread_is_refused_at_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in a signal handler.
    found: list[Any] = []
    monkeypatch.setattr("tocsin.config.again.Wakeup.wait", lambda *_: found.append(rig.system.reload()))
    assert rig.system.reload().applied
    assert [one.reasons for one in found] == [("another reload is under way, and has not come to its end",)]


def test_actions_run_within_the_new_limits_and_the_count_of_their_runs_stays(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.toml"
    head = 'default_rules = false\nstate_dir = "state"\n'
    rule = '[[rule]]\nname = "high"\nmetric = "depth"\nthreshold = 50\nactions = ["stacks:1s"]\n'
    path.write_text(head + rule)
    clock = VirtualClock()
    sensor = ScriptedSensor("depth", [70.0, 1.0])
    system = AlertSystem(load_config(path).replace(channels=[]), clock=clock, sensors=[sensor])
    system._core.one_pass()
    acting = system._core.engine.decisions.acting
    assert acting.left(system.rules[0], "stacks:1s", clock.now())[0] == 9
    path.write_text(f"{head}{rule}[actions]\ncount = 1\n[artifacts]\ncount = 3\n")
    assert system.reload().changes == ("actions differs", "artifacts differs")
    assert acting.left(system.rules[0], "stacks:1s", clock.now())[0] == 0
    store = system._core.acting.store
    assert store is not None
    assert store.bounds.count == 3
    assert system.stop(ENOUGH_S)


def test_in_the_middle_of_a_step_nothing_is_taken(rig: Rig) -> None:
    # As in a signal handler that comes while this very thread steps.
    rig.write(OTHER)
    found: list[Any] = []
    rig.system._core.stepper.between_steps(lambda: found.append(rig.system.reload()))
    assert not found[0].applied
    assert rig.rules() == ["high"]


# -- when the file changes


def look(rig: Rig, times: int = 1) -> None:
    for _ in range(times):
        rig.pass_once(2.0)
        assert rig.system._reloader().flush(ENOUGH_S)


def watching(rig: Rig) -> None:
    rig.write(f"reload_on_change = true\n{HIGH}")
    assert rig.system.reload().applied


def test_a_change_of_the_file_is_taken_when_it_has_come_to_rest_if_that_is_asked_for(rig: Rig) -> None:
    rig.write(OTHER)
    look(rig, 3)
    assert rig.rules() == ["high"]
    watching(rig)
    rig.write(f"reload_on_change = true\n{OTHER}")
    look(rig)
    assert rig.rules() == ["high"]  # seen once: it may not be complete
    look(rig)
    assert rig.rules() == ["other"]


def test_a_refused_change_is_told_once_and_the_next_change_is_tried(rig: Rig) -> None:
    watching(rig)
    rig.write("[[rule]\n")
    look(rig, 6)
    assert rig.told().count("firing Configuration refused") == 1
    assert rig.rules() == ["high"]
    rig.write(f"reload_on_change = true\n{OTHER}")
    look(rig, 2)
    assert rig.rules() == ["other"]


def test_a_file_that_is_away_for_a_while_is_no_change(rig: Rig) -> None:
    watching(rig)
    aside = rig.path.with_name("aside")
    rig.path.replace(aside)
    look(rig, 3)
    aside.replace(rig.path)
    look(rig, 3)
    assert rig.told() == ["firing high"]


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_link_that_is_exchanged_is_a_change(rig: Rig) -> None:
    watching(rig)
    first, second = rig.path.with_name("first"), rig.path.with_name("second")
    rig.path.replace(first)
    rig.path.symlink_to(first)
    look(rig, 3)
    rig_text = first.read_text().replace('"high"', '"swapped"')
    second.write_text(rig_text)
    fresh = rig.path.with_name("fresh")
    fresh.symlink_to(second)
    fresh.replace(rig.path)
    look(rig, 2)
    assert rig.rules() == ["swapped"]


def test_a_forked_child_would_go_on_under_the_new_configuration(rig: Rig) -> None:
    rig.write(OTHER)
    rig.system.reload()
    rig.system._core.after_fork()
    assert rig.rules() == ["other"]


def test_the_status_says_where_the_configuration_came_from_and_what_became_of_the_last_attempt(rig: Rig) -> None:
    assert rig.system.status()["configuration"] == {"path": str(rig.path), "reload_on_change": False, "last": None}
    rig.write("[[rule]\n")
    rig.system.reload()
    last = rig.system.status()["configuration"]["last"]
    assert (last["applied"], len(last["reasons"])) == (False, 1)


def test_every_setting_that_may_change_is_taken_by_somebody() -> None:
    # Those of the engine and of the channels are worked out of the configuration as a whole.
    from tocsin.config.table import SETTINGS

    with_the_engine = {
        "check_interval", "cpu_threshold", "memory_threshold", "storage_latency_threshold", "buffer_threshold", "rules",
        "default_rules", "suppress_after", "suppress_window", "event_ttl", "storm_after", "maintenance", "inhibition",
        "inhibition_wait", "history_size", "max_open_alerts", "dynamic_thresholds", "false_alarms_per_week",
    }  # fmt: skip
    with_the_channels = {"channels", "rate_limit"}
    asked_each_time = {"reload_on_change"}
    source = rooms.__file__
    with open(source, encoding="utf-8") as file:  # noqa: PTH123 - a name, not a path
        text = file.read()
    of_rooms = {key for key in SETTINGS if f'"{key}"' in text}
    changeable = {key for key, setting in SETTINGS.items() if not setting.fixed}
    assert changeable == with_the_engine | with_the_channels | asked_each_time | of_rooms
