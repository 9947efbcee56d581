"""The doors of AlertSystem: events, rules and channels at run time, acknowledgements, and its account of itself."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tocsin import (
    AlertCategory,
    AlertConfig,
    AlertNotFound,
    AlertRule,
    AlertSeverity,
    AlertState,
    AlertSystem,
    ConfigError,
    PerformanceAlert,
    RuleNotFound,
    VirtualClock,
    emit,
    start,
    watch,
)
from tocsin.system.answers.looks import metrics
from tocsin.system.answers.readings import Wanted, readings
from tocsin.system.answers.rules import rules_of
from tocsin.testing import RecordingChannel, ScriptedSensor, system_for_tests

ENOUGH_S = 10.0
GENERAL, WARNING, CRITICAL = AlertCategory.GENERAL, AlertSeverity.WARNING, AlertSeverity.CRITICAL


def a_rule(name: str = "depth-high", threshold: float = 50.0, **fields: Any) -> AlertRule:
    return AlertRule(name, GENERAL, WARNING, threshold, metric="depth", **fields)


def a_system(*values: float, **settings: Any) -> tuple[AlertSystem, VirtualClock, RecordingChannel]:
    channel = RecordingChannel()
    system, clock = system_for_tests(channel, sensors=[ScriptedSensor("depth", values or [1])], **settings)
    return system, clock, channel


def pass_by(system: AlertSystem, clock: VirtualClock, passes: int = 1) -> None:
    for _ in range(passes):
        system._core.one_pass()
        clock.advance(1)
    assert system.flush(ENOUGH_S)


# -- events


def test_an_accepted_event_is_in_memory_and_a_durable_one_says_why_it_is_not() -> None:
    system, _, _ = a_system()
    plain = system.emit("Odd")
    durable = system.emit("Odd", durable=True)
    [alert] = system.open_alerts()
    assert (plain.accepted, plain.durable, plain.reason, plain.id) == (True, False, "accepted in memory", "")
    assert (durable.accepted, durable.durable, durable.id) == (True, False, alert.id)
    assert "state_dir" in durable.reason
    assert alert.count == 2


def test_an_event_carries_what_it_was_given() -> None:
    system, _, channel = a_system()
    system.emit(
        "Disk is odd", "12 errors", "critical", "backup",
        category="disk_io", component="store", labels={"disk": "a"}, recommendations=("Look at it",),
    )  # fmt: skip
    assert system.flush(ENOUGH_S)
    [alert] = channel.alerts
    assert (alert.title, alert.message, alert.severity, alert.source) == (
        "Disk is odd",
        "12 errors",
        CRITICAL,
        "backup",
    )
    assert (alert.category, alert.component, alert.labels) == (AlertCategory.DISK_IO, "store", {"disk": "a"})
    assert alert.recommendations == ("Look at it",)


def test_an_event_ends_when_the_program_says_so_and_only_once() -> None:
    system, _, _ = a_system()
    alert = system._emit_alert("Odd", "m", 2, "test")
    assert alert is not None
    assert system.resolve(alert.fingerprint)
    assert not system.resolve(alert.fingerprint)
    assert not system.resolve("unknown")
    assert system.open_alerts() == ()


# -- rules at run time


def test_a_rule_that_is_added_judges_and_one_of_the_same_name_takes_its_place() -> None:
    system, clock, channel = a_system(60)
    pass_by(system, clock)
    system.add_rule(a_rule())
    pass_by(system, clock)
    assert channel.titles() == ["depth-high"]
    system.add_rule(a_rule(threshold=70.0))
    assert [rule.threshold for rule in system.rules] == [70.0]
    pass_by(system, clock)
    assert [alert.state for alert in channel.resolved] == [AlertState.RESOLVED]
    assert system.open_alerts() == ()


def test_a_rule_that_is_removed_or_disabled_ends_its_alerts() -> None:
    system, clock, channel = a_system(60, rules=[a_rule("one"), a_rule("two", for_s=0.5)])
    pass_by(system, clock, 2)
    assert sorted(channel.titles()) == ["one", "two"]
    system.remove_rule("one")
    system.disable_rule("two")
    assert system.open_alerts() == ()
    pass_by(system, clock, 3)
    assert len(channel.titles()) == 2
    system.enable_rule("two")
    pass_by(system, clock, 2)
    assert channel.titles()[2:] == ["two"]
    assert [rule.name for rule in system.rules] == ["two"]


@pytest.mark.parametrize("call", ["remove_rule", "enable_rule", "disable_rule"])
def test_a_rule_that_does_not_exist_is_a_clear_error(call: str) -> None:
    system, _, _ = a_system(rules=[a_rule()])
    with pytest.raises(RuleNotFound, match="no rule has the name 'deep'; the rules are: depth-high"):
        getattr(system, call)("deep")


# -- channels at run time


def test_a_channel_that_is_added_is_told_what_is_severe_enough() -> None:
    system, _, first = a_system()
    heard: list[PerformanceAlert] = []
    system.add_channel(heard.append, severity=CRITICAL)
    system.emit("Odd", level="warning", source="a")
    system.emit("Bad", level="critical", source="b")
    assert system.flush(ENOUGH_S)
    assert [alert.title for alert in heard] == ["Bad"]
    assert sorted(first.titles()) == ["Bad", "Odd"]
    assert system.channel_names() == ["recording", "append"]


def test_what_is_no_channel_is_refused() -> None:
    system, _, _ = a_system()
    with pytest.raises(ConfigError):
        system.add_channel(3)  # type: ignore[arg-type]


# -- alerts


async def test_an_alert_is_acknowledged_by_id_open_or_ended_and_twice_is_fine() -> None:
    system, _, _ = a_system()
    alert = system._emit_alert("Odd", "m", 2, "test")
    assert alert is not None
    assert [one.id for one in await system.get_unacknowledged_alerts()] == [alert.id]
    marked = system.acknowledge(alert.id, by="me", comment="on it")
    again = await system.acknowledge_alert(alert.id, by="you")
    assert marked.acknowledgement is not None
    assert (marked.acknowledgement.by, marked.acknowledgement.comment) == ("me", "on it")
    assert again.acknowledgement == marked.acknowledgement
    assert await system.get_unacknowledged_alerts() == []
    system.resolve(alert.fingerprint)
    [ended] = await system.get_recent_alerts()
    assert ended.acknowledgement == marked.acknowledgement


async def test_an_alert_that_does_not_exist_cannot_be_acknowledged() -> None:
    system, _, _ = a_system()
    with pytest.raises(AlertNotFound, match="no alert has the id 'x'"):
        system.acknowledge("x")
    with pytest.raises(AlertNotFound):
        await system.acknowledge_alert("x")


async def test_recent_alerts_come_newest_first_by_number_and_by_category() -> None:
    system, clock, _ = a_system()
    for number in range(3):
        system.emit(f"Odd {number}", category="disk_io" if number else "general", source=str(number))
        clock.advance(1)
    assert [alert.title for alert in await system.get_recent_alerts(2)] == ["Odd 2", "Odd 1"]
    assert await system.get_recent_alerts(0) == await system.get_recent_alerts(-1) == []
    assert [alert.title for alert in await system.get_alerts_by_category("disk_io")] == ["Odd 2", "Odd 1"]
    with pytest.raises(ValueError, match="weather"):
        await system.get_alerts_by_category("weather")


async def test_a_cleared_history_shows_an_open_alert_at_its_next_change() -> None:
    system, _, _ = a_system()
    system._emit_alert("Odd", "m", 2, "test")
    await system.clear_history()
    assert await system.get_recent_alerts() == []
    assert ("test", 2) in system._last_emit  # the throttle is kept; `cleanup` forgets that too
    system._emit_alert("Odd", "m", 2, "test")
    [alert] = await system.get_recent_alerts()
    assert alert.count == 2


def test_the_history_keeps_the_time_of_the_systems_clock() -> None:
    system, clock, _ = a_system()
    system._emit_alert("Odd", "m", 2, "test")
    clock.advance(59)
    assert len(system.history.get_recent(minutes=1)) == 1
    clock.advance(2)
    assert system.history.get_recent(minutes=1) == []


# -- its account of itself


def test_its_status_is_plain_values() -> None:
    system, clock, _ = a_system(60, rules=[a_rule()])
    with system:
        clock.advance(5)
        system.register_thread()
        system.record("orders", 3.0)
        clock.advance(1)
        status = json.loads(json.dumps(system.status()))
    assert (status["program"], status["uptime_s"], status["rules"]) == ("test", 6.0, 1)
    assert status["threads"] == ["MainThread"]
    assert [alert["title"] for alert in status["open_alerts"]] == ["depth-high"]
    assert system.recent("orders") == [3.0]
    assert system.recent("nothing") == []
    assert system.status()["uptime_s"] is None


def test_what_is_timed_is_in_seconds_in_alerts_and_wherever_it_is_shown() -> None:
    slow = AlertRule("price-slow", GENERAL, WARNING, 0.05, metric="orders.price")
    system, clock, channel = a_system(rules=[slow], default_rules=False)
    for _ in range(1000):
        system.timed("orders.price")  # as in a handler; it is one metric all the same
    system.record("orders.price", 0.0635)
    system.record("orders.waiting", 7.0)
    pass_by(system, clock)
    [told] = channel.alerts
    assert (told.unit, told.message) == ("s", "orders.price is 63.5 ms, above the threshold 50 ms")
    assert told.trace[0].why == "63.5 ms is above 50 ms"
    [rule] = rules_of(system._core)
    assert rule["unit"] == "s"
    units = {one["metric"]: one["unit"] for one in metrics(system._core)["metrics"]}
    assert (units["orders.price"], units["orders.waiting"]) == ("s", "")
    [series] = readings(system._core, Wanted(["orders.price"]))["series"]
    assert series["unit"] == "s"


def test_a_sensor_of_the_programs_own_is_read_at_each_pass() -> None:
    system, clock, _ = a_system()
    readings = iter([{"orders": 1}, {"orders": 2.5}])
    system.add_sensor(lambda: next(readings))
    pass_by(system, clock, 2)
    assert system.recent("orders") == [1.0, 2.5]


def test_a_sensor_of_the_programs_own_that_raises_is_set_aside_and_the_others_go_on() -> None:
    system, clock, _ = a_system(7)

    def broken() -> dict[str, float]:
        raise ZeroDivisionError("mine")

    system.add_sensor(broken)
    pass_by(system, clock, 3)
    assert system.recent("depth") == [7.0, 7.0, 7.0]
    assert any("ZeroDivisionError: mine" in health.reason for health in system.sensor_health())
    assert system.counters()["passes_failed"] == 0


def test_blocks_and_functions_are_timed() -> None:
    system, clock, _ = a_system()
    with system.timed("block"):
        pass

    @system.timed("function")
    def work(number: int) -> int:
        return number + 1

    assert work(1) == 2
    pass_by(system, clock)
    assert len(system.recent("block")) == len(system.recent("function")) == 1


async def test_a_loop_is_watched_by_name() -> None:
    system, clock, _ = a_system()
    system.watch_loop(asyncio.get_running_loop(), "main loop")
    await asyncio.to_thread(pass_by, system, clock, 1)
    await asyncio.to_thread(pass_by, system, clock, 1)
    assert system.recent("tocsin.eventloop.lag", {"loop": "main loop"})


# -- the one-line starts


@pytest.fixture
def nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_current", None)


@pytest.mark.usefixtures("nobody_watches")
def test_watch_is_a_started_system_to_which_emit_goes() -> None:
    channel = RecordingChannel()
    with watch(AlertConfig(channels=[channel], control=False), name="orders") as system:
        assert system.config.program == "orders"
        assert system.started_at is not None
        assert emit("Odd", source="test").accepted
        assert system.flush(ENOUGH_S)
    assert channel.titles() == ["Odd"]


@pytest.mark.usefixtures("nobody_watches")
def test_watch_serves_the_page_where_it_is_asked_for_and_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    with watch(AlertConfig(channels=[], control=False, web={"port": 0}), name="orders", web=True) as system:
        assert f"the page is at {system.page_url()}" in capsys.readouterr().err
        assert system.page_url().startswith("http://127.0.0.1:")
    assert not system.page_url()


@pytest.mark.usefixtures("nobody_watches")
def test_a_disabled_system_serves_no_page(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TOCSIN_DISABLED", "1")
    assert not watch(AlertConfig(channels=[], control=False), web=True).page_url()
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("nobody_watches")
def test_emit_without_a_system_makes_one_that_is_not_started() -> None:
    receipt = emit("Odd", "m", "info", "test")
    assert receipt.accepted
    assert start.current() is start.current()
    assert start.current().started_at is None
    assert start.current().flush(ENOUGH_S)
