"""A configuration read for trying its rules: where the secrets of its channels are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tocsin.channels.mute import MuteChannel
from tocsin.config import load_config
from tocsin.errors import ConfigError
from tocsin.model.levels import AlertSeverity

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """
[[channel]]
type = "slack"
url = "env:NOT_SET_ANYWHERE"
severity = "critical"
match = ["component=orders"]
[[channel]]
type = "pagerduty"
name = "pager"
key = "file:not-there"
[heartbeat]
url = "env:NOT_SET_ANYWHERE"
"""


def test_no_secret_is_read_and_each_channel_is_told_by_the_same_route(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_text(TEXT)
    with pytest.raises(ConfigError, match="NOT_SET_ANYWHERE"):
        load_config(path)

    made = load_config(path, mute=True).make_channels()

    assert [(type(channel), route.channel, route.severity, route.keeps_state) for channel, route in made] == [
        (MuteChannel, "slack", AlertSeverity.CRITICAL, False),
        (MuteChannel, "pager", AlertSeverity.INFO, True),
    ]
    assert [str(matcher) for matcher in made[0][1].matchers] == ['component="orders"']


@pytest.mark.parametrize(
    "line", ['type = "slak"', 'type = "slack"\nrepeat = "often"', 'type = "slack"\nseverity = "bad"']
)
def test_what_is_not_secret_is_checked_all_the_same(line: str, tmp_path: Path) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_text(f"[[channel]]\n{line}\n")
    with pytest.raises(ConfigError):
        load_config(path, mute=True)
