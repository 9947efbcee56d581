from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

import tocsin.config
from tocsin.alerts.settings import Route
from tocsin.config import TEMPLATE, AlertConfig, ChannelSpec, load_config
from tocsin.config.channel_kinds import HEAD, options_of
from tocsin.config.orders import INHIBITION_KEYS, MAINTENANCE_KEYS
from tocsin.config.read_rule import KEYS
from tocsin.config.routing import KEYS as ROUTING
from tocsin.config.table import SETTINGS

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "configuration.md"
# What has no default worth writing stands in the template with an example.
EXAMPLES = {
    "state_dir",
    "record",
    "control",
    "components",
    "buffer_budget",
    "storage",
    "maintenance",
    "inhibition",
    "heartbeat",
    "web",
}


@pytest.fixture
def uncommented() -> str:
    """The template with every commented key in force; comments in words have a space behind their #."""
    return re.sub(r"(?m)^#(?=\S)", "", TEMPLATE)


def read(text: str, folder: Path) -> AlertConfig:
    path = folder / "tocsin.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_the_template_as_written_means_the_defaults(tmp_path: Path) -> None:
    assert read(TEMPLATE, tmp_path) == AlertConfig()


def test_the_template_with_every_key_in_force_differs_only_by_its_examples(uncommented: str, tmp_path: Path) -> None:
    config = read(uncommented, tmp_path)
    same = config.replace(rules=(), channels=None, **{key: SETTINGS[key].default for key in EXAMPLES})

    assert same == AlertConfig()
    assert config.warnings == ()
    routing = tomllib.loads(uncommented)["channel"][0]
    options = {name: routing.pop(name) for name in options_of("console")}
    routing = {name: value for name, value in routing.items() if name in ROUTING}
    assert options == {"stream": "stderr", "color": True}
    assert config.channels == (ChannelSpec("console", options=options, routing=routing),)


def test_the_template_gives_each_key_of_the_routing_its_default(uncommented: str, tmp_path: Path) -> None:
    [(_, route)] = read(uncommented, tmp_path).make_channels()
    examples = {"matchers": (), "hours": None, "group_by": None}

    assert msgspec.structs.replace(route, **examples) == Route(channel="console")


def test_the_template_names_every_key(uncommented: str) -> None:
    data = tomllib.loads(uncommented)

    assert data.keys() == (SETTINGS.keys() - {"rules", "channels"}) | {"rule", "channel"}
    plain, forecasting = data["rule"]
    assert plain.keys() == KEYS.keys() - {"horizon"}  # which goes with one condition alone
    assert "horizon" in forecasting
    assert data["channel"][0].keys() == {*HEAD, *options_of("console")}
    assert data["maintenance"][0].keys() == MAINTENANCE_KEYS.keys() - {"starts", "ends"}
    assert data["inhibition"][0].keys() == INHIBITION_KEYS.keys()
    for key, setting in SETTINGS.items():
        if key in data and key not in EXAMPLES:
            assert data[key] == setting.default


def test_every_key_of_the_template_is_explained() -> None:
    for line, before in zip(TEMPLATE.splitlines()[1:], TEMPLATE.splitlines(), strict=False):
        if line.startswith("#["):
            assert before.startswith("# ")


def test_the_package_has_no_other_lazy_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'TEMPLATES'"):
        tocsin.config.TEMPLATES  # noqa: B018


def table_of(heading: str) -> dict[str, list[str]]:
    """The rows of the first table below a heading of the guide, by the word in their first cell."""
    section = GUIDE.read_text(encoding="utf-8").split(f"## {heading}\n", 1)[1]
    rows = [
        [cell.strip() for cell in row.strip("|").split("|")]
        for row in re.findall(r"(?m)^\|.*\|$", section.split("\n## ", 1)[0])
    ]
    return {row[0].strip("`"): row[1:] for row in rows[2:]}


def as_toml(value: Any) -> str:
    match value:
        case None | () | {} if not value:
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case str():
            return f'`"{value}"`'
        case dict():
            return "`{" + ", ".join(f"{key} = {as_toml(one).strip('`')}" for key, one in value.items()) + "}`"
    return f"`{value:g}`"


def test_the_guide_gives_every_setting_its_default_and_reason() -> None:
    rows = table_of("Settings")

    assert list(rows) == list(SETTINGS)
    for key, setting in SETTINGS.items():
        assert rows[key][0] == as_toml(setting.default), key
        assert setting.reason in rows[key][1], key


def test_the_guide_names_every_key_of_a_rule() -> None:
    assert list(table_of("Rules")) == list(KEYS)


@pytest.mark.parametrize(
    ("heading", "keys"),
    [("Channels", ROUTING), ("Maintenance", MAINTENANCE_KEYS), ("Inhibition", INHIBITION_KEYS)],
)
def test_the_guide_names_every_key_of_a_table(heading: str, keys: dict[str, object]) -> None:
    assert list(table_of(heading)) == list(keys)
