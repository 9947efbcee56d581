"""What the page and the command line are told beside alerts: readings of memory and journal, rules, health."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertCategory, AlertRule, AlertSeverity
from tocsin.errors import StoreError
from tocsin.system.answers.readings import MAX_SERIES
from tocsin.testing import ScriptedSensor, system_for_tests

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.clock import VirtualClock
    from tocsin.system import AlertSystem


def live(system: AlertSystem, clock: VirtualClock, seconds: int) -> None:
    for _ in range(seconds):
        clock.advance(1.0)
        system._core.one_pass()


def readings(system: AlertSystem, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = system.answers()["readings"](asked)["series"]
    return found


def test_readings_older_than_memory_come_from_the_journal_without_a_seam(tmp_path: Path) -> None:
    script = [float(number) for number in range(1, 2000)]
    system, clock = system_for_tests(
        sensors=[ScriptedSensor("own.level", script)], series_points=50, state_dir=tmp_path / "state"
    )
    live(system, clock, 400)
    assert system._core.recorder.sync(10.0) == ""
    [series] = readings(system, metric=["own.level"], since_s=390.0, points=2000)
    system.stop()

    pauses = {round(after - before, 2) for before, after in zip(series["times"], series["times"][1:], strict=False)}
    assert pauses == {1.0}
    assert series["values"] == sorted(series["values"])
    assert len(series["values"]) >= 380
    assert series["values"][-1] == 400.0


def test_a_journal_that_cannot_be_read_costs_only_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system, clock = system_for_tests(sensors=[ScriptedSensor("own.level", [1.0])], state_dir=tmp_path / "state")
    live(system, clock, 5)
    for error in (sqlite3.OperationalError("no such table"), StoreError("there is no journal here")):

        def failing(_: float, error: Exception = error) -> Any:
            raise error

        monkeypatch.setattr(system._core.recorder, "reading", failing)
        [series] = readings(system, metric=["own.level"], since_s=600.0)
        assert series["values"] == [1.0] * 5
    monkeypatch.undo()
    system.stop()


def test_a_counter_is_told_by_its_rate_and_a_fall_is_no_rate() -> None:
    system, clock = system_for_tests(sensors=[ScriptedSensor("process.cpu.time", [0.0, 1.0, 3.0, 0.5, 1.0])])
    live(system, clock, 5)
    [series] = readings(system, metric=["process.cpu.time"])

    assert series["values"] == pytest.approx([1.0, 2.0, 0.5])
    assert series["unit"] == "1", "CPU seconds a second are a share of a core"


def test_of_very_many_series_the_first_are_told_and_the_rest_counted() -> None:
    sensors = [
        ScriptedSensor("disk.busy", [1.0], labels={"device": f"d{number}"}, name=f"d{number}")
        for number in range(MAX_SERIES + 5)
    ]
    system, clock = system_for_tests(sensors=sensors)
    live(system, clock, 1)
    answer = system.answers()["readings"]({"metric": ["disk.busy"]})
    assert (len(answer["series"]), answer["left_out"]) == (MAX_SERIES, 5)


def test_a_rule_stands_as_its_worst_series_does() -> None:
    rule = AlertRule("full", AlertCategory.GENERAL, AlertSeverity.WARNING, 50, metric="disk.fill", for_s=2.0)
    sensors = [
        ScriptedSensor("disk.fill", [10.0], labels={"device": "a"}, name="a"),
        ScriptedSensor("disk.fill", [90.0], labels={"device": "b"}, name="b"),
    ]
    system, clock = system_for_tests(sensors=sensors, rules=[rule])
    states = []
    for _ in range(4):
        live(system, clock, 1)
        [found] = system.answers()["shown_rules"]({})["rules"]
        states.append(found["state"])

    assert states == ["pending", "pending", "firing", "firing"]
    assert [(one["labels"]["device"], one["value"], one["state"]) for one in found["series"]] == [
        ("b", 90.0, "firing"), ("a", 10.0, "inactive"),
    ]  # fmt: skip


def test_health_depends_on_the_rules_that_were_chosen_and_on_nothing_else() -> None:
    rules = [
        AlertRule(name, AlertCategory.GENERAL, AlertSeverity.CRITICAL, 50, metric=f"own.{name}")
        for name in ("stuck", "busy", "other")
    ]
    script = {"stuck": [1, 1, 1, 99], "busy": [1, 99, 99, 1], "other": [99]}
    sensors = [ScriptedSensor(f"own.{name}", values) for name, values in script.items()]
    system, clock = system_for_tests(sensors=sensors, rules=rules, health={"live": ["stuck"], "ready": ["busy"]})
    seen = []
    for _ in range(4):
        live(system, clock, 1)
        found = system.health()
        seen.append((found["live"]["ok"], found["ready"]["ok"], found["ok"]))

    assert seen == [(True, True, True), (True, False, False), (True, False, False), (False, False, False)]
    assert [alert["rule"] for alert in system.health()["ready"]["alerts"]] == ["stuck"]


def test_a_system_that_nobody_chose_rules_for_is_always_well_and_says_whether_it_watches() -> None:
    system, _ = system_for_tests()
    assert system.health() == {
        "ok": True, "live": {"ok": True, "alerts": []}, "ready": {"ok": True, "alerts": []}, "watching": False,
    }  # fmt: skip
