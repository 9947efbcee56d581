from __future__ import annotations

import asyncio
import functools
import sys
from typing import Any

import pytest

from tocsin.alerts.settings import Route
from tocsin.channels.console import ConsoleAlertChannel
from tocsin.channels.function import FunctionChannel
from tocsin.config import AlertConfig, ChannelSpec
from tocsin.config.channel_kinds import KINDS
from tocsin.errors import ConfigError
from tocsin.model.alert import PerformanceAlert
from tocsin.model.levels import AlertSeverity


class Recorder:
    def __init__(self, name: str = "recorder") -> None:
        self.name = name
        self.alerts: list[PerformanceAlert] = []

    async def send_alert(self, alert: PerformanceAlert) -> None:
        self.alerts.append(alert)


def message(*channels: object) -> str:
    with pytest.raises(ConfigError) as caught:
        AlertConfig(channels=channels)  # type: ignore[arg-type]
    [problem] = caught.value.problems
    return str(problem).removeprefix("AlertConfig: ")


def an_alert() -> PerformanceAlert:
    return PerformanceAlert("Full", "The queue is full", AlertSeverity.WARNING)


def test_without_channels_it_is_the_console() -> None:
    [(channel, route)] = AlertConfig(rate_limit=7).make_channels()

    assert isinstance(channel, ConsoleAlertChannel)
    assert route == Route(channel="console", notices_per_minute=7.0)


def test_an_empty_list_means_nobody() -> None:
    assert AlertConfig(channels=[]).make_channels() == []


def test_a_channel_is_taken_as_it_is() -> None:
    recorder = Recorder()
    [(channel, route)] = AlertConfig(channels=[recorder]).make_channels()

    assert channel is recorder
    assert route == Route(channel="recorder")


def test_a_channel_may_carry_its_severity_and_whether_it_keeps_state() -> None:
    class Keeper(Recorder):
        severity = AlertSeverity.CRITICAL
        keeps_state = True

    [(_, route)] = AlertConfig(channels=[Keeper("keeper")]).make_channels()

    assert route == Route(channel="keeper", severity=AlertSeverity.CRITICAL, keeps_state=True)


def test_a_description_becomes_a_channel_with_its_severity() -> None:
    spec = ChannelSpec("console", "loud", "critical", {"stream": "stdout", "color": False})  # type: ignore[arg-type]
    [(channel, route)] = AlertConfig(channels=[spec]).make_channels()

    assert isinstance(channel, ConsoleAlertChannel)
    assert (channel.name, channel._stream, channel._color) == ("loud", sys.stdout, False)
    assert route == Route(channel="loud", severity=AlertSeverity.CRITICAL)


def test_a_plain_function_and_a_coroutine_function_are_channels() -> None:
    heard: list[str] = []

    def plain(alert: PerformanceAlert) -> None:
        heard.append(f"plain {alert.title}")

    async def slow(alert: PerformanceAlert) -> None:
        await asyncio.sleep(0)
        heard.append(f"slow {alert.title}")

    made = AlertConfig(channels=[plain, slow]).make_channels()
    for channel, _ in made:
        assert isinstance(channel, FunctionChannel)
        asyncio.run(channel.send_alert(an_alert()))

    assert [channel.name for channel, _ in made] == ["plain", "slow"]
    assert heard == ["plain Full", "slow Full"]


def test_what_a_function_raises_is_the_failure_of_its_delivery() -> None:
    def failing(alert: PerformanceAlert) -> None:
        raise RuntimeError("no line")

    with pytest.raises(RuntimeError, match="no line"):
        asyncio.run(FunctionChannel(failing).send_alert(an_alert()))


def test_a_function_channel_has_the_name_of_what_it_calls() -> None:
    class Caller:
        def __call__(self, alert: PerformanceAlert) -> None: ...

    assert FunctionChannel(print).name == "print"
    assert FunctionChannel(functools.partial(print, "x")).name == "print"
    assert FunctionChannel(lambda alert: None).name == "lambda"
    assert FunctionChannel(Caller()).name == "Caller"
    assert FunctionChannel(print, "pager").name == "pager"
    assert FunctionChannel(print) == FunctionChannel(print)
    assert FunctionChannel(print) != FunctionChannel(print, "pager")
    assert repr(FunctionChannel(print)) == "FunctionChannel(name='print')"


def test_channel_names_must_differ() -> None:
    assert message(Recorder("a"), Recorder("b"), Recorder("a")) == (
        "channels[2].name: found a second channel named 'a', "
        'expected names that differ, since deliveries are counted by name. Example: name="a-2"'
    )
    assert message(print, print) == (
        "channels[1].name: found a second channel named 'print', expected names that differ. "
        'Example: FunctionChannel(print, name="print-2")'
    )


def test_a_class_is_not_yet_a_channel() -> None:
    assert message(ConsoleAlertChannel).endswith(
        "expected an object, not its class: ConsoleAlertChannel(…). Example: channels=[ConsoleAlertChannel()]"
    )


@pytest.mark.parametrize("name", [None, "", 5])
def test_a_channel_without_a_name_is_refused(name: Any) -> None:
    assert message(Recorder(name)) == (
        f"channels[0].name: found {name!r}, expected a text, since deliveries are counted by the channel's name. "
        "Example: channels=[ConsoleAlertChannel()]"
    )


@pytest.mark.parametrize("item", ["console", 5, None, object])
def test_what_cannot_tell_anybody_is_refused(item: object) -> None:
    assert message(item).startswith("channels[0]: found ")


@pytest.mark.parametrize("channels", ["console", 5, Recorder(), print, {"console": 1}])
def test_one_channel_alone_is_not_a_list(channels: Any) -> None:
    with pytest.raises(ConfigError, match="a list of channels"):
        AlertConfig(channels=channels)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            ChannelSpec("consol"),
            (
                "channels[0].type: found 'consol', expected a kind of channel (did you mean 'console'?), one of "
                f"{', '.join(KINDS)}. "
                'Example: type="console"'
            ),
        ),
        (
            ChannelSpec("slak"),
            (
                "channels[0].type: found 'slak', expected a kind of channel (did you mean 'slack'?), one of "
                f"{', '.join(KINDS)}. "
                'Example: type="console"'
            ),
        ),
        (
            ChannelSpec(""),
            (
                f"channels[0].type: found '', expected the kind of channel, one of {', '.join(KINDS)}. "
                'Example: type="console"'
            ),
        ),
        (
            ChannelSpec("console", options={"colour": True}),
            (
                "channels[0].colour: found an unknown key, expected one of type, name, severity, stream, color, "
                "match, hours, group_by, group_wait, group_interval, repeat, notices_per_minute, escalate_to, "
                "escalate_after, fallback (did you mean 'color'?)"
            ),
        ),
        (
            ChannelSpec("console", options={"color": 1}),
            "channels[0].color: found 1, expected True or False. Example: color=False",
        ),
        (
            ChannelSpec("console", options={"stream": "printer"}),
            "channels[0].stream: found 'printer', expected 'stderr' or 'stdout'. Example: stream=\"stdout\"",
        ),
    ],
)
def test_a_description_that_fits_no_channel_is_refused_in_words(spec: ChannelSpec, expected: str) -> None:
    assert message(spec) == expected


def test_a_description_with_an_unknown_severity_is_refused_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        ChannelSpec("console", severity="loud", options=5)  # type: ignore[arg-type]

    assert [str(problem) for problem in caught.value.problems] == [
        (
            "ChannelSpec 'console': severity: found 'loud', expected info, warning or critical. Example: "
            'severity="warning"'
        ),
        "ChannelSpec 'console': options: found 5, expected a table of options",
    ]
