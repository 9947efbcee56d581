"""What users test their own programs with."""

from __future__ import annotations

import asyncio
import textwrap

import pytest

from tocsin import AlertCategory, AlertRule, AlertSeverity, PerformanceAlert, VirtualClock, testing
from tocsin.testing import RecordingChannel, ScriptedSensor, fast_config, system_for_tests

ENOUGH_S = 10.0


def a_rule(**fields: float) -> AlertRule:
    return AlertRule("depth-high", AlertCategory.GENERAL, AlertSeverity.WARNING, 50, metric="depth", **fields)  # type: ignore[arg-type]


def test_the_example_of_the_documentation_runs_again_and_again() -> None:
    assert testing.__doc__ is not None
    paragraphs = testing.__doc__.split("\n", 1)[1]
    example = compile(textwrap.dedent(paragraphs), "tocsin/testing.py", "exec")
    for _ in range(20):  # a started system on a virtual clock does the same each time
        exec(example, {})  # noqa: S102 - our own example


def test_every_public_name_is_there() -> None:
    assert testing.__all__ == sorted(testing.__all__)
    assert all(hasattr(testing, name) for name in testing.__all__)


def test_a_hour_passes_in_a_moment_and_every_second_of_it_is_watched() -> None:
    sensor = ScriptedSensor("depth", [1])
    system, clock = system_for_tests(sensors=[sensor])
    with system:
        clock.advance(3600)
    assert sensor.reads == 3601


def test_what_is_emitted_before_time_moves_is_judged_before_it_moves() -> None:
    for _ in range(20):
        sensor = ScriptedSensor("depth", [1])
        system, clock = system_for_tests(sensors=[sensor])
        with system:
            system.emit("Odd")
            clock.advance(60)
            [alert] = system.history.alerts
            assert (clock.now().utc - alert.started_at).total_seconds() == 60
        assert sensor.reads == 61


def test_a_sensor_follows_its_script_and_stays_at_the_last_line() -> None:
    sensor = ScriptedSensor("depth", [1, None, OSError("gone"), 4], labels={"queue": "orders"}, name="mine")
    now = VirtualClock().now()
    assert (sensor.name, str(sensor.layout[0])) == ("mine", "depth{queue='orders'}")
    assert sensor.read(now) == [1.0]
    [nothing] = sensor.read(now)
    assert nothing != nothing  # noqa: PLR0124 - NaN: nothing measured
    with pytest.raises(OSError, match="gone"):
        sensor.read(now)
    assert sensor.read(now) == sensor.read(now) == [4.0]
    assert sensor.reads == 5


def test_a_script_without_a_line_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        ScriptedSensor("depth", [])


def test_a_channel_remembers_what_fired_what_is_over_and_what_was_held_back() -> None:
    channel = RecordingChannel()
    system, clock = system_for_tests(channel, sensors=[ScriptedSensor("depth", [1, 99, 1])], rules=[a_rule()])
    with system:
        clock.advance(3)
        for _ in range(5):
            system._emit_alert("Odd", "m", 2, "test")
        assert system.flush(ENOUGH_S)
    assert channel.titles() == ["depth-high", "Odd"]
    assert [alert.title for alert in channel.resolved] == ["depth-high"]
    assert channel.held_back == 4


def test_a_channel_can_be_made_to_fail() -> None:
    channel = RecordingChannel(fail_with=OSError("down"))
    with pytest.raises(OSError, match="down"):
        asyncio.run(channel.send_alert(PerformanceAlert("t", "m", AlertSeverity.INFO)))
    assert channel.notices == []


def test_single_alerts_are_remembered_like_notices() -> None:
    channel = RecordingChannel()
    asyncio.run(channel.send_alert(PerformanceAlert("t", "m", AlertSeverity.INFO)))
    assert channel.titles() == ["t"]


def test_the_configuration_for_tests_is_short_and_quiet_and_can_be_told_otherwise() -> None:
    config = fast_config()
    assert (config.default_rules, config.event_ttl, config.program) == (False, 20.0, "test")
    assert config.channels is not None
    assert [channel.name for channel in config.channels] == ["recording"]
    assert fast_config(RecordingChannel("mine"), event_ttl="5s").event_ttl == 5.0


def test_a_clock_of_ones_own_may_be_given() -> None:
    clock = VirtualClock(autojump=True)
    system, same = system_for_tests(clock=clock)
    assert same is system.clock is clock
