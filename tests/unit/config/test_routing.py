"""Which alerts a channel is told, and when: by a file, by a description and by `Routed` alike."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertConfig, AlertSeverity, AlertSystem, ConfigError, ConsoleAlertChannel, Routed
from tocsin.alerts.settings import Route
from tocsin.config import ChannelSpec, load_config
from tocsin.config.orders import INHIBITION_KEYS, MAINTENANCE_KEYS
from tocsin.config.routing import KEYS
from tocsin.model.matching import Matcher
from tocsin.model.schedule import Recurrence

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.config.keys import Key
    from tocsin.model.alert import PerformanceAlert

FILE = """\
[[channel]]
type = "console"
match = ["category=memory_leak", "component=~orders|cart"]
hours = { cron = "0 8 * * mon-fri", duration = "9h", zone = "Europe/Berlin" }
group_by = ["rule"]
group_wait = "20s"
group_interval = 90
repeat = "2h"
notices_per_minute = 5
escalate_to = "pager"
escalate_after = "10min"
fallback = "pager"

[[channel]]
type = "console"
name = "pager"
"""
ALL: dict[str, Any] = {
    "match": ["category=memory_leak", "component=~orders|cart"],
    "hours": {"cron": "0 8 * * mon-fri", "duration": "9h", "zone": "Europe/Berlin"},
    "group_by": ["rule"], "group_wait": "20s", "group_interval": 90, "repeat": "2h", "notices_per_minute": 5,
    "escalate_to": "pager", "escalate_after": "10min", "fallback": "pager",
}  # fmt: skip
ROUTE = Route(
    channel="console",
    matchers=(Matcher("category", "=", "memory_leak"), Matcher("component", "=~", "orders|cart")),
    hours=Recurrence(cron="0 8 * * mon-fri", duration_s=9 * 3600.0, zone="Europe/Berlin"),
    group_by=("rule",), group_wait_s=20.0, group_interval_s=90.0, repeat_s=7200.0, notices_per_minute=5.0,
    escalate_to="pager", escalate_after_s=600.0, fallback="pager",
)  # fmt: skip


def pager(alert: PerformanceAlert) -> None:
    """Told when nobody acknowledges."""


def messages(*channels: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        AlertConfig(channels=channels)
    return [str(problem).removeprefix("AlertConfig: ") for problem in caught.value.problems]


def in_file(text: str, folder: Path) -> list[str]:
    path = folder / "tocsin.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_a_file_a_description_and_a_wrapped_channel_mean_the_same(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_text(FILE, encoding="utf-8")
    spec = ChannelSpec("console", routing=ALL)
    routed = Routed(ConsoleAlertChannel(), **ALL)

    for config in (load_config(path), AlertConfig(channels=[spec, pager]), AlertConfig(channels=[routed, pager])):
        assert config.make_channels()[0][1] == ROUTE
        assert config.replace(name="again").make_channels()[0][1] == ROUTE


def test_what_is_not_said_is_the_routes_own_default_and_the_rate_limit() -> None:
    [(_, route)] = AlertConfig(channels=[Routed(pager, match="severity=critical")], rate_limit=7).make_channels()

    assert route == Route(channel="pager", matchers=(Matcher("severity", "=", "critical"),), notices_per_minute=7.0)


def test_a_wrapped_channel_keeps_its_own_severity_unless_another_is_given() -> None:
    class Loud(ConsoleAlertChannel):
        severity = AlertSeverity.CRITICAL

    for given, meant in ((None, AlertSeverity.CRITICAL), ("warning", AlertSeverity.WARNING)):
        [(made, route)] = AlertConfig(channels=[Routed(Loud(), severity=given)]).make_channels()
        assert isinstance(made, Loud)
        assert route.severity is meant


def test_a_description_with_a_routing_survives_a_pickle() -> None:
    config = AlertConfig(channels=[ChannelSpec("console", routing=ALL), ChannelSpec("console", "pager")])
    assert pickle.loads(pickle.dumps(config)) == config  # noqa: S301 - our own


def test_what_is_wrapped_must_be_a_channel() -> None:
    [message] = messages(Routed(3))  # type: ignore[arg-type]
    assert message.startswith("channels[0]: found 3, expected an object with `name` and `send_alert`")


def test_every_mistake_of_a_wrapped_channel_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        Routed(pager, severity="loud", match=["component"], repeat="often", group_by=[""], hours={"cron": "noon"})
    assert {problem.key for problem in caught.value.problems} == {
        "severity", "match[0]", "repeat", "group_by", "hours.cron", "hours.duration",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("following", "words"),
    [
        ("pagr", "found 'pagr', expected the name of another channel, one of pager (did you mean 'pager'?)"),
        ("console", "found 'console', expected the name of another channel, one of pager"),
    ],
)
def test_the_next_channel_must_be_another_one_that_is_there(following: str, words: str) -> None:
    spec = ChannelSpec("console", routing={"escalate_to": following})
    assert messages(spec, pager)[0].startswith(f"channels[0].escalate_to: {words}")


def test_the_only_channel_has_nobody_to_escalate_to() -> None:
    [message] = messages(Routed(pager, escalate_to="boss"))
    assert "expected a second channel" in message


def test_a_channel_that_is_added_later_may_escalate_to_one_that_is_there() -> None:
    system = AlertSystem(AlertConfig(channels=[pager]))
    system.add_channel(Routed(ConsoleAlertChannel(), escalate_to="pager"))
    assert system.channel_names() == ["pager", "console"]
    with pytest.raises(ConfigError, match="did you mean 'pager'"):
        system.add_channel(Routed(ConsoleAlertChannel(name="second"), escalate_to="pagr"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('match = ["severity=warn"]', 'match[0]: found "severity=warn", expected severity to be one of info'),
        ('match = "rule=~("', 'match: found "rule=~(", expected a matcher such as'),
        ("match = 3", 'match: found 3, expected a list of matchers. Example: match = ["category=memory_leak"]'),
        ('hours = "08-17"', 'hours: found "08-17", expected a table with cron, duration and zone'),
        ('hours = { cron = "0 8 * * *", duration = "9d" }', 'hours.duration: found "9d", expected a time'),
        (
            'hours = { cron = "0 8 * * *", duration = "9h", zone = "Europe/Berlim" }',
            'hours.zone: found "Europe/Berlim", expected the name of a time zone, such as Europe/Berlin (did you',
        ),
        ('group_by = "" ', "group_by: found \"\", expected a list of names such as ['rule']"),
        ('group_wait = "-1s"', 'group_wait: found "-1s", expected a time such as 1 (second)'),
        ('repeat = "31d"', 'repeat: found "31d", expected a time such as'),
        ("notices_per_minute = 0", "notices_per_minute: found 0, expected a number above 0"),
        ('escalate_to = "pagr"', 'escalate_to: found "pagr", expected a second channel'),
        ('fallback = "pagr"', 'fallback: found "pagr", expected a second channel'),
        ("escalate_to = 3", "escalate_to: found 3, expected a text of one line"),
        ('escalate_after = "0s"', 'escalate_after: found "0s", expected a time such as'),
        ('groupby = ["rule"]', "groupby: found an unknown key, expected one of type"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_has_its_line_and_its_words(line: str, message: str, tmp_path: Path) -> None:
    [found] = in_file(f'[[channel]]\ntype = "console"\n{line}\n', tmp_path)
    assert found.startswith(f"3: channel[0].{message}")


@pytest.mark.parametrize("keys", [KEYS, MAINTENANCE_KEYS, INHIBITION_KEYS])
def test_the_example_of_each_key_is_right(keys: dict[str, Key]) -> None:
    import ast

    for key in keys.values():
        assert key.read(ast.literal_eval(key.example)) is not None
