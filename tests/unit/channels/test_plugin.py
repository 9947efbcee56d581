"""Plug-ins: loaded because the configuration names them, and never because they are installed."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import AlertConfig, AlertSeverity, ConfigError, PerformanceAlert, load_config
from tocsin.config import ChannelSpec

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.model.secret import Secret

CANARY = "canary4711"
loaded: list[str] = []


class Pigeon:
    def __init__(self, *, name: str, loft: str, token: Secret | None = None) -> None:
        if loft == "burnt":
            raise ValueError(f"no loft for {CANARY}")
        self.name = "another" if loft == "lost" else name
        self.loft = loft
        self.token = token

    async def send_alert(self, alert: PerformanceAlert) -> None: ...


class Point(metadata.EntryPoint):
    def load(self) -> Any:
        loaded.append(self.name)
        if self.name == "broken":
            raise ImportError(CANARY)
        return object if self.name == "odd" else Pigeon


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [Point(name, "pigeon_post:Pigeon", "tocsin.channels") for name in ("pigeon", "broken", "odd")]

    def entry_points(*, group: str) -> list[Point]:
        assert group == "tocsin.channels"
        return points

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    loaded.clear()


def read(text: str, folder: Path) -> AlertConfig:
    path = folder / "tocsin.toml"
    path.write_text(f"[[channel]]\n{text}", encoding="utf-8")
    return load_config(path)


def test_one_that_is_named_is_made_with_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIGEON_TOKEN", CANARY)
    config = read(
        'type = "plugin"\nname = "north"\nplugin = "pigeon"\nseverity = "critical"\n'
        'options = {loft = "north", token = "env:PIGEON_TOKEN"}\n',
        tmp_path,
    )
    assert loaded == []
    [(made, route)] = config.make_channels()
    assert isinstance(made, Pigeon)
    assert (made.name, made.loft, route.severity) == ("north", "north", AlertSeverity.CRITICAL)
    assert made.token is not None
    assert made.token.reveal() == CANARY
    assert loaded == ["pigeon"]


def test_one_that_is_only_installed_is_not_loaded() -> None:
    AlertConfig(channels=[ChannelSpec("console")]).make_channels()
    assert loaded == []


def test_one_that_is_not_there_is_a_mistake_at_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read('type = "plugin"\nplugin = "dove"\n', tmp_path)
    assert str(caught.value).endswith(
        ":3: channel[0].plugin: found no plug-in 'dove', expected an entry point of the group tocsin.channels; "
        "installed: broken, odd, pigeon"
    )


@pytest.mark.parametrize(
    ("plugin", "options", "words"),
    [
        ("pigeon", {"loft": "burnt"}, "the plug-in 'pigeon', which raised ValueError"),
        ("pigeon", {}, "the plug-in 'pigeon', which raised TypeError"),
        ("pigeon", {"loft": "lost"}, "expected a channel named 'mine'"),
        ("broken", {}, "the plug-in 'broken', which raised ImportError"),
        ("odd", {}, "the plug-in 'odd', which raised TypeError"),
    ],
)
def test_one_that_fails_is_a_mistake_in_the_configuration(plugin: str, options: dict[str, str], words: str) -> None:
    spec = ChannelSpec("plugin", "mine", options={"plugin": plugin, "options": options})
    with pytest.raises(ConfigError) as caught:
        AlertConfig(channels=[spec]).make_channels()
    assert words in str(caught.value)
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None


def test_options_must_be_names_of_arguments(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"channel\[0\]\.options: found \*\*\*\*"):
        read(f'type = "plugin"\nplugin = "pigeon"\noptions = {{"no name" = "{CANARY}"}}\n', tmp_path)
